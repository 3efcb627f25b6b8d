/* Edits of a replayed room's host, in one update context. */
#include "base/alloc.h"
#include "host.h"
#include "room/host.h"
#include "snapshot.h"
#include "value/pack.h"

static void add(void *ctx, struct value record)
{
    struct buf *entries = ctx;
    pack_value(entries, record);
}

/* All records, sorted by id as recordings are. */
static void get_all(const struct room_context *context, struct buf *values)
{
    struct buf records = {0};
    uint32_t count = 0;
    room_context_each(context, add, &records);
    for (size_t at = 0; at < buf_len(&records); count++) {
        at += value_at(buf_head(&records) + at).len;
    }
    struct buf list = {0};
    pack_array(&list, count);
    buf_append_str(&list, buf_str(&records));
    snapshot_sort_records(buf_value(&list), values);
    buf_finish(&list);
    buf_finish(&records);
}

/* False: the update fails. */
static bool edit(struct room_context *context, struct value op, struct buf *values)
{
    struct value put = value_get(op, STR("put"));
    struct str id;
    bool flag = false;
    if (value_present(put)) {
        struct buf why = {0};
        bool ok = room_context_put(context, put, &why) == ROOM_EDITED;
        buf_finish(&why);
        pack_nil(values);
        return ok;
    }
    if (value_string(value_get(op, STR("delete")), &id)) {
        room_context_delete(context, id);
        pack_nil(values);
    } else if (value_string(value_get(op, STR("get")), &id)) {
        pack_value(values, room_context_get(context, id));
    } else if (value_bool(value_get(op, STR("getAll")), &flag)) {
        get_all(context, values);
    } else {
        return false; /* {"fail": true} */
    }
    return true;
}

bool host_update(struct host *host, struct value ops, struct buf *values)
{
    if (host_is_closed(host)) {
        return false; /* LIFE-8 */
    }
    struct buf why = {0};
    struct room_context *context = room_context_create(host_room(host));
    pack_array(values, value_count(ops));
    struct value_walk walk = value_items(ops);
    struct value op;
    bool ok = true;
    while (ok && value_next_item(&walk, &op)) {
        ok = edit(context, op, values);
    }
    if (ok) {
        enum room_edited edited = room_context_commit(context, host_now(host), &why);
        ok = edited == ROOM_EDITED || edited == ROOM_UNCHANGED;
    }
    room_context_destroy(context);
    buf_finish(&why);
    host_tell_lost(host);
    return ok;
}
