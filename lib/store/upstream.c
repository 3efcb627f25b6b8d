/* One server: coming up, silence, coming back. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "net/loop.h"
#include "store/internal.h"

#include <stdio.h>
#include <stdlib.h>

void upstream_set_trouble(struct upstream *upstream, const char *what)
{
    /* A phrase of Redis may hold a line break. */
    snprintf(upstream->trouble, sizeof(upstream->trouble), "%.*s", (int)strcspn(what, "\r\n"),
             what);
}

/* The pauses double; where many lost the same server they do not come back all at once. */
static void arm_retry(struct upstream *upstream)
{
    uint64_t half = upstream->retry_ms / 2;
    loop_arm(upstream->timer, half + random_u64() % (half + 1));
    upstream->retry_ms =
        upstream->retry_ms * 2 < STORE_RETRY_MAX_MS ? upstream->retry_ms * 2 : STORE_RETRY_MAX_MS;
}

/* The connection is over, and everything that was under way has been answered. */
static void go_down(struct upstream *upstream, enum store_trouble_kind kind)
{
    bool was_up = upstream->state == UPSTREAM_UP;
    upstream->conn = NULL;
    upstream->state = UPSTREAM_DOWN;
    upstream->refusing = false;
    upstream->tried = true;
    store_forget_tls(upstream->store);
    if (!upstream->store->ending) {
        arm_retry(upstream);
        store_upstream_down(upstream, was_up, kind);
    }
}

static void on_closed(void *ctx, const char *why)
{
    struct upstream *upstream = ctx;
    if (upstream->trouble[0] == '\0') {
        upstream_set_trouble(upstream, why);
    }
    go_down(upstream, strncmp(upstream->trouble, "LOADING", 7) == 0 ? STORE_LOADING : STORE_AWAY);
}

static void on_open(void *ctx)
{
    upstream_setup(ctx);
}

static const struct conn_handlers conn_handlers = {on_open, on_closed};

static void connect_now(struct upstream *upstream)
{
    struct store *store = upstream->store;
    if (store->sentinels) {
        sentinels_ask(store->sentinels);
        const struct address *master = sentinels_master(store->sentinels);
        if (!master && !sentinels_are_tried(store->sentinels)) {
            upstream_hurry(upstream); /* nothing is wrong yet */
            return;
        }
        if (!master) {
            upstream_set_trouble(upstream, store->trouble[0] ? store->trouble
                                                             : "no sentinel has answered yet");
            go_down(upstream, STORE_AWAY);
            return;
        }
        upstream->address = *master;
    }
    upstream->trouble[0] = '\0';
    upstream->state = UPSTREAM_CONNECTING;
    upstream->heard_ms = clock_ms();
    upstream->conn = store_connect(store, &upstream->address, &conn_handlers, upstream);
    if (!upstream->conn) {
        upstream_set_trouble(upstream, store->trouble);
        go_down(upstream, STORE_UNFIT);
        return;
    }
    loop_arm(upstream->timer, STORE_SILENCE_MS / 5);
}

void upstream_cut(struct upstream *upstream, enum store_trouble_kind kind, const char *why)
{
    if (upstream->state == UPSTREAM_DOWN) {
        return;
    }
    upstream_set_trouble(upstream, why);
    conn_destroy(upstream->conn);
    go_down(upstream, kind);
}

void upstream_leave(struct upstream *upstream, const char *why)
{
    if (upstream->conn) {
        upstream_set_trouble(upstream, why);
        conn_leave(upstream->conn, why);
    }
}

void upstream_hurry(struct upstream *upstream)
{
    if (upstream->state == UPSTREAM_DOWN) {
        enum { SOON_MS = 20 };
        upstream->retry_ms = STORE_RETRY_MIN_MS;
        loop_arm(upstream->timer, SOON_MS);
    }
}

static void on_ping(void *ctx, const redisReply *reply)
{
    struct upstream *upstream = ctx;
    if (reply) {
        upstream_hear(upstream);
        if (reply->type == REDIS_REPLY_ERROR) {
            upstream_leave(upstream, reply->str); /* it loads its data, or has lost its master */
        }
    }
}

static void on_timer(evutil_socket_t fd, short events, void *ctx)
{
    (void)fd;
    (void)events;
    struct upstream *upstream = ctx;
    if (upstream->state == UPSTREAM_DOWN) {
        connect_now(upstream);
        return;
    }
    uint64_t now_ms = clock_ms();
    if (now_ms - upstream->heard_ms > STORE_SILENCE_MS) {
        upstream_cut(upstream, STORE_AWAY, "no answer for five seconds");
        return;
    }
    if (upstream->state == UPSTREAM_UP) {
        static const char *const ping = "PING";
        if (now_ms - upstream->up_ms >= STORE_RETRY_MAX_MS) {
            upstream->retry_ms = STORE_RETRY_MIN_MS; /* it lasts */
        }
        if (upstream->refusing) {
            upstream_probe(upstream);
        } else {
            conn_send_words(upstream->conn, 1, &ping, on_ping, upstream);
        }
    }
    loop_arm(upstream->timer, upstream->refusing ? STORE_PROBE_MS : STORE_SILENCE_MS / 5);
}

void upstream_hear(struct upstream *upstream)
{
    struct store *store = upstream->store;
    uint64_t now_ms = clock_ms();
    if (store->was_up && upstream == store->main && now_ms - upstream->heard_ms > STORE_STALL_MS) {
        store->back_ms = now_ms;
    }
    upstream->heard_ms = now_ms;
}

void upstream_come_up(struct upstream *upstream)
{
    upstream->state = UPSTREAM_UP;
    upstream->tried = true;
    upstream->up_ms = clock_ms();
    store_upstream_up(upstream);
}

struct upstream *upstream_create(struct store *store, const struct address *address)
{
    struct upstream *upstream = xcalloc(1, sizeof(*upstream));
    upstream->store = store;
    upstream->address = *address;
    upstream->retry_ms = STORE_RETRY_MIN_MS;
    upstream->timer = evtimer_new(store->base, on_timer, upstream);
    server_reset(&upstream->server);
    list_init(&upstream->link);
    loop_arm(upstream->timer, 0);
    return upstream;
}

void upstream_destroy(struct upstream *upstream)
{
    if (!upstream) {
        return;
    }
    conn_destroy(upstream->conn);
    event_free(upstream->timer);
    free(upstream);
}
