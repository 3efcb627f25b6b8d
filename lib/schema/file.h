/* Schema files (proto/schema.md), and their content. */
#ifndef SCHEMA_FILE_H
#define SCHEMA_FILE_H

#include "base/buf.h"
#include "schema/engine.h"
#include "schema/schema.h"

enum { SCHEMA_FILE_MAX = 64 << 20 };

/* What is in a file, apart from its code. */
struct schema_summary {
    uint32_t types, documents, object_types; /* types, and how many of them have that scope */
    uint32_t validators, code_validators;    /* nodes, and those that are code */
    uint32_t sequences, migrations;
    uint32_t code_migrations; /* of which some function is code: up, down or filter */
    uint32_t code_bytes;
};

/* Compiles the content of a schema file, given as value. `engine` runs its code; NULL: none of it
 * can run, which is enough to check a file. ERR_MALFORMED: `why` has the path of what is wrong and
 * what that is, as "types.note.validator.fields.x: unknown kind \"strnig\"". The caller holds the
 * reference. */
enum err schema_compile(struct value content, struct schema_engine *engine, struct schema **out,
                        struct buf *why) NODISCARD;

/* The same from the text of a file: not JSON is reported with line and column. The version is
 * checked here. */
enum err schema_parse(struct str text, struct schema_engine *engine, struct schema **out,
                      struct buf *why) NODISCARD;

/* Appends the text of `code`, nothing if there is none. An engine needs it before there is a
 * schema: this finds it in the text of a file. */
enum err schema_find_code(struct str text, struct buf *code, struct buf *why) NODISCARD;

/* Calls `visit` for every function that the schema may call. */
void schema_functions(const struct schema *schema,
                      void (*visit)(void *arg, struct str function, enum schema_call call),
                      void *arg);
void schema_summarize(const struct schema *schema, struct schema_summary *summary);

#endif
