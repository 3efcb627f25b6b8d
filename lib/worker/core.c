/* Puts time into the shard, and takes its place among the workers. */
#include "worker/core.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/mark.h"
#include "base/metrics.h"
#include "store/membership.h"
#include "store/rooms.h"
#include "worker/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A tick that comes that late means that the process was stopped, or the machine was. */
enum { TICK_MS = 250, DRAINING_TICK_MS = 20, STALL_MS = 2000 };

/* ---- among the workers ---- */

/* It counted as dead: whoever took a room of it over did so without a word. */
static void on_lapsed(void *ctx)
{
    struct worker_core *core = ctx;
    shard_verify(core->shard);
    mark_leave();
}

static void measure(struct worker_core *core)
{
    cpu_meter_read(&core->cpu, clock_us(), clock_cpu_us());
    shard_measure(core->shard, cpu_meter_cpu(&core->cpu));
}

static void beat(struct worker_core *core)
{
    measure(core);
    const struct shard_counts *counts = shard_count(core->shard);
    char address[256];
    snprintf(address, sizeof(address), "unix:%s", core->config->socket);
    struct member member = {
        .id = str_of(core->config->id),
        .node = str_of(core->config->node),
        .address = str_of(address),
        .remote = str_of(core->remote),
        .pid = (uint64_t)getpid(),
        .rooms = counts->rooms,
        .sessions = counts->sessions,
        .beat = ++core->beats,
        .cpu = cpu_meter_cpu(&core->cpu),
        .weight = core->config->weight ? core->config->weight : 1,
        .draining = core->draining || core->stopping,
    };
    membership_beat(core->store, &member, on_lapsed, core);
    core->beat_at = core_now(core) + MEMBERSHIP_BEAT_MS;
}

static struct giver_own giver_own(const struct worker_core *core)
{
    return (struct giver_own){
        .id = str_of(core->config->id),
        .node = str_of(core->config->node),
        .points = load_points(shard_count(core->shard)->sessions, cpu_meter_cpu(&core->cpu)),
    };
}

static void give(struct worker_core *core)
{
    struct giver_own own = giver_own(core);
    struct shard_target to;
    if (giver_look(&core->giver, &own, &core->workers, core->shard, core_now(core), &to) &&
        shard_move(core->shard, str_of(core->giver.room), &to, core_now(core))) {
        giver_ended(&core->giver, &core->workers, false);
    }
    mark_leave();
}

static bool gives(const struct worker_core *core)
{
    struct giver_own own = giver_own(core);
    return core->config->rebalance && !core->draining && !core->stopping &&
           giver_is_due(&core->giver, &own, core->config->weight, core_now(core));
}

static void on_members(void *ctx, enum err err)
{
    struct worker_core *core = ctx;
    if (!err && core->leaving) {
        shard_stop(core->shard, true, core_now(core));
        mark_leave();
    } else if (!err && core->draining) {
        shard_drain(core->shard, true);
    } else if (!err && gives(core) && store_is_writable(core->store)) {
        give(core);
    }
}

static void read_members(struct worker_core *core)
{
    membership_read(core->store, &core->workers, on_members, core);
}

/* ---- the store itself ---- */

static void on_store_up(void *ctx)
{
    struct worker_core *core = ctx;
    beat(core);
    core->announced = true;
    shard_store_changed(core->shard, true, core_now(core));
    mark_leave();
    core->host->changed(core->ctx);
}

static void on_store_down(void *ctx)
{
    struct worker_core *core = ctx;
    shard_store_changed(core->shard, false, core_now(core));
    mark_leave();
    core->host->changed(core->ctx);
}

/* While Redis takes no writes it might as well be away: rooms that try would only build snapshots
 * in vain. Signs of life are sent all the same. */
static void on_store_writable(void *ctx, bool writable)
{
    struct worker_core *core = ctx;
    shard_store_changed(core->shard, writable, core_now(core));
    mark_leave();
    core->host->changed(core->ctx);
}

static bool part_has(const void *part, struct str room)
{
    return store_part_has(part, room);
}

static void on_store_part(void *ctx, const struct store_part *part)
{
    struct worker_core *core = ctx;
    shard_store_part(core->shard, part_has, part, core_now(core));
    mark_leave();
    core->host->changed(core->ctx);
}

static const struct store_handlers store_handlers = {
    .on_up = on_store_up,
    .on_down = on_store_down,
    .on_writable = on_store_writable,
    .on_part = on_store_part,
};

/* ---- time ---- */

static void on_tick(evutil_socket_t fd, short events, void *ctx)
{
    struct worker_core *core = ctx;
    (void)fd;
    (void)events;
    uint64_t now = core_now(core);
    if (now - core->ticked_at > STALL_MS) {
        log_warn(NULL, "was stopped for a while; asks whether the rooms are still its own",
                 LOG_U64("ms", now - core->ticked_at));
        shard_verify(core->shard);
    }
    core->ticked_at = now;
    shard_tick(core->shard, now);
    mark_leave();
    if (store_is_up(core->store) && now >= core->beat_at && !core->stopping) {
        beat(core);
        if (core->draining || gives(core)) {
            read_members(core);
        }
    }
    loop_arm(core->tick, core->draining ? DRAINING_TICK_MS : TICK_MS);
}

static void on_work(evutil_socket_t fd, short events, void *ctx)
{
    struct worker_core *core = ctx;
    (void)fd;
    (void)events;
    shard_work(core->shard, core_now(core));
    mark_leave();
}

