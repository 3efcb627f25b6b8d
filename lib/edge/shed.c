/* What waits for clients in all of a gateway, and who is sent away when it is too much.
 *
 * Counted is, in edge_counts.unsent_bytes: every piece of memory with bytes for clients, from when
 * the first connection has to send it until it is freed, once however many have to; and for each
 * connection and piece its place in a queue. Not counted: what shares hold for those who join, as
 * long as they hold it (share.h); what the kernel has taken; what malloc rounds up.
 *
 * The slowest is who has most bytes to read for the longest: by the product of both, so that
 * neither somebody who has just begun to read a large room nor one who has been a little behind for
 * hours goes before those that are the trouble. */
#include "edge/internal.h"
#include "ws/frame.h"

/* What it has to read, whoever else has to. */
static size_t unsent(const struct edge_conn *conn)
{
    size_t bytes = conn->out.bytes + conn->event_bytes;
    const struct share_wait *wait;
    list_each(wait, &conn->waits, conn_link, struct share_wait)
    {
        bytes += wait->after.bytes;
    }
    return bytes;
}

static double slowness(const struct edge_conn *conn)
{
    uint64_t now_ms = conn->edge->now_ms;
    uint64_t behind_ms = conn->behind_since > 0 ? now_ms - conn->behind_since : 0;
    return conn->state == EDGE_ENDED ? 0 : (double)unsent(conn) * (double)(behind_ms + 1);
}

static double slowest(const struct edge *edge)
{
    double most = 0;
    uint32_t pos = 0;
    const struct edge_conn *conn;
    while ((conn = map_next(&edge->conns, &pos))) {
        double slow = slowness(conn);
        most = slow > most ? slow : most;
    }
    return most;
}

/* It keeps the message that it is in the middle of. Who is closing already has had his chance, and
 * so has who would still have much to read before his close frame. */
static void send_away(struct edge_conn *conn)
{
    conn->edge->counts.closes_slow += conn->state != EDGE_CLOSING;
    outq_cut(&conn->out);
    if (conn->state == EDGE_CLOSING || conn->out.bytes > EDGE_OUTQ_BYTES) {
        outq_finish(&conn->out); /* now, or others would have to go for it */
        conn_abort(conn);
    } else {
        conn_close(conn, WS_CODE_TRY_LATER, STR("too much waits to be read"));
    }
}

static bool is_too_much(const struct edge *edge)
{
    size_t most = edge->config->max_unsent ? edge->config->max_unsent : EDGE_UNSENT_TOTAL;
    return edge->counts.unsent_bytes > most;
}

/* Those who are at least half as slow as the slowest. */
static void send_some_away(struct edge *edge, double slow)
{
    uint32_t pos = 0;
    struct edge_conn *conn;
    while (is_too_much(edge) && (conn = map_next(&edge->conns, &pos))) {
        if (slowness(conn) >= slow / 2) {
            send_away(conn);
        }
    }
}

void shed_slow(struct edge *edge)
{
    enum { PER_MINUTE = 6 };
    size_t bytes = edge->counts.unsent_bytes;
    uint64_t closed = edge->counts.closes_slow;
    double slow;
    while (is_too_much(edge) && (slow = slowest(edge)) > 0) {
        send_some_away(edge, slow);
    }
    uint32_t suppressed;
    closed = edge->counts.closes_slow - closed;
    if (closed > 0 && log_limit_pass(&edge->shed_limit, PER_MINUTE, edge->now_ms, &suppressed)) {
        log_warn(NULL, "too much waits for clients to read it: the slowest are closed with 1013",
                 LOG_U64("closed", closed), LOG_U64("bytes", bytes),
                 LOG_U64("bytes_left", edge->counts.unsent_bytes),
                 LOG_U64("connections", edge->counts.conns), LOG_U64("suppressed", suppressed));
    }
}
