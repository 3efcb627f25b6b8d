/* The connection: coming up, scripts, silence, coming back. */
#include "store/store.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/internal.h"
#include "store/scripts.h"

#include <assert.h>
#include <hiredis/adapters/libevent.h>
#include <stdio.h>
#include <stdlib.h>

enum store_state { STORE_DOWN, STORE_CONNECTING, STORE_SETUP, STORE_UP };

struct store {
    struct event_base *base;
    const struct redis_url *url;
    const struct store_handlers *handlers;
    void *ctx;
    enum store_state state;
    redisAsyncContext *redis; /* NULL while down */
    struct event *timer;      /* retry while down, else the watch for silence */
    uint64_t retry_ms;
    uint64_t heard_ms; /* last reply */
    uint64_t back_ms;  /* end of the last outage; 0 if there was none since the first connection */
    int setup_left;    /* replies still missing before it is up */
    struct store_server server;
    char sha[SCRIPTS][41];
    char trouble[160];
    bool was_up; /* ever */
    bool told;   /* the trouble was logged; once per outage */
    bool ending;
};

struct request {
    struct store *store;
    store_reply_fn fn;
    void *ctx;
};

static void set_trouble(struct store *store, const char *what)
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

const struct store_server *store_server(const struct store *store)
{
    return &store->server;
}

bool store_is_settled(const struct store *store)
{
    return store->back_ms == 0 || clock_ms() - store->back_ms >= STORE_SETTLE_MS;
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
    if (store->ending) {
        return;
    }
    metrics_set(METRIC_STORE_UP, 0);
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
        set_trouble(store, redis->errstr);
    }
    go_down(store);
}

static void setup(struct store *store);

static void on_connect(const redisAsyncContext *redis, int status)
{
    struct store *store = redis->data;
    if (status != REDIS_OK) {
        set_trouble(store, redis->errstr);
        go_down(store); /* hiredis frees the context and does not call on_disconnect */
        return;
    }
    setup(store);
}

static void connect_now(struct store *store)
{
    const struct redis_url *url = store->url;
    store->trouble[0] = '\0';
    store->redis = url->socket_path ? redisAsyncConnectUnix(url->socket_path)
                                    : redisAsyncConnect(url->address.host, url->address.port);
    if (!store->redis || store->redis->err) {
        set_trouble(store, store->redis ? store->redis->errstr : "out of memory");
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
    set_trouble(store, why);
    /* redisAsyncFree calls on_disconnect only for established connections. */
    bool established = store->state != STORE_CONNECTING;
    redisAsyncFree(redis);
    if (!established) {
        go_down(store);
    }
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
        struct store_args args;
        args_init(&args);
        args_add(&args, STR("PING"));
        store_command(store, &args, NULL, NULL);
        args_finish(&args);
    }
    arm(store, STORE_SILENCE_MS / 5);
}

/* Something came from Redis. */
static void hear(struct store *store)
{
    uint64_t now_ms = clock_ms();
    if (store->was_up && now_ms - store->heard_ms > STORE_STALL_MS) {
        store->back_ms = now_ms;
    }
    store->heard_ms = now_ms;
}

/* ---- setup: AUTH, SELECT, who it is, scripts ---- */

static void come_up(struct store *store)
{
    store->state = STORE_UP;
    store->retry_ms = STORE_RETRY_MIN_MS;
    if (store->was_up) {
        store->back_ms = clock_ms();
    }
    store->was_up = true;
    metrics_set(METRIC_STORE_UP, 1);
    if (store->told) {
        store->told = false;
        log_info(NULL, "connected to Redis again");
    }
    store->handlers->on_up(store->ctx);
}

/* One answer less to wait for; the last one makes it up. */
static void setup_done(struct store *store)
{
    if (--store->setup_left == 0) {
        come_up(store);
    }
}

/* A Redis that forbids these, or has none of it, promises nothing. */
static void on_info(redisAsyncContext *redis, void *data, void *ctx)
{
    struct store *store = redis->data;
    const redisReply *reply = data;
    (void)ctx;
    if (!reply) {
        return;
    }
    hear(store);
    if (reply->type == REDIS_REPLY_STRING) {
        server_read_info(&store->server, reply_str(reply));
    }
    setup_done(store);
}

static void on_fsync(redisAsyncContext *redis, void *data, void *ctx)
{
    struct store *store = redis->data;
    const redisReply *reply = data;
    (void)ctx;
    if (!reply) {
        return;
    }
    hear(store);
    store->server.fsyncs = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                           str_eq(reply_str(reply->element[1]), STR("always"));
    setup_done(store);
}

