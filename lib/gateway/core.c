/* Puts owners and time into the edge. */
#include "gateway/core.h"

#include "base/alloc.h"
#include "base/metrics.h"
#include "base/random.h"
#include "cluster/workers.h"
#include "net/loop.h"
#include "store/membership.h"

#include <stdlib.h>

enum {
    TICK_MS = 250,
    ALONE_TICK_MS = 20, /* while workers are missing: they start beside us, or again */
    FIRST_MS = 1000,    /* in which those of our node should all be there */
};

struct gateway_core {
    const struct config *config;
    struct event_base *base;
    struct gateway_core_host host;
    void *ctx;
    struct store *store;
    struct workers workers;
    struct edge *edge; /* NULL at the end */
    struct edge_config edge_config;
    struct event *edge_timer, *tick;
    struct event *work;     /* soon: the edge does something in slices */
    uint64_t edge_timer_at; /* when it is armed for; UINT64_MAX: not */
    uint64_t membership_at; /* when the workers are to be read again */
    bool workers_known;
    uint64_t begun_at;
    uint64_t judged_at; /* when workers that were not read were last noted as missing */
};

static uint64_t now_of(const struct gateway_core *core)
{
    return loop_now_ms(core->base);
}

/* ---- owners ---- */

static void on_owner(void *ctx, struct str room, enum err err, const struct member_owner *owner)
{
    struct gateway_core *core = ctx;
    if (!core->edge) {
        return; /* answered by the end of the store */
    }
    bool lives = !err && workers_find(&core->workers, owner->worker);
    struct edge_owner found = {owner->worker, owner->address, lives};
    edge_owner_found(core->edge, room, err, &found, now_of(core));
}

static void find_owner(void *ctx, struct str room)
{
    struct gateway_core *core = ctx;
    membership_find_owner(core->store, &core->workers, room, str_of(core->config->node),
                          random_u64(), on_owner, core);
}

/* A worker whose key ran out serves nobody, whatever its link looks like: it is stopped, or cut off
 * from Redis. After an outage of Redis itself keys prove nothing for a while. */
static void leave_the_dead(struct gateway_core *core)
{
    /* Two readings that say so are a beat apart, or one that is late with its sign would be dead.
     */
    uint64_t now = now_of(core);
    bool sure = store_is_settled(core->store) && now - core->judged_at >= MEMBERSHIP_BEAT_MS;
    core->judged_at = sure ? now : core->judged_at;
    uint32_t pos = 0;
    struct edge_link *link;
    while ((link = edge_next_link(core->edge, &pos))) {
        bool listed = workers_find(&core->workers, edge_link_worker(link)) != NULL;
        edge_worker_listed(link, listed, sure, now_of(core));
    }
}

/* With some of its workers unread the node would have rooms at the others, or at other nodes. */
static bool misses_workers(const struct gateway_core *core)
{
    uint32_t own = 0;
    uint32_t pos = 0;
    const struct worker_info *worker;
    while ((worker = workers_next(&core->workers, &pos))) {
        own += str_eq(str_of(worker->node), str_of(core->config->node));
    }
    bool starts = now_of(core) - core->begun_at < FIRST_MS;
    return core->workers.by_id.count == 0 || (starts && own < core->config->workers);
}

static void on_members(void *ctx, enum err err)
{
    struct gateway_core *core = ctx;
    if (!core->edge) {
        return; /* answered by the end of the store */
    }
    if (!err) {
        leave_the_dead(core);
    }
    bool missing = misses_workers(core);
    if (!err && !core->workers_known && !missing) {
        core->workers_known = true;
        core->host.changed(core->ctx);
    }
    if (missing) {
        core->membership_at = now_of(core);
    }
}

static void read_members(struct gateway_core *core)
{
    core->membership_at = now_of(core) + MEMBERSHIP_BEAT_MS;
    membership_read(core->store, &core->workers, on_members, core);
}

static void on_store_up(void *ctx)
{
    struct gateway_core *core = ctx;
    read_members(core);
    core->host.changed(core->ctx);
}

static void on_store_down(void *ctx)
{
    struct gateway_core *core = ctx;
    core->host.changed(core->ctx);
}

static void on_store_writable(void *ctx, bool writable)
{
    (void)writable;
    on_store_down(ctx);
}

static void on_store_part(void *ctx, const struct store_part *part)
{
    (void)part;
    on_store_down(ctx);
}

static const struct store_handlers store_handlers = {
    .on_up = on_store_up,
    .on_down = on_store_down,
    .on_writable = on_store_writable,
    .on_part = on_store_part,
};

/* ---- requests of the edge ---- */

static void link_connect(void *ctx, struct edge_link *link)
{
    struct gateway_core *core = ctx;
    core->host.edge.link_connect(core->ctx, link);
}

static void link_ready(void *ctx, struct edge_link *link)
{
    struct gateway_core *core = ctx;
    core->host.edge.link_ready(core->ctx, link);
}

static void link_drop(void *ctx, struct edge_link *link, enum err why)
{
    struct gateway_core *core = ctx;
    core->host.edge.link_drop(core->ctx, link, why);
}

static void conn_ready(void *ctx, void *user)
{
    struct gateway_core *core = ctx;
    core->host.edge.conn_ready(core->ctx, user);
}

