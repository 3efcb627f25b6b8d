/* Clients' sockets: bytes to and from a gateway's edge. */
#include "base/alloc.h"
#include "simulator/node_internal.h"

#include <stdlib.h>

enum { WIRE_MIN_US = 50, WIRE_MAX_US = 3000, BUSY_MAX_US = 100000, STUCK_MAX_US = 1500000 };

struct wsconn {
    struct list gateway_link; /* in gateway.conns */
    struct gateway *gateway;
    struct edge_conn *edge; /* NULL once the gateway's end is closed */
    const struct wsconn_handlers *handlers;
    void *ctx;       /* NULL once the client's end is closed */
    struct buf held; /* owned: arrived while it was not read */
    uint64_t up_us, down_us;
    bool ready, paused, ending;
    bool stuck; /* its socket takes nothing for a while */
};

struct chunk {
    struct wsconn *conn;
    uint8_t *data;
    size_t len;
};

static uint64_t travel(uint64_t *last_us)
{
    uint64_t at = world_us() + rnd_between(WIRE_MIN_US, WIRE_MAX_US);
    at = at > *last_us ? at : *last_us;
    *last_us = at;
    return at - world_us();
}

static struct chunk *chunk_make(struct wsconn *conn, const void *data, size_t len)
{
    struct chunk *chunk = world_keep(xmalloc(sizeof(*chunk)));
    *chunk = (struct chunk){conn, world_keep(xmalloc(len + 1)), len};
    memcpy(chunk->data, data, len);
    return chunk;
}

/* ---- to the client ---- */

static void on_client_bytes(void *arg)
{
    struct chunk *chunk = arg;
    if (chunk->conn->ctx) {
        chunk->conn->handlers->on_bytes(chunk->conn->ctx,
                                        (struct str){(char *)chunk->data, chunk->len});
    }
}

static void on_client_closed(void *arg)
{
    struct wsconn *conn = arg;
    if (conn->ctx) {
        void *ctx = conn->ctx;
        conn->ctx = NULL;
        conn->handlers->on_closed(ctx);
    }
}

static void close_gateway_end(struct wsconn *conn)
{
    struct edge_conn *edge = conn->edge;
    conn->edge = NULL;
    list_remove(&conn->gateway_link);
    buf_finish(&conn->held);
    world_after(travel(&conn->down_us), NULL, on_client_closed, conn);
    edge_conn_destroy(edge, world_ms());
}

static void flush(struct wsconn *conn)
{
    struct outq *out = edge_conn_output(conn->edge);
    struct buf bytes = {0};
    while (out->bytes > 0) {
        struct iovec iov[16];
        int n = outq_peek(out, iov, 16);
        size_t sent = 0;
        for (int i = 0; i < n; i++) {
            buf_append(&bytes, iov[i].iov_base, iov[i].iov_len);
            sent += iov[i].iov_len;
        }
        edge_conn_wrote(conn->edge, sent, world_ms());
    }
    if (buf_len(&bytes) > 0) {
        world_after(travel(&conn->down_us), NULL, on_client_bytes,
                    chunk_make(conn, buf_head(&bytes), buf_len(&bytes)));
    }
    buf_finish(&bytes);
}

static void on_unstuck(void *arg)
{
    struct wsconn *conn = arg;
    conn->stuck = false;
    if (conn->edge) {
        conn->ready = true;
        proc_touch(&conn->gateway->proc);
    }
}

/* A client that does not read for a while. */
static bool is_stuck(struct wsconn *conn)
{
    if (!conn->stuck && chance(4)) {
        conn->stuck = true;
        edge_conn_wrote(conn->edge, 0, world_ms());
        world_after(rnd_between(1000, STUCK_MAX_US), &conn->gateway->proc, on_unstuck, conn);
    }
    return conn->stuck;
}

void wsconns_flush(struct gateway *gateway)
{
    struct wsconn *conn;
    list_each(conn, &gateway->conns, gateway_link, struct wsconn)
    {
        if (conn->ready && conn->edge && (conn->ending || !is_stuck(conn))) {
            conn->ready = false;
            flush(conn);
        }
        if (conn->ending) {
            close_gateway_end(conn);
        }
    }
}

/* ---- requests of the edge ---- */

void wsconn_ready(void *ctx, void *user)
{
    struct gateway *gateway = ctx;
    struct wsconn *conn = user;
    conn->ready = true;
    proc_touch(&gateway->proc);
}

