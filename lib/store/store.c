/* The connection: coming up, silence, coming back. */
#include "store/store.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/internal.h"

#include <hiredis/adapters/libevent.h>
#include <stdio.h>
#include <stdlib.h>

void store_set_trouble(struct store *store, const char *what)
{
    snprintf(store->trouble, sizeof(store->trouble), "%s", what);
}

static void arm(struct store *store, uint64_t ms)
{
    struct timeval tv = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    evtimer_add(store->timer, &tv);
}

bool store_is_up(const struct store *store)
{
    return store->state == STORE_UP;
}

bool store_is_writable(const struct store *store)
{
    return store->state == STORE_UP && !store->refusing;
}

const struct store_server *store_server(const struct store *store)
{
    return &store->server;
}

bool store_is_settled(const struct store *store)
{
    return !store->refusing &&
           (store->back_ms == 0 || clock_ms() - store->back_ms >= STORE_SETTLE_MS);
}

const char *store_trouble(const struct store *store)
{
    return store->trouble;
}

/* The connection is over; hiredis has answered, or is answering, everything that was under way. */
static void go_down(struct store *store)
{
    bool was_up = store->state == STORE_UP;
    store->redis = NULL;
    store->state = STORE_DOWN;
    store->refusing = false;
    if (store->ending) {
        return;
    }
    metrics_set(METRIC_STORE_UP, 0);
    metrics_set(METRIC_STORE_WRITABLE, 0);
    metrics_add(METRIC_STORE_ERRORS, 1);
    if (!store->told) {
        char *where = redis_url_public(store->url);
        log_error(NULL, "no connection to Redis; trying again", LOG_TEXTZ("redis", where),
                  LOG_TEXTZ("why", store->trouble));
        free(where);
        store->told = true;
    }
    arm(store, store->retry_ms);
    store->retry_ms =
        store->retry_ms * 2 < STORE_RETRY_MAX_MS ? store->retry_ms * 2 : STORE_RETRY_MAX_MS;
    if (was_up) {
        store->handlers->on_down(store->ctx);
    }
}

static void on_disconnect(const redisAsyncContext *redis, int status)
{
    struct store *store = redis->data;
    if (status != REDIS_OK && store->trouble[0] == '\0') {
        store_set_trouble(store, redis->errstr);
    }
    go_down(store);
}

static void on_connect(const redisAsyncContext *redis, int status)
{
    struct store *store = redis->data;
    if (status != REDIS_OK) {
        store_set_trouble(store, redis->errstr);
        go_down(store); /* hiredis frees the context and does not call on_disconnect */
        return;
    }
    store_setup(store);
}

static void connect_now(struct store *store)
{
    const struct redis_url *url = store->url;
    store->trouble[0] = '\0';
    store->redis = url->socket_path ? redisAsyncConnectUnix(url->socket_path)
                                    : redisAsyncConnect(url->address.host, url->address.port);
    if (!store->redis || store->redis->err) {
        store_set_trouble(store, store->redis ? store->redis->errstr : "out of memory");
        if (store->redis) {
            redisAsyncFree(store->redis);
        }
        go_down(store);
        return;
    }
    store->state = STORE_CONNECTING;
    store->redis->data = store;
    store->heard_ms = clock_ms();
    redisLibeventAttach(store->redis, store->base);
    redisAsyncSetConnectCallback(store->redis, on_connect);
    redisAsyncSetDisconnectCallback(store->redis, on_disconnect);
    arm(store, STORE_SILENCE_MS / 5);
}

/* Drops the connection; everything under way is answered from inside. */
static void cut(struct store *store, const char *why)
{
    redisAsyncContext *redis = store->redis;
    store_set_trouble(store, why);
    /* redisAsyncFree calls on_disconnect only for established connections. */
    bool established = store->state != STORE_CONNECTING;
    redisAsyncFree(redis);
    if (!established) {
        go_down(store);
    }
}

static void ping(struct store *store)
{
    struct store_args args;
    args_init(&args);
    args_add(&args, STR("PING"));
    store_command(store, &args, NULL, NULL);
    args_finish(&args);
}

static void on_timer(evutil_socket_t fd, short events, void *ctx)
{
    (void)fd;
    (void)events;
    struct store *store = ctx;
    if (store->state == STORE_DOWN) {
        connect_now(store);
        return;
    }
    if (clock_ms() - store->heard_ms > STORE_SILENCE_MS) {
        cut(store, "no answer for five seconds");
        return;
    }
    if (store->state == STORE_UP) {
        if (clock_ms() - store->up_ms >= STORE_RETRY_MAX_MS) {
            store->retry_ms = STORE_RETRY_MIN_MS; /* it lasts */
        }
        store->refusing ? store_probe(store) : ping(store);
    }
    arm(store, store->refusing ? STORE_PROBE_MS : STORE_SILENCE_MS / 5);
}

/* Something came from Redis. */
void store_hear(struct store *store)
{
    uint64_t now_ms = clock_ms();
    if (store->was_up && now_ms - store->heard_ms > STORE_STALL_MS) {
        store->back_ms = now_ms;
    }
    store->heard_ms = now_ms;
}

void store_come_up(struct store *store)
{
    store->state = STORE_UP;
    store->up_ms = clock_ms();
    if (store->was_up) {
        store->back_ms = store->up_ms;
    }
    store->was_up = true;
    metrics_set(METRIC_STORE_UP, 1);
    metrics_set(METRIC_STORE_WRITABLE, 1);
    if (store->told) {
        store->told = false;
        log_info(NULL, "connected to Redis again");
    }
    store->handlers->on_up(store->ctx);
}

struct store *store_create(struct event_base *base, const struct redis_url *url,
                           const struct store_handlers *handlers, void *ctx)
{
    struct store *store = xcalloc(1, sizeof(*store));
    store->base = base;
    store->url = url;
    store->handlers = handlers;
    store->ctx = ctx;
    store->retry_ms = STORE_RETRY_MIN_MS;
    store->timer = evtimer_new(base, on_timer, store);
    arm(store, 0);
    return store;
}

void store_destroy(struct store *store)
{
    if (!store) {
        return;
    }
    store->ending = true;
    if (store->redis) {
        redisAsyncFree(store->redis);
    }
    event_free(store->timer);
    free(store);
}
