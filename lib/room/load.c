/* Snapshots into rooms: loaded by the host (LOAD), and stored ones brought to the server's schema
 * (SNAP-7, SNAP-8). */
#include "base/alloc.h"
#include "room/draft.h"
#include "room/host.h"
#include "room/internal.h"
#include "value/pack.h"

#include <stdlib.h>

/* ---- a draft as the storage of migrations ---- */

struct migrating {
    struct draft *draft;
    bool malformed; /* something was put that is no record of that id */
};

struct visit {
    void (*fn)(void *arg, struct value record);
    void *arg;
};

static void visit_one(void *ctx, struct record *record)
{
    const struct visit *visit = ctx;
    visit->fn(visit->arg, record_value(record));
}

static void storage_each(void *ctx, void (*fn)(void *arg, struct value record), void *arg)
{
    const struct migrating *migrating = ctx;
    struct visit visit = {fn, arg};
    draft_each(migrating->draft, visit_one, &visit);
}

static struct value storage_get(void *ctx, struct str id)
{
    const struct migrating *migrating = ctx;
    const struct record *record = draft_get(migrating->draft, id);
    return record ? record_value(record) : VALUE_NONE;
}

static void storage_put(void *ctx, struct str id, struct value record)
{
    struct migrating *migrating = ctx;
    struct str own;
    struct str type;
    if (record_identity(record, &own, &type) && str_eq(own, id)) {
        draft_set(migrating->draft, id, record_create(record, 0));
    } else {
        migrating->malformed = true;
    }
}

static void storage_remove(void *ctx, struct str id)
{
    struct migrating *migrating = ctx;
    draft_set(migrating->draft, id, NULL);
}

static bool migrate(struct draft *draft, const struct schema_path *path, struct buf *why)
{
    struct migrating migrating = {.draft = draft};
    struct schema_storage storage = {
        .each = storage_each,
        .get = storage_get,
        .put = storage_put,
        .remove = storage_remove,
        .ctx = &migrating,
    };
    if (schema_migrate_storage(path, &storage, why) != SCHEMA_CHANGED) {
        return false;
    }
    if (migrating.malformed) {
        buf_append_str(why, STR("a migration made something that is no record"));
    }
    return !migrating.malformed;
}

/* What is kept beside the documents: nothing where it is the schema's own. */
static void store_schema(struct room *room, struct value serialized)
{
    struct buf kept = {0};
    if (!value_equal(serialized, schema_serialized(room->schema))) {
        buf_append(&kept, serialized.data, serialized.len);
    }
    buf_finish(&room->stored_schema);
    room->stored_schema = kept;
}

static bool too_large(const struct draft *draft, struct buf *why)
{
    bool large = draft->bytes > ROOM_MAX_BYTES && draft->bytes > draft->documents->bytes;
    if (large) {
        buf_append_str(why, STR("the room would be too large"));
    }
    return large;
}

/* ---- LOAD ---- */

/* What is new or different moves over. */
static void take_documents(struct draft *draft, struct documents *given)
{
    struct record *record;
    list_each(record, &draft->documents->by_clock, link, struct record)
    {
        if (!documents_get(given, record_id(record))) {
            draft_set(draft, record_id(record), NULL);
        }
    }
    list_each(record, &given->by_clock, link, struct record)
    {
        const struct record *own = documents_get(draft->documents, record_id(record));
        if (!own || !value_equal(record_value(own), record_value(record))) {
            draft_set(draft, record_id(record), documents_take(given, record));
        }
    }
}

static enum room_edited commit(struct room *room, struct draft *draft, struct value schema,
                               uint64_t now_ms)
{
    bool other = !value_equal(schema, stored_schema(room));
    struct edit *edits;
    uint32_t count = draft_edits(draft, &edits);
    if (other) {
        store_schema(room, schema);
    }
    room_transact(room, edits, count, other ? schema : VALUE_NONE, now_ms);
    free(edits);
    return count > 0 || other ? ROOM_EDITED : ROOM_UNCHANGED;
}

