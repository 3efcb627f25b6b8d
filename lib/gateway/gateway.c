/* The gateway: puts clients and links around its core, and listens to its supervisor. */
#include "gateway/gateway.h"

#include "base/alloc.h"
#include "base/map.h"
#include "base/random.h"
#include "gateway/internal.h"

#include <stdlib.h>

/* Of events to clients. */
static const struct loop_batching batching = {.from = 5000, .full = 25000, .apart_us = 3000};
/* Who has much to be sent is sent some of it in each turn, and waits for the next. */
static const struct loop_batching at_once = {.from = 5000, .full = 25000, .apart_us = 0};

enum {
    TICK_MS = 250,
    STOPPING_TICK_MS = 10,
    STOP_MS = 3000, /* for clients to close their ends, once all are told */
    HURRY_MS = 300, /* the same after a second request */
};

static uint64_t now_of(const struct gateway *gateway)
{
    return loop_now_ms(gateway->base);
}

static void report(struct gateway *gateway)
{
    struct gateway_core_health health = gateway_core_health(gateway->core);
    enum control_state state = gateway->stop_by   ? CONTROL_DRAINING
                               : !health.known    ? CONTROL_STARTING
                               : gateway->leaving ? CONTROL_DRAINING
                                                  : CONTROL_READY;
    control_report(gateway->control, state, health.store_ok, health.trouble);
}

static void host_changed(void *ctx)
{
    report(ctx);
}

static const struct gateway_core_host core_host = {
    .edge =
        {
            .link_connect = links_host_connect,
            .link_ready = links_host_ready,
            .link_drop = links_host_drop,
            .conn_ready = clients_host_ready,
            .conn_read = clients_host_read,
            .conn_end = clients_host_end,
        },
    .changed = host_changed,
};

/* ---- time and ending ---- */

/* Those that are due. */
static void close_some(struct gateway *gateway, uint64_t now_ms)
{
    struct edge *edge = gateway_core_edge(gateway->core);
    edge_stop_some(edge, spread_due(&gateway->spread, edge_open_count(edge), now_ms), now_ms);
}

static void on_tick(evutil_socket_t fd, short events, void *ctx)
{
    struct gateway *gateway = ctx;
    (void)fd;
    (void)events;
    uint64_t now = now_of(gateway);
    clients_tick(gateway, now);
    alloc_trim(now);
    if (gateway->stop_by) {
        close_some(gateway, now);
    }
    if (gateway->stop_by && (list_empty(&gateway->clients) || now >= gateway->stop_by)) {
        gateway->done = true;
    }
    loop_arm(gateway->tick, gateway->stop_by ? STOPPING_TICK_MS : TICK_MS);
}

/* A second request: who is still open is told, and not waited for. */
static void hurry(struct gateway *gateway, uint64_t deadline_ms)
{
    uint64_t now = now_of(gateway);
    uint64_t wait = deadline_ms / 2 < HURRY_MS ? deadline_ms / 2 : HURRY_MS;
    edge_stop(gateway_core_edge(gateway->core), now);
    gateway->stop_by = now + wait < gateway->stop_by ? now + wait : gateway->stop_by;
}

static void on_stop(void *ctx, uint64_t deadline_ms, uint64_t spread_ms)
{
    struct gateway *gateway = ctx;
    if (gateway->stop_by) {
        hurry(gateway, deadline_ms);
        return;
    }
    uint64_t now = now_of(gateway);
    uint64_t spread = spread_ms < deadline_ms ? spread_ms : deadline_ms;
    uint64_t rest = deadline_ms - spread;
    gateway->spread = (struct spread){.last_ms = now, .end_ms = now + spread};
    gateway->stop_by = now + spread + (rest / 2 < STOP_MS ? rest / 2 : STOP_MS);
    log_info(NULL, "stopping: closing all connections",
             LOG_U64("connections", edge_count(gateway_core_edge(gateway->core))->conns),
             LOG_U64("over_ms", spread));
    report(gateway);
    clients_stop_listening(gateway);
    close_some(gateway, now);
    loop_arm(gateway->tick, 0);
}

static void on_reload(void *ctx)
{
    struct gateway *gateway = ctx;
    peer_renew(gateway->peer);
}

static void on_draining(void *ctx, bool on, bool away)
{
    struct gateway *gateway = ctx;
    (void)away; /* it has no rooms */
    gateway->leaving = on;
    report(gateway);
}

static const struct control_handlers control_handlers = {
    .on_stop = on_stop, .on_draining = on_draining, .on_reload = on_reload};

static void end_of_turn(struct gateway *gateway)
{
    clients_end_of_turn(gateway);
    links_end_of_turn(gateway);
    gateway_core_end_turn(gateway->core);
}

static enum err make_peer(struct gateway *gateway)
{
    const struct config *config = gateway->config;
    struct buf why = {0};
    struct peer_config own = {.id = str_of(config->id),
                              .node = str_of(config->node),
                              .secret_file = config->cluster_secret_file,
                              .link_version_max = config->link_version_max};
    enum err err = peer_create(&own, &gateway->peer, &why);
    if (err) {
        buf_append_byte(&why, '\0');
        control_report(gateway->control, CONTROL_FAILED, false, (const char *)buf_head(&why));
    }
    buf_finish(&why);
    return err;
}

static void make_batch(struct gateway *gateway)
{
    const char *why_not;
    gateway->batch = send_batch_create(gateway->config->io_uring, &why_not);
    if (why_not) {
        log_info(NULL, "no io_uring here: frames are sent one by one, for more CPU",
                 LOG_TEXTZ("why", why_not));
    }
}

static enum err start(struct gateway *gateway)
{
    const struct config *config = gateway->config;
    gateway->control =
        control_create(gateway->base, config->control_fd, &control_handlers, gateway);
    gateway->core = gateway_core_create(gateway->base, config, &core_host, gateway);
    gateway->tick = evtimer_new(gateway->base, on_tick, gateway);
    loop_arm(gateway->tick, TICK_MS);
    make_batch(gateway);
    enum err err = make_peer(gateway);
    if (err) {
        return err;
    }
    err = clients_listen(gateway);
    if (err) {
        control_report(gateway->control, CONTROL_FAILED, false, "cannot listen for clients");
        return err;
    }
    report(gateway);
    return ERR_OK;
}

static void finish(struct gateway *gateway)
{
    clients_stop_listening(gateway);
    clients_destroy_all(gateway);
    links_destroy_all(gateway);
    peer_destroy(gateway->peer);
    gateway_core_destroy(gateway->core);
    control_destroy(gateway->control);
    send_batch_destroy(gateway->batch);
    event_free(gateway->tick);
    event_base_free(gateway->base);
}

int gateway_run(const struct config *config)
{
    struct gateway gateway = {.config = config};
    list_init(&gateway.clients);
    list_init(&gateway.ready);
    list_init(&gateway.ended);
    list_init(&gateway.heads);
    list_init(&gateway.lingers);
    list_init(&gateway.links);
    list_init(&gateway.links_ready);
    map_seed(random_u64());
    if (loop_create(&gateway.base)) {
        return EXIT_FAILURE;
    }
    enum err err = start(&gateway);
    while (!err && !gateway.done) {
        loop_turn(gateway.base, gateway.more_long ? &at_once : &batching,
                  edge_count(gateway_core_edge(gateway.core))->events);
        end_of_turn(&gateway);
    }
    finish(&gateway);
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
