/* Faults, each with its end. */
#include "simulator/faults.h"

#include "base/alloc.h"
#include "gateway/core.h"
#include "simulator/balance.h"
#include "simulator/node.h"
#include "simulator/redis.h"
#include "worker/core.h"

#include <stdlib.h>

enum { MS = 1000 };

static struct {
    char (*rooms)[16];
    int room_count;
    uint64_t mended_us; /* when the last one is over */
} faults;

void faults_begin(char (*rooms)[16], int room_count)
{
    faults.rooms = rooms;
    faults.room_count = room_count;
    faults.mended_us = 0;
}

static void mend_after(uint64_t us, task_fn fn, void *arg)
{
    uint64_t at = world_us() + us;
    faults.mended_us = at > faults.mended_us ? at : faults.mended_us;
    if (fn) {
        world_after(us, NULL, fn, arg);
    }
}

uint64_t faults_mended_in(void)
{
    return faults.mended_us > world_us() ? faults.mended_us - world_us() : 0;
}

/* Short ones are as interesting as long ones. */
static uint64_t some_time(uint64_t most_ms)
{
    uint64_t most = chance(50) ? most_ms / 10 : most_ms;
    return rnd_between(1, most) * MS;
}

static int some_worker(void)
{
    return (int)rnd_below((uint64_t)node.worker_count);
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
        mend_after(us, on_thaw, proc);
    }
}

/* ---- kinds ---- */

static void kill_worker(void)
{
    node_kill_worker(some_worker());
    mend_after(2000 * MS, NULL, NULL);
}

static void kill_workers(void)
{
    for (int i = 0; i < node.worker_count; i++) {
        node_kill_worker(i);
    }
    mend_after(2000 * MS, NULL, NULL);
}

static void on_kill_worker(void *arg)
{
    node_kill_worker((int)(intptr_t)arg);
}

/* One after the other, as a room is just taken over. */
static void kill_in_a_row(void)
{
    uint64_t at = 0;
    for (int i = 0; i < node.worker_count; i++) {
        at += some_time(500);
        mend_after(at, on_kill_worker, (void *)(intptr_t)some_worker());
    }
    mend_after(at + 2000 * MS, NULL, NULL);
}

static void freeze_worker(void)
{
    struct worker *worker = node.workers[some_worker()];
    if (worker) {
        freeze(&worker->proc, some_time(12000));
    }
}

static void drain_worker(void)
{
    node_drain_worker(some_worker());
    mend_after(3000 * MS, NULL, NULL);
}

static void on_undrain(void *arg)
{
    if (!node_set_draining((int)(intptr_t)arg, false)) {
        mend_after(100 * MS, on_undrain, arg); /* what was said waits for it */
    }
}

static void set_draining(void)
{
    int slot = some_worker();
    if (node_set_draining(slot, true)) {
        mend_after(some_time(4000), on_undrain, (void *)(intptr_t)slot);
    }
}

static void move_room(void)
{
    node_move_room(str_of(faults.rooms[rnd_below((uint64_t)faults.room_count)]), some_worker());
}

static void kill_gateway(void)
{
    node_kill_gateway((int)rnd_below((uint64_t)node.gateway_count));
    mend_after(2000 * MS, NULL, NULL);
}

static void freeze_gateway(void)
{
    struct gateway *gateway = node.gateways[rnd_below((uint64_t)node.gateway_count)];
    if (gateway) {
        freeze(&gateway->proc, some_time(4000));
    }
}

static void on_redis_restart(void *arg)
{
    (void)arg;
    if (!redis.up) {
        redis_restart();
    }
}

static void crash_redis(void)
{
    if (redis.up) {
        redis_crash();
        mend_after(some_time(6000), on_redis_restart, NULL);
    }
}

static void on_redis_goes_on(void *arg)
{
    (void)arg;
    if (redis.hung) {
        redis_hang(false);
    }
}