static void on_held(void *arg)
{
    struct wsconn *conn = arg;
    if (conn->edge && !conn->paused && !conn->ending && buf_len(&conn->held) > 0) {
        struct buf held = conn->held;
        conn->held = (struct buf){0};
        edge_conn_input(conn->edge, buf_head(&held), buf_len(&held), world_ms());
        buf_finish(&held);
    }
}

void wsconn_read(void *ctx, void *user, bool on)
{
    struct gateway *gateway = ctx;
    struct wsconn *conn = user;
    conn->paused = !on;
    if (on) {
        world_after(0, &gateway->proc, on_held, conn);
    }
}

void wsconn_end(void *ctx, void *user, bool abort)
{
    struct gateway *gateway = ctx;
    struct wsconn *conn = user;
    (void)abort;
    conn->ending = true;
    proc_touch(&gateway->proc);
}

/* ---- to the gateway ---- */

/* A gateway that has much to do finds more of what a client has sent in one read. */
static void on_gateway_bytes(void *arg)
{
    struct chunk *chunk = arg;
    struct wsconn *conn = chunk->conn;
    if (!conn->edge || conn->ending) {
        return;
    }
    if (conn->paused || buf_len(&conn->held) > 0) {
        buf_append(&conn->held, chunk->data, chunk->len);
    } else if (chance(20)) {
        buf_append(&conn->held, chunk->data, chunk->len);
        world_after(rnd_between(1000, BUSY_MAX_US), &conn->gateway->proc, on_held, conn);
    } else {
        edge_conn_input(conn->edge, chunk->data, chunk->len, world_ms());
    }
}

static void on_gateway_closed(void *arg)
{
    struct wsconn *conn = arg;
    if (!list_empty(&conn->gateway_link)) {
        close_gateway_end(conn);
    }
}

void wsconn_send(struct wsconn *conn, struct str bytes)
{
    while (bytes.len > 0) {
        size_t len = bytes.len > 1 && chance(5) ? rnd_between(1, bytes.len) : bytes.len;
        world_after(travel(&conn->up_us), &conn->gateway->proc, on_gateway_bytes,
                    chunk_make(conn, bytes.ptr, len));
        bytes = (struct str){bytes.ptr + len, bytes.len - len};
    }
}

void wsconn_close(struct wsconn *conn)
{
    conn->ctx = NULL;
    if (conn->gateway->proc.alive) {
        world_after(travel(&conn->up_us), &conn->gateway->proc, on_gateway_closed, conn);
    }
}

bool wsconn_gateway_died(const struct wsconn *conn)
{
    return !conn->gateway->proc.alive;
}

/* ---- beginning and end ---- */

struct open {
    struct wsconn *conn;
    struct str room, session; /* kept by the world */
};

static void on_open(void *arg)
{
    struct open *open = arg;
    struct wsconn *conn = open->conn;
    struct edge_conn_config config = {.room = open->room, .session = open->session, .user = conn};
    if (list_empty(&conn->gateway_link)) {
        return; /* closed before it was accepted */
    }
    conn->edge = edge_conn_create(gateway_core_edge(conn->gateway->core), &config, world_ms());
}

static struct gateway *some_gateway(void)
{
    struct gateway *gateway = node.gateways[rnd_below((uint64_t)node.gateway_count)];
    for (int i = 0; !gateway && i < node.gateway_count; i++) {
        gateway = node.gateways[i];
    }
    return gateway;
}

static struct str keep(struct str text)
{
    char *copy = world_keep(xstrndup(text.ptr, text.len));
    return (struct str){copy, text.len};
}

struct wsconn *wsconn_open(struct str room, struct str session,
                           const struct wsconn_handlers *handlers, void *ctx)
{
    struct gateway *gateway = some_gateway();
    if (!gateway) {
        return NULL;
    }
    struct wsconn *conn = world_keep(xcalloc(1, sizeof(*conn)));
    conn->gateway = gateway;
    conn->handlers = handlers;
    conn->ctx = ctx;
    list_append(&gateway->conns, &conn->gateway_link);
    struct open *open = world_keep(xmalloc(sizeof(*open)));
    *open = (struct open){conn, keep(room), keep(session)};
    world_after(travel(&conn->up_us), &gateway->proc, on_open, open);
    return conn;
}

void wsconns_of_dead_gateway(struct gateway *gateway)
{
    struct wsconn *conn;
    list_each(conn, &gateway->conns, gateway_link, struct wsconn)
    {
        close_gateway_end(conn);
    }
}
