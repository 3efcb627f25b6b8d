/* Ways between schemas. Between open ones there are none. */
#include "schema/path.h"

#include <assert.h>

struct schema_path *schema_path_ref(struct schema_path *path)
{
    assert(!path);
    return path;
}

void schema_path_unref(struct schema_path *path)
{
    assert(!path);
}

bool schema_path_equal(const struct schema_path *a, const struct schema_path *b)
{
    return a == b;
}

size_t schema_path_length(const struct schema_path *path)
{
    assert(!path);
    return 0;
}

struct str schema_path_id(const struct schema_path *path, size_t at)
{
    assert(path && at == 0);
    return (struct str){0};
}

void schema_migrate(const struct schema_path *path, enum schema_direction direction,
                    struct schema_traveller *travellers, size_t count)
{
    (void)direction;
    (void)travellers;
    assert(!path && count == 0);
}

bool schema_path_needs_engine(const struct schema_path *path, enum schema_direction direction,
                              struct value record)
{
    (void)path;
    (void)direction;
    (void)record;
    return false;
}

enum schema_migrated schema_migrate_storage(const struct schema_path *path,
                                            const struct schema_storage *storage, struct buf *why)
{
    (void)path;
    (void)storage;
    (void)why;
    return SCHEMA_FAILED;
}
