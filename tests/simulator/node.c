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
static char node_name[] = "n1";

static void set_config(struct config *config, char *id)
{
    *config = (struct config){
        .max_message_bytes = 1 << 20,
        .durability = node.durability,
        .unload_after_s = node.unload_after_s,
        .idle_timeout_s = 20,
        .entry_max = node.entry_max,
        .fold_bytes = node.fold_bytes,
        .slice_bytes = node.slice_bytes,
        .id = id,
        .node = node_name,
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
}

static void start_worker(int slot)
{
    struct worker *worker = world_keep(xcalloc(1, sizeof(*worker)));
    snprintf(worker->id, sizeof(worker->id), "w%d.%u", slot + 1, ++node.next_id);
    worker->slot = slot;
    list_init(&worker->links);
    set_config(&worker->config, worker->id);
    proc_start(&worker->proc, worker->id, worker_end_turn, worker);
    worker->core =
        worker_core_create(os_base(&worker->proc), &worker->config, NULL, &worker_host, worker);
    node.workers[slot] = worker;
    trace("%s starts", worker->id);
}

static void on_start_worker(void *arg)
{
    start_worker((int)(intptr_t)arg);
}

struct worker *node_find_worker(struct str address)
{
    static const struct str scheme = {"unix:", 5};
    if (!str_starts(address, scheme)) {
        return NULL;
    }
    struct str id = {address.ptr + scheme.len, address.len - scheme.len};
    for (int i = 0; i < node.worker_count; i++) {
        if (node.workers[i] && str_eq(str_of(node.workers[i]->id), id)) {
            return node.workers[i];
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

static void worker_die(struct worker *worker)
{
    proc_die(&worker->proc);
    links_of_dead_worker(worker);
    hosts_of_dead_worker(worker);
    worker_core_destroy(worker->core);
    worker->core = NULL;
    node.workers[worker->slot] = NULL;
}

void node_kill_worker(int slot)
{
    struct worker *worker = node.workers[slot];
    if (!worker) {
        return;
    }
    trace("%s dies", worker->id);
    worker_die(worker);
    if (node.forget_dead) {
        world_after(rnd_between(500, 20000), NULL, on_forget_worker, worker->id);
    }
    world_after(rnd_between(RESTART_MIN_US, RESTART_MAX_US), NULL, on_start_worker,
                (void *)(intptr_t)slot);
}

void node_drain_worker(int slot)
{
    struct worker *worker = node.workers[slot];
    if (worker && !worker->leaving && !worker->proc.frozen) {
        trace("%s is to leave", worker->id);
        worker->leaving = true;
        worker_core_leave(worker->core, false);
        proc_touch(&worker->proc);
    }
}

bool node_set_draining(int slot, bool on)
{
    struct worker *worker = node.workers[slot];
    if (worker && worker->proc.frozen) {
        return false;
    }
    if (worker) {
        trace("%s %s", worker->id, on ? "drains" : "drains no more");
        worker_core_drain(worker->core, on);
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
    struct shard_target target = {str_of(to->id), str_of(node_name), str_of(address), STR("")};
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
    list_init(&gateway->links);
    list_init(&gateway->conns);
    set_config(&gateway->config, gateway->id);
    proc_start(&gateway->proc, gateway->id, gateway_end_turn, gateway);
    gateway->core =
        gateway_core_create(os_base(&gateway->proc), &gateway->config, &gateway_host, gateway);
    node.gateways[slot] = gateway;
    trace("%s starts", gateway->id);
}

static void on_start_gateway(void *arg)
{
    start_gateway((int)(intptr_t)arg);
}

static void gateway_die(struct gateway *gateway)
{
    proc_die(&gateway->proc);
    links_of_dead_gateway(gateway);
    wsconns_of_dead_gateway(gateway);
    gateway_core_destroy(gateway->core);
    gateway->core = NULL;
    node.gateways[gateway->slot] = NULL;
}

void node_kill_gateway(int slot)
{
    struct gateway *gateway = node.gateways[slot];
    if (gateway) {
        trace("%s dies", gateway->id);
        gateway_die(gateway);
        world_after(rnd_between(RESTART_MIN_US, RESTART_MAX_US), NULL, on_start_gateway,
                    (void *)(intptr_t)slot);
    }
}

/* ---- beginning and end ---- */

void node_begin(int workers, int gateways)
{
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
            gateway_die(node.gateways[i]);
        }
    }
    for (int i = 0; i < node.worker_count; i++) {
        if (node.workers[i]) {
            worker_die(node.workers[i]);
        }
    }
}
