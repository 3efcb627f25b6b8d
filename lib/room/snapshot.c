/* Documents to room snapshots (SNAP). */
#include "room/documents.h"
#include "room/ops.h"
#include "value/pack.h"

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
        delta->bytes += record->len + record_id(record).len + OP_OVERHEAD;
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
