/* A run: drawing under faults, then calm and a look at everything, a few times. */
#include "simulator/scenario.h"

#include "base/alloc.h"
#include "gateway/core.h"
#include "shard/shard.h"
#include "simulator/balance.h"
#include "simulator/check.h"
#include "simulator/client.h"
#include "simulator/faults.h"
#include "simulator/history.h"
#include "simulator/host.h"
#include "simulator/node.h"
#include "simulator/redis.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CLIENTS_MAX = 8,
    ROOMS_MAX = 2,
    LOADED_ROOMS_MAX = 6, /* where they are to be spread */
    MS = 1000,
    /* For everything to come right once nothing is broken: time-outs of 5 s, keys that run out, a
     * client's own patience of 10 s. */
    CALM_MS = 40000,
};

static struct {
    struct client *clients[CLIENTS_MAX];
    int client_count;
    char rooms[LOADED_ROOMS_MAX][16];
    int room_count;
    uint64_t fault_count;
} run;

/* ---- people ---- */

static void new_client(void)
{
    if (run.client_count < CLIENTS_MAX) {
        struct client *client = world_keep(xcalloc(1, sizeof(*client)));
        int number = ++run.client_count;
        client_begin(client, number, run.rooms[rnd_below((uint64_t)run.room_count)]);
        run.clients[number - 1] = client;
        client_come(client);
    }
}

static void on_fault(void *arg)
{
    (void)arg;
    run.fault_count++;
    fault_happen();
}

static void on_people(void *arg)
{
    (void)arg;
    struct client *client = run.clients[rnd_below((uint64_t)run.client_count)];
    if (chance(25)) {
        new_client();
    } else if (client->wants) {
        if (chance(50)) {
            client_change(client); /* closing a tab behind a stroke */
        }
        client_go(client);
    } else {
        client_come(client);
    }
}

static void on_host(void *arg)
{
    (void)arg;
    host_edit(str_of(run.rooms[rnd_below((uint64_t)run.room_count)]));
}

static void let_draw(bool on)
{
    for (int i = 0; i < run.client_count; i++) {
        client_draw(run.clients[i], on);
    }
}

/* ---- calm ---- */

static const char *what_is_wrong(void)
{
    for (int i = 0; i < run.room_count; i++) {
        const char *wrong = check_room(run.clients, run.client_count, run.rooms[i]);
        if (wrong) {
            return wrong;
        }
    }
    return NULL;
}

static void on_say_presences(void *arg)
{
    (void)arg;
    for (int i = 0; i < run.client_count; i++) {
        client_say_presence(run.clients[i]);
    }
}

/* Where Redis has lost an ownership its number is used again, and what a session is to the one may
 * be taken for what it is to the other; until it moves (proto/ownership.md). */
static void let_move(void)
{
    enum { TIMES = 2, APART_MS = 12000 };
    for (uint64_t i = 1; i <= TIMES; i++) {
        world_after(i * APART_MS * MS, NULL, on_say_presences, NULL);
    }
}

/* Nobody draws: everybody must come to know the same. */
static void come_to_rest(void)
{
    let_draw(false);
    world_run_until(world_us() + faults_mended_in());
    uint64_t deadline = world_us() + (uint64_t)CALM_MS * MS;
    const char *wrong = "";
    if (history_is_lossy()) {
        let_move();
    }
    while (wrong && !violation() && world_us() < deadline) {
        world_run_until(world_us() + 200 * MS);
        wrong = what_is_wrong();
    }
    if (wrong) {
        violated("does not come to rest: %s", wrong);
    }
    trace("all is calm");
    if (!history_is_lossy() && node.durability == DURABILITY_LOG) {
        for (int i = 0; i < run.room_count; i++) {
            check_acknowledged(run.clients, run.client_count, run.rooms[i]);
        }
    }
}

/* With nobody drawing nothing hides behind what comes next. */
static void fault_in_the_calm(void)
{
    for (uint64_t i = rnd_between(1, 2); i > 0; i--) {
        on_fault(NULL);
        world_run_until(world_us() + rnd_below(3000) * MS);
    }
    come_to_rest();
}

static void draw_under_faults(void)
{
    let_draw(true);
    /* Loads are smoothed over seconds. */
    uint64_t span = rnd_between(500, node.message_us ? 20000 : 4000) * MS;
    for (uint64_t i = rnd_between(1, 4); i > 0; i--) {
        world_after(rnd_below(span), NULL, on_fault, NULL);
    }
    for (uint64_t i = rnd_below(4); i > 0; i--) {
        world_after(rnd_below(span), NULL, on_people, NULL);
    }
    for (uint64_t i = rnd_below(30); i > 0; i--) {
        world_after(rnd_below(span), NULL, on_host, NULL);
    }
    world_run_until(world_us() + span);
}

