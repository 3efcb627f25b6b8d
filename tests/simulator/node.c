/* Workers, gateways and their supervisor. */
#include "simulator/node.h"

#include "base/alloc.h"
#include "simulator/host.h"
#include "simulator/node_internal.h"
#include "simulator/redis.h"
#include "store/membership.h"

#include <stdio.h>
#include <stdlib.h>

struct node node;

enum { RESTART_MIN_US = 100000, RESTART_MAX_US = 1500000 };

static char socket_path[] = "/sim/redis.sock";
static char node_names[NETWORK_PLACES][4] = {"n1", "n2", "n3"};

static void set_config(struct config *config, char *id, int place)
{
    *config = (struct config){
        .max_message_bytes = 1 << 20,
        .durability = node.durability,
        .unload_after_s = node.unload_after_s,
        .idle_timeout_s = 20,
        .entry_max = node.entry_max,
        .fold_bytes = node.fold_bytes,
        .slice_bytes = node.slice_bytes,
        .outq_bytes = node.outq_bytes,
        .rebalance = node.message_us > 0,
        .id = id,
        .node = node_names[place],
        .socket = id,
        .control_fd = -1,
        .mark_fd = -1,
    };
    config->redis.socket_path = socket_path;
}

/* ---- workers ---- */

static void on_start_worker(void *arg);

static void worker_link_ready(void *ctx, struct shard_link *shard)
{
    link_shard_ready(ctx, shard);
    hosts_ready(ctx, shard);
}

static void worker_link_drop(void *ctx, struct shard_link *shard, enum err why)
{
    (void)why;
    link_drop_shard(ctx, shard);
}

static void worker_changed(void *ctx)
{
    (void)ctx;
}

static void on_worker_done(void *arg)
{
    struct worker *worker = arg;
    trace("%s has left", worker->proc.name);
    node_kill_worker(worker->slot);
}

static void worker_done(void *ctx)
{
    struct worker *worker = ctx;
    /* It leaves after what it said last is written. */
    world_after(1000, &worker->proc, on_worker_done, worker);
}

static const struct worker_core_host worker_host = {
    .link_ready = worker_link_ready,
    .link_drop = worker_link_drop,
    .changed = worker_changed,
    .done = worker_done,
};

static void worker_end_turn(void *ctx)
{
    struct worker *worker = ctx;
    worker_core_end_turn(worker->core);
    links_flush_worker(worker);
    hosts_flush(worker);
    worker_core_plan_turn(worker->core);
}

static void start_worker(int slot)
{
    struct worker *worker = world_keep(xcalloc(1, sizeof(*worker)));
    snprintf(worker->id, sizeof(worker->id), "w%d.%u", slot + 1, ++node.next_id);
    worker->slot = slot;
    worker->place = slot % node.places;
    list_init(&worker->links);
    set_config(&worker->config, worker->id, worker->place);
    proc_start(&worker->proc, worker->id, worker_end_turn, worker);
    worker->proc.redis_cut_until_us = node.redis_cut_until_us[worker->place];
    worker->core =
        worker_core_create(os_base(&worker->proc), &worker->config, NULL, &worker_host, worker);
    if (node.places > 1) {
        snprintf(worker->remote, sizeof(worker->remote), "tcp:%d", slot);
        worker_core_set_remote(worker->core, worker->remote);
    }
    node.workers[slot] = worker;
    trace("%s starts on %s", worker->id, node_names[worker->place]);
}

/* How long a slot's node is without power. */
static uint64_t dark_for(int slot)
{
    uint64_t until = node.dark_until_us[slot % node.places];
    return until > world_us() ? until - world_us() : 0;
}

static void on_start_worker(void *arg)
{
    int slot = (int)(intptr_t)arg;
    if (dark_for(slot)) {
        world_after(dark_for(slot), NULL, on_start_worker, arg);
    } else {
        start_worker(slot);
    }
}

/* By TCP whoever has the slot now. */
struct worker *node_find_worker(struct str address)
{
    for (int i = 0; i < node.worker_count; i++) {
        char local[40];
        struct worker *worker = node.workers[i];
        if (!worker) {
            continue;
        }
        snprintf(local, sizeof(local), "unix:%s", worker->id);
        if (str_eq(str_of(local), address) ||
            (worker->remote[0] && str_eq(str_of(worker->remote), address))) {
            return worker;
        }
    }
    return NULL;
}

