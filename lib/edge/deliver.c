/* Messages to a client: pacing and grouping into `data` messages (MSG), and WebSocket frames. */
#include "base/alloc.h"
#include "edge/condense.h"
#include "edge/internal.h"
#include "value/json.h"
#include "value/pack.h"
#include "ws/frame.h"

#include <assert.h>
#include <stdlib.h>

/* Shared bytes from this size on are referenced, smaller ones copied next to each other. */
enum { SHARE_FROM = 2048 };

void conn_ready(struct edge_conn *conn)
{
    conn->edge->host->conn_ready(conn->edge->ctx, conn->user);
}

static enum ws_opcode opcode_of(enum encoding encoding)
{
    return encoding == ENCODING_JSON ? WS_OP_TEXT : WS_OP_BINARY;
}

static void end_slow(struct edge_conn *conn)
{
    conn->edge->counts.closes_slow++;
    struct log_scope scope = {"session", {conn->session, conn->session_len}};
    log_info(&scope, "client does not keep up and is closed",
             LOG_STR("room", str_of(conn->room->name)),
             LOG_U64("bytes", conn->event_bytes + conn->out.bytes));
    conn_abort(conn);
}

/* What is to be sent next goes there: behind what waits for a share. */
static struct outq *out_of(struct edge_conn *conn)
{
    struct share_wait *last = share_last_wait(conn);
    return last ? &last->after : &conn->out;
}

/* Events wait for a socket that is blocked; what cannot wait is bounded here. */
static bool takes_more(struct edge_conn *conn)
{
    if (out_of(conn)->bytes > EDGE_UNSENT_BYTES) {
        end_slow(conn);
        return false;
    }
    return true;
}

/* One frame holding one message. */
static void send_message(struct edge_conn *conn, struct rendered *message)
{
    struct blob *payload = rendered_get(message, conn->encoding);
    uint8_t header[WS_HEADER_MAX];
    size_t header_len = ws_frame_header(header, opcode_of(conn->encoding), true, payload->len);
    outq_begin(out_of(conn));
    outq_append(out_of(conn), header, header_len);
    outq_push(out_of(conn), blob_ref(payload));
    conn->edge->counts.frames_sent++;
    conn_ready(conn);
}

/* ---- a message and its share ---- */

/* What comes before the share's members, and behind them. */
static void write_around(const struct share_wait *wait, struct buf *head, struct buf *tail)
{
    struct value message = {wait->message->data, wait->message->len};
    struct value_walk walk = value_members(message);
    struct value diff = VALUE_NONE;
    struct str key;
    while (value_next_member(&walk, &key, &diff)) { /* it is the last */
    }
    uint32_t own = value_count(diff);
    if (wait->encoding == ENCODING_MSGPACK) {
        const uint8_t *at = value_members(diff).at;
        buf_append(head, message.data, (size_t)(diff.data - message.data));
        pack_map(head, own + (uint32_t)wait->share->members);
        buf_append(tail, at, (size_t)(diff.data + diff.len - at));
    } else {
        json_write(message, head);
        json_write(diff, tail);
        buf_truncate(head, buf_len(head) - buf_len(tail)); /* from its first member on */
        *buf_head(tail) = ',';
        buf_consume(tail, own > 0 ? 0 : 1);
        buf_append(tail, "}", 1);
    }
}

/* The share's members, as its parts have them; in JSON with commas between them. */
static void push_parts(struct edge_conn *conn, const struct share_wait *wait)
{
    const struct edge_share *share = wait->share;
    for (uint32_t i = 0; i < share->part_count; i++) {
        if (i > 0 && wait->encoding == ENCODING_JSON) {
            outq_push_lent(&conn->out, blob_ref(conn->edge->comma));
        }
        outq_push_lent(&conn->out, blob_ref(share->parts[i]->rendered[wait->encoding]));
    }
}

static size_t parts_len(const struct share_wait *wait)
{
    size_t commas = wait->encoding == ENCODING_JSON ? wait->share->part_count - 1 : 0;
    return wait->share->as[wait->encoding].bytes + commas;
}

static void push_waited(struct edge_conn *conn, const struct share_wait *wait)
{
    uint8_t around[ENVELOPE_MAX];
    struct buf head = {0};
    struct buf tail = {0};
    struct buf frame = {0};
    if (!wait->reply) {
        buf_append(&head, around, envelope_head(wait->encoding, 1, around));
    }
    write_around(wait, &head, &tail);
    if (!wait->reply) {
        buf_append(&tail, around, envelope_tail(wait->encoding, around));
    }
    blob_begin(&frame);
    ws_write_header(&frame, opcode_of(wait->encoding), true,
                    buf_len(&head) + parts_len(wait) + buf_len(&tail));
    buf_append_str(&frame, buf_str(&head));
    outq_begin(&conn->out);
    outq_push(&conn->out, blob_take(&frame));
    push_parts(conn, wait);
    outq_append(&conn->out, buf_head(&tail), buf_len(&tail));
    conn->edge->counts.frames_sent++;
    buf_finish(&head);
    buf_finish(&tail);
}

