/* The supervisor's own connection to Redis. */
#include "node/redis_client.h"

#include "base/alloc.h"
#include "base/metrics.h"
#include "net/loop.h"

#include <assert.h>
#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#define RETRY_MIN_MS 20
#define RETRY_MAX_MS 1000
/* For connecting and for each sign of life. */
#define PATIENCE_MS 4000
#define CHECK_EVERY_MS 2000

enum client_state {
    CLIENT_WAITING, /* for the next attempt */
    CLIENT_ASKING,  /* connecting, authenticating, asking for its state */
    CLIENT_UP,
    CLIENT_CHECKING, /* up, and a sign of life is due */
};

struct redis_client {
    struct event_base *base;
    const struct redis_url *url;
    bool check_durability; /* false once it is done */
    const struct redis_client_handlers *handlers;
    void *ctx;
    enum client_state state;
    redisAsyncContext *redis; /* owned by hiredis from its first failure on; NULL then */
    struct event *timer;      /* owned; attempt, patience or check, by state */
    uint32_t retry_ms;
    char why[256];
};

static void fail(struct redis_client *client, enum redis_trouble trouble, const char *why)
{
    /* A phrase of Redis may hold a line break, and dies with the connection. */
    snprintf(client->why, sizeof(client->why), "%.*s", (int)strcspn(why, "\r\n"), why);
    redisAsyncContext *redis = client->redis;
    client->redis = NULL; /* first: freeing it calls the pending replies back */
    if (redis) {
        redisAsyncFree(redis);
    }
    bool was_up = client->state == CLIENT_UP || client->state == CLIENT_CHECKING;
    client->state = CLIENT_WAITING;
    client->retry_ms = was_up || client->retry_ms == 0 ? RETRY_MIN_MS : client->retry_ms * 2;
    if (client->retry_ms > RETRY_MAX_MS) {
        client->retry_ms = RETRY_MAX_MS;
    }
    loop_arm(client->timer, client->retry_ms);
    metrics_set(METRIC_STORE_UP, 0);
    if (trouble != REDIS_LOADING) {
        metrics_add(METRIC_STORE_ERRORS, 1);
    }
    client->handlers->on_trouble(client->ctx, trouble, client->why);
}

/* The client that a callback is for, or NULL if it speaks for a connection given up already. */
static struct redis_client *current(const redisAsyncContext *redis)
{
    struct redis_client *client = redis->data;
    return client && client->redis == redis ? client : NULL;
}

/* ---- what Redis says of itself ---- */

/* The value of a line "name:value" of INFO, or NULL. */
static const char *info_value(const char *info, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = info; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) == 0 && line[len] == ':') {
            return line + len + 1;
        }
    }
    return NULL;
}

static bool version_is_fine(const char *version)
{
    unsigned major = 0, minor = 0;
    return version && sscanf(version, "%u.%u", &major, &minor) == 2 &&
           (major > REDIS_VERSION_MAJOR ||
            (major == REDIS_VERSION_MAJOR && minor >= REDIS_VERSION_MINOR));
}

static void warn_about(const char *name, const char *value)
{
    if (strcmp(name, "appendonly") == 0 && strcmp(value, "yes") != 0) {
        log_warn(NULL,
                 "redis keeps no append-only file: it loses acknowledged changes when it dies",
                 LOG_TEXTZ("setting", name), LOG_TEXTZ("value", value), LOG_TEXTZ("want", "yes"));
    } else if (strcmp(name, "appendfsync") == 0 && strcmp(value, "always") != 0) {
        log_warn(
            NULL, "redis does not write every change at once: it can lose the last when it dies",
            LOG_TEXTZ("setting", name), LOG_TEXTZ("value", value), LOG_TEXTZ("want", "always"));
    } else if (strcmp(name, "maxmemory-policy") == 0 && strcmp(value, "noeviction") != 0) {
        log_warn(NULL, "redis may evict rooms when its memory is full", LOG_TEXTZ("setting", name),
                 LOG_TEXTZ("value", value), LOG_TEXTZ("want", "noeviction"));
    }
}