static void on_setup_reply(redisAsyncContext *redis, void *data, void *ctx)
{
    struct store *store = redis->data;
    const redisReply *reply = data;
    char *sha = ctx;
    if (!reply) {
        return; /* the disconnect says the rest */
    }
    hear(store);
    if (reply->type == REDIS_REPLY_ERROR) {
        set_trouble(store, reply->str);
        redisAsyncDisconnect(redis);
        return;
    }
    if (sha) {
        snprintf(sha, sizeof(store->sha[0]), "%s", reply->str);
    }
    setup_done(store);
}

static void setup_send(struct store *store, char *sha, int argc, const char **argv, size_t *len)
{
    store->setup_left++;
    redisAsyncCommandArgv(store->redis, on_setup_reply, sha, argc, argv, len);
}

static void setup(struct store *store)
{
    store->state = STORE_SETUP;
    store->setup_left = 0;
    const struct redis_url *url = store->url;
    if (url->password) {
        const char *argv[3] = {"AUTH", url->user ? url->user : url->password, url->password};
        size_t len[3] = {4, strlen(argv[1]), strlen(argv[2])};
        setup_send(store, NULL, url->user ? 3 : 2, argv, len);
    }
    char db[16];
    snprintf(db, sizeof(db), "%u", url->db);
    const char *select[2] = {"SELECT", db};
    size_t select_len[2] = {6, strlen(db)};
    if (url->db) {
        setup_send(store, NULL, 2, select, select_len);
    }
    server_reset(&store->server);
    store->setup_left += 2;
    redisAsyncCommand(store->redis, on_info, NULL, "INFO");
    redisAsyncCommand(store->redis, on_fsync, NULL, "CONFIG GET appendfsync");
    for (int i = 0; i < SCRIPTS; i++) {
        struct buf text = {0};
        buf_append(&text, script_fence, script_fence_len);
        buf_append(&text, script_texts[i].text, *script_texts[i].len);
        const char *argv[3] = {"SCRIPT", "LOAD", (const char *)buf_head(&text)};
        size_t len[3] = {6, 4, buf_len(&text)};
        setup_send(store, store->sha[i], 3, argv, len);
        buf_finish(&text);
    }
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

/* ---- commands ---- */

static enum err error_of(const redisReply *reply)
{
    struct str text = {reply->str, (size_t)reply->len};
    if (str_starts(text, STR("FENCED"))) {
        return ERR_FENCED;
    }
    if (str_starts(text, STR("GAP"))) {
        return ERR_GAP;
    }
    return ERR_REFUSED;
}

static void on_reply(redisAsyncContext *redis, void *data, void *ctx)
{
    struct request *request = ctx;
    struct store *store = request->store;
    const redisReply *reply = data;
    (void)redis;
    enum err err = ERR_OK;
    if (!reply) {
        err = ERR_UNAVAILABLE;
    } else {
        hear(store);
        if (reply->type == REDIS_REPLY_ERROR) {
            err = error_of(reply);
        }
    }
    if (err == ERR_REFUSED) {
        static struct log_limit limit;
        uint32_t suppressed;
        enum { PER_MINUTE = 10 };
        metrics_add(METRIC_STORE_ERRORS, 1);
        if (log_limit_pass(&limit, PER_MINUTE, clock_ms(), &suppressed)) {
            log_error(NULL, "Redis refused a command", LOG_TEXTZ("reply", reply->str),
                      LOG_U64("suppressed", suppressed));
        }
        if (str_starts(str_of(reply->str), STR("NOSCRIPT")) && store->redis) {
            set_trouble(store, "scripts were flushed");
            redisAsyncDisconnect(store->redis); /* setup loads them again */
        }
    }
    if (request->fn) {
        request->fn(request->ctx, err, err ? NULL : reply);
    }
    free(request);
}

void store_command(struct store *store, const struct store_args *args, store_reply_fn fn, void *ctx)
{
    if (store->state == STORE_UP) {
        struct request *request = xmalloc(sizeof(*request));
        *request = (struct request){store, fn, ctx};
        if (redisAsyncCommandArgv(store->redis, on_reply, request, args->count, args->ptr,
                                  args->len) == REDIS_OK) {
            return;
        }
        free(request); /* the connection is closing */
    }
    if (fn) {
        fn(ctx, ERR_UNAVAILABLE, NULL);
    }
}

void store_script(struct store *store, struct store_args *args, enum store_script script, int keys)
{
    args_add(args, STR("EVALSHA"));
    args_add(args, (struct str){store->sha[script], 40});
    args_add_u64(args, (uint64_t)keys);
}