/* The supervisor takes a dead worker off the list of the living. */
static void on_forget_worker(void *arg)
{
    const char *id = arg;
    char key[64];
    snprintf(key, sizeof(key), "roomd:worker:%s", id);
    if (redis.up && !redis.hung && !redis.refuses) {
        struct reply reply;
        const struct str del[] = {STR("DEL"), str_of(key)};
        const struct str srem[] = {STR("SREM"), STR("roomd:workers"), str_of(id)};
        redis.data.command++;
        redis_basic_command(del, 2, &reply);
        redis_basic_command(srem, 3, &reply);
    }
}

static void worker_die(struct worker *worker, bool lost)
{
    proc_die(&worker->proc);
    links_of_dead_worker(worker, lost);
    hosts_of_dead_worker(worker);
    worker_core_destroy(worker->core);
    worker->core = NULL;
    node.workers[worker->slot] = NULL;
}

static void start_worker_soon(int slot)
{
    world_after(rnd_between(RESTART_MIN_US, RESTART_MAX_US), NULL, on_start_worker,
                (void *)(intptr_t)slot);
}

void node_kill_worker(int slot)
{
    struct worker *worker = node.workers[slot];
    if (!worker) {
        return;
    }
    trace("%s dies", worker->id);
    worker_die(worker, false);
    if (node.forget_dead) {
        world_after(rnd_between(500, 20000), NULL, on_forget_worker, worker->id);
    }
    start_worker_soon(slot);
}

static void leave(int slot, bool away)
{
    struct worker *worker = node.workers[slot];
    if (worker && !worker->leaving && !worker->proc.frozen) {
        trace("%s is to leave", worker->id);
        worker->leaving = true;
        worker_core_leave(worker->core, away);
        proc_touch(&worker->proc);
    }
}

void node_drain_worker(int slot)
{
    leave(slot, false);
}

bool node_set_draining(int slot, bool on)
{
    struct worker *worker = node.workers[slot];
    if (worker && worker->proc.frozen) {
        return false;
    }
    if (worker) {
        trace("%s %s", worker->id, on ? "drains" : "drains no more");
        worker_core_drain(worker->core, on, false);
        proc_touch(&worker->proc);
    }
    return true;
}

void node_move_room(struct str room, int to_slot)
{
    const struct worker *to = node.workers[to_slot];
    char address[40];
    if (!to) {
        return;
    }
    snprintf(address, sizeof(address), "unix:%s", to->id);
    struct shard_target target = {str_of(to->id), str_of(node_names[to->place]), str_of(address),
                                  str_of(to->remote)};
    for (int i = 0; i < node.worker_count; i++) {
        struct worker *from = node.workers[i];
        if (from && from != to && !from->proc.frozen &&
            !shard_move(worker_core_shard(from->core), room, &target, world_ms())) {
            trace("%.*s moves from %s to %s", STR_ARG(room), from->id, to->id);
            proc_touch(&from->proc);
        }
    }
}

/* ---- gateways ---- */

static void gateway_link_connect(void *ctx, struct edge_link *edge)
{
    link_connect(ctx, edge);
}

static void gateway_link_ready(void *ctx, struct edge_link *edge)
{
    link_edge_ready(ctx, edge);
}

static void gateway_link_drop(void *ctx, struct edge_link *edge, enum err why)
{
    (void)why;
    link_drop_edge(ctx, edge);
}

static void gateway_changed(void *ctx)
{
    (void)ctx;
}

static const struct gateway_core_host gateway_host = {
    .edge =
        {
            .link_connect = gateway_link_connect,
            .link_ready = gateway_link_ready,
            .link_drop = gateway_link_drop,
            .conn_ready = wsconn_ready,
            .conn_read = wsconn_read,
            .conn_end = wsconn_end,
        },
    .changed = gateway_changed,
};

static void gateway_end_turn(void *ctx)
{
    struct gateway *gateway = ctx;
    wsconns_flush(gateway);
    links_flush_gateway(gateway);
    gateway_core_end_turn(gateway->core);
}