static void on_settings(redisAsyncContext *redis, void *data, void *arg)
{
    (void)redis;
    (void)arg;
    const redisReply *reply = data;
    /* Managed services forbid CONFIG; then the operator has to know. */
    if (reply && reply->type == REDIS_REPLY_ARRAY) {
        for (size_t i = 0; i + 1 < reply->elements; i += 2) {
            const redisReply *name = reply->element[i], *value = reply->element[i + 1];
            if (name->type == REDIS_REPLY_STRING && value->type == REDIS_REPLY_STRING) {
                warn_about(name->str, value->str);
            }
        }
    }
}

static void become_up(struct redis_client *client)
{
    bool was_up = client->state == CLIENT_CHECKING;
    client->state = CLIENT_UP;
    loop_arm(client->timer, CHECK_EVERY_MS);
    if (was_up) {
        return;
    }
    client->retry_ms = 0;
    client->why[0] = '\0';
    metrics_set(METRIC_STORE_UP, 1);
    if (client->check_durability) {
        client->check_durability = false;
        redisAsyncCommand(client->redis, on_settings, NULL, "CONFIG GET append*");
        redisAsyncCommand(client->redis, on_settings, NULL, "CONFIG GET maxmemory-policy");
    }
    client->handlers->on_up(client->ctx);
}

/* The answer to INFO, which is question and sign of life in one. */
static void on_info(redisAsyncContext *redis, void *data, void *arg)
{
    (void)arg;
    struct redis_client *client = current(redis);
    const redisReply *reply = data;
    if (!client || !reply) {
        return; /* the end of the connection is reported by itself */
    }
    if (reply->type != REDIS_REPLY_STRING) {
        fail(client, REDIS_UNFIT, reply->type == REDIS_REPLY_ERROR ? reply->str : "strange answer");
        return;
    }
    const char *loading = info_value(reply->str, "loading");
    const char *version = info_value(reply->str, "redis_version");
    if (!version_is_fine(version)) {
        char why[128];
        snprintf(why, sizeof(why), "it is version %.*s, older than %d.%d",
                 version ? (int)strcspn(version, "\r\n") : 1, version ? version : "?",
                 REDIS_VERSION_MAJOR, REDIS_VERSION_MINOR);
        fail(client, REDIS_UNFIT, why);
    } else if (loading && loading[0] == '1') {
        fail(client, REDIS_LOADING, "it is loading its data");
    } else {
        become_up(client);
    }
}

/* Of AUTH and SELECT: fine or the end of this attempt. */
static void on_ok(redisAsyncContext *redis, void *data, void *arg)
{
    (void)arg;
    struct redis_client *client = current(redis);
    const redisReply *reply = data;
    if (client && reply && reply->type == REDIS_REPLY_ERROR) {
        fail(client, REDIS_UNFIT, reply->str);
    }
}

/* ---- connecting ---- */

static void on_connect(const redisAsyncContext *redis, int status)
{
    struct redis_client *client = current(redis);
    if (client && status != REDIS_OK) {
        client->redis = NULL; /* hiredis frees it after this */
        fail(client, REDIS_AWAY, redis->c.errstr);
    }
}

static void on_disconnect(const redisAsyncContext *redis, int status)
{
    (void)status;
    struct redis_client *client = current(redis);
    if (client) {
        client->redis = NULL;
        fail(client, REDIS_AWAY, redis->c.err ? redis->c.errstr : "it closed the connection");
    }
}

static void ask(struct redis_client *client)
{
    const struct redis_url *url = client->url;
    if (url->user) {
        redisAsyncCommand(client->redis, on_ok, NULL, "AUTH %s %s", url->user, url->password);
    } else if (url->password) {
        redisAsyncCommand(client->redis, on_ok, NULL, "AUTH %s", url->password);
    }
    if (url->db) {
        redisAsyncCommand(client->redis, on_ok, NULL, "SELECT %u", url->db);
    }
    redisAsyncCommand(client->redis, on_info, NULL, "INFO");
}

