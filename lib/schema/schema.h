/* What a room knows about its records: types, validity, and which clients it can serve.
 *
 * An *open* schema knows only a serialized schema (spec schema-and-migrations 1), adopted from the
 * first client of a room: it accepts any record with string `id` and `typeName`, and serves
 * clients whose serialized schema is equal. A schema from a schema file (schema/file.h) has types,
 * validators and migrations and answers the same questions with more knowledge; callers cannot tell
 * the difference.
 *
 * Counted and immutable: rooms with the same schema share one. One thread. */
#ifndef SCHEMA_SCHEMA_H
#define SCHEMA_SCHEMA_H

#include "base/err.h"
#include "value/value.h"

struct schema;

/* How a client's schema relates to ours (SCH-1..5). */
enum schema_match {
    SCHEMA_SERVED,
    SCHEMA_CLIENT_TOO_OLD,
    SCHEMA_SERVER_TOO_OLD,
    SCHEMA_MALFORMED, /* not a serialized schema at all */
};

enum schema_scope {
    SCHEMA_DOCUMENT, /* synced and persisted */
    SCHEMA_PRESENCE, /* synced, memory only */
    SCHEMA_SESSION,  /* never leaves the client */
    SCHEMA_UNKNOWN,
};

/* Sequences that an adopted schema may name; tldraw's has 28. */
enum { SCHEMA_MAX_SEQUENCES = 1024 };

/* Adopts a client's serialized schema. Beyond the limit above it is SCHEMA_MALFORMED. Not
 * SCHEMA_SERVED: it cannot be adopted, for the reason returned, and *out stays as it was. The
 * caller holds a reference; who adopts the same gets the same. */
enum schema_match schema_adopt(struct value serialized, struct schema **out) NODISCARD;

struct schema *schema_ref(struct schema *schema);
/* Gives up one reference. NULL is fine. */
void schema_unref(struct schema *schema);

/* Made of a schema file, not adopted from a client. */
bool schema_is_open(const struct schema *schema);

/* The serialized schema (version 2) that goes to clients and into snapshots; as long as the schema
 * lives. */
struct value schema_serialized(const struct schema *schema);
/* The same with all versions 0: what is assumed of a snapshot without schema (SNAP-7). */
struct value schema_earliest(const struct schema *schema);

enum schema_scope schema_scope_of(const struct schema *schema, struct str type);

/* The type of presence records. Absent ({NULL, 0}) if there is none, or, in an open schema, if that
 * does not say: then the first presence record of a room does. */
struct str schema_presence_type(const struct schema *schema);

/* Whether writes to the type are governed by a session's object access (OBJ-1). */
bool schema_is_object_type(const struct schema *schema, struct str type);

enum schema_valid {
    SCHEMA_VALID,
    SCHEMA_INVALID,
    SCHEMA_UNDECIDED, /* code has a say, and does not run just now; another try may tell */
};
/* Whether `record` is acceptable as a record of type `type` (VAL-1, VAL-2). */
enum schema_valid schema_check(const struct schema *schema, struct str type, struct value record);
/* The same, for those to whom it is all one why not. */
bool schema_validate(const struct schema *schema, struct str type, struct value record);

/* The documents a new room starts with (SNAP-9), as an array of records; empty for most. */
struct value schema_default_documents(const struct schema *schema);

/* ---- migrations: schema/path.h ---- */

#endif
