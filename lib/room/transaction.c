/* Changes that no session pushed: one transaction, told in full puts and removes (BCAST-5). */
#include "room/internal.h"
#include "value/pack.h"

/* The event that tells of it, with the diff inside: written once, for a load may be as large as a
 * room.
 */
static void write_event(const struct edit *edits, uint32_t count, uint64_t server_clock,
                        struct buf *event, struct value *diff)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        bytes += edits[i].id.len + (edits[i].after ? edits[i].after->len : 0);
    }
    enum { OP_OVERHEAD = 16, EVENT_OVERHEAD = 64 };
    buf_reserve(event, bytes + count * (size_t)OP_OVERHEAD + EVENT_OVERHEAD);
    pack_map(event, 3);
    pack_str(event, STR("type"));
    pack_str(event, STR("patch"));
    pack_str(event, STR("diff"));
    size_t start = buf_len(event);
    pack_map(event, count);
    for (uint32_t i = 0; i < count; i++) {
        if (edits[i].after) {
            ops_put(event, edits[i].id, record_value(edits[i].after));
        } else {
            ops_remove(event, edits[i].id);
        }
    }
    size_t len = buf_len(event) - start;
    pack_str(event, STR("serverClock"));
    pack_u64(event, server_clock);
    *diff = (struct value){buf_head(event) + start, len};
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

/* Stores it and tells the log; `event` gets what is to be told to sessions. */
static void store(struct room *room, const struct edit *edits, uint32_t count, struct value schema,
                  struct buf *event)
{
    struct room_entry entry = {.clock = room->documents.clock + (count > 0), .schema = schema};
    write_event(edits, count, entry.clock, event, &entry.diff);
    if (count > 0) {
        commit_edits(room, edits, count, entry.clock);
    }
    room->host->append(room->ctx, &entry);
}

void room_transact(struct room *room, const struct edit *edits, uint32_t count, struct value schema,
                   uint64_t now_ms)
{
    if (count == 0 && !value_present(schema)) {
        return;
    }
    struct buf event = {0};
    store(room, edits, count, schema, &event);
    if (removes_any(edits, count)) {
        schedule_prune(room, now_ms); /* TOMB-2 */
    }
    if (count > 0) {
        struct news news = {.edits = edits,
                            .edit_count = count,
                            .whole = true,
                            .now_ms = now_ms,
                            .event = buf_value(&event)};
        room_tell(room, &news);
        room->host->event(room->ctx, ROOM_DOCUMENT_CHANGED, NULL);
    }
    buf_finish(&event);
}

void room_store(struct room *room, const struct edit *edits, uint32_t count, struct value schema)
{
    struct buf event = {0};
    store(room, edits, count, schema, &event);
    buf_finish(&event);
}