static void end_joining(struct edge_conn *conn, uint64_t answered)
{
    conn->joined = true;
    inbox_answered(conn, answered);
}

void deliver_waited(struct edge_conn *conn)
{
    while (!list_empty(&conn->waits)) {
        struct share_wait *wait = list_entry(conn->waits.next, struct share_wait, conn_link);
        if (!share_wait_is_over(wait)) {
            return;
        }
        if (conn->out.bytes > EDGE_UNSENT_BYTES) {
            end_slow(conn);
            return;
        }
        bool reply = wait->reply;
        uint64_t answered = wait->answered;
        push_waited(conn, wait);
        outq_splice(&conn->out, &wait->after);
        share_wait_end(wait);
        if (reply) {
            end_joining(conn, answered);
        }
        conn_ready(conn);
    }
}

/* ---- events ---- */

static size_t events_len(struct blob *const *events, uint32_t count)
{
    size_t len = 0;
    for (uint32_t i = 0; i < count; i++) {
        len += events[i]->len;
    }
    return len;
}

/* A frame with a `data` message of so many events of so many bytes, up to the first of them. */
static void begin_data(struct buf *frame, enum encoding encoding, uint32_t count, size_t bytes)
{
    uint8_t head[ENVELOPE_MAX];
    uint8_t tail[ENVELOPE_MAX];
    size_t head_len = envelope_head(encoding, count, head);
    size_t payload =
        head_len + bytes + (count - 1) * envelope_gap(encoding) + envelope_tail(encoding, tail);
    blob_begin(frame);
    ws_write_header(frame, opcode_of(encoding), true, payload);
    buf_append(frame, head, head_len);
}

/* Copies what is short; what is long goes out by reference. Returns the last piece of the frame,
 * which is all of it unless something was long. */
static struct blob *make_data(struct edge_conn *conn, struct blob *const *events, uint32_t count,
                              size_t bytes)
{
    uint8_t tail[ENVELOPE_MAX];
    size_t gap = envelope_gap(conn->encoding);
    size_t most = 2 * ENVELOPE_MAX + bytes + (count - 1) * gap;
    struct buf frame = {0};
    buf_reserve(&frame, sizeof(struct blob) + WS_HEADER_MAX +
                            (most < FRAME_CACHE_BYTES ? most : SHARE_FROM));
    begin_data(&frame, conn->encoding, count, bytes);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_append(&frame, ",", gap);
        }
        if (events[i]->len >= SHARE_FROM) {
            outq_push(out_of(conn), blob_take(&frame));
            outq_push(out_of(conn), blob_ref(events[i]));
            blob_begin(&frame);
        } else {
            buf_append(&frame, events[i]->data, events[i]->len);
        }
    }
    buf_append(&frame, tail, envelope_tail(conn->encoding, tail));
    return blob_take(&frame);
}

static bool has_long(struct blob *const *events, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (events[i]->len >= SHARE_FROM) {
            return true;
        }
    }
    return false;
}

/* A frame of these events, in pieces that others are sent too. */
static void push_pieces(struct edge_conn *conn, struct blob *const *events, uint32_t count,
                        size_t bytes)
{
    struct outq *out = out_of(conn);
    uint8_t tail[ENVELOPE_MAX];
    size_t gap = envelope_gap(conn->encoding);
    struct buf begin = {0};
    begin_data(&begin, conn->encoding, count, bytes);
    outq_push(out, blob_take(&begin));
    for (uint32_t i = 0; i < count;) {
        uint32_t length = piece_length(events + i, count - i);
        if (i > 0 && gap > 0) {
            outq_push_lent(out, blob_ref(conn->edge->comma));
        }
        outq_push(out, blob_ref(piece_cache_get(&conn->edge->pieces, conn->encoding, events + i,
                                                length)));
        i += length;
    }
    outq_append(out, tail, envelope_tail(conn->encoding, tail));
}

/* To copy a frame is cheaper than to send it in pieces, up to a length; but who is late had better
 * not fill the memory with copies, each of which is written to for the first time. */
static size_t pieces_from(const struct edge_conn *conn)
{
    enum { IN_TIME = 32 << 10, LATE = 8 << 10 };
    return conn->edge->pace.ms > PACE_MANY_MS ? LATE : IN_TIME;
}

