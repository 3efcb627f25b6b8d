/* One client connection: what it sends, and how it ends. */
#include "base/alloc.h"
#include "edge/internal.h"
#include "value/check.h"
#include "value/json.h"
#include "ws/frame.h"

#include <stdlib.h>

void conn_set_wait(struct edge_conn *conn, enum edge_conn_state state)
{
    struct edge *edge = conn->edge;
    list_remove(&conn->wait_link);
    conn->state = state;
    switch (state) {
    case EDGE_WAITING:
        conn->wait_due = edge->now_ms + (conn->joined ? EDGE_RESUME_WAIT_MS : EDGE_OWNER_WAIT_MS);
        list_append(conn->joined ? &edge->resume_wait : &edge->owner_wait, &conn->wait_link);
        break;
    case EDGE_CLOSING:
        conn->wait_due = edge->now_ms + EDGE_CLOSE_WAIT_MS;
        list_append(&edge->close_wait, &conn->wait_link);
        break;
    case EDGE_DETACHED:
        conn->wait_due = edge->now_ms + EDGE_DETACHED_MS;
        list_append(&edge->detached, &conn->wait_link);
        break;
    case EDGE_OPENED:
    case EDGE_ENDED:
        break;
    }
}

struct edge_conn *edge_conn_create(struct edge *edge, const struct edge_conn_config *config,
                                   uint64_t now_ms)
{
    edge->now_ms = now_ms;
    struct edge_conn *conn = xcalloc(1, sizeof(*conn) + config->session.len);
    conn->edge = edge;
    conn->user = config->user;
    conn->number = conn->wire = ++edge->next_number;
    conn->readonly = config->readonly;
    conn->object_readonly = config->object_readonly;
    conn->session_len = (uint32_t)config->session.len;
    memcpy(conn->session, config->session.ptr, config->session.len);
    list_init(&conn->room_link);
    list_init(&conn->wait_link);
    list_init(&conn->pace_link);
    list_init(&conn->stall_link);
    list_init(&conn->hold_link);
    list_init(&conn->waits);
    conn->out.sum = &edge->counts.unsent_bytes;
    list_init(&conn->inbox.messages);
    ws_parser_init(&conn->parser, edge->config->max_message);
    map_put(&edge->conns, conn);
    edge->counts.conns = edge->conns.count;
    conn_set_wait(conn, EDGE_WAITING);
    route_join(conn, config->room);
    return conn;
}

static void conn_end(struct edge_conn *conn, bool abort)
{
    conn_set_wait(conn, EDGE_ENDED);
    conn->edge->host->conn_end(conn->edge->ctx, conn->user, abort);
}

/* Whatever still belongs to its life as a session. */
static void conn_retire(struct edge_conn *conn, bool owner_knows)
{
    inbox_flush(conn);
    route_leave(conn, owner_knows);
    share_leave(conn);
    deliver_drop_events(conn);
    deliver_stop_pacing(conn);
    inbox_clear(conn);
    kept_finish(&conn->kept);
    chunk_finish(&conn->chunks);
}

static void count_close(struct edge *edge, uint16_t code)
{
    edge->counts.closes_fatal += code == 4099;
    edge->counts.closes_retry += code == WS_CODE_RESTART || code == WS_CODE_TRY_LATER;
    edge->counts.closes_protocol += code == WS_CODE_PROTOCOL || code == WS_CODE_BAD_TEXT ||
                                    code == WS_CODE_TOO_LARGE || code == WS_CODE_UNSUPPORTED;
}

static void write_close(struct edge_conn *conn, uint16_t code, struct str reason)
{
    struct buf frame = {0};
    ws_write_close(&frame, code, reason);
    outq_begin(&conn->out);
    outq_append(&conn->out, buf_head(&frame), buf_len(&frame));
    buf_finish(&frame);
    conn_ready(conn);
}

void conn_close(struct edge_conn *conn, uint16_t code, struct str reason)
{
    if (conn->state == EDGE_CLOSING || conn->state == EDGE_ENDED) {
        return;
    }
    conn_retire(conn, false);
    count_close(conn->edge, code);
    write_close(conn, code, reason);
    conn_set_wait(conn, EDGE_CLOSING);
}

void conn_abort(struct edge_conn *conn)
{
    if (conn->state != EDGE_ENDED) {
        conn_retire(conn, false);
        count_close(conn->edge, WS_CODE_TRY_LATER);
    }
    conn_end(conn, true); /* also a socket that does not take its last bytes */
}

/* The client's close frame: the answer to ours, or its wish, which is answered in kind. */
static void on_close(struct edge_conn *conn, uint16_t code)
{
    if (conn->state != EDGE_CLOSING) {
        conn_retire(conn, false);
        write_close(conn, code, (struct str){0});
    }
    conn_end(conn, false);
}

static void on_fail(struct edge_conn *conn, const struct ws_message *message)
{
    struct log_scope scope = {"session", {conn->session, conn->session_len}};
    log_debug(&scope, "client broke the WebSocket protocol", LOG_TEXTZ("why", message->why),
              LOG_U64("code", message->code));
    if (conn->state != EDGE_CLOSING) {
        conn_retire(conn, false);
        count_close(conn->edge, message->code);
        write_close(conn, message->code, (struct str){0});
    }
    conn_end(conn, false);
}

