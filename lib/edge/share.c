/* What is long, or what many are told alike. */
#include "edge/share.h"

#include "base/alloc.h"
#include "edge/internal.h"
#include "value/json.h"

#include <stdlib.h>

static struct str number_str(const uint64_t *number)
{
    return (struct str){(const char *)number, sizeof(*number)};
}

struct str share_key(const void *entry)
{
    return number_str(&((const struct edge_share *)entry)->number);
}

static struct edge_share *share_find(const struct edge_link *link, uint64_t number)
{
    return map_get(&link->shares, number_str(&number));
}

static void share_free(struct edge_share *share)
{
    for (uint32_t i = 0; i < share->part_count; i++) {
        struct share_part *part = &share->parts[i];
        blob_unref(part->source);
        for (int encoding = 0; encoding < ENCODINGS; encoding++) {
            blob_unref(part->rendered[encoding]);
        }
    }
    list_remove(&share->work_link);
    free(share->parts);
    free(share);
}

static void free_if_done(struct edge_share *share)
{
    if (!share->link && list_empty(&share->waiting) && !share->finishing) {
        share_free(share);
    }
}

/* ---- rendering ---- */

static bool is_whole(const struct edge_share *share)
{
    return share->have == share->members;
}

/* An encoding of which something is wanted and not there yet; or ENCODINGS. */
static enum encoding next_to_render(const struct edge_share *share)
{
    int encoding = 0;
    while (encoding < ENCODINGS &&
           (!share->as[encoding].wanted || share->as[encoding].parts == share->part_count)) {
        encoding++;
    }
    return (enum encoding)encoding;
}

static void see_to_work(struct edge_share *share)
{
    list_remove(&share->work_link);
    if (next_to_render(share) != ENCODINGS) {
        list_append(&share->edge->rendering, &share->work_link); /* behind the others */
    }
}

/* The members in a row: without a map's header; in JSON without the brace at the end, and with a
 * comma instead of that at the beginning, but for the share's first. */
static struct blob *render(const struct blob *source, enum encoding encoding, bool first)
{
    struct value value = {source->data, source->len};
    if (encoding == ENCODING_MSGPACK) {
        const uint8_t *at = value_members(value).at;
        return blob_create(at, (size_t)(source->data + source->len - at));
    }
    struct buf text = {0};
    buf_reserve(&text, sizeof(struct blob) + source->len + source->len / 2);
    blob_begin(&text);
    json_write(value, &text);
    buf_head(&text)[sizeof(struct blob)] = first ? '{' : ',';
    buf_truncate(&text, buf_len(&text) - 1);
    return blob_take(&text);
}

/* Sends it to those who wait for it, if it is all there. The share may be gone behind it. */
static void finish(struct edge_share *share, enum encoding encoding)
{
    if (!is_whole(share) || share->as[encoding].parts < share->part_count) {
        return;
    }
    struct share_wait *wait;
    share->finishing = true;
    list_each(wait, &share->waiting, share_link, struct share_wait)
    {
        if (wait->encoding == encoding) {
            deliver_waited(wait->conn);
        }
    }
    share->finishing = false;
    free_if_done(share);
}

void share_work(struct edge *edge)
{
    if (list_empty(&edge->rendering)) {
        return;
    }
    struct edge_share *share = list_entry(edge->rendering.next, struct edge_share, work_link);
    enum encoding encoding = next_to_render(share);
    uint32_t at = share->as[encoding].parts++;
    struct share_part *part = &share->parts[at];
    part->rendered[encoding] = render(part->source, encoding, at == 0);
    share->as[encoding].bytes += part->rendered[encoding]->len;
    see_to_work(share);
    finish(share, encoding);
}

/* ---- what waits ---- */

static bool takes_members(struct value payload)
{
    struct value_walk walk = value_members(payload);
    struct str key = {0};
    struct value member = VALUE_NONE;
    while (value_next_member(&walk, &key, &member)) {
    }
    return str_eq(key, STR("diff")) && value_type(member) == VALUE_MAP;
}

static bool is_reply(const struct link_frame *frame)
{
    return frame->type == LINK_SEND && frame->how == LINK_HOW_CONNECT;
}

