/* The parts of content_create. Each returns false, with `why` written, if something is wrong.
 * Private to lib/schema. */
#ifndef SCHEMA_COMPILE_H
#define SCHEMA_COMPILE_H

#include "schema/content.h"
#include "schema/reader.h"

/* Bounds on what one file may hold. */
enum {
    SCHEMA_MAX_TYPES = 65536,
    SCHEMA_MAX_NODES = 1 << 20,
    SCHEMA_MAX_NAMES = 1 << 21, /* fields, variants, values of enums */
    SCHEMA_MAX_MIGRATIONS = 65536,
    SCHEMA_MAX_STEPS = 1 << 18,
    SCHEMA_MAX_PATH = 64, /* names in the path of a step */
};

struct compiler {
    struct content *content;
    struct buf *why;
    struct names definitions;     /* to their numbers */
    struct name *definition_list; /* owned; in the file's order */
    uint32_t *definition_nodes;   /* owned; in that order too */
    uint32_t name_count, step_count;
};

/* ---- compile_validator.c ---- */

/* Appends the validator's nodes; *node is the one to start with. */
bool compile_validator(struct compiler *compiler, const struct place *place, struct value value,
                       uint32_t *node);

/* ---- compile_node.c: making nodes ---- */

/* Room for one more item in a list. */
void *compile_room(void *items, uint32_t count, uint32_t *cap, size_t size);
bool compile_node(struct compiler *compiler, const struct place *place, struct node node,
                  uint32_t *out);
uint32_t compile_text(struct compiler *compiler, struct str text);
uint32_t compile_value(struct compiler *compiler, struct value value);
/* Of a list of texts with their numbers. Fails if one is there twice. */
bool compile_names(struct compiler *compiler, const struct place *place, const struct name *list,
                   uint32_t count, uint32_t *out);

/* ---- compile_graph.c ---- */

/* When all nodes are there: refs get their nodes, objects know which fields must be there, and no
 * validator can meet itself without going down into the value. */
bool compile_graph(struct compiler *compiler);

/* ---- compile_sequence.c, compile_step.c, order.c ---- */

bool compile_sequences(struct compiler *compiler, struct value sequences);
/* An absent or null function is FUNCTION_NONE. */
bool compile_function(struct compiler *compiler, const struct place *place, struct value value,
                      enum migration_scope scope, struct function *out);
bool compile_filter(struct compiler *compiler, const struct place *place, struct value value,
                    struct filter *out);
/* {"function": NAME}. */
bool compile_code(struct compiler *compiler, const struct place *place, struct value value,
                  struct str *out);
/* As the file says, or worked out. */
bool compile_order(struct compiler *compiler, struct value order);

#endif