/* False if the connection has ended by it. */
static bool use_encoding(struct edge_conn *conn, enum encoding encoding)
{
    if (conn->encoding != encoding) {
        if (!deliver_flush(conn)) { /* rendered in the other one */
            return false;
        }
        conn->encoding = encoding;
    }
    return true;
}

static void on_message_text(struct edge_conn *conn, struct str text, bool whole)
{
    struct buf *scratch = &conn->edge->scratch;
    enum { KEEP = 1 << 20 };
    buf_clear(scratch, KEEP);
    enum err err = json_parse(text, scratch);
    if (err) {
        /* Beyond our bounds it is refused for good, chunked or not: a client that was merely
         * disconnected would come back with the same. */
        inbox_add(conn, (struct str){0}, true, whole || err != ERR_MALFORMED);
    } else {
        inbox_add(conn, buf_str(scratch), false, false);
    }
}

static void on_text(struct edge_conn *conn, struct str frame)
{
    struct str text;
    switch (chunk_feed(&conn->chunks, frame, conn->edge->config->max_message, &text)) {
    case CHUNK_MORE:
        break;
    case CHUNK_WHOLE:
        on_message_text(conn, text, true);
        break;
    case CHUNK_JOINED:
        on_message_text(conn, text, false);
        chunk_finish(&conn->chunks);
        break;
    case CHUNK_INVALID:
    case CHUNK_WRONG_ORDER:
    case CHUNK_UNEXPECTED_JSON:
        inbox_add(conn, (struct str){0}, true, false);
        break;
    case CHUNK_TOO_LARGE:
        conn_close(conn, WS_CODE_TOO_LARGE, STR("message too large"));
        break;
    }
}

/* A binary frame is one message in msgpack; one that cannot be read is as fatal as bad JSON. */
static void on_binary(struct edge_conn *conn, struct str frame)
{
    struct buf *scratch = &conn->edge->scratch;
    buf_clear(scratch, conn->edge->config->max_message);
    bool broken = value_normalize(frame.ptr, frame.len, scratch) != ERR_OK;
    inbox_add(conn, broken ? (struct str){0} : buf_str(scratch), broken, broken);
}

static void on_ping(struct edge_conn *conn, const struct ws_message *message)
{
    /* One answer at a time is enough (RFC 6455 5.5.3), and a client that does not read its pongs
     * must not fill our memory with them. */
    if (conn->out.bytes < EDGE_OUTQ_BYTES) {
        struct buf frame = {0};
        ws_write_frame(&frame, WS_OP_PONG, true, message->data, message->len);
        outq_begin(&conn->out);
        outq_append(&conn->out, buf_head(&frame), buf_len(&frame));
        buf_finish(&frame);
        conn_ready(conn);
    }
}

static void on_event(struct edge_conn *conn, enum ws_event event, const struct ws_message *message)
{
    struct str data = {(const char *)message->data, message->len};
    bool listening = conn->state == EDGE_WAITING || conn->state == EDGE_OPENED;
    switch (event) {
    case WS_TEXT:
        if (listening && use_encoding(conn, ENCODING_JSON)) {
            on_text(conn, data);
        }
        break;
    case WS_BINARY:
        if (listening && use_encoding(conn, ENCODING_MSGPACK)) {
            on_binary(conn, data);
        }
        break;
    case WS_PING:
        if (conn->state != EDGE_CLOSING) {
            on_ping(conn, message);
        }
        break;
    case WS_CLOSE:
        on_close(conn, message->code);
        break;
    case WS_FAIL:
        on_fail(conn, message);
        break;
    case WS_PONG:
    case WS_NEED_MORE:
        break;
    }
}

void edge_conn_input(struct edge_conn *conn, uint8_t *data, size_t len, uint64_t now_ms)
{
    conn->edge->now_ms = now_ms;
    while (conn->state != EDGE_ENDED) {
        struct ws_message message;
        size_t consumed;
        enum ws_event event = ws_parser_next(&conn->parser, data, len, &consumed, &message);
        data += consumed;
        len -= consumed;
        if (event == WS_NEED_MORE) {
            break;
        }
        on_event(conn, event, &message);
    }
    inbox_flush(conn);
}

struct outq *edge_conn_output(struct edge_conn *conn)
{
    return &conn->out;
}

void edge_conn_wrote(struct edge_conn *conn, size_t len, uint64_t now_ms)
{
    struct edge *edge = conn->edge;
    edge->now_ms = now_ms;
    outq_sent(&conn->out, len);
    if (conn->out.bytes == 0) {
        conn->behind_since = 0;
    } else if (conn->behind_since == 0) {
        conn->behind_since = now_ms;
    }
    if (conn->out.bytes == 0) {
        list_remove(&conn->stall_link);
    } else if (len > 0 || list_empty(&conn->stall_link)) {
        list_remove(&conn->stall_link);
        conn->stall_due = now_ms + EDGE_STALL_MS;
        list_append(&edge->stalled, &conn->stall_link);
    }
}

void edge_conn_destroy(struct edge_conn *conn, uint64_t now_ms)
{
    if (!conn) {
        return;
    }
    struct edge *edge = conn->edge;
    edge->now_ms = now_ms;
    conn_retire(conn, false);
    list_remove(&conn->wait_link);
    list_remove(&conn->stall_link);
    map_remove(&edge->conns, (struct str){(const char *)&conn->number, sizeof(conn->number)});
    edge->counts.conns = edge->conns.count;
    ws_parser_finish(&conn->parser);
    outq_finish(&conn->out);
    free(conn);
}
