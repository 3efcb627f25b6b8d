/* Changes that no session pushed: one transaction, told in full puts and removes (BCAST-5). */
#include "room/internal.h"
#include "value/pack.h"

static void write_ops(const struct edit *edits, uint32_t count, struct buf *ops)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        bytes += edits[i].after ? edits[i].after->len + edits[i].id.len : edits[i].id.len;
    }
    enum { OVERHEAD = 16 };
    buf_reserve(ops, bytes + count * (size_t)OVERHEAD);
    for (uint32_t i = 0; i < count; i++) {
        if (edits[i].after) {
            ops_put(ops, edits[i].id, record_value(edits[i].after));
        } else {
            ops_remove(ops, edits[i].id);
        }
    }
}

static bool removes_any(const struct edit *edits, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!edits[i].after) {
            return true;
        }
    }
    return false;
}

static void tell(struct room *room, const struct edit *edits, uint32_t count, struct buf *ops,
                 uint64_t now_ms)
{
    struct buf event = {0};
    event_patch(&event, count, ops, room->documents.clock);
    struct news news = {.edits = edits,
                        .edit_count = count,
                        .whole = true,
                        .now_ms = now_ms,
                        .event = buf_value(&event)};
    room_tell(room, &news);
    buf_finish(&event);
    room->host->event(room->ctx, ROOM_DOCUMENT_CHANGED, NULL);
}

static void store(struct room *room, const struct edit *edits, uint32_t count, struct buf *ops,
                  struct value schema)
{
    struct buf diff = {0};
    ops_diff(&diff, count, ops);
    if (count > 0) {
        commit_edits(room, edits, count, room->documents.clock + 1);
    }
    struct room_entry entry = {
        .clock = room->documents.clock, .diff = buf_value(&diff), .schema = schema};
    room->host->append(room->ctx, &entry);
    buf_finish(&diff);
}

void room_transact(struct room *room, const struct edit *edits, uint32_t count, struct value schema,
                   uint64_t now_ms)
{
    if (count == 0 && !value_present(schema)) {
        return;
    }
    struct buf ops = {0};
    write_ops(edits, count, &ops);
    store(room, edits, count, &ops, schema);
    if (removes_any(edits, count)) {
        schedule_prune(room, now_ms); /* TOMB-2 */
    }
    if (count > 0) {
        tell(room, edits, count, &ops, now_ms);
    }
    buf_finish(&ops);
}

void room_store(struct room *room, const struct edit *edits, uint32_t count, struct value schema)
{
    struct buf ops = {0};
    write_ops(edits, count, &ops);
    store(room, edits, count, &ops, schema);
    buf_finish(&ops);
}
