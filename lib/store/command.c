/* Commands and their answers; what follows when Redis refuses. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/internal.h"
#include "store/refusal.h"

#include <assert.h>
#include <stdlib.h>

/* ---- refused writes ---- */

/* Nothing can be made durable until a probe gets through. Said once, not for each command. */
static void on_writes_refused(struct upstream *upstream, const char *why)
{
    upstream->refused_ms = clock_ms();
    if (upstream->refusing || upstream->state != UPSTREAM_UP) {
        return;
    }
    upstream->refusing = true;
    upstream_set_trouble(upstream, why);
    store_upstream_writable(upstream, false);
}

static void on_probe(void *ctx, const redisReply *reply)
{
    struct upstream *upstream = ctx;
    if (!reply) {
        return;
    }
    upstream_hear(upstream);
    if (reply->type == REDIS_REPLY_ERROR) {
        enum refusal refusal = refusal_of((struct str){reply->str, (size_t)reply->len});
        if (refusal == REFUSAL_SERVER) {
            upstream_leave(upstream, reply->str);
        } else if (refusal == REFUSAL_WRITES) {
            on_writes_refused(upstream, reply->str);
        }
        return;
    }
    if (upstream->refusing && clock_ms() - upstream->refused_ms >= STORE_CALM_MS) {
        upstream->refusing = false;
        upstream->trouble[0] = '\0';
        store_upstream_writable(upstream, true);
    }
}

void upstream_probe(struct upstream *upstream)
{
    char time[32];
    const struct cluster *cluster = upstream->store->cluster;
    char *key = cluster ? cluster_probe_key(cluster, upstream) : xstrdup("roomd:probe");
    if (key) {
        store_time(time);
        const char *words[] = {"HSET", key, "tried", time};
        conn_send_words(upstream->conn, 4, words, on_probe, upstream);
    }
    free(key);
}

static enum err on_error(struct upstream *upstream, const redisReply *reply)
{
    switch (refusal_of((struct str){reply->str, (size_t)reply->len})) {
    case REFUSAL_FENCED:
        return ERR_FENCED;
    case REFUSAL_GAP:
        return ERR_GAP;
    case REFUSAL_SCRIPTS:
        upstream_leave(upstream, "scripts were flushed");
        break;
    case REFUSAL_SERVER:
        upstream_leave(upstream, reply->str);
        break;
    case REFUSAL_WRITES:
        on_writes_refused(upstream, reply->str);
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

void store_answer(struct request *request, enum err err, const redisReply *reply)
{
    store_reply_fn fn = request->fn;
    void *ctx = request->ctx;
    if (request->args) {
        args_finish(request->args);
        free(request->args);
    }
    free(request);
    if (fn) {
        fn(ctx, err, err && err != ERR_REFUSED ? NULL : reply);
    }
}

/* Of each reply to it: what it says, and whether it is a redirection. */
static enum err judge(struct request *request, const redisReply *reply)
{
    if (!reply) {
        return ERR_UNAVAILABLE;
    }
    upstream_hear(request->upstream);
    if (reply->type != REDIS_REPLY_ERROR) {
        return ERR_OK;
    }
    if (request->store->cluster) {
        struct redirect redirect = redirect_read((struct str){reply->str, (size_t)reply->len});
        if (redirect.kind != REDIRECT_NONE) {
            request->redirect =
                request->redirect.kind == REDIRECT_NONE ? redirect : request->redirect;
            return ERR_REFUSED;
        }
    }
    return on_error(request->upstream, reply);
}

static void on_reply(void *ctx, const redisReply *reply)
{
    struct request *request = ctx;
    enum err err = judge(request, reply);
    if (--request->left > 0) {
        return; /* of a transaction: the reply of EXEC counts */
    }
    if (!reply) {
        request->redirect.kind = REDIRECT_NONE; /* nobody knows how it ended */
    }
    if (request->args) {
        cluster_answered(request->store->cluster, request, err, reply);
    } else {
        store_answer(request, err, reply);
    }
}

static void send_word(struct request *request, struct conn *conn, const char *word)
{
    conn_send_words(conn, 1, &word, on_reply, request);
}

static void on_asking(void *ctx, const redisReply *reply)
{
    (void)ctx; /* what follows it has the answer */
    (void)reply;
}

bool store_send(struct request *request, struct upstream *upstream, const struct store_args *args,
                bool asking)
{
    const char *word = "ASKING";
    if (!upstream || upstream->state != UPSTREAM_UP ||
        (asking && !conn_send_words(upstream->conn, 1, &word, on_asking, NULL))) {
        return false;
    }
    bool transaction = args->command_count > 1;
    request->upstream = upstream;
    request->redirect.kind = REDIRECT_NONE;
    if (transaction) {
        word = "MULTI";
        if (!conn_send_words(upstream->conn, 1, &word, on_reply, request)) {
            return false;
        }
    }
    int from = 0;
    for (int i = 0; i < args->command_count; i++) {
        int to = i + 1 < args->command_count ? args->ends[i] : args->count;
        if (!conn_send(upstream->conn, to - from, args->ptr + from, args->len + from, on_reply,
                       request)) {
            assert(!transaction); /* a connection does not end without a callback */
            return false;
        }
        from = to;
    }
    request->left = (unsigned)args->command_count;
    if (transaction) {
        request->left += 2;
        send_word(request, upstream->conn, "EXEC");
    }
    return true;
}

static struct request *request_create(struct store *store, store_reply_fn fn, void *ctx)
{
    struct request *request = xcalloc(1, sizeof(*request));
    request->store = store;
    request->fn = fn;
    request->ctx = ctx;
    return request;
}

void store_command_to(struct store *store, struct upstream *upstream, const struct store_args *args,
                      store_reply_fn fn, void *ctx)
{
    struct request *request = request_create(store, fn, ctx);
    if (!store_send(request, upstream, args, false)) {
        store_answer(request, ERR_UNAVAILABLE, NULL);
    }
}

void store_command(struct store *store, const struct store_args *args, store_reply_fn fn, void *ctx)
{
    struct str key = args_key(args);
    if (!store->cluster || !key.ptr) {
        store_command_to(store, store->main, args, fn, ctx);
        return;
    }
    struct request *request = request_create(store, fn, ctx);
    request->args = args_copy(args);
    request->slot = slot_of(key);
    cluster_send(store->cluster, request);
}

void store_script(struct store *store, struct store_args *args, enum store_script script, int keys)
{
    args_add(args, STR("EVALSHA"));
    args_add(args, (struct str){store->sha[script], 40});
    args_add_u64(args, (uint64_t)keys);
}
