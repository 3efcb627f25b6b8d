/* Messages from a client until their room's owner has answered them. */
#include "base/alloc.h"
#include "edge/internal.h"

#include <stdlib.h>

static bool inbox_full(const struct edge_conn *conn)
{
    return conn->inbox_count >= EDGE_INBOX_MESSAGES || conn->inbox_bytes >= EDGE_INBOX_BYTES ||
           (conn->inbox_count > 0 && conn->edge->inbox_bytes >= EDGE_INBOX_TOTAL);
}

static void set_paused(struct edge_conn *conn, bool paused)
{
    if (conn->paused != paused && conn->state != EDGE_ENDED) {
        conn->paused = paused;
        conn->edge->host->conn_read(conn->edge->ctx, conn->user, !paused);
    }
}

static void send_one(struct edge_conn *conn, const struct inbox_message *message)
{
    struct link_frame frame = {.conn = conn->number, .seq = message->seq};
    if (message->broken) {
        frame.type = LINK_BROKEN;
        frame.flags = message->fatal ? LINK_BROKEN_FATAL : 0;
    } else {
        frame.type = LINK_MESSAGE;
        frame.payload = (struct value){message->payload, message->len};
    }
    link_send(conn->room->link, &frame);
}

void inbox_add(struct edge_conn *conn, struct str payload, bool broken, bool fatal)
{
    struct inbox_message *message = xmalloc(sizeof(*message) + payload.len);
    message->seq = ++conn->last_seq;
    message->broken = broken;
    message->fatal = fatal;
    message->len = (uint32_t)payload.len;
    if (payload.len > 0) {
        memcpy(message->payload, payload.ptr, payload.len);
    }
    list_append(&conn->inbox, &message->link);
    conn->inbox_count++;
    conn->inbox_bytes += payload.len;
    conn->edge->inbox_bytes += payload.len;
    conn->edge->counts.messages++;
    if (conn->state == EDGE_OPENED) {
        send_one(conn, message);
    }
    set_paused(conn, inbox_full(conn));
}

void inbox_send_all(struct edge_conn *conn)
{
    struct inbox_message *message;
    list_each(message, &conn->inbox, link, struct inbox_message)
    {
        send_one(conn, message);
    }
}

static void drop(struct edge_conn *conn, struct inbox_message *message)
{
    list_remove(&message->link);
    conn->inbox_count--;
    conn->inbox_bytes -= message->len;
    conn->edge->inbox_bytes -= message->len;
    free(message);
}

void inbox_answered(struct edge_conn *conn, uint64_t seq)
{
    struct inbox_message *message;
    list_each(message, &conn->inbox, link, struct inbox_message)
    {
        if (message->seq > seq) {
            break;
        }
        drop(conn, message);
    }
    set_paused(conn, inbox_full(conn));
}

void inbox_clear(struct edge_conn *conn)
{
    inbox_answered(conn, UINT64_MAX);
}