/* The same in one piece, which is kept for who is told the same. */
static void push_whole(struct edge_conn *conn, struct blob *const *events, uint32_t count,
                       size_t bytes)
{
    struct frame_cache *made = &conn->edge->made;
    struct blob *frame = frame_cache_get(made, conn->encoding, events, count);
    if (frame) {
        outq_push(out_of(conn), blob_ref(frame));
        return;
    }
    frame = make_data(conn, events, count, bytes);
    if (!has_long(events, count)) {
        frame_cache_put(made, conn->encoding, events, count, frame);
    }
    outq_push(out_of(conn), frame);
}

/* One frame with one `data` message of these events, of so many bytes. */
static void send_data(struct edge_conn *conn, struct blob *const *events, uint32_t count,
                      size_t bytes)
{
    outq_begin(out_of(conn));
    if (bytes > pieces_from(conn)) {
        push_pieces(conn, events, count, bytes);
    } else {
        push_whole(conn, events, count, bytes);
    }
    conn->edge->counts.frames_sent++;
    conn_ready(conn);
}

/* ---- pacing ----
 *
 * A connection gets one frame of events per EDGE_PACE_MS on average, 111 a second, and fewer where
 * there are many or we do not keep up (pace.h); what else comes is sent together with what comes
 * next. It may get one more at once if it had fewer before. So most events go out as they come,
 * also where there are more events than frames, and none waits for longer than that. The original
 * sends the first event at once, and what comes within 1000/60 ms together at the end of that, up
 * to 110 frames a second (MSG-1, MSG-2), of which most wait. */

static bool may_send(const struct edge_conn *conn)
{
    return conn->edge->now_ms + conn->edge->pace.ms >= conn->pace_free;
}

static void note_sent(struct edge_conn *conn, uint32_t events)
{
    struct edge *edge = conn->edge;
    pace_sent(&edge->pace, events, edge->now_ms);
    edge->counts.pace_ms = edge->pace.ms;
    conn->pace_free =
        (conn->pace_free > edge->now_ms ? conn->pace_free : edge->now_ms) + edge->pace.ms;
}

/* Also without anything coming behind them, events are sent then. */
static void wait_a_while(struct edge_conn *conn)
{
    conn->pace_since = conn->edge->now_ms;
    list_remove(&conn->pace_link);
    list_append(&conn->edge->pacing, &conn->pace_link);
}

void deliver_stop_pacing(struct edge_conn *conn)
{
    list_remove(&conn->pace_link);
}

static size_t outq_bytes(const struct edge *edge)
{
    return edge->config->outq_bytes ? edge->config->outq_bytes : EDGE_OUTQ_BYTES;
}

static bool has_much(const struct edge_conn *conn)
{
    return !list_empty(&conn->waits) || conn->out.bytes > outq_bytes(conn->edge);
}

/* What a turn has made is written when it ends: only a socket that did not take all then is in the
 * way. Where it is we who are late, and each turn has much for all, to hold events back for a
 * room's hundreds of clients, and to condense them for each, would be what makes us later still. */
static bool blocked(const struct edge_conn *conn)
{
    return has_much(conn) && (!list_empty(&conn->waits) || conn->behind_since > 0);
}

static void keep_event(struct edge_conn *conn, struct blob *event)
{
    if (conn->event_count == conn->event_cap) {
        conn->event_cap = conn->event_cap ? conn->event_cap * 2 : 4;
        conn->events = xrealloc(conn->events, conn->event_cap * sizeof(*conn->events));
    }
    conn->events[conn->event_count++] = blob_ref(event);
    conn->event_bytes += event->len;
    blob_count(event, &conn->edge->counts.unsent_bytes);
    conn->edge->counts.unsent_bytes += sizeof(*conn->events);
}

/* Keeps the memory: there will be as many again. */
static void forget_events(struct edge_conn *conn)
{
    conn->edge->counts.unsent_bytes -= conn->event_count * sizeof(*conn->events);
    for (uint32_t i = 0; i < conn->event_count; i++) {
        blob_unref(conn->events[i]);
    }
    conn->event_count = conn->condense_at = 0;
    conn->event_bytes = 0;
}

static void free_events(struct edge_conn *conn)
{
    free(conn->events);
    conn->events = NULL;
    conn->event_cap = 0;
}

void deliver_drop_events(struct edge_conn *conn)
{
    forget_events(conn);
    free_events(conn);
}