/* With nothing wrong, and no load that changes. */
static void draw_evenly(void)
{
    let_draw(true);
    balance_watch();
    come_to_rest();
}

/* ---- bounds ---- */

static void check_bounds(struct scenario_counts *counts)
{
    if (node.link_unread_max > SHARD_LINK_PAUSE) {
        violated("a worker went on listening to a gateway that left %" PRIu64 " bytes unread",
                 node.link_unread_max);
    }
    for (int i = 0; i < run.client_count; i++) {
        const struct client *client = run.clients[i];
        counts->closes += client->closes;
        if (client->closes > 0 && !history_is_lossy() && node.durability == DURABILITY_LOG) {
            violated("%s was closed without a cause", client->session);
        }
        if (client->longest_wait_us > counts->longest_wait_us) {
            counts->longest_wait_us = client->longest_wait_us;
        }
        counts->acked += client->acked_count;
    }
    for (int i = 0; i < node.gateway_count; i++) {
        if (node.gateways[i]) {
            counts->resumes += edge_count(gateway_core_edge(node.gateways[i]->core))->resumes;
        }
    }
    counts->entries += history_entries();
    counts->faults += run.fault_count;
}

/* ---- all of it ---- */

static void begin(void)
{
    run.client_count = 0;
    run.fault_count = 0;
    bool loaded = chance(3); /* they are long */
    run.room_count = (int)rnd_between(1, loaded ? LOADED_ROOMS_MAX : ROOMS_MAX);
    for (int i = 0; i < run.room_count; i++) {
        snprintf(run.rooms[i], sizeof(run.rooms[i]), "room%d", i + 1);
    }
    uint64_t mode = rnd_below(100);
    redis_begin(mode < 70 ? REDIS_ALWAYS : mode < 85 ? REDIS_EVERYSEC : REDIS_FAILOVER);
    history_begin();
    hosts_begin();
    node = (struct node){0};
    uint64_t durability = rnd_below(100);
    node.durability = durability < 90   ? DURABILITY_LOG
                      : durability < 95 ? DURABILITY_SNAPSHOT
                                        : DURABILITY_NONE;
    node.unload_after_s = (uint32_t)rnd_between(1, 30);
    /* In half of the runs what is long for others is short: rooms are in the middle of it when
     * things go wrong. */
    bool small = rnd_between(0, 1) == 0;
    node.entry_max = small ? (uint32_t)rnd_between(200, 3000) : 0;
    node.fold_bytes = small ? (uint32_t)rnd_between(300, 8000) : 0;
    node.outq_bytes = small ? (uint32_t)rnd_between(100, 2000) : 0;
    node.slice_bytes = small ? (uint32_t)rnd_between(300, 6000) : 0;
    node.socket_bytes = chance(50) ? (uint32_t)rnd_between(50, 3000) : 0;
    node.forget_dead = chance(70);
    node.message_us = loaded ? rnd_between(200, 8000) : 0;
    balance_begin(run.rooms, run.room_count);
    faults_begin(run.rooms, run.room_count);
    trace("redis mode %d, durability %d", redis.mode, node.durability);
    /* Half of the runs are on one node. */
    int places = chance(50) ? 1 : (int)rnd_between(2, NETWORK_PLACES);
    int gateways = (int)rnd_between(places > 1 ? 2 : 1, NODE_GATEWAYS);
    node_begin(places, (int)rnd_between((uint64_t)(places > 2 ? places : 2), NODE_WORKERS),
               gateways);
    world_run_until(world_us() + 200 * MS);
    for (uint64_t i = loaded ? rnd_between(4, CLIENTS_MAX) : rnd_between(2, 5); i > 0; i--) {
        new_client();
    }
}

static void end(void)
{
    node_end();
    for (int i = 0; i < run.client_count; i++) {
        client_end(run.clients[i]);
    }
    history_end();
    redis_end();
    world_end();
}

void scenario_run(uint64_t seed, struct scenario_counts *counts)
{
    world_begin(seed);
    map_seed(seed);
    begin();
    for (uint64_t rounds = rnd_between(1, 3); rounds > 0 && !violation(); rounds--) {
        draw_under_faults();
        come_to_rest();
        if (chance(50) && !violation()) {
            fault_in_the_calm();
        }
    }
    if (node.message_us && !violation()) {
        draw_evenly();
    }
    check_bounds(counts);
    end();
}
