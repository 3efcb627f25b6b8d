/* The gateway: puts clients, links, owners and time into the edge. */
#include "gateway/gateway.h"

#include "base/metrics.h"
#include "base/random.h"
#include "gateway/internal.h"

#include <stdlib.h>

enum { TICK_MS = 250, STOP_MS = 3000 };

static uint64_t now_of(const struct gateway *gateway)
{
    return loop_now_ms(gateway->base);
}

/* ---- owners ---- */

static void on_owner(void *ctx, struct str room, enum err err, const struct member_owner *owner)
{
    struct gateway *gateway = ctx;
    if (!gateway->edge) {
        return; /* answered by the end of the store */
    }
    struct edge_owner found = {owner->worker, owner->address};
    edge_owner_found(gateway->edge, room, err, &found, now_of(gateway));
}

static void host_find_owner(void *ctx, struct str room)
{
    struct gateway *gateway = ctx;
    membership_find_owner(gateway->store, &gateway->workers, room, str_of(gateway->config->node),
                          random_u64(), on_owner, gateway);
}

static const struct edge_host edge_host = {
    .find_owner = host_find_owner,
    .link_connect = links_host_connect,
    .link_ready = links_host_ready,
    .link_drop = links_host_drop,
    .conn_ready = clients_host_ready,
    .conn_read = clients_host_read,
    .conn_end = clients_host_end,
};

static void report(struct gateway *gateway)
{
    bool ok = store_is_writable(gateway->store);
    enum control_state state = gateway->stop_by         ? CONTROL_DRAINING
                               : gateway->workers_known ? CONTROL_READY
                                                        : CONTROL_STARTING;
    control_report(gateway->control, state, ok, ok ? "" : store_trouble(gateway->store));
}

/* A worker whose key ran out serves nobody, whatever its link looks like: it is stopped, or cut off
 * from Redis. After an outage of Redis itself keys prove nothing for a while. */
static void leave_the_dead(struct gateway *gateway)
{
    uint32_t pos = 0;
    struct edge_link *link;
    while ((link = edge_next_link(gateway->edge, &pos))) {
        struct str worker = edge_link_worker(link);
        if (!workers_find(&gateway->workers, worker)) {
            edge_worker_gone(gateway->edge, worker, now_of(gateway));
        }
    }
}

static void on_members(void *ctx, enum err err)
{
    struct gateway *gateway = ctx;
    if (!gateway->edge) {
        return; /* answered by the end of the store */
    }
    if (!err && store_is_settled(gateway->store)) {
        leave_the_dead(gateway);
    }
    if (!err && !gateway->workers_known && gateway->workers.by_id.count > 0) {
        gateway->workers_known = true;
        report(gateway);
    }
}

static void read_members(struct gateway *gateway)
{
    gateway->membership_at = now_of(gateway) + MEMBERSHIP_BEAT_MS;
    membership_read(gateway->store, &gateway->workers, on_members, gateway);
}

static void on_store_up(void *ctx)
{
    struct gateway *gateway = ctx;
    read_members(gateway);
    report(gateway);
}

static void on_store_down(void *ctx)
{
    report(ctx);
}

static void on_store_writable(void *ctx, bool writable)
{
    (void)writable;
    report(ctx);
}

static const struct store_handlers store_handlers = {on_store_up, on_store_down, on_store_writable};

/* ---- time and ending ---- */

static void count(struct gateway *gateway)
{
    const struct edge_counts *counts = edge_count(gateway->edge);
    metrics_set(METRIC_MESSAGES_RECEIVED, (double)counts->messages);
    metrics_set(METRIC_FRAMES_SENT, (double)counts->frames_sent);
    metrics_set(METRIC_CLOSES_FATAL, (double)counts->closes_fatal);
    metrics_set(METRIC_CLOSES_RETRY, (double)counts->closes_retry);
    metrics_set(METRIC_CLOSES_PROTOCOL, (double)counts->closes_protocol);
}

static void on_tick(evutil_socket_t fd, short events, void *ctx)
{
    struct gateway *gateway = ctx;
    (void)fd;
    (void)events;
    uint64_t now = now_of(gateway);
    clients_tick(gateway, now);
    if (store_is_up(gateway->store) && now >= gateway->membership_at) {
        read_members(gateway);
    }
    if (gateway->stop_by && (list_empty(&gateway->clients) || now >= gateway->stop_by)) {
        gateway->done = true;
    }
    loop_arm(gateway->tick, gateway->stop_by ? 10 : TICK_MS);
}

static void on_edge_timer(evutil_socket_t fd, short events, void *ctx)
{
    struct gateway *gateway = ctx;
    (void)fd;
    (void)events;
    gateway->edge_timer_at = UINT64_MAX;
    edge_tick(gateway->edge, now_of(gateway));
}

static void on_stop(void *ctx, uint64_t deadline_ms)
{
    struct gateway *gateway = ctx;
    if (gateway->stop_by) {
        gateway->done = true; /* a second request hurries */
        return;
    }
    uint64_t wait = deadline_ms / 2 < STOP_MS ? deadline_ms / 2 : STOP_MS;
    gateway->stop_by = now_of(gateway) + wait;
    log_info(NULL, "stopping: closing all connections",
             LOG_U64("connections", edge_count(gateway->edge)->conns));
    report(gateway);
    clients_stop_listening(gateway);
    edge_stop(gateway->edge, now_of(gateway));
    loop_arm(gateway->tick, 0);
}

static const struct control_handlers control_handlers = {.on_stop = on_stop};

static void arm_edge(struct gateway *gateway)
{
    uint64_t deadline = edge_deadline(gateway->edge);
    if (deadline >= gateway->edge_timer_at) {
        return; /* it fires early enough, and then looks again */
    }
    uint64_t now = now_of(gateway);
    gateway->edge_timer_at = deadline;
    loop_arm(gateway->edge_timer, deadline > now ? deadline - now : 0);
}

static void end_of_turn(struct gateway *gateway)
{
    clients_end_of_turn(gateway);
    links_end_of_turn(gateway);
    arm_edge(gateway);
    count(gateway);
}

static enum err start(struct gateway *gateway)
{
    const struct config *config = gateway->config;
    gateway->edge_config = (struct edge_config){.max_message = (uint32_t)config->max_message_bytes};
    gateway->edge = edge_create(&gateway->edge_config, &edge_host, gateway, str_of(config->id),
                                str_of(config->node));
    gateway->control =
        control_create(gateway->base, config->control_fd, &control_handlers, gateway);
    gateway->store = store_create(gateway->base, &config->redis, &store_handlers, gateway);
    gateway->edge_timer = evtimer_new(gateway->base, on_edge_timer, gateway);
    gateway->edge_timer_at = UINT64_MAX;
    gateway->tick = evtimer_new(gateway->base, on_tick, gateway);
    loop_arm(gateway->tick, TICK_MS);
    enum err err = clients_listen(gateway);
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
    edge_destroy(gateway->edge);
    gateway->edge = NULL;
    store_destroy(gateway->store);
    control_destroy(gateway->control);
    workers_finish(&gateway->workers);
    event_free(gateway->edge_timer);
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
    workers_init(&gateway.workers);
    map_seed(random_u64());
    if (loop_create(&gateway.base)) {
        return EXIT_FAILURE;
    }
    enum err err = start(&gateway);
    while (!err && !gateway.done) {
        event_base_loop(gateway.base, EVLOOP_ONCE);
        end_of_turn(&gateway);
    }
    finish(&gateway);
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