static void conn_read(void *ctx, void *user, bool on)
{
    struct gateway_core *core = ctx;
    core->host.edge.conn_read(core->ctx, user, on);
}

static void conn_end(void *ctx, void *user, bool abort)
{
    struct gateway_core *core = ctx;
    core->host.edge.conn_end(core->ctx, user, abort);
}

static const struct edge_host edge_host = {
    .find_owner = find_owner,
    .link_connect = link_connect,
    .link_ready = link_ready,
    .link_drop = link_drop,
    .conn_ready = conn_ready,
    .conn_read = conn_read,
    .conn_end = conn_end,
};

void gateway_core_link_down(struct gateway_core *core, struct edge_link *link)
{
    /* Its rooms must not be placed there again by what was read of it a second ago. */
    workers_forget(&core->workers, edge_link_worker(link));
    if (core->workers.by_id.count == 0) {
        /* Not at once: that it is dead is being written just now. */
        core->membership_at = now_of(core);
        loop_arm(core->tick, ALONE_TICK_MS);
    }
    edge_link_down(link, now_of(core));
}

/* ---- time ---- */

static void count(const struct gateway_core *core)
{
    const struct edge_counts *counts = edge_count(core->edge);
    metrics_set(METRIC_MESSAGES_RECEIVED, (double)counts->messages);
    metrics_set(METRIC_SUPERSEDED, (double)counts->superseded);
    metrics_set(METRIC_FRAMES_SENT, (double)counts->frames_sent);
    metrics_set(METRIC_EVENT_INTERVAL, (double)counts->pace_ms / 1000);
    metrics_set(METRIC_CLOSES_FATAL, (double)counts->closes_fatal);
    metrics_set(METRIC_CLOSES_RETRY, (double)counts->closes_retry);
    metrics_set(METRIC_CONDENSED, (double)counts->condensed);
    metrics_set(METRIC_CLOSES_SLOW, (double)counts->closes_slow);
    metrics_set(METRIC_UNSENT_BYTES, (double)counts->unsent_bytes);
    metrics_set(METRIC_CLOSES_PROTOCOL, (double)counts->closes_protocol);
}

static void on_tick(evutil_socket_t fd, short events, void *ctx)
{
    struct gateway_core *core = ctx;
    (void)fd;
    (void)events;
    if (store_is_up(core->store) && now_of(core) >= core->membership_at) {
        read_members(core);
    }
    loop_arm(core->tick, misses_workers(core) ? ALONE_TICK_MS : TICK_MS);
}

static void on_edge_timer(evutil_socket_t fd, short events, void *ctx)
{
    struct gateway_core *core = ctx;
    (void)fd;
    (void)events;
    core->edge_timer_at = UINT64_MAX;
    edge_tick(core->edge, now_of(core));
}

static void on_work(evutil_socket_t fd, short events, void *ctx)
{
    struct gateway_core *core = ctx;
    (void)fd;
    (void)events;
    edge_work(core->edge, now_of(core));
}

void gateway_core_end_turn(struct gateway_core *core)
{
    count(core);
    if (edge_is_busy(core->edge)) {
        loop_arm(core->work, 0); /* others' turns come first */
    }
    uint64_t deadline = edge_deadline(core->edge);
    if (deadline >= core->edge_timer_at) {
        return; /* it fires early enough, and then looks again */
    }
    uint64_t now = now_of(core);
    core->edge_timer_at = deadline;
    loop_arm(core->edge_timer, deadline > now ? deadline - now : 0);
}

/* ---- beginning and end ---- */

struct edge *gateway_core_edge(const struct gateway_core *core)
{
    return core->edge;
}

struct gateway_core_health gateway_core_health(const struct gateway_core *core)
{
    bool ok = store_is_writable(core->store);
    return (struct gateway_core_health){
        .known = core->workers_known,
        .store_ok = ok,
        .trouble = ok ? "" : store_trouble(core->store),
    };
}

struct gateway_core *gateway_core_create(struct event_base *base, const struct config *config,
                                         const struct gateway_core_host *host, void *ctx)
{
    struct gateway_core *core = xcalloc(1, sizeof(*core));
    core->config = config;
    core->base = base;
    core->host = *host;
    core->ctx = ctx;
    workers_init(&core->workers);
    core->edge_config = (struct edge_config){.max_message = (uint32_t)config->max_message_bytes,
                                             .link_version_max = config->link_version_max,
                                             .max_unsent = config->max_unsent_bytes,
                                             .outq_bytes = config->outq_bytes};
    core->edge =
        edge_create(&core->edge_config, &edge_host, core, str_of(config->id), str_of(config->node));
    core->store = store_create(base, &config->redis, &store_handlers, core);
    core->edge_timer = evtimer_new(base, on_edge_timer, core);
    core->edge_timer_at = UINT64_MAX;
    core->begun_at = now_of(core);
    core->tick = evtimer_new(base, on_tick, core);
    core->work = evtimer_new(base, on_work, core);
    loop_arm(core->tick, ALONE_TICK_MS);
    return core;
}

void gateway_core_destroy(struct gateway_core *core)
{
    if (!core) {
        return;
    }
    edge_destroy(core->edge);
    core->edge = NULL;
    store_destroy(core->store);
    workers_finish(&core->workers);
    event_free(core->edge_timer);
    event_free(core->tick);
    event_free(core->work);
    free(core);
}