static void flush_events(struct edge_conn *conn)
{
    enum { KEPT_MAX = 256 };
    uint32_t events = conn->event_count;
    send_data(conn, conn->events, events, conn->event_bytes);
    forget_events(conn);
    if (conn->event_cap > KEPT_MAX) {
        free_events(conn);
    }
    list_remove(&conn->pace_link);
    note_sent(conn, events);
}

static bool is_on_roster(const void *ctx, struct str id)
{
    const struct edge_room *room = ctx;
    return map_get(&room->roster, id) != NULL;
}

/* Each event is looked at about twice, however many come: the next time is when there is as much
 * again. */
static void condense(struct edge_conn *conn)
{
    struct edge_counts *counts = &conn->edge->counts;
    struct condense how = {conn->encoding, is_on_roster, conn->room};
    uint32_t before = conn->event_count;
    conn->event_count = condense_events(&how, conn->events, before);
    conn->event_bytes = events_len(conn->events, conn->event_count);
    conn->condense_at = (uint32_t)(2 * conn->event_bytes);
    for (uint32_t i = 0; i < conn->event_count; i++) {
        blob_count(conn->events[i], &counts->unsent_bytes);
    }
    counts->unsent_bytes -= (before - conn->event_count) * sizeof(*conn->events);
    counts->condensed += before - conn->event_count;
}

static bool has_room_for(struct edge_conn *conn, const struct blob *event)
{
    size_t least = outq_bytes(conn->edge) / 4;
    size_t from = conn->condense_at > least ? conn->condense_at : least;
    if (blocked(conn) && conn->event_bytes + event->len > from) {
        condense(conn);
    }
    if (conn->event_bytes + event->len > EDGE_UNSENT_BYTES && conn->event_count > 0) {
        end_slow(conn);
        return false;
    }
    return true;
}

void deliver_with_next(struct edge_conn *conn, struct rendered *event)
{
    struct blob *blob = rendered_get(event, conn->encoding);
    conn->edge->counts.events++;
    if (has_room_for(conn, blob)) {
        keep_event(conn, blob);
    }
}

void deliver_event(struct edge_conn *conn, struct rendered *event)
{
    struct blob *blob = rendered_get(event, conn->encoding);
    conn->edge->counts.events++;
    bool now = may_send(conn) && !blocked(conn);
    if (now && conn->event_count == 0) {
        send_data(conn, &blob, 1, blob->len);
        note_sent(conn, 1);
        return;
    }
    if (!has_room_for(conn, blob)) {
        return;
    }
    keep_event(conn, blob);
    if (now) {
        flush_events(conn);
    } else if (list_empty(&conn->pace_link)) {
        wait_a_while(conn);
    }
}

void deliver_long_event(struct edge_conn *conn, const struct link_frame *frame)
{
    conn->edge->counts.events++;
    if (takes_more(conn) && deliver_flush(conn)) {
        note_sent(conn, 1);
        share_wait_for(conn, frame);
    }
}

bool deliver_flush(struct edge_conn *conn)
{
    if (conn->event_count == 0) {
        return true;
    }
    if (!takes_more(conn)) {
        return false;
    }
    flush_events(conn);
    return true;
}

void deliver_message(struct edge_conn *conn, struct rendered *message, bool after_events)
{
    if (takes_more(conn) && (!after_events || deliver_flush(conn))) {
        send_message(conn, message);
    }
}

/* Who has that much still to read hears from us anyway. */
void deliver_pong(struct edge_conn *conn, struct rendered *pong)
{
    if (!has_much(conn)) {
        send_message(conn, pong);
    }
    if (conn->event_count == 0) {
        free_events(conn); /* an idle connection holds nothing */
    }
}

static struct edge_conn *first_waiting(const struct edge *edge)
{
    return list_empty(&edge->pacing) ? NULL
                                     : list_entry(edge->pacing.next, struct edge_conn, pace_link);
}

uint64_t deliver_pace_due(const struct edge *edge)
{
    const struct edge_conn *conn = first_waiting(edge);
    return conn ? conn->pace_since + edge->pace.ms : UINT64_MAX;
}

void deliver_pace_tick(struct edge *edge)
{
    struct edge_conn *conn;
    while ((conn = first_waiting(edge))) {
        uint64_t due = deliver_pace_due(edge);
        if (due > edge->now_ms) {
            return;
        }
        list_remove(&conn->pace_link);
        pace_late(&edge->pace, edge->now_ms - due);
        if (blocked(conn)) {
            wait_a_while(conn); /* and then look again whether the socket takes more */
        } else {
            deliver_flush(conn);
        }
    }
    frame_cache_clear(&edge->made); /* nobody waits for any of them */
    piece_cache_clear(&edge->pieces);
}
