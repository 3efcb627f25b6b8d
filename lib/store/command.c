/* Commands and their answers; what follows when Redis refuses. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/internal.h"
#include "store/refusal.h"

#include <stdlib.h>

struct request {
    struct store *store;
    store_reply_fn fn;
    void *ctx;
};

/* ---- refused writes ---- */

/* Nothing can be made durable until a probe gets through. Said once, not for each command. */
static void on_writes_refused(struct store *store, const char *why)
{
    store->refused_ms = clock_ms();
    if (store->refusing || store->state != STORE_UP) {
        return;
    }
    store->refusing = true;
    store_set_trouble(store, why);
    metrics_set(METRIC_STORE_WRITABLE, 0);
    log_error(NULL, "Redis refuses writes; changes wait until it takes them again",
              LOG_TEXTZ("why", why));
    store->handlers->on_writable(store->ctx, false);
}

static void on_probe(void *ctx, enum err err, const redisReply *reply)
{
    struct store *store = ctx;
    (void)reply;
    if (err || !store->refusing || clock_ms() - store->refused_ms < STORE_CALM_MS) {
        return;
    }
    store->refusing = false;
    store->trouble[0] = '\0';
    store->back_ms = clock_ms(); /* workers' keys could not be renewed meanwhile */
    metrics_set(METRIC_STORE_WRITABLE, 1);
    log_info(NULL, "Redis takes writes again");
    store->handlers->on_writable(store->ctx, true);
}

void store_probe(struct store *store)
{
    char time[32];
    struct store_args args;
    args_init(&args);
    args_add(&args, STR("HSET"));
    args_add(&args, STR("roomd:probe"));
    args_add(&args, STR("tried"));
    args_add(&args, store_time(time));
    store_command(store, &args, on_probe, store);
    args_finish(&args);
}

/* Lets the connection end, after the answers to what is under way; setup looks at who is there. */
static void leave(struct store *store, const char *why)
{
    store_set_trouble(store, why);
    if (store->redis) {
        redisAsyncDisconnect(store->redis);
    }
}

static enum err on_error(struct store *store, const redisReply *reply)
{
    switch (refusal_of((struct str){reply->str, (size_t)reply->len})) {
    case REFUSAL_FENCED:
        return ERR_FENCED;
    case REFUSAL_GAP:
        return ERR_GAP;
    case REFUSAL_SCRIPTS:
        leave(store, "scripts were flushed");
        break;
    case REFUSAL_SERVER:
        leave(store, reply->str);
        break;
    case REFUSAL_WRITES:
        on_writes_refused(store, reply->str);
        break;
    case REFUSAL_KEY: /* whoever asked knows which */
    case REFUSAL_ECHO:
        break;
    }
    metrics_add(METRIC_STORE_ERRORS, 1);
    return ERR_REFUSED;
}

void store_log_refusal(struct str room, const char *what, const redisReply *reply)
{
    static struct log_limit limit;
    uint32_t suppressed;
    enum { PER_MINUTE = 10 };
    if (refusal_of((struct str){reply->str, (size_t)reply->len}) != REFUSAL_KEY ||
        !log_limit_pass(&limit, PER_MINUTE, clock_ms(), &suppressed)) {
        return;
    }
    struct log_scope scope = {"room", room};
    char *key = store_room_key(room, "");
    log_error(&scope, "Redis refuses a key of this room", LOG_TEXTZ("key", key),
              LOG_TEXTZ("request", what), LOG_TEXTZ("reply", reply->str),
              LOG_U64("suppressed", suppressed));
    free(key);
}

/* ---- commands ---- */

static void on_reply(redisAsyncContext *redis, void *data, void *ctx)
{
    struct request *request = ctx;
    const redisReply *reply = data;
    (void)redis;
    enum err err = ERR_OK;
    if (!reply) {
        err = ERR_UNAVAILABLE;
    } else {
        store_hear(request->store);
        if (reply->type == REDIS_REPLY_ERROR) {
            err = on_error(request->store, reply);
        }
    }
    if (request->fn) {
        request->fn(request->ctx, err, err && err != ERR_REFUSED ? NULL : reply);
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
