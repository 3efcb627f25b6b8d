/* The edge: its beginning, time, and end. */
#include "edge/edge.h"

#include "base/alloc.h"
#include "edge/internal.h"
#include "ws/frame.h"

#include <stdlib.h>

static struct str conn_key(const void *entry)
{
    const struct edge_conn *conn = entry;
    return (struct str){(const char *)&conn->number, sizeof(conn->number)};
}

static struct str room_key(const void *entry)
{
    return str_of(((const struct edge_room *)entry)->name);
}

static struct str link_key(const void *entry)
{
    return str_of(((const struct edge_link *)entry)->worker);
}

struct edge *edge_create(const struct edge_config *config, const struct edge_host *host, void *ctx,
                         struct str gateway_id, struct str node)
{
    struct edge *edge = xcalloc(1, sizeof(*edge));
    edge->config = config;
    edge->host = host;
    edge->ctx = ctx;
    edge->id = gateway_id;
    edge->node = node;
    map_init(&edge->conns, conn_key);
    map_init(&edge->rooms, room_key);
    map_init(&edge->links, link_key);
    list_init(&edge->pacing);
    list_init(&edge->owner_wait);
    list_init(&edge->resume_wait);
    list_init(&edge->lingering);
    list_init(&edge->close_wait);
    list_init(&edge->detached);
    list_init(&edge->stalled);
    list_init(&edge->held);
    list_init(&edge->retrying);
    list_init(&edge->trying);
    list_init(&edge->empty);
    list_init(&edge->rendering);
    pace_init(&edge->pace);
    edge->counts.pace_ms = edge->pace.ms;
    edge->comma = blob_create(",", 1);
    return edge;
}

void edge_destroy(struct edge *edge)
{
    if (!edge) {
        return;
    }
    void *entry;
    for (uint32_t pos = 0; (entry = map_next(&edge->conns, &pos)); pos = 0) {
        edge_conn_destroy(entry, edge->now_ms);
    }
    for (uint32_t pos = 0; (entry = map_next(&edge->rooms, &pos)); pos = 0) {
        route_destroy_room(entry);
    }
    for (uint32_t pos = 0; (entry = map_next(&edge->links, &pos));) {
        link_free(entry);
    }
    map_finish(&edge->conns);
    map_finish(&edge->rooms);
    map_finish(&edge->links);
    buf_finish(&edge->scratch);
    frame_cache_clear(&edge->made);
    piece_cache_clear(&edge->pieces);
    blob_unref(edge->comma);
    free(edge);
}

const struct edge_counts *edge_count(const struct edge *edge)
{
    return &edge->counts;
}

/* The first of a list in order of time, if its wait is over. */
static struct edge_conn *wait_over(struct list *head, uint64_t now_ms)
{
    if (list_empty(head)) {
        return NULL;
    }
    struct edge_conn *conn = list_entry(head->next, struct edge_conn, wait_link);
    return conn->wait_due <= now_ms ? conn : NULL;
}

static void end_stalled(struct edge_conn *conn)
{
    if (conn->state != EDGE_CLOSING && conn->state != EDGE_ENDED) {
        struct log_scope scope = {"session", {conn->session, conn->session_len}};
        log_info(&scope, "client takes nothing and is closed",
                 LOG_U64("bytes", conn->event_bytes + conn->out.bytes));
        conn->edge->counts.closes_slow++;
    }
    conn_abort(conn);
}

static void end_waits(struct edge *edge)
{
    struct edge_conn *conn;
    while ((conn = wait_over(&edge->owner_wait, edge->now_ms))) {
        conn_close(conn, WS_CODE_TRY_LATER, STR("no worker available"));
    }
    while ((conn = wait_over(&edge->resume_wait, edge->now_ms))) {
        conn_close(conn, WS_CODE_TRY_LATER, STR("no worker available"));
    }
    while ((conn = wait_over(&edge->detached, edge->now_ms))) {
        conn_close(conn, WS_CODE_NONE, (struct str){0});
    }
    while ((conn = wait_over(&edge->close_wait, edge->now_ms))) {
        conn_set_wait(conn, EDGE_ENDED);
        edge->host->conn_end(edge->ctx, conn->user, false);
    }
    while (!list_empty(&edge->stalled)) {
        conn = list_entry(edge->stalled.next, struct edge_conn, stall_link);
        if (conn->stall_due > edge->now_ms) {
            break;
        }
        list_remove(&conn->stall_link);
        end_stalled(conn);
    }
}

bool edge_is_busy(const struct edge *edge)
{
    return !list_empty(&edge->rendering);
}

void edge_work(struct edge *edge, uint64_t now_ms)
{
    edge->now_ms = now_ms;
    share_work(edge);
    shed_slow(edge);
}

void edge_tick(struct edge *edge, uint64_t now_ms)
{
    edge->now_ms = now_ms;
    deliver_pace_tick(edge);
    inbox_hold_tick(edge);
    route_retry_tick(edge);
    owner_try_tick(edge);
    linger_tick(edge);
    route_empty_tick(edge);
    end_waits(edge);
    shed_slow(edge);
}

static uint64_t earlier(uint64_t deadline, const struct list *head, size_t due_offset)
{
    if (head->next == head) {
        return deadline;
    }
    uint64_t due;
    memcpy(&due, (const char *)head->next + due_offset, sizeof(due));
    return due < deadline ? due : deadline;
}

#define DUE_FROM(type, link, due) (offsetof(type, due) - offsetof(type, link))

uint64_t edge_deadline(const struct edge *edge)
{
    const size_t wait = DUE_FROM(struct edge_conn, wait_link, wait_due);
    uint64_t deadline = deliver_pace_due(edge);
    deadline = earlier(deadline, &edge->stalled, DUE_FROM(struct edge_conn, stall_link, stall_due));
    deadline = earlier(deadline, &edge->held, DUE_FROM(struct edge_conn, hold_link, hold_due));
    deadline =
        earlier(deadline, &edge->retrying, DUE_FROM(struct edge_room, retry_link, retry_due));
    deadline = earlier(deadline, &edge->empty, DUE_FROM(struct edge_room, empty_link, empty_due));
    deadline = earlier(deadline, &edge->lingering, DUE_FROM(struct edge_linger, time_link, due));
    deadline = earlier(deadline, &edge->owner_wait, wait);
    deadline = earlier(deadline, &edge->resume_wait, wait);
    deadline = earlier(deadline, &edge->close_wait, wait);
    deadline = earlier(deadline, &edge->detached, wait);
    uint64_t tries = owner_try_due(edge);
    return tries < deadline ? tries : deadline;
}

static bool is_open(const struct edge_conn *conn)
{
    return conn->state != EDGE_CLOSING && conn->state != EDGE_ENDED;
}

uint64_t edge_open_count(const struct edge *edge)
{
    uint64_t count = 0;
    uint32_t pos = 0;
    const struct edge_conn *conn;
    while ((conn = map_next(&edge->conns, &pos))) {
        count += is_open(conn);
    }
    return count;
}

uint64_t edge_stop_some(struct edge *edge, uint64_t count, uint64_t now_ms)
{
    edge->now_ms = now_ms;
    uint64_t closed = 0;
    uint32_t pos = 0;
    struct edge_conn *conn;
    while (closed < count && (conn = map_next(&edge->conns, &pos))) {
        if (is_open(conn)) {
            conn_close(conn, WS_CODE_RESTART, STR("server is restarting"));
            closed++;
        }
    }
    return closed;
}

void edge_stop(struct edge *edge, uint64_t now_ms)
{
    edge_stop_some(edge, UINT64_MAX, now_ms);
}
