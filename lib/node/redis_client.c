/* The supervisor's own connection to Redis. */
#include "node/redis_client.h"

#include "base/alloc.h"
#include "store/key.h"
#include "store/membership.h"

#include <stdio.h>
#include <stdlib.h>

struct redis_client {
    struct store *store;   /* owned */
    bool check_durability; /* false once it is done */
    const struct redis_client_handlers *handlers;
    void *ctx;
    bool up; /* on_up was called last, or on_trouble */
    char why[256];
};

static void on_trouble(void *ctx, enum store_trouble_kind kind, const char *why)
{
    struct redis_client *client = ctx;
    client->up = false;
    snprintf(client->why, sizeof(client->why), "%s", why);
    client->handlers->on_trouble(client->ctx, kind, client->why);
}

/* ---- what Redis says of itself ---- */

static bool version_is_fine(struct redis_client *client)
{
    unsigned major, minor;
    store_version(client->store, &major, &minor);
    if (major > REDIS_VERSION_MAJOR ||
        (major == REDIS_VERSION_MAJOR && minor >= REDIS_VERSION_MINOR)) {
        return true;
    }
    char why[128];
    if (major == 0) {
        snprintf(why, sizeof(why), "it does not tell its version: INFO must be allowed");
    } else {
        snprintf(why, sizeof(why), "it is version %u.%u, older than %d.%d", major, minor,
                 REDIS_VERSION_MAJOR, REDIS_VERSION_MINOR);
    }
    on_trouble(client, STORE_UNFIT, why);
    return false;
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

static void on_settings(void *ctx, const redisReply *reply)
{
    (void)ctx;
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

static void check_durability(struct redis_client *client)
{
    const struct str files[] = {STR("CONFIG"), STR("GET"), STR("append*")};
    const struct str memory[] = {STR("CONFIG"), STR("GET"), STR("maxmemory-policy")};
    store_ask_each(client->store, files, 3, on_settings, NULL);
    store_ask_each(client->store, memory, 3, on_settings, NULL);
}

/* ---- words of the store ---- */

static void look(struct redis_client *client)
{
    if (client->up || !store_is_up(client->store) || !version_is_fine(client)) {
        return;
    }
    client->up = true;
    client->why[0] = '\0';
    if (client->check_durability) {
        client->check_durability = false;
        check_durability(client);
    }
    client->handlers->on_up(client->ctx);
}

static void on_up(void *ctx)
{
    look(ctx);
}

static void on_down(void *ctx)
{
    struct redis_client *client = ctx;
    client->up = false; /* on_trouble follows */
}

static void on_writable(void *ctx, bool writable)
{
    (void)ctx; /* the workers, who write, report it */
    (void)writable;
}

static void on_part(void *ctx, const struct store_part *part)
{
    (void)part;
    look(ctx);
}

static const struct store_handlers store_handlers = {
    .on_up = on_up,
    .on_down = on_down,
    .on_writable = on_writable,
    .on_part = on_part,
    .on_trouble = on_trouble,
};

/* ---- for the node ---- */

bool redis_client_is_up(const struct redis_client *client)
{
    return client->up && store_is_up(client->store);
}

const char *redis_client_why(const struct redis_client *client)
{
    return client->why;
}

void redis_client_hurry(struct redis_client *client)
{
    store_hurry(client->store);
}

char *redis_client_worker_key(const struct redis_client *client, const char *worker_id)
{
    return store_worker_key(client->store, str_of(worker_id));
}

char *redis_client_drain_key(const struct redis_client *client)
{
    return store_drain_key(client->store);
}

void redis_client_read_members(struct redis_client *client, struct workers *workers,
                               void (*fn)(void *ctx, enum err err), void *ctx)
{
    if (client->up) {
        membership_read(client->store, workers, fn, ctx);
    } else {
        fn(ctx, ERR_UNAVAILABLE);
    }
}

static void on_forgotten(void *ctx, const redisReply *reply)
{
    (void)ctx;
    if (reply && reply->type == REDIS_REPLY_ERROR) {
        log_warn(NULL, "cannot take a dead worker off the list", LOG_TEXTZ("reason", reply->str));
    }
}

void redis_client_forget_worker(struct redis_client *client, const char *worker_id)
{
    char *key = redis_client_worker_key(client, worker_id);
    const struct str drop[] = {STR("DEL"), str_of(key)};
    const struct str unlist[] = {STR("SREM"), STR("roomd:workers"), str_of(worker_id)};
    redis_client_command(client, drop, 2, on_forgotten, NULL);
    redis_client_command(client, unlist, 3, on_forgotten, NULL);
    free(key);
}

void redis_client_command(struct redis_client *client, const struct str *args, size_t count,
                          store_ask_fn fn, void *ctx)
{
    if (client->up) {
        store_ask(client->store, args, count, fn, ctx);
    } else {
        fn(ctx, NULL);
    }
}

void redis_client_scan(struct redis_client *client, uint64_t cursor, uint64_t count,
                       store_scan_fn fn, void *ctx)
{
    if (client->up) {
        store_scan(client->store, cursor, STR("roomd:{*}"), count, fn, ctx);
    } else {
        fn(ctx, NULL, 0);
    }
}

struct redis_client *redis_client_create(struct event_base *base, const struct redis_url *url,
                                         bool check_durability,
                                         const struct redis_client_handlers *handlers, void *ctx)
{
    struct redis_client *client = xcalloc(1, sizeof(*client));
    client->check_durability = check_durability;
    client->handlers = handlers;
    client->ctx = ctx;
    snprintf(client->why, sizeof(client->why), "not connected yet");
    client->store = store_create(base, url, &store_handlers, client);
    return client;
}

void redis_client_destroy(struct redis_client *client)
{
    if (client) {
        client->up = false;
        store_destroy(client->store);
        free(client);
    }
}
