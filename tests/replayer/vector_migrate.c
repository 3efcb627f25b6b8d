/* Orders, serialized schemas, paths, and migrating by them, under the small schemas that the file
 * of cases brings along. */
#include "base/alloc.h"
#include "schema/file.h"
#include "schema/storage.h"
#include "value/pack.h"
#include "vectors.h"

#include <stdlib.h>

static bool is_migrate(struct value one)
{
    static const char *const kinds[] = {"sorted", "serialize", "since", "record", "storage"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (member_is_text(one, "kind", kinds[i])) {
            return true;
        }
    }
    return false;
}

static bool same(const char *label, struct value wanted, struct value found, struct buf *why)
{
    if (value_equal(wanted, found)) {
        return true;
    }
    report_difference(why, label, wanted, found);
    return false;
}

static void pack_ids(const struct schema_path *path, struct buf *out)
{
    size_t count = schema_path_length(path);
    pack_array(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        pack_str(out, schema_path_id(path, i));
    }
}

/* From the earliest schema, all migrations are on the way. */
static bool run_sorted(const struct schema *schema, struct value one, struct buf *why)
{
    struct schema_path *path;
    struct buf ids = {0};
    if (schema_path_from(schema, schema_earliest(schema), &path) != SCHEMA_SERVED) {
        buf_append_str(why, STR("there is no way from the earliest schema"));
        return false;
    }
    pack_ids(path, &ids);
    bool ok = same("order", value_get(one, STR("order")), buf_value(&ids), why);
    buf_finish(&ids);
    schema_path_unref(path);
    return ok;
}

static bool run_serialize(const struct schema *schema, struct value one, struct buf *why)
{
    return same("serialized", value_get(one, STR("serialized")), schema_serialized(schema), why) &&
           same("earliest", value_get(one, STR("earliest")), schema_earliest(schema), why);
}

static bool run_since(bool found, const struct schema_path *path, struct value one, struct buf *why)
{
    struct value result = value_get(one, STR("result"));
    struct buf got = {0};
    pack_map(&got, found ? 2 : 1);
    pack_str(&got, STR("ok"));
    pack_bool(&got, found);
    if (found) {
        pack_str(&got, STR("ids"));
        pack_ids(path, &got);
    }
    bool ok = same("result", result, buf_value(&got), why);
    buf_finish(&got);
    return ok;
}

static void pack_outcome(struct buf *out, const struct schema_traveller *traveller)
{
    static const char *const reasons[] = {[SCHEMA_TOO_OLD] = "target-version-too-old",
                                          [SCHEMA_TOO_NEW] = "target-version-too-new",
                                          [SCHEMA_FAILED] = "migration-error"};
    bool ok = traveller->migrated == SCHEMA_SAME || traveller->migrated == SCHEMA_CHANGED;
    pack_map(out, 2);
    pack_str(out, STR("type"));
    pack_str(out, ok ? STR("success") : STR("error"));
    pack_str(out, ok ? STR("value") : STR("reason"));
    if (!ok) {
        pack_str(out, str_of(reasons[traveller->migrated]));
    } else if (traveller->migrated == SCHEMA_SAME) {
        pack_value(out, traveller->record);
    } else {
        pack_value(out, buf_value(&traveller->out));
    }
}

static bool run_record(bool found, const struct schema_path *path, struct value one,
                       struct buf *why)
{
    struct schema_traveller traveller = {.record = value_get(one, STR("record")),
                                         .migrated = found ? SCHEMA_SAME : SCHEMA_FAILED};
    struct buf got = {0};
    if (path) {
        bool up = member_is_text(one, "direction", "up");
        schema_migrate(path, up ? SCHEMA_UP : SCHEMA_DOWN, &traveller, 1);
    }
    pack_outcome(&got, &traveller);
    bool ok = same("result", value_get(one, STR("result")), buf_value(&got), why);
    buf_finish(&got);
    buf_finish(&traveller.out);
    return ok;
}

/* ---- a storage that remembers what was touched ---- */

struct entry {
    char *id;          /* owned, as is the record */
    struct buf record; /* empty: removed */
    bool touched;
};

struct storage {
    struct entry *entries; /* owned */
    size_t count;
    size_t at; /* next */
};

static struct entry *entry_of(struct storage *storage, struct str id)
{
    for (size_t i = 0; i < storage->count; i++) {
        if (str_eq(str_of(storage->entries[i].id), id)) {
            return &storage->entries[i];
        }
    }
    storage->entries = xrealloc(storage->entries, (storage->count + 1) * sizeof(struct entry));
    storage->entries[storage->count] = (struct entry){.id = xstrndup(id.ptr, id.len)};
    return &storage->entries[storage->count++];
}

static void storage_rewind(void *ctx)
{
    struct storage *storage = ctx;
    storage->at = 0;
}

static bool storage_next(void *ctx, struct value *record)
{
    struct storage *storage = ctx;
    if (storage->at == storage->count) {
        return false;
    }
    const struct buf *at = &storage->entries[storage->at++].record;
    *record = buf_len(at) > 0 ? buf_value(at) : VALUE_NONE;
    return true;
}

