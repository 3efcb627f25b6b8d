/* Messages from a client until their room's owner has answered them. */
#include "base/alloc.h"
#include "edge/internal.h"
#include "edge/supersede.h"
#include "value/pack.h"

#include <stdlib.h>

/* Its owner has more to read than it gets done: reading more of clients would only keep it from the
 * processor. */
static bool owner_is_behind(const struct edge_conn *conn)
{
    return conn->state == EDGE_OPENED &&
           buf_len(&conn->room->link->output) >= EDGE_LINK_BEHIND_BYTES;
}

/* What its owner says is not passed on in time: answers wait in the owner, before our door, and so
 * would those to whatever else is read. */
static bool edge_is_behind(const struct edge_conn *conn)
{
    return conn->state == EDGE_OPENED && conn->edge->pace.ms > PACE_MANY_MS;
}

static bool inbox_full(const struct edge_conn *conn)
{
    bool one = conn->edge->inbox_bytes >= EDGE_INBOX_TOTAL || owner_is_behind(conn);
    return conn->inbox.count >= EDGE_INBOX_MESSAGES || conn->inbox.bytes >= EDGE_INBOX_BYTES ||
           (one && conn->inbox.count > 0);
}

static void set_paused(struct edge_conn *conn, bool paused)
{
    if (conn->paused != paused && conn->state != EDGE_ENDED) {
        conn->paused = paused;
        conn->edge->host->conn_read(conn->edge->ctx, conn->user, !paused);
    }
}

/* Where the store is what it waits for we wait too, but signs of life must get through. */
static void regulate(struct edge_conn *conn)
{
    bool full = inbox_full(conn);
    bool held = !full && edge_is_behind(conn) && conn->inbox.count > 0;
    list_remove(&conn->hold_link);
    if (held) {
        conn->hold_due = conn->edge->now_ms + EDGE_HOLD_MS;
        list_append(&conn->edge->held, &conn->hold_link);
    }
    set_paused(conn, full || held);
}

void inbox_hold_tick(struct edge *edge)
{
    while (!list_empty(&edge->held)) {
        struct edge_conn *conn = list_entry(edge->held.next, struct edge_conn, hold_link);
        if (conn->hold_due > edge->now_ms) {
            return;
        }
        list_remove(&conn->hold_link);
        set_paused(conn, false);
    }
}

static void send_one(struct edge_link *link, uint64_t wire, const struct inbox_message *message)
{
    struct link_frame frame = {.conn = wire, .seq = message->seq};
    if (message->broken) {
        frame.type = LINK_BROKEN;
        frame.flags = message->fatal ? LINK_BROKEN_FATAL : 0;
    } else {
        frame.type = LINK_MESSAGE;
        frame.payload = (struct value){message->payload, message->len};
    }
    edge_link_send(link, &frame);
}

uint64_t inbox_last(struct inbox *inbox, uint64_t answered)
{
    struct list *last = inbox->messages.prev;
    return last == &inbox->messages ? answered : list_entry(last, struct inbox_message, link)->seq;
}

void inbox_send(struct edge_link *link, uint64_t wire, const struct inbox *inbox)
{
    struct inbox_message *message;
    list_each(message, &inbox->messages, link, struct inbox_message)
    {
        send_one(link, wire, message);
    }
}

static bool is_ping(struct value payload)
{
    struct str type;
    return value_string(value_get(payload, STR("type")), &type) && str_eq(type, STR("ping"));
}

static void answer_ping(struct edge_conn *conn)
{
    static const uint8_t pong[] = "\x81\xa4type\xa4pong"; /* {"type": "pong"} */
    struct rendered rendered = rendered_of((struct value){pong, sizeof(pong) - 1});
    deliver_pong(conn, &rendered);
    rendered_finish(&rendered);
}

static struct inbox_message *last_of(const struct inbox *inbox)
{
    return list_empty(&inbox->messages)
               ? NULL
               : list_entry(inbox->messages.prev, struct inbox_message, link);
}

static void drop(struct edge *edge, struct inbox *inbox, struct inbox_message *message)
{
    list_remove(&message->link);
    inbox->count -= 1 + message->superseded;
    inbox->superseded -= message->superseded;
    inbox->bytes -= message->len;
    edge->inbox_bytes -= message->len;
    free(message);
}