static void hang_redis(void)
{
    if (redis.up && !redis.hung) {
        redis_hang(true);
        mend_after(some_time(8000), on_redis_goes_on, NULL);
    }
}

static void on_redis_takes(void *arg)
{
    (void)arg;
    if (redis.refuses) {
        redis_refuse(REDIS_TAKES_ALL);
    }
}

static void refuse_writes(void)
{
    if (redis.up && !redis.refuses) {
        redis_refuse(chance(50) ? REDIS_OUT_OF_MEMORY : REDIS_DISK_FULL);
        mend_after(some_time(5000), on_redis_takes, NULL);
    }
}

static void on_redis_quick(void *arg)
{
    (void)arg;
    redis.slow_us = 0;
}

static void slow_redis(void)
{
    redis.slow_us = rnd_between(10 * MS, 400 * MS);
    mend_after(some_time(5000), on_redis_quick, NULL);
}

static void cut_from_redis(void)
{
    struct worker *worker = node.workers[some_worker()];
    struct gateway *gateway = node.gateways[rnd_below((uint64_t)node.gateway_count)];
    struct proc *proc = chance(75) && worker ? &worker->proc : gateway ? &gateway->proc : NULL;
    if (proc) {
        uint64_t us = some_time(9000);
        redis_cut(proc, us);
        mend_after(us, NULL, NULL);
    }
}

static void slow_link(void)
{
    uint64_t us = some_time(3000);
    node_slow_link(us);
    mend_after(us, NULL, NULL);
}

/* ---- whole nodes, where there are some ---- */

static int some_place(void)
{
    return (int)rnd_below((uint64_t)node.places);
}

static void lose_node(void)
{
    uint64_t us = some_time(8000);
    node_lose(some_place(), us);
    mend_after(us + 2000 * MS, NULL, NULL);
}

static void freeze_node(void)
{
    uint64_t us = some_time(12000);
    node_freeze(some_place(), us);
    mend_after(us, NULL, NULL);
}

static void cut_node_from_redis(void)
{
    uint64_t us = some_time(9000);
    node_cut_from_redis(some_place(), us);
    mend_after(us, NULL, NULL);
}

static void cut_nodes(void)
{
    uint64_t us = some_time(15000);
    int one = some_place();
    int other = (one + 1 + (int)rnd_below((uint64_t)node.places - 1)) % node.places;
    node_cut_from_node(one, other, us);
    mend_after(us, NULL, NULL);
}

static void node_leaves(void)
{
    node_leave(some_place());
    mend_after(6000 * MS, NULL, NULL);
}

struct kind {
    void (*happen)(void);
    uint32_t weight;
};

static const struct kind kinds[] = {
    {kill_worker, 20},   {kill_workers, 3},   {kill_in_a_row, 8},      {freeze_worker, 14},
    {drain_worker, 7},   {set_draining, 6},   {move_room, 12},         {kill_gateway, 5},
    {freeze_gateway, 4}, {crash_redis, 7},    {hang_redis, 5},         {refuse_writes, 4},
    {slow_redis, 4},     {cut_from_redis, 9}, {redis_lose_scripts, 2}, {node_cut_link, 5},
    {slow_link, 4},
};

static const struct kind node_kinds[] = {
    {lose_node, 10}, {freeze_node, 6}, {cut_node_from_redis, 8}, {cut_nodes, 12}, {node_leaves, 8},
};

static void one_of(const struct kind *list, size_t count)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += list[i].weight;
    }
    uint32_t at = (uint32_t)rnd_below(sum);
    while (at >= list->weight) {
        at -= list->weight;
        list++;
    }
    list->happen();
}

void fault_happen(void)
{
    if (node.message_us && chance(20)) {
        balance_by_hand();
    } else if (node.places > 1 && chance(30)) {
        one_of(node_kinds, sizeof(node_kinds) / sizeof(node_kinds[0]));
    } else {
        one_of(kinds, sizeof(kinds) / sizeof(kinds[0]));
    }
}
