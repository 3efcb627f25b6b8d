/* A draft as the storage of migrations (SNAP-8, LOAD-3). */
#include "room/draft_migration.h"

#include "base/alloc.h"
#include "room/internal.h"

#include <stdlib.h>

struct draft_migration {
    struct draft *draft; /* borrowed */
    struct draft_walk walk;
    struct storage_migration *storage; /* owned */
    bool malformed;                    /* something was put that is no record of that id */
};

static void storage_rewind(void *ctx)
{
    struct draft_migration *migration = ctx;
    migration->walk = (struct draft_walk){0};
}

static bool storage_next(void *ctx, struct value *value)
{
    struct draft_migration *migration = ctx;
    struct record *record;
    bool more = draft_next(migration->draft, &migration->walk, &record);
    *value = more && record ? record_value(record) : VALUE_NONE;
    return more;
}

static struct value storage_get(void *ctx, struct str id)
{
    const struct draft_migration *migration = ctx;
    const struct record *record = draft_get(migration->draft, id);
    return record ? record_value(record) : VALUE_NONE;
}

static void storage_put(void *ctx, struct str id, struct value record)
{
    struct draft_migration *migration = ctx;
    struct str own;
    struct str type;
    if (record_identity(record, &own, &type) && str_eq(own, id)) {
        draft_set(migration->draft, id, record_create(record, 0));
    } else {
        migration->malformed = true;
    }
}

static void storage_remove(void *ctx, struct str id)
{
    struct draft_migration *migration = ctx;
    draft_set(migration->draft, id, NULL);
}

struct draft_migration *draft_migration_create(struct draft *draft, struct schema_path *path)
{
    struct draft_migration *migration = xcalloc(1, sizeof(*migration));
    struct schema_storage storage = {
        .rewind = storage_rewind,
        .next = storage_next,
        .get = storage_get,
        .put = storage_put,
        .remove = storage_remove,
        .ctx = migration,
    };
    migration->draft = draft;
    migration->storage = storage_migration_create(path, &storage);
    return migration;
}

void draft_migration_destroy(struct draft_migration *migration)
{
    if (migration) {
        storage_migration_destroy(migration->storage);
        free(migration);
    }
}

enum err draft_migration_step(struct draft_migration *migration, struct slice *slice,
                              struct buf *why)
{
    enum err err = storage_migration_step(migration->storage, slice);
    if (err == ERR_REFUSED) {
        buf_append_str(why, storage_migration_why(migration->storage));
    } else if (!err && migration->malformed) {
        buf_append_str(why, STR("a migration made something that is no record"));
        err = ERR_REFUSED;
    }
    return err ? err : draft_weigh(migration->draft, why);
}

bool draft_migration_waits(const struct draft_migration *migration)
{
    return storage_migration_waits(migration->storage);
}