static struct inbox_message *append(struct edge_conn *conn, struct str payload, uint32_t superseded)
{
    struct inbox_message *message = xmalloc(sizeof(*message) + payload.len);
    message->seq = ++conn->last_seq;
    message->broken = message->fatal = false;
    message->superseded = superseded;
    message->len = (uint32_t)payload.len;
    if (payload.len > 0) {
        memcpy(message->payload, payload.ptr, payload.len);
    }
    list_append(&conn->inbox.messages, &message->link);
    conn->inbox.count += 1 + superseded;
    conn->inbox.superseded += superseded;
    conn->inbox.bytes += payload.len;
    conn->edge->inbox_bytes += payload.len;
    return message;
}

/* Whether the last message and this one have become one. What the owner has been sent stays as it
 * is; while there is none, nobody has answered it. */
static bool supersede(struct edge_conn *conn, struct value payload)
{
    struct inbox_message *last = last_of(&conn->inbox);
    struct buf merged = {0};
    bool may = last && !last->broken && (conn->untold || conn->state == EDGE_WAITING);
    if (!may || !push_supersede((struct value){last->payload, last->len}, payload, &merged)) {
        return false;
    }
    uint32_t superseded = last->superseded + 1;
    drop(conn->edge, &conn->inbox, last);
    append(conn, buf_str(&merged), superseded);
    buf_finish(&merged);
    conn->edge->counts.superseded++;
    return true;
}

static void tell_owner(struct edge_conn *conn)
{
    if (conn->untold) {
        conn->untold = false;
        send_one(conn->room->link, conn->wire, last_of(&conn->inbox));
    }
}

void inbox_flush(struct edge_conn *conn)
{
    if (conn->untold) {
        tell_owner(conn);
        regulate(conn);
    }
}

void inbox_add(struct edge_conn *conn, struct str payload, bool broken, bool fatal)
{
    struct value value = {(const uint8_t *)payload.ptr, payload.len};
    if (conn->joined && conn->state == EDGE_WAITING && !broken && is_ping(value)) {
        answer_ping(conn);
        return;
    }
    conn->edge->counts.messages++;
    conn->room->heat++;
    if (broken || !supersede(conn, value)) {
        tell_owner(conn);
        struct inbox_message *message = append(conn, payload, 0);
        message->broken = broken;
        message->fatal = fatal;
        conn->untold = conn->state == EDGE_OPENED;
    }
    regulate(conn);
}

void inbox_free(struct edge *edge, struct inbox *inbox)
{
    struct inbox_message *message;
    list_each(message, &inbox->messages, link, struct inbox_message)
    {
        drop(edge, inbox, message);
    }
}

void inbox_answered(struct edge_conn *conn, uint64_t seq)
{
    struct kept *kept = &conn->kept;
    struct inbox_message *message;
    list_each(message, &conn->inbox.messages, link, struct inbox_message)
    {
        if (message->seq > seq) {
            break;
        }
        kept_message(kept, message);
        drop(conn->edge, &conn->inbox, message);
    }
    kept->answered = seq > kept->answered ? seq : kept->answered;
    regulate(conn);
}

void inbox_clear(struct edge_conn *conn)
{
    inbox_free(conn->edge, &conn->inbox);
    list_remove(&conn->hold_link);
    set_paused(conn, false);
}

void inbox_answer_pings(struct edge_conn *conn)
{
    struct inbox_message *message;
    if (!conn->joined) {
        return;
    }
    list_each(message, &conn->inbox.messages, link, struct inbox_message)
    {
        if (!message->broken && is_ping((struct value){message->payload, message->len})) {
            drop(conn->edge, &conn->inbox, message);
            answer_ping(conn);
        }
    }
}

static const struct inbox_message *find(const struct inbox *inbox, uint64_t seq)
{
    struct inbox_message *message;
    list_each(message, &inbox->messages, link, struct inbox_message)
    {
        if (message->seq >= seq) {
            return message->seq == seq ? message : NULL;
        }
    }
    return NULL;
}

void inbox_answer_superseded(struct edge_conn *conn, const struct link_frame *frame)
{
    uint64_t clock;
    const struct inbox_message *message =
        conn->inbox.superseded > 0 ? find(&conn->inbox, frame->answered) : NULL;
    if (!message || message->superseded == 0 || frame->how != LINK_HOW_EVENT || frame->share ||
        !push_result_clock(frame->payload, &clock)) {
        return;
    }
    uint64_t first = clock - message->superseded;
    struct buf result = {0};
    for (; first < clock && conn->state == EDGE_OPENED; first++) { /* its queue may be full */
        buf_clear(&result, SIZE_MAX);
        push_result_for(frame->payload, first, &result);
        struct rendered rendered = rendered_of(buf_value(&result));
        deliver_with_next(conn, &rendered);
        rendered_finish(&rendered);
    }
    buf_finish(&result);
}