bool share_serves(const struct edge_link *link, const struct link_frame *frame)
{
    const struct edge_share *share = share_find(link, frame->share);
    bool is_event = frame->type == LINK_CAST || frame->how == LINK_HOW_EVENT;
    return share && (is_reply(frame) || (is_event && is_whole(share))) &&
           takes_members(frame->payload);
}

void share_wait_for(struct edge_conn *conn, const struct link_frame *frame)
{
    struct edge_share *share = share_find(conn->room->link, frame->share);
    struct share_wait *wait = xcalloc(1, sizeof(*wait));
    wait->share = share;
    wait->conn = conn;
    wait->encoding = conn->encoding;
    wait->reply = is_reply(frame);
    wait->message = blob_create(frame->payload.data, frame->payload.len);
    wait->answered = frame->answered;
    list_append(&share->waiting, &wait->share_link);
    list_append(&conn->waits, &wait->conn_link);
    share->as[conn->encoding].wanted = true;
    see_to_work(share);
    deliver_waited(conn);
}

bool share_wait_is_over(const struct share_wait *wait)
{
    return is_whole(wait->share) &&
           wait->share->as[wait->encoding].parts == wait->share->part_count;
}

void share_wait_end(struct share_wait *wait)
{
    list_remove(&wait->share_link);
    list_remove(&wait->conn_link);
    free_if_done(wait->share);
    blob_unref(wait->message);
    outq_finish(&wait->after);
    free(wait);
}

struct share_wait *share_last_wait(const struct edge_conn *conn)
{
    return list_empty(&conn->waits) ? NULL
                                    : list_entry(conn->waits.prev, struct share_wait, conn_link);
}

struct share_wait *share_joining(const struct edge_conn *conn)
{
    struct share_wait *first = list_empty(&conn->waits)
                                   ? NULL
                                   : list_entry(conn->waits.next, struct share_wait, conn_link);
    return first && first->reply ? first : NULL;
}

void share_leave(struct edge_conn *conn)
{
    struct share_wait *wait;
    while ((wait = share_last_wait(conn))) {
        share_wait_end(wait);
    }
}

/* ---- frames ---- */

static enum err on_share(struct edge_link *link, const struct link_frame *frame)
{
    if (frame->members == 0 || share_find(link, frame->share)) {
        return ERR_MALFORMED;
    }
    struct edge_share *share = xcalloc(1, sizeof(*share));
    share->number = frame->share;
    share->members = frame->members;
    share->edge = link->edge;
    share->link = link;
    list_init(&share->waiting);
    list_init(&share->work_link);
    map_put(&link->shares, share);
    return ERR_OK;
}

static enum err on_members(struct edge_link *link, const struct link_frame *frame)
{
    struct edge_share *share = share_find(link, frame->share);
    uint32_t count = value_count(frame->payload);
    if (!share || value_type(frame->payload) != VALUE_MAP || count == 0 ||
        count > share->members - share->have) {
        return ERR_MALFORMED;
    }
    if (share->part_count == share->part_cap) {
        share->part_cap = share->part_cap ? share->part_cap * 2 : 8;
        share->parts = xrealloc(share->parts, share->part_cap * sizeof(*share->parts));
    }
    share->parts[share->part_count++] =
        (struct share_part){.source = blob_create(frame->payload.data, frame->payload.len)};
    share->have += count;
    see_to_work(share);
    return ERR_OK;
}

static enum err on_forget(struct edge_link *link, const struct link_frame *frame)
{
    struct edge_share *share = share_find(link, frame->share);
    if (!share || (!is_whole(share) && !list_empty(&share->waiting))) {
        return ERR_MALFORMED;
    }
    map_remove(&link->shares, share_key(share));
    share->link = NULL;
    free_if_done(share);
    return ERR_OK;
}

enum err share_frame(struct edge_link *link, const struct link_frame *frame)
{
    return frame->type == LINK_SHARE     ? on_share(link, frame)
           : frame->type == LINK_MEMBERS ? on_members(link, frame)
                                         : on_forget(link, frame);
}

void share_drop_all(struct edge_link *link)
{
    uint32_t pos = 0;
    struct edge_share *share;
    while ((share = map_next(&link->shares, &pos))) {
        share->link = NULL;
        free_if_done(share);
    }
    map_finish(&link->shares);
}