static void count(const struct worker_core *core)
{
    const struct shard_counts *counts = shard_count(core->shard);
    metrics_set(METRIC_ROOMS, (double)counts->rooms);
    metrics_set(METRIC_SESSIONS, (double)counts->sessions);
    metrics_set(METRIC_CPU_SHARE, core->cpu.share / LOAD_CPU_FULL);
    metrics_set(METRIC_ROOM_BYTES, (double)counts->room_bytes);
    metrics_set(METRIC_PUSHES, (double)counts->pushes);
    metrics_set(METRIC_RESUMES, (double)counts->resumes);
    metrics_set(METRIC_BROADCASTS, (double)counts->broadcasts);
    metrics_set(METRIC_MESSAGES_RECEIVED, (double)counts->messages);
}

void worker_core_end_turn(struct worker_core *core)
{
    shard_flush(core->shard);
    mark_leave();
    core->more_events = events_flush(&core->events, core->store); /* behind the rooms' own */
    store_flush(core->store);
    count(core);
}

void worker_core_plan_turn(struct worker_core *core)
{
    if (shard_is_busy(core->shard) || core->more_events) {
        loop_arm(core->work, 0); /* others' turns come first */
    }
}

/* ---- going ---- */

void worker_core_drain(struct worker_core *core, bool on, bool away)
{
    if (core->leaving) {
        return;
    }
    core->away = on && away;
    if (core->draining == on) {
        return;
    }
    core->draining = on;
    log_info(NULL, on ? "draining: rooms go to other workers" : "not draining any more",
             LOG_U64("rooms", shard_count(core->shard)->rooms));
    if (on) {
        read_members(core); /* its answer begins the work */
    } else {
        shard_drain(core->shard, false);
    }
    beat(core); /* so that nobody sends it new rooms */
    core->host->changed(core->ctx);
}

enum err worker_core_move(struct worker_core *core, uint64_t request, struct str room,
                          const struct shard_target *to)
{
    enum err err = shard_move(core->shard, room, to, core_now(core));
    mark_leave();
    if (!err) {
        struct move_wish *wish = xcalloc(1, sizeof(*wish) + room.len + 1);
        wish->request = request;
        memcpy(wish->room, room.ptr, room.len);
        list_append(&core->moves, &wish->link);
    }
    return err;
}

void worker_core_leave(struct worker_core *core, bool away)
{
    worker_core_drain(core, true, away);
    core->leaving = true;
    core->host->changed(core->ctx);
    loop_arm(core->tick, 0);
}

void worker_core_stop(struct worker_core *core)
{
    core->stopping = true;
    core->host->changed(core->ctx);
    membership_leave(core->store, str_of(core->config->id));
    shard_stop(core->shard, false, core_now(core));
    mark_leave();
}

/* ---- beginning and end ---- */

struct shard *worker_core_shard(const struct worker_core *core)
{
    return core->shard;
}

struct worker_core_health worker_core_health(const struct worker_core *core)
{
    bool ok = store_is_writable(core->store);
    return (struct worker_core_health){
        .known = core->announced,
        .ending = core->stopping || core->leaving,
        .draining = core->draining,
        .store_ok = ok,
        .trouble = ok ? "" : store_trouble(core->store),
    };
}

static struct shard_config shard_config_of(const struct config *config)
{
    return (struct shard_config){
        .room = {.idle_timeout_ms = (uint64_t)config->idle_timeout_s * 1000,
                 .diff_max = config->entry_max ? config->entry_max : SHARD_ENTRY_MAX},
        .durability = config->durability == DURABILITY_LOG        ? SHARD_LOG
                      : config->durability == DURABILITY_SNAPSHOT ? SHARD_SNAPSHOT
                                                                  : SHARD_NONE,
        .unload_after_ms = (uint64_t)config->unload_after_s * 1000,
        .link_version_max = config->link_version_max,
        .fold_bytes = config->fold_bytes,
        .slice_bytes = config->slice_bytes,
    };
}

void worker_core_set_remote(struct worker_core *core, const char *remote)
{
    core->remote = remote;
}

struct worker_core *worker_core_create(struct event_base *base, const struct config *config,
                                       struct schema *schema, const struct worker_core_host *host,
                                       void *ctx)
{
    struct worker_core *core = xcalloc(1, sizeof(*core));
    core->config = config;
    core->base = base;
    core->host = host;
    core->ctx = ctx;
    workers_init(&core->workers);
    list_init(&core->moves);
    events_init(&core->events, config->events_max, str_of(config->id), str_of(config->node));
    core->shard_config = shard_config_of(config);
    core->shard_config.room.schema = schema;
    core->shard = shard_create(&core->shard_config, &core_shard_host, core, str_of(config->id),
                               str_of(config->node));
    core->store = store_create(base, &config->redis, &store_handlers, core);
    core->tick = evtimer_new(base, on_tick, core);
    core->work = evtimer_new(base, on_work, core);
    core->ticked_at = core_now(core);
    loop_arm(core->tick, TICK_MS);
    return core;
}

void worker_core_destroy(struct worker_core *core)
{
    if (!core) {
        return;
    }
    store_destroy(core->store);
    workers_finish(&core->workers);
    shard_destroy(core->shard);
    events_finish(&core->events);
    giver_finish(&core->giver);
    event_free(core->tick);
    event_free(core->work);
    free(core);
}
