/* A path from the inside, and what walks it: one migration at a time, for many records at once.
 * Private to lib/schema. */
#ifndef SCHEMA_MIGRATE_H
#define SCHEMA_MIGRATE_H

#include "schema/content.h"
#include "schema/path.h"

struct schema_path {
    uint32_t refs;
    struct schema *schema; /* a reference */
    bool records_only;     /* no migration of another scope */
    bool reversible;       /* all have a down */
    uint32_t count;
    uint32_t migrations[]; /* numbers, in order */
};

static inline const struct migration *path_migration(const struct schema_path *path, size_t at)
{
    return &path->schema->content->migrations[path->migrations[at]];
}

/* Runs jobs, in pieces that bound what goes to the engine at once. Without engine none returns. */
void engine_run(const struct content *content, struct schema_job *jobs, size_t count);

/* Applies one migration of records to those travellers that have not failed. `why` may be NULL; it
 * gets the first failure's reason, with the record's id. */
void migrate_records(const struct content *content, const struct migration *migration,
                     enum schema_direction direction, struct schema_traveller *travellers,
                     size_t count, struct buf *why);

#endif
