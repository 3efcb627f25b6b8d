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

/* What somebody still has to read of it is his from now on. */
static void part_unref(struct edge *edge, struct share_part *part)
{
    if (--part->refs > 0) {
        return;
    }
    blob_unref(part->source);
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        struct blob *rendered = part->rendered[encoding];
        if (rendered && rendered->refs > 1) {
            blob_count(rendered, &edge->counts.unsent_bytes);
        }
        blob_unref(rendered);
    }
    free(part);
}

/* Takes the reference. */
static void add_part(struct edge_share *share, struct share_part *part)
{
    if (share->part_count == share->part_cap) {
        share->part_cap = share->part_cap ? share->part_cap * 2 : 8;
        share->parts = xrealloc(share->parts, share->part_cap * sizeof(struct share_part *));
    }
    share->parts[share->part_count++] = part;
    share->have += part->members;
}

static void share_free(struct edge_share *share)
{
    for (uint32_t i = 0; i < share->part_count; i++) {
        part_unref(share->edge, share->parts[i]);
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

/* The members in a row: a map's text without its braces, its bytes without its header. */
static struct blob *render(struct edge *edge, const struct blob *source, enum encoding encoding)
{
    struct value value = {source->data, source->len};
    if (encoding == ENCODING_MSGPACK) {
        const uint8_t *at = value_members(value).at;
        return blob_create(at, (size_t)(source->data + source->len - at));
    }
    enum { KEEP = 1 << 20 };
    buf_clear(&edge->scratch, KEEP);
    json_write(value, &edge->scratch);
    return blob_create(buf_head(&edge->scratch) + 1, buf_len(&edge->scratch) - 2);
}

/* Renders the next part, if it is not: false. */
static bool render_next(struct edge_share *share, enum encoding encoding)
{
    struct share_part *part = share->parts[share->as[encoding].parts++];
    bool was = part->rendered[encoding] != NULL;
    if (!was) {
        part->rendered[encoding] = render(share->edge, part->source, encoding);
    }
    share->as[encoding].bytes += part->rendered[encoding]->len;
    return !was;
}

/* What is rendered of other shares costs nothing. */
static void skip_rendered(struct edge_share *share, enum encoding encoding)
{
    while (share->as[encoding].parts < share->part_count &&
           share->parts[share->as[encoding].parts]->rendered[encoding]) {
        render_next(share, encoding);
    }
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
    while (share->as[encoding].parts < share->part_count && !render_next(share, encoding)) {
    }
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
    wait->after.sum = &conn->edge->counts.unsent_bytes;
    list_append(&share->waiting, &wait->share_link);
    list_append(&conn->waits, &wait->conn_link);
    share->as[conn->encoding].wanted = true;
    skip_rendered(share, conn->encoding);
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

/* Parts that it has in common with another one: their numbers there, in order. */
static bool take_over(struct edge_share *share, const struct edge_share *base, struct value numbers)
{
    struct value_walk walk = value_items(numbers);
    struct value item;
    uint64_t number;
    uint64_t next = 0;
    while (value_next_item(&walk, &item)) {
        if (!base || !value_u64(item, &number) || number < next || number >= base->part_count ||
            base->parts[number]->members > share->members - share->have) {
            return false;
        }
        base->parts[number]->refs++;
        add_part(share, base->parts[number]);
        next = number + 1;
    }
    return true;
}

static enum err on_share(struct edge_link *link, const struct link_frame *frame)
{
    if (frame->members == 0 || share_find(link, frame->share) ||
        value_type(frame->payload) != VALUE_ARRAY) {
        return ERR_MALFORMED;
    }
    struct edge_share *share = xcalloc(1, sizeof(*share));
    share->number = frame->share;
    share->members = frame->members;
    share->edge = link->edge;
    share->link = link;
    list_init(&share->waiting);
    list_init(&share->work_link);
    if (!take_over(share, share_find(link, frame->base), frame->payload)) {
        share_free(share);
        return ERR_MALFORMED;
    }
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
    struct share_part *part = xcalloc(1, sizeof(*part));
    part->refs = 1;
    part->members = count;
    part->source = blob_create(frame->payload.data, frame->payload.len);
    add_part(share, part);
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
