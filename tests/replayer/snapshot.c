/* Sorted snapshots. */
#include "snapshot.h"

#include "base/alloc.h"
#include "room/host.h"
#include "value/pack.h"

#include <stdlib.h>

static struct str id_of(const struct value *entry)
{
    struct str id = STR("");
    struct value state = value_get(*entry, STR("state"));
    value_string(value_get(value_present(state) ? state : *entry, STR("id")), &id);
    return id;
}

static int by_id(const void *a, const void *b)
{
    return str_cmp(id_of(a), id_of(b));
}

void snapshot_sort_records(struct value documents, struct buf *out)
{
    uint32_t count = 0;
    struct value *items = xcalloc(value_count(documents) + 1, sizeof(*items));
    struct value_walk walk = value_items(documents);
    while (value_next_item(&walk, &items[count])) {
        count++;
    }
    qsort(items, count, sizeof(*items), by_id);
    pack_array(out, count);
    for (uint32_t i = 0; i < count; i++) {
        pack_value(out, items[i]);
    }
    free(items);
}

void snapshot_sort(struct value snapshot, struct buf *out)
{
    pack_map(out, value_count(snapshot));
    struct value_walk walk = value_members(snapshot);
    struct str key;
    struct value member;
    while (value_next_member(&walk, &key, &member)) {
        pack_str(out, key);
        if (str_eq(key, STR("documents"))) {
            snapshot_sort_records(member, out);
        } else {
            pack_value(out, member);
        }
    }
}

void snapshot_of(const struct room *room, struct buf *out)
{
    struct buf snapshot = {0};
    room_write_host_snapshot(room, &snapshot);
    snapshot_sort(buf_value(&snapshot), out);
    buf_finish(&snapshot);
}

static void pack_count(struct buf *out, struct str name, uint64_t count)
{
    pack_str(out, name);
    pack_u64(out, count);
}

void snapshot_summary(const struct room *room, struct buf *out)
{
    const struct documents *documents = room_documents(room);
    pack_map(out, 4);
    pack_count(out, STR("documentClock"), documents->clock);
    pack_count(out, STR("tombstoneHistoryStartsAtClock"), documents->history_start);
    pack_count(out, STR("documentCount"), documents->records.count);
    pack_count(out, STR("tombstoneCount"), documents->tombstones.count);
}

/* With objects. */
static void write_sorted(const struct room *room, struct buf *out)
{
    struct buf snapshot = {0};
    room_write_snapshot(room, &snapshot);
    snapshot_sort(buf_value(&snapshot), out);
    buf_finish(&snapshot);
}

bool snapshot_same(const struct room *a, const struct room *b)
{
    struct buf left = {0};
    struct buf right = {0};
    write_sorted(a, &left);
    write_sorted(b, &right);
    struct value x = buf_value(&left);
    struct value y = buf_value(&right);
    bool pruned = room_documents(a)->history_start != room_documents(b)->history_start;
    bool same =
        value_equal(value_get(x, STR("documents")), value_get(y, STR("documents"))) &&
        value_equal(value_get(x, STR("documentClock")), value_get(y, STR("documentClock"))) &&
        value_equal(value_get(x, STR("schema")), value_get(y, STR("schema"))) &&
        (pruned || value_equal(value_get(x, STR("tombstones")), value_get(y, STR("tombstones"))));
    buf_finish(&left);
    buf_finish(&right);
    return same;
}
