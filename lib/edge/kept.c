/* What a gateway keeps of each joined session for the room's next owner (proto/ownership.md, "What
 * a gateway keeps of a session"). */
#include "edge/internal.h"
#include "value/pack.h"

struct kept_op {
    uint64_t seq;
    uint32_t len;
};

/* A worker sends a new state long before; one that does not loses exactness, not our memory. */
enum { OPS_MAX = 4 * LINK_STATE_OPS };

void kept_message(struct kept *kept, const struct inbox_message *message)
{
    struct value payload = {message->payload, message->len};
    struct str type;
    if (message->seq <= kept->state_at) {
        return; /* is in there */
    }
    if (message->broken || !value_string(value_get(payload, STR("type")), &type) ||
        !str_eq(type, STR("push"))) {
        return;
    }
    struct value presence = value_get(payload, STR("presence"));
    if (value_type(presence) != VALUE_ARRAY || kept->ops_count >= OPS_MAX) {
        return;
    }
    struct kept_op op = {message->seq, (uint32_t)presence.len};
    buf_append(&kept->ops, &op, sizeof(op));
    buf_append(&kept->ops, presence.data, presence.len);
    kept->ops_count++;
}

/* Drops what the state has in it. */
static void drop_ops(struct kept *kept, uint64_t answered)
{
    struct kept_op op;
    while (buf_len(&kept->ops) > 0) {
        memcpy(&op, buf_head(&kept->ops), sizeof(op));
        if (op.seq > answered) {
            return;
        }
        buf_consume(&kept->ops, sizeof(op) + op.len);
        kept->ops_count--;
    }
    buf_finish(&kept->ops);
}

void kept_state(struct kept *kept, const struct link_frame *frame)
{
    if (frame->answered < kept->state_at) {
        return; /* one that waited for the log, overtaken by one that did not */
    }
    kept->state_at = frame->answered;
    buf_finish(&kept->state);
    buf_append(&kept->state, frame->payload.data, frame->payload.len);
    drop_ops(kept, frame->answered);
}

void kept_brought(struct kept *kept, const struct link_frame *frame)
{
    kept->clock = frame->clock > kept->clock ? frame->clock : kept->clock;
    kept->presence_clock =
        frame->presence_clock > kept->presence_clock ? frame->presence_clock : kept->presence_clock;
    kept->presence_at =
        frame->presence_at > kept->presence_at ? frame->presence_at : kept->presence_at;
}

void kept_write(const struct kept *kept, struct link_frame *frame, struct buf *ops)
{
    frame->answered = kept->answered;
    frame->clock = kept->clock;
    frame->presence_clock = kept->presence_clock;
    frame->presence_at = kept->presence_at;
    frame->payload = buf_value(&kept->state);
    pack_array(ops, kept->ops_count);
    struct kept_op op;
    for (size_t at = 0; at < buf_len(&kept->ops); at += sizeof(op) + op.len) {
        memcpy(&op, buf_head(&kept->ops) + at, sizeof(op));
        buf_append(ops, buf_head(&kept->ops) + at + sizeof(op), op.len);
    }
    frame->ops = buf_value(ops);
}

void kept_restart(struct kept *kept)
{
    uint64_t answered = kept->answered;
    kept_finish(kept);
    kept->answered = answered;
}

void kept_finish(struct kept *kept)
{
    buf_finish(&kept->state);
    buf_finish(&kept->ops);
    *kept = (struct kept){0};
}
