/* Migrating a whole storage by a path (spec schema-and-migrations 5), in slices: its migrations in
 * order, and in the end what is not of document scope is removed. */
#ifndef SCHEMA_STORAGE_H
#define SCHEMA_STORAGE_H

#include "base/slice.h"
#include "schema/path.h"

/* Where a migration reads and writes. Ids are unique. */
struct schema_storage {
    /* Back to the first record. Nothing is put or removed until `next` has gone through all. */
    void (*rewind)(void *ctx);
    /* The next record; absent: only a step on the way to it. False: that was the last. */
    bool (*next)(void *ctx, struct value *record);
    /* The record of that id; absent if there is none. As long as nothing is put or removed. */
    struct value (*get)(void *ctx, struct str id);
    void (*put)(void *ctx, struct str id, struct value record);
    void (*remove)(void *ctx, struct str id);
    void *ctx;
};

struct storage_migration;

/* Takes a reference to the path. What `storage` is of is borrowed, and nobody else touches it
 * before this is destroyed. */
struct storage_migration *storage_migration_create(struct schema_path *path,
                                                   const struct schema_storage *storage);
/* ERR_AGAIN: there is more to do. ERR_REFUSED: a migration failed; the storage is half migrated and
 * must be thrown away. Final are that and ERR_OK. */
enum err storage_migration_step(struct storage_migration *migration, struct slice *slice) NODISCARD;
/* There is nothing to do but to wait for the engine: try again some milliseconds later. */
bool storage_migration_waits(const struct storage_migration *migration);
/* Why it was refused, for people: which migration, and what was wrong. A view. */
struct str storage_migration_why(const struct storage_migration *migration);
void storage_migration_destroy(struct storage_migration *migration); /* NULL is fine */

#endif
