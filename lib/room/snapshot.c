/* Documents to and from room snapshots (SNAP). */
#include "base/alloc.h"
#include "room/documents.h"
#include "room/ops.h"
#include "value/pack.h"

#include <stdlib.h>

/* One more than a record can have around it: id, op name and headers. */
enum { OP_OVERHEAD = 16 };

void documents_delta(const struct documents *documents, bool all, uint64_t since,
                     struct documents_delta *delta)
{
    *delta = (struct documents_delta){.all = all, .since = since};
    if (all) {
        delta->count = documents->records.count;
        delta->bytes = documents->bytes + documents->records.count * (size_t)(OP_OVERHEAD + 32);
        return;
    }
    for (struct list *node = documents->by_clock.prev; node != &documents->by_clock;
         node = node->prev) {
        const struct record *record = list_entry(node, struct record, link);
        if (record->clock <= since) {
            break;
        }
        delta->count++;
        delta->bytes += record->len + record->id_len + OP_OVERHEAD;
    }
    for (struct list *node = documents->buried.prev; node != &documents->buried;
         node = node->prev) {
        const struct tombstone *tombstone = list_entry(node, struct tombstone, link);
        if (tombstone->clock <= since) {
            break;
        }
        delta->count++;
        delta->bytes += tombstone->id_len + OP_OVERHEAD;
    }
}

void documents_each_changed(const struct documents *documents, const struct documents_delta *delta,
                            documents_visit_fn visit, void *ctx)
{
    struct list *node = documents->by_clock.prev;
    for (; node != &documents->by_clock; node = node->prev) {
        struct record *record = list_entry(node, struct record, link);
        if (!delta->all && record->clock <= delta->since) {
            break;
        }
        visit(ctx, record, record_id(record));
    }
    for (node = documents->buried.prev; !delta->all && node != &documents->buried;
         node = node->prev) {
        const struct tombstone *tombstone = list_entry(node, struct tombstone, link);
        if (tombstone->clock <= delta->since) {
            break;
        }
        visit(ctx, NULL, (struct str){tombstone->id, tombstone->id_len});
    }
}

static void write_op(void *ctx, struct record *record, struct str id)
{
    if (record) {
        ops_put(ctx, id, record_value(record));
    } else {
        ops_remove(ctx, id);
    }
}

void documents_write_delta(const struct documents *documents, const struct documents_delta *delta,
                           struct buf *ops)
{
    documents_each_changed(documents, delta, write_op, ops);
}

void documents_write(const struct documents *documents, struct buf *out)
{
    pack_str(out, STR("documentClock"));
    pack_u64(out, documents->clock);
    pack_str(out, STR("tombstoneHistoryStartsAtClock"));
    pack_u64(out, documents->history_start);
    pack_str(out, STR("documents"));
    pack_array(out, documents->records.count);
    struct record *record;
    list_each(record, &documents->by_clock, link, struct record)
    {
        pack_map(out, 2);
        pack_str(out, STR("state"));
        pack_value(out, record_value(record));
        pack_str(out, STR("lastChangedClock"));
        pack_u64(out, record->clock);
    }
    pack_str(out, STR("tombstones"));
    pack_map(out, documents->tombstones.count);
    struct tombstone *tombstone;
    list_each(tombstone, &documents->buried, link, struct tombstone)
    {
        pack_str(out, (struct str){tombstone->id, tombstone->id_len});
        pack_u64(out, tombstone->clock);
    }
}

/* One thing with a clock, for sorting: clocks in a snapshot come in any order. */
struct clocked {
    uint64_t clock;
    uint32_t index; /* keeps the sort stable: of two with one id the last wins (SNAP-5) */
    struct str id;
    struct value state; /* absent for tombstones */
};

static int by_clock_then_index(const void *a, const void *b)
{
    const struct clocked *x = a;
    const struct clocked *y = b;
    if (x->clock != y->clock) {
        return x->clock < y->clock ? -1 : 1;
    }
    return (x->index > y->index) - (x->index < y->index);
}

static bool read_clock(struct value value, uint64_t missing, uint64_t *out)
{
    *out = missing;
    return !value_present(value) || value_u64(value, out);
}