static struct value storage_get(void *ctx, struct str id)
{
    struct entry *entry = entry_of(ctx, id);
    return buf_len(&entry->record) > 0 ? buf_value(&entry->record) : VALUE_NONE;
}

static void storage_put(void *ctx, struct str id, struct value record)
{
    struct entry *entry = entry_of(ctx, id);
    entry->touched = true;
    buf_truncate(&entry->record, 0);
    pack_value(&entry->record, record);
}

static void storage_remove(void *ctx, struct str id)
{
    struct entry *entry = entry_of(ctx, id);
    entry->touched = true;
    buf_truncate(&entry->record, 0);
}

static void storage_fill(struct storage *storage, struct value records)
{
    struct value_walk walk = value_items(records);
    struct value record;
    while (value_next_item(&walk, &record)) {
        storage_put(storage, member_text(record, "id"), record);
    }
    for (size_t i = 0; i < storage->count; i++) {
        storage->entries[i].touched = false;
    }
}

static void storage_finish(struct storage *storage)
{
    for (size_t i = 0; i < storage->count; i++) {
        free(storage->entries[i].id);
        buf_finish(&storage->entries[i].record);
    }
    free(storage->entries);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->id, ((const struct entry *)b)->id);
}

static void pack_storage(struct storage *storage, struct value schema, struct buf *out)
{
    uint32_t records = 0;
    uint32_t touched = 0;
    qsort(storage->entries, storage->count, sizeof(struct entry), by_id);
    for (size_t i = 0; i < storage->count; i++) {
        records += buf_len(&storage->entries[i].record) > 0;
        touched += storage->entries[i].touched;
    }
    pack_map(out, 4);
    pack_str(out, STR("ok"));
    pack_bool(out, true);
    pack_member(out, STR("schema"), schema);
    pack_str(out, STR("records"));
    pack_map(out, records);
    for (size_t i = 0; i < storage->count; i++) {
        if (buf_len(&storage->entries[i].record) > 0) {
            pack_member(out, str_of(storage->entries[i].id),
                        buf_value(&storage->entries[i].record));
        }
    }
    pack_str(out, STR("writtenOrDeleted"));
    pack_array(out, touched);
    for (size_t i = 0; i < storage->count; i++) {
        if (storage->entries[i].touched) {
            pack_str(out, str_of(storage->entries[i].id));
        }
    }
}

static bool migrate_storage(struct schema_path *path, const struct schema_storage *storage,
                            struct buf *why)
{
    struct slice all = SLICE_ALL;
    struct storage_migration *migration = storage_migration_create(path, storage);
    enum err err = storage_migration_step(migration, &all);
    buf_append_str(why, storage_migration_why(migration));
    storage_migration_destroy(migration);
    return !err;
}

static bool run_storage(const struct schema *schema, bool found, struct schema_path *path,
                        struct value one, struct buf *why)
{
    struct storage storage = {0};
    struct schema_storage functions = {storage_rewind, storage_next,   storage_get,
                                       storage_put,    storage_remove, &storage};
    struct buf reason = {0};
    struct buf got = {0};
    storage_fill(&storage, value_get(one, STR("records")));
    if (path) {
        found = migrate_storage(path, &functions, &reason);
    }
    if (found) {
        pack_storage(&storage, path ? schema_serialized(schema) : value_get(one, STR("persisted")),
                     &got);
    } else {
        pack_map(&got, 1);
        pack_str(&got, STR("ok"));
        pack_bool(&got, false);
    }
    bool ok = same("result", value_get(one, STR("result")), buf_value(&got), why);
    if (!ok && buf_len(&reason) > 0) {
        buf_printf(why, " (%.*s)", STR_ARG(buf_str(&reason)));
    }
    buf_finish(&got);
    buf_finish(&reason);
    storage_finish(&storage);
    return ok;
}

static bool run_with_path(const struct schema *schema, struct value one, struct buf *why)
{
    struct schema_path *path;
    bool found = schema_path_from(schema, value_get(one, STR("persisted")), &path) == SCHEMA_SERVED;
    bool ok = member_is_text(one, "kind", "since")    ? run_since(found, path, one, why)
              : member_is_text(one, "kind", "record") ? run_record(found, path, one, why)
                                                      : run_storage(schema, found, path, one, why);
    schema_path_unref(path);
    return ok;
}

static bool run_migrate(struct value file, struct value one, struct buf *why)
{
    struct value content = value_get(value_get(file, STR("schemas")), member_text(one, "schema"));
    struct schema *schema;
    if (schema_compile(content, NULL, &schema, why) != ERR_OK) {
        return false;
    }
    bool ok = member_is_text(one, "kind", "sorted")      ? run_sorted(schema, one, why)
              : member_is_text(one, "kind", "serialize") ? run_serialize(schema, one, why)
                                                         : run_with_path(schema, one, why);
    schema_unref(schema);
    return ok;
}

const struct vector_kind vector_migrate = {"migrate", is_migrate, run_migrate};
