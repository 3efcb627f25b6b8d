/* Which servers there are, and what they make of each other. */
#include "store/store.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "store/internal.h"
#include "store/tls.h"

#include <stdio.h>
#include <stdlib.h>

bool store_is_up(const struct store *store)
{
    return store->up && store->main && store->main->state == UPSTREAM_UP;
}

bool store_is_writable(const struct store *store)
{
    return store_is_up(store) && !store->main->refusing;
}

bool store_is_settled(const struct store *store)
{
    return !(store->main && store->main->refusing) &&
           (store->back_ms == 0 || clock_ms() - store->back_ms >= STORE_SETTLE_MS);
}

const char *store_trouble(const struct store *store)
{
    return store->main && store->main->trouble[0] ? store->main->trouble : store->trouble;
}

const struct store_server *store_server(const struct store *store, struct str key)
{
    static struct store_server nobody;
    const struct upstream *upstream =
        store->cluster ? cluster_upstream(store->cluster, key) : store->main;
    if (!upstream) {
        server_reset(&nobody);
        return &nobody;
    }
    return &upstream->server;
}

void store_show_state(const struct store *store)
{
    metrics_set(METRIC_STORE_UP, store_is_up(store));
    metrics_set(METRIC_STORE_WRITABLE, store_is_writable(store));
}

void store_set_up(struct store *store, bool up)
{
    if (store->up == up) {
        return;
    }
    store->up = up;
    if (up && store->was_up) {
        store->back_ms = clock_ms();
    }
    store->was_up = store->was_up || up;
    store_show_state(store);
    up ? store->handlers->on_up(store->ctx) : store->handlers->on_down(store->ctx);
}

/* ---- what upstreams say ---- */

/* For logs: the URL, or which of several it is. The caller frees it. */
static char *name_of(const struct upstream *upstream)
{
    const struct redis_url *url = upstream->store->url;
    if (url->kind == REDIS_SERVER || upstream->address.port == 0) {
        return redis_url_public(url);
    }
    char text[ADDRESS_TEXT_MAX];
    return xstrdup(address_format(&upstream->address, text));
}

void store_upstream_up(struct upstream *upstream)
{
    struct store *store = upstream->store;
    if (upstream->told) {
        upstream->told = false;
        char *name = name_of(upstream);
        log_info(NULL, "connected to Redis again", LOG_TEXTZ("redis", name));
        free(name);
    }
    if (store->was_up && upstream == store->main) {
        store->back_ms = clock_ms();
    }
    if (store->cluster) {
        cluster_upstream_changed(store->cluster, upstream, true);
    } else {
        store_set_up(store, true);
    }
}

void store_upstream_down(struct upstream *upstream, bool was_up, enum store_trouble_kind kind)
{
    struct store *store = upstream->store;
    if (kind != STORE_LOADING) {
        metrics_add(METRIC_STORE_ERRORS, 1);
    }
    if (!store->handlers->on_trouble && !upstream->told) {
        char *name = name_of(upstream);
        log_error(NULL, "no connection to Redis; trying again", LOG_TEXTZ("redis", name),
                  LOG_TEXTZ("why", upstream->trouble));
        free(name);
        upstream->told = true;
    }
    store_show_state(store);
    if (store->cluster) {
        cluster_upstream_changed(store->cluster, upstream, false);
    } else if (was_up) {
        store_set_up(store, false);
    }
    bool matters = !store->cluster || upstream == store->main;
    if (store->handlers->on_trouble && matters && !store_is_up(store)) {
        store->handlers->on_trouble(store->ctx, kind, upstream->trouble);
    }
}

static void say_writable(const struct upstream *upstream, bool writable)
{
    char *name = name_of(upstream);
    if (writable) {
        log_info(NULL, "Redis takes writes again", LOG_TEXTZ("redis", name));
    } else {
        log_error(NULL, "Redis refuses writes; changes wait until it takes them again",
                  LOG_TEXTZ("redis", name), LOG_TEXTZ("why", upstream->trouble));
    }
    free(name);
}

void store_upstream_writable(struct upstream *upstream, bool writable)
{
    struct store *store = upstream->store;
    if (!store->handlers->on_trouble) {
        say_writable(upstream, writable);
    }
    if (writable && upstream == store->main) {
        store->back_ms = clock_ms(); /* workers' keys could not be renewed meanwhile */
    }
    store_show_state(store);
    if (store->cluster) {
        cluster_upstream_changed(store->cluster, upstream, writable);
    } else {
        store->handlers->on_writable(store->ctx, writable);
    }
}

/* ---- beginning and end ---- */

void store_hurry(struct store *store)
{
    if (store->main) {
        upstream_hurry(store->main);
    }
}

void store_flush(struct store *store)
{
    conn_flush_all(&store->unsent);
}

struct conn *store_connect(struct store *store, const struct address *address,
                           const struct conn_handlers *handlers, void *ctx)
{
    if (store->url->tls && !store->tls) {
        struct buf why = {0};
        store->tls = tls_create(store->url, &why);
        store_set_trouble(store, buf_str(&why));
        buf_finish(&why);
        if (!store->tls) {
            return NULL;
        }
    }
    struct conn_target target = {.socket_path = store->url->socket_path,
                                 .address = address,
                                 .tls = store->tls,
                                 .unsent = &store->unsent};
    return conn_create(store->base, &target, handlers, ctx);
}

void store_forget_tls(struct store *store)
{
    tls_destroy(store->tls);
    store->tls = NULL;
}

void store_set_trouble(struct store *store, struct str what)
{
    snprintf(store->trouble, sizeof(store->trouble), "%.*s", STR_ARG(what));
}

struct store *store_create(struct event_base *base, const struct redis_url *url,
                           const struct store_handlers *handlers, void *ctx)
{
    struct store *store = xcalloc(1, sizeof(*store));
    store->base = base;
    list_init(&store->unsent);
    store->url = url;
    store->handlers = handlers;
    store->ctx = ctx;
    static const struct address nowhere = {.port = 0};
    switch (url->kind) {
    case REDIS_SERVER:
        store->main = upstream_create(store, url->hosts ? &url->hosts[0] : &nowhere);
        break;
    case REDIS_SENTINEL:
        store->sentinels = sentinels_create(store);
        store->main = upstream_create(store, &nowhere);
        break;
    case REDIS_CLUSTER:
        store->cluster = cluster_create(store);
        break;
    }
    return store;
}

void store_destroy(struct store *store)
{
    if (!store) {
        return;
    }
    store->ending = true;
    sentinels_destroy(store->sentinels);
    store->sentinels = NULL;
    if (store->cluster) {
        store->main = NULL;
        cluster_destroy(store->cluster);
    } else {
        upstream_destroy(store->main);
    }
    store_forget_tls(store);
    free(store);
}