/* The entries of `documents`, or of the `store` of a store snapshot (SNAP-6, all at clock 0). */
static enum err read_states(struct value snapshot, struct clocked *items, uint32_t *count)
{
    struct value documents = value_get(snapshot, STR("documents"));
    struct value store = value_get(snapshot, STR("store"));
    struct value_walk entries = value_items(documents);
    struct value_walk members = value_members(store);
    struct value entry;
    struct str key;
    struct str type;
    uint32_t n = 0;
    while (value_present(documents) ? value_next_item(&entries, &entry)
                                    : value_next_member(&members, &key, &entry)) {
        struct clocked *item = &items[n];
        bool bare = !value_present(documents);
        item->index = n++;
        item->state = bare ? entry : value_get(entry, STR("state"));
        item->clock = 0;
        if (!record_identity(item->state, &item->id, &type) ||
            (!bare && !read_clock(value_get(entry, STR("lastChangedClock")), 0, &item->clock))) {
            return ERR_MALFORMED;
        }
    }
    *count = n;
    return ERR_OK;
}

struct slot {
    struct clocked *item;
};

static struct str slot_key(const void *entry)
{
    return ((const struct slot *)entry)->item->id;
}

/* Keeps the last entry of each id (SNAP-5), in the order of first mention. */
static void drop_overwritten(struct clocked *items, uint32_t *count)
{
    struct map seen;
    map_init(&seen, slot_key);
    struct slot *slots = xcalloc(*count + 1, sizeof(*slots));
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count; i++) {
        slots[kept].item = &items[kept];
        struct slot *earlier = map_get(&seen, items[i].id);
        if (earlier) {
            *earlier->item = items[i];
            continue;
        }
        items[kept] = items[i];
        map_put(&seen, &slots[kept++]);
    }
    *count = kept;
    map_finish(&seen);
    free(slots);
}

static enum err read_documents(struct documents *documents, struct value snapshot)
{
    uint32_t count = value_count(value_get(snapshot, STR("documents")));
    uint32_t bare = value_count(value_get(snapshot, STR("store")));
    struct clocked *items = xcalloc(count > bare ? count : bare, sizeof(*items));
    enum err err = read_states(snapshot, items, &count);
    if (err) {
        goto done;
    }
    drop_overwritten(items, &count);
    qsort(items, count, sizeof(*items), by_clock_then_index);
    for (uint32_t i = 0; i < count; i++) {
        documents_put(documents, record_create(items[i].state, items[i].clock));
        documents->clock = items[i].clock > documents->clock ? items[i].clock : documents->clock;
    }
done:
    free(items);
    return err;
}

static enum err read_tombstones(struct documents *documents, struct value tombstones,
                                struct clocked *items)
{
    struct value_walk walk = value_members(tombstones);
    struct value clock;
    uint32_t count = 0;
    for (; value_next_member(&walk, &items[count].id, &clock); count++) {
        items[count].index = count;
        if (!value_u64(clock, &items[count].clock)) {
            return ERR_MALFORMED;
        }
        uint64_t at = items[count].clock;
        documents->clock = at > documents->clock ? at : documents->clock;
    }
    qsort(items, count, sizeof(*items), by_clock_then_index);
    for (uint32_t i = 0; i < count; i++) {
        /* What exists is not deleted, whatever the snapshot says of both. */
        if (!documents_get(documents, items[i].id)) {
            documents_bury(documents, items[i].id, items[i].clock);
        }
    }
    return ERR_OK;
}

enum err documents_read(struct documents *documents, struct value snapshot)
{
    struct value given = value_get(snapshot, STR("documents"));
    struct value clock = value_get(snapshot, STR("documentClock"));
    struct value history = value_get(snapshot, STR("tombstoneHistoryStartsAtClock"));
    struct value tombstones = value_get(snapshot, STR("tombstones"));
    bool is_room = value_present(given);
    if (is_room ? value_type(given) != VALUE_ARRAY
                : value_type(value_get(snapshot, STR("store"))) != VALUE_MAP) {
        return ERR_MALFORMED;
    }
    if (!is_room) {
        clock = history = tombstones = VALUE_NONE;
    } else if (!value_present(clock)) {
        clock = value_get(snapshot, STR("clock"));
    }
    if (!read_clock(clock, 0, &documents->clock)) {
        return ERR_MALFORMED;
    }
    enum err err = read_documents(documents, snapshot);
    if (err) {
        return err;
    }
    struct clocked *items = xcalloc(value_count(tombstones) + 1, sizeof(*items));
    err = read_tombstones(documents, tombstones, items);
    free(items);
    if (err || !read_clock(history, documents->clock, &documents->history_start)) {
        return ERR_MALFORMED;
    }
    if (documents->history_start >= documents->clock) {
        documents->history_start = documents->clock;
        documents_forget_tombstones(documents); /* SNAP-3, SNAP-4 */
    }
    return ERR_OK;
}