/* LOAD-2, with `given` and its schema. */
static enum room_edited load(struct room *room, struct documents *given, struct value schema,
                             uint64_t now_ms, struct buf *why)
{
    struct schema_path *path;
    if (schema_path_from(room->schema, schema, &path) != SCHEMA_SERVED) {
        buf_append_str(why, STR("the snapshot's schema is not known here; it may be newer"));
        return ROOM_EDIT_MIGRATION;
    }
    struct draft draft;
    draft_init(&draft, &room->documents);
    take_documents(&draft, given);
    enum room_edited edited = ROOM_EDITED;
    if (path && !migrate(&draft, path, why)) {
        edited = ROOM_EDIT_MIGRATION;
    } else if (too_large(&draft, why)) {
        edited = ROOM_EDIT_TOO_LARGE;
    } else {
        edited = commit(room, &draft, path ? schema_serialized(room->schema) : schema, now_ms);
    }
    draft_finish(&draft);
    schema_path_unref(path);
    return edited;
}

enum room_edited room_load(struct room *room, struct value snapshot, uint64_t now_ms,
                           struct buf *why)
{
    struct value schema = value_get(snapshot, STR("schema"));
    enum schema_match match;
    struct documents given;
    if (value_type(schema) != VALUE_MAP) {
        buf_append_str(why, STR("the snapshot has no schema"));
        return ROOM_EDIT_NO_SCHEMA;
    }
    documents_init(&given);
    enum room_edited edited = ROOM_EDIT_INVALID;
    if (documents_read(&given, snapshot)) {
        buf_append_str(why, STR("not a room snapshot and not a store snapshot"));
    } else if (!room_begin_schema(room, schema, &match)) {
        buf_append_str(why, STR("the snapshot's schema cannot be read"));
        edited = ROOM_EDIT_MIGRATION;
    } else {
        edited = load(room, &given, schema, now_ms, why);
    }
    documents_finish(&given);
    return edited;
}

/* ---- what was stored ---- */

/* Step 5 of the migration of a storage undoes all of it when anything fails: the draft is dropped.
 */
static enum err bring_over(struct room *room, struct schema *schema, const struct schema_path *path,
                           struct buf *why)
{
    struct draft draft;
    draft_init(&draft, &room->documents);
    enum err err = ERR_OK;
    if (!migrate(&draft, path, why)) {
        err = ERR_REFUSED;
    } else if (too_large(&draft, why)) {
        err = ERR_TOO_LARGE;
    } else {
        struct edit *edits;
        uint32_t count = draft_edits(&draft, &edits);
        schema_unref(room->schema);
        room->schema = schema_ref(schema);
        buf_finish(&room->stored_schema);
        room_store(room, edits, count, schema_serialized(schema));
        free(edits);
    }
    draft_finish(&draft);
    return err;
}

enum err room_settle_schema(struct room *room, struct buf *why)
{
    struct schema *schema = room->config->schema;
    bool nothing_stored = !room->schema && room->documents.records.count == 0;
    if (!schema || nothing_stored) {
        return ERR_OK; /* its first client begins it */
    }
    struct buf stored = {0};
    struct value before = room->schema ? stored_schema(room) : schema_earliest(schema);
    buf_append(&stored, before.data, before.len);
    struct schema_path *path;
    enum err err = ERR_OK;
    if (schema_path_from(schema, buf_value(&stored), &path) != SCHEMA_SERVED) {
        buf_append_str(why, STR("its schema is not known here; it may be newer"));
        err = ERR_VERSION;
    } else if (path) {
        err = bring_over(room, schema, path, why);
    } else {
        schema_unref(room->schema);
        room->schema = schema_ref(schema);
        store_schema(room, buf_value(&stored));
    }
    if (err != ERR_VERSION) {
        schema_path_unref(path);
    }
    if (!err && !value_equal(buf_value(&stored), schema_serialized(schema))) {
        room->former_schema = stored;
        stored = (struct buf){0};
    }
    buf_finish(&stored);
    return err;
}