static void attempt(struct redis_client *client)
{
    const struct redis_url *url = client->url;
    client->redis = url->socket_path ? redisAsyncConnectUnix(url->socket_path)
                                     : redisAsyncConnect(url->address.host, url->address.port);
    if (!client->redis || client->redis->err) {
        fail(client, REDIS_AWAY, client->redis ? client->redis->c.errstr : "out of memory");
        return;
    }
    client->state = CLIENT_ASKING;
    client->redis->data = client;
    redisLibeventAttach(client->redis, client->base);
    redisAsyncSetConnectCallback(client->redis, on_connect);
    redisAsyncSetDisconnectCallback(client->redis, on_disconnect);
    ask(client);
    loop_arm(client->timer, PATIENCE_MS);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    struct redis_client *client = ctx;
    switch (client->state) {
    case CLIENT_WAITING:
        attempt(client);
        break;
    case CLIENT_UP:
        client->state = CLIENT_CHECKING;
        redisAsyncCommand(client->redis, on_info, NULL, "INFO");
        loop_arm(client->timer, PATIENCE_MS);
        break;
    case CLIENT_ASKING:
    case CLIENT_CHECKING:
        fail(client, REDIS_AWAY, "it does not answer");
        break;
    }
}

struct redis_client *redis_client_create(struct event_base *base, const struct redis_url *url,
                                         bool check_durability,
                                         const struct redis_client_handlers *handlers, void *ctx)
{
    struct redis_client *client = xcalloc(1, sizeof(*client));
    client->base = base;
    client->url = url;
    client->check_durability = check_durability;
    client->handlers = handlers;
    client->ctx = ctx;
    client->timer = evtimer_new(base, on_timer, client);
    snprintf(client->why, sizeof(client->why), "not connected yet");
    loop_arm(client->timer, 0);
    return client;
}

bool redis_client_is_up(const struct redis_client *client)
{
    /* While a connection is torn down its pending replies are called back, and may ask for more. */
    return client->redis && (client->state == CLIENT_UP || client->state == CLIENT_CHECKING);
}

const char *redis_client_why(const struct redis_client *client)
{
    return client->why;
}

void redis_client_hurry(struct redis_client *client)
{
    if (client->state == CLIENT_WAITING) {
        client->retry_ms = 0;
        loop_arm(client->timer, RETRY_MIN_MS);
    }
}

static void on_forgotten(redisAsyncContext *redis, void *data, void *arg)
{
    (void)redis;
    (void)arg;
    const redisReply *reply = data;
    if (reply && reply->type == REDIS_REPLY_ERROR) {
        log_warn(NULL, "cannot take a dead worker off the list", LOG_TEXTZ("reason", reply->str));
    }
}

void redis_client_forget_worker(struct redis_client *client, const char *worker_id)
{
    if (redis_client_is_up(client)) {
        redisAsyncCommand(client->redis, on_forgotten, NULL, "DEL roomd:worker:%s", worker_id);
        redisAsyncCommand(client->redis, on_forgotten, NULL, "SREM roomd:workers %s", worker_id);
    }
}

struct request {
    redis_client_fn fn;
    void *ctx;
};

static void on_reply(redisAsyncContext *redis, void *data, void *arg)
{
    (void)redis;
    struct request *request = arg;
    request->fn(request->ctx, data);
    free(request);
}

void redis_client_command(struct redis_client *client, const struct str *args, size_t count,
                          redis_client_fn fn, void *ctx)
{
    enum { ARGS_MAX = 24 };
    const char *words[ARGS_MAX];
    size_t lens[ARGS_MAX];
    assert(count <= ARGS_MAX);
    for (size_t i = 0; i < count; i++) {
        words[i] = args[i].ptr;
        lens[i] = args[i].len;
    }
    struct request *request = xmalloc(sizeof(*request));
    *request = (struct request){fn, ctx};
    if (!redis_client_is_up(client) ||
        redisAsyncCommandArgv(client->redis, on_reply, request, (int)count, words, lens)) {
        free(request);
        fn(ctx, NULL);
    }
}

void redis_client_destroy(struct redis_client *client)
{
    if (!client) {
        return;
    }
    redisAsyncContext *redis = client->redis;
    client->redis = NULL;
    if (redis) {
        redisAsyncFree(redis);
    }
    event_free(client->timer);
    free(client);
}
