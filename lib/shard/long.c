/* Messages whose diff is too long for one frame: others would wait behind it on the link, and the
 * gateway would render it at once. Its members come by a share, in parts, and the message without
 * them (proto/link.md, "Shares"). */
#include "shard/internal.h"
#include "value/pack.h"

/* Parts of a slice: bytes of a diff that comes by a share. */
enum { FROM = 4 };

static void write_rest(struct value message, struct buf *rest)
{
    struct value_walk walk = value_members(message);
    struct str key;
    struct value member;
    pack_map(rest, walk.left);
    while (value_next_member(&walk, &key, &member)) {
        if (!str_eq(key, STR("diff"))) {
            pack_str(rest, key);
            pack_value(rest, member);
        }
    }
    pack_str(rest, STR("diff"));
    pack_map(rest, 0);
}

/* False: it has no diff that is long. */
static bool split(struct long_message *message, struct value payload, size_t from)
{
    if (value_present(message->diff)) {
        return true;
    }
    struct value diff = payload.len < from ? VALUE_NONE : value_get(payload, STR("diff"));
    if (value_type(diff) != VALUE_MAP || diff.len < from) {
        return false;
    }
    size_t at = (size_t)(diff.data - payload.data);
    if (!message->holder) {
        message->holder = blob_create(payload.data, payload.len);
        message->copied = true;
        payload.data = message->holder->data;
    }
    message->diff = (struct value){payload.data + at, diff.len};
    write_rest(payload, &message->rest);
    return true;
}

void long_send(struct shard_room *room, struct shard_link *link, const struct link_frame *frame,
               struct long_message *message)
{
    if (link->version < LINK_VERSION_SHARES ||
        !split(message, frame->payload, shard_slice(room->shard).left / FROM)) {
        outbox_send(room, link, frame);
        return;
    }
    struct shard_share *share = share_of(room, link, message->holder, message->diff);
    struct link_frame rest = *frame;
    rest.share = share_number(share);
    rest.payload = buf_value(&message->rest);
    if (frame->type == LINK_SEND) {
        share_owe(share);
    }
    if (frame->type != LINK_SEND || frame->how != LINK_HOW_CONNECT) {
        share_shut_gate(share); /* a gateway waits for what is missing of a connect reply only */
    }
    outbox_send(room, link, &rest);
    share_used(share);
}

void long_finish(struct long_message *message)
{
    if (message->copied) {
        blob_unref(message->holder);
    }
    buf_finish(&message->rest);
}