static void start_gateway(int slot)
{
    struct gateway *gateway = world_keep(xcalloc(1, sizeof(*gateway)));
    snprintf(gateway->id, sizeof(gateway->id), "g%d.%u", slot + 1, ++node.next_id);
    gateway->slot = slot;
    gateway->place = slot % node.places;
    list_init(&gateway->links);
    list_init(&gateway->conns);
    set_config(&gateway->config, gateway->id, gateway->place);
    proc_start(&gateway->proc, gateway->id, gateway_end_turn, gateway);
    gateway->proc.redis_cut_until_us = node.redis_cut_until_us[gateway->place];
    gateway->core =
        gateway_core_create(os_base(&gateway->proc), &gateway->config, &gateway_host, gateway);
    node.gateways[slot] = gateway;
    trace("%s starts on %s", gateway->id, node_names[gateway->place]);
}

static void on_start_gateway(void *arg)
{
    int slot = (int)(intptr_t)arg;
    if (dark_for(slot)) {
        world_after(dark_for(slot), NULL, on_start_gateway, arg);
    } else {
        start_gateway(slot);
    }
}

static void gateway_die(struct gateway *gateway, bool lost)
{
    proc_die(&gateway->proc);
    links_of_dead_gateway(gateway, lost);
    wsconns_of_dead_gateway(gateway);
    gateway_core_destroy(gateway->core);
    gateway->core = NULL;
    node.gateways[gateway->slot] = NULL;
}

static void start_gateway_soon(int slot)
{
    world_after(rnd_between(RESTART_MIN_US, RESTART_MAX_US), NULL, on_start_gateway,
                (void *)(intptr_t)slot);
}

void node_kill_gateway(int slot)
{
    struct gateway *gateway = node.gateways[slot];
    if (gateway) {
        trace("%s dies", gateway->id);
        gateway_die(gateway, false);
        start_gateway_soon(slot);
    }
}

/* ---- whole nodes ---- */

void node_lose(int place, uint64_t us)
{
    trace("%s is lost", node_names[place]);
    node.dark_until_us[place] = world_us() + us;
    network_trouble(us);
    for (int i = place; i < node.worker_count; i += node.places) {
        if (node.workers[i]) {
            worker_die(node.workers[i], true);
            start_worker_soon(i);
        }
    }
    for (int i = place; i < node.gateway_count; i += node.places) {
        if (node.gateways[i]) {
            gateway_die(node.gateways[i], true);
            start_gateway_soon(i);
        }
    }
}

static void each_proc(int place, void (*fn)(struct proc *proc, uint64_t us), uint64_t us)
{
    for (int i = place; i < node.worker_count; i += node.places) {
        if (node.workers[i]) {
            fn(&node.workers[i]->proc, us);
        }
    }
    for (int i = place; i < node.gateway_count; i += node.places) {
        if (node.gateways[i]) {
            fn(&node.gateways[i]->proc, us);
        }
    }
}

static void on_thaw(void *arg)
{
    struct proc *proc = arg;
    if (proc->alive && proc->frozen) {
        proc_thaw(proc);
    }
}

static void freeze(struct proc *proc, uint64_t us)
{
    if (!proc->frozen) {
        proc_freeze(proc);
        world_after(us, NULL, on_thaw, proc);
    }
}

void node_freeze(int place, uint64_t us)
{
    trace("%s is stopped", node_names[place]);
    each_proc(place, freeze, us);
    network_trouble(us);
}

void node_cut_from_redis(int place, uint64_t us)
{
    trace("%s is cut off from Redis", node_names[place]);
    node.redis_cut_until_us[place] = world_us() + us;
    each_proc(place, redis_cut, us);
    network_trouble(us);
}

void node_cut_from_node(int place, int other, uint64_t us)
{
    network_cut(place, other, us);
    links_are_cut(place, other);
}

void node_leave(int place)
{
    trace("%s is to leave", node_names[place]);
    for (int i = place; i < node.worker_count; i += node.places) {
        leave(i, true);
    }
}

/* ---- beginning and end ---- */

void node_begin(int places, int workers, int gateways)
{
    network_begin();
    list_init(&node.links);
    node.places = places;
    node.worker_count = workers;
    node.gateway_count = gateways;
    for (int i = 0; i < workers; i++) {
        start_worker(i);
    }
    for (int i = 0; i < gateways; i++) {
        start_gateway(i);
    }
}

void node_end(void)
{
    for (int i = 0; i < node.gateway_count; i++) {
        if (node.gateways[i]) {
            gateway_die(node.gateways[i], false);
        }
    }
    for (int i = 0; i < node.worker_count; i++) {
        if (node.workers[i]) {
            worker_die(node.workers[i], false);
        }
    }
    links_finish();
}
