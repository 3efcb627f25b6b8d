/* The way between another schema and ours: the migrations that lie between them, in order (spec
 * schema-and-migrations 3 to 6). Counted and immutable; holds a reference to its schema. */
#ifndef SCHEMA_PATH_H
#define SCHEMA_PATH_H

#include "base/buf.h"
#include "schema/schema.h"

struct schema_path;

/* Whether a client that sent `serialized` can be served (SCH-1..5). If so, *path is the way from it
 * to ours, or NULL if no migration lies between them (SCH-4); the caller holds the reference. */
enum schema_match schema_match(const struct schema *schema, struct value serialized,
                               struct schema_path **path) NODISCARD;

/* The way for stored records (5.): as above, but migrations of any scope may be on it, also such
 * without down. Not SCHEMA_SERVED: the list cannot be worked out. */
enum schema_match schema_path_from(const struct schema *schema, struct value serialized,
                                   struct schema_path **path) NODISCARD;

struct schema_path *schema_path_ref(struct schema_path *path);
void schema_path_unref(struct schema_path *path); /* NULL is fine */

/* Two clients with the same way to our schema see the same records. */
bool schema_path_equal(const struct schema_path *a, const struct schema_path *b);
/* The ids of its migrations, in order. */
size_t schema_path_length(const struct schema_path *path);
struct str schema_path_id(const struct schema_path *path, size_t at);

enum schema_direction { SCHEMA_UP, SCHEMA_DOWN };

enum schema_migrated {
    SCHEMA_SAME,    /* no migration of the path is for this record: it is as it was */
    SCHEMA_CHANGED, /* `out` has what it has become, equal to what it was or not */
    SCHEMA_TOO_OLD, /* target-version-too-old: no down */
    SCHEMA_TOO_NEW, /* target-version-too-new: not of record scope, on the way up */
    SCHEMA_FAILED,  /* migration-error: a migration failed, or exceeded a limit */
};

/* One record on its way. */
struct schema_traveller {
    struct value record;           /* borrowed */
    struct buf out;                /* the caller's to finish */
    enum schema_migrated migrated; /* set by schema_migrate */
    bool again; /* set with SCHEMA_FAILED: the engine does not run just now, another try may do */
};

/* Migrates records by a path, up to ours or down from it (4.). All at once costs the engine one
 * call per migration instead of one per record; others' failures do not touch a record, but for
 * limits of time. */
void schema_migrate(const struct schema_path *path, enum schema_direction direction,
                    struct schema_traveller *travellers, size_t count);

/* Whether a record may need the engine on its way: if not, migrating it costs little. */
bool schema_path_needs_engine(const struct schema_path *path, enum schema_direction direction,
                              struct value record);

#endif
