/* Puts store and time into the shard, and what comes out where it belongs. */
#include "worker/core.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/mark.h"
#include "base/metrics.h"
#include "base/random.h"
#include "net/loop.h"
#include "store/membership.h"
#include "store/rooms.h"
#include "worker/events.h"
#include "worker/giver.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A tick that comes that late means that the process was stopped, or the machine was. */
enum { TICK_MS = 250, DRAINING_TICK_MS = 20, STALL_MS = 2000 };

struct worker_core {
    const struct config *config;
    struct event_base *base;
    const struct worker_core_host *host;
    void *ctx;
    const char *remote; /* where other nodes reach it; NULL: nowhere */
    struct store *store;
    struct shard *shard;
    struct shard_config shard_config;
    struct event *tick;
    struct event *work;     /* soon: something is done in slices */
    struct workers workers; /* where rooms can go; read when somebody wants to know */
    struct cpu_meter cpu;
    struct giver giver;
    struct events events;
    struct list moves; /* of struct move_wish.link; owned */
    uint64_t beat_at, ticked_at;
    uint64_t beats; /* signs of life given */
    bool announced, draining, leaving, stopping;
    bool away;        /* rooms go to other nodes only */
    bool more_events; /* to be told of in the next turn */
};

/* A move that somebody has asked for and waits for the end of. */
struct move_wish {
    struct list link;
    uint64_t request;
    char room[];
};

static uint64_t now_of(const struct worker_core *core)
{
    return loop_now_ms(core->base);
}

/* ---- answers of the store ---- */

static void on_store_loaded(void *ctx, uint64_t room, const struct store_loaded *from)
{
    struct worker_core *core = ctx;
    struct shard_loaded loaded = {
        .err = from->err,
        .epoch = from->epoch,
        .appended = from->appended,
        .snapshot = from->snapshot,
        .entries = from->entries,
        .entry_count = from->entry_count,
        .log_bytes = from->log_bytes,
        .taken = from->taken,
        .maybe_lost = from->maybe_lost,
    };
    shard_loaded(core->shard, room, &loaded, now_of(core));
    mark_leave();
}

static void on_store_appended(void *ctx, uint64_t room, uint64_t number, enum err err)
{
    struct worker_core *core = ctx;
    shard_appended(core->shard, room, number, err, now_of(core));
    mark_leave();
}

static void on_store_snapshot(void *ctx, uint64_t room, uint64_t number, enum err err)
{
    struct worker_core *core = ctx;
    (void)number;
    shard_snapshot_stored(core->shard, room, err, now_of(core));
    mark_leave();
}

static void on_store_staged(void *ctx, uint64_t room, uint64_t staging, enum err err)
{
    struct worker_core *core = ctx;
    shard_staged(core->shard, room, staging, err, now_of(core));
    mark_leave();
}

static void on_store_checked(void *ctx, uint64_t room, uint64_t number, enum err err)
{
    struct worker_core *core = ctx;
    (void)number;
    shard_checked(core->shard, room, err, now_of(core));
    mark_leave();
}

static void on_store_handed(void *ctx, uint64_t room, uint64_t number, enum err err)
{
    struct worker_core *core = ctx;
    (void)number;
    shard_handed(core->shard, room, err, now_of(core));
    mark_leave();
}

/* ---- requests of the shard ---- */

static struct store_room store_room_of(const struct worker_core *core,
                                       const struct shard_room_info *info)
{
    return (struct store_room){
        .name = info->name,
        .owner = str_of(core->config->id),
        .epoch = info->epoch,
        .clock = info->clock,
        .records = info->records,
        .bytes = info->bytes,
        .sessions = info->sessions,
        .load = info->load,
    };
}

static void host_link_ready(void *ctx, struct shard_link *link)
{
    struct worker_core *core = ctx;
    core->host->link_ready(core->ctx, link);
}

static void host_link_drop(void *ctx, struct shard_link *link, enum err why)
{
    struct worker_core *core = ctx;
    core->host->link_drop(core->ctx, link, why);
}

static void host_load(void *ctx, uint64_t room, struct str name)
{
    struct worker_core *core = ctx;
    store_load(core->store, room, name, str_of(core->config->id), on_store_loaded, core);
}

static void host_append(void *ctx, uint64_t room, const struct shard_room_info *info,
                        const struct shard_batch *batch)
{
    struct worker_core *core = ctx;
    struct store_room stored = store_room_of(core, info);
    store_append(core->store, room, &stored, batch->entries, batch->first, batch->first_number,
                 batch->last_number, on_store_appended, core);
}

static void host_snapshot(void *ctx, uint64_t room, const struct shard_room_info *info,
                          const struct shard_snapshot *snapshot)
{
    struct worker_core *core = ctx;
    struct store_room stored = store_room_of(core, info);
    enum store_after after = snapshot->erase     ? STORE_ERASE
                             : snapshot->release ? STORE_RELEASE
                                                 : STORE_KEEP;
    if (snapshot->staging) {
        struct store_staged staged = {snapshot->staging, snapshot->staged_bytes, snapshot->clock};
        store_snapshot_staged(core->store, room, &stored, &staged, snapshot->through, after,
                              on_store_snapshot, core);
    } else {
        store_snapshot(core->store, room, &stored, snapshot->stored, snapshot->through, after,
                       on_store_snapshot, core);
    }
}

static void host_stage(void *ctx, uint64_t room, const struct shard_room_info *info,
                       const struct shard_piece *piece)
{
    struct worker_core *core = ctx;
    struct store_room stored = store_room_of(core, info);
    store_stage(core->store, room, &stored, piece->staging, piece->offset, piece->bytes,
                on_store_staged, core);
}

static void host_check(void *ctx, uint64_t room, const struct shard_room_info *info)
{
    struct worker_core *core = ctx;
    store_check(core->store, room, info->name, str_of(core->config->id), info->epoch,
                on_store_checked, core);
}

static void host_hand_over(void *ctx, uint64_t room, const struct shard_room_info *info,
                           const struct shard_target *to)
{
    struct worker_core *core = ctx;
    struct store_room stored = store_room_of(core, info);
    store_hand_over(core->store, room, &stored, info->appended, to->worker, to->node,
                    on_store_handed, core);
}

static bool host_place(void *ctx, struct str room, struct shard_target *to)
{
    struct worker_core *core = ctx;
    (void)room;
    const struct worker_info *other = (core->away ? workers_place_away : workers_place)(
        &core->workers, str_of(core->config->node), random_u64());
    bool found = other && !str_eq(str_of(other->id), str_of(core->config->id));
    if (found) {
        *to = (struct shard_target){str_of(other->id), str_of(other->node), str_of(other->address),
                                    str_of(other->remote)};
    }
    return found;
}

static bool is_given(const struct worker_core *core, struct str room)
{
    return core->giver.room && str_eq(str_of(core->giver.room), room);
}

/* What it used is no load of this worker any more, although that is what was measured. */
static void count_move(struct worker_core *core, struct str room)
{
    struct shard_room_info info;
    metrics_add(is_given(core, room) ? METRIC_MOVES_REBALANCE
                : core->draining     ? METRIC_MOVES_DRAIN
                                     : METRIC_MOVES_ASKED,
                1);
    if (shard_find(core->shard, room, &info) && info.load > info.sessions) {
        cpu_meter_drop(&core->cpu, (info.load - info.sessions) / LOAD_CPU_POINTS);
    }
}

/* Of a room there is one move at a time, so its name says which wish it is. */
static void host_move_ended(void *ctx, struct str room, enum shard_move_end end, uint64_t epoch)
{
    struct worker_core *core = ctx;
    struct move_wish *wish;
    if (end == SHARD_MOVE_DONE) {
        count_move(core, room);
    }
    if (is_given(core, room)) {
        giver_ended(&core->giver, &core->workers, end == SHARD_MOVE_DONE);
        return;
    }
    list_each(wish, &core->moves, link, struct move_wish)
    {
        if (str_eq(str_of(wish->room), room)) {
            list_remove(&wish->link);
            core->host->move_ended(core->ctx, wish->request, end, epoch);
            free(wish);
            return;
        }
    }
}

static void host_show(void *ctx, const struct shard_room_info *info)
{
    struct worker_core *core = ctx;
    struct store_room stored = store_room_of(core, info);
    store_show(core->store, &stored);
}

static void host_event(void *ctx, const struct shard_event *event)
{
    struct worker_core *core = ctx;
    events_add(&core->events, event);
}

static void host_long_step(void *ctx)
{
    struct worker_core *core = ctx;
    membership_expect_silence(core->store, str_of(core->config->id));
}

static void host_random_id(void *ctx, char out[21])
{
    char text[RANDOM_ID_LEN + 1];
    (void)ctx;
    random_id(text);
    memcpy(out, text, RANDOM_ID_LEN);
}

/* Whose work ends us, if it does. Every call into the shard is followed by a mark_leave. */
static void host_executing(void *ctx, struct str room)
{
    (void)ctx;
    mark_enter(room);
}

static void host_stopped(void *ctx)
{
    struct worker_core *core = ctx;
    if (core->leaving) {
        membership_leave(core->store, str_of(core->config->id));
    }
    core->host->done(core->ctx);
}

static const struct shard_host shard_host = {
    .link_ready = host_link_ready,
    .link_drop = host_link_drop,
    .load = host_load,
    .append = host_append,
    .snapshot = host_snapshot,
    .stage = host_stage,
    .check = host_check,
    .hand_over = host_hand_over,
    .place = host_place,
    .move_ended = host_move_ended,
    .show = host_show,
    .event = host_event,
    .long_step = host_long_step,
    .random_id = host_random_id,
    .executing = host_executing,
    .stopped = host_stopped,
};

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
    core->beat_at = now_of(core) + MEMBERSHIP_BEAT_MS;
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
    if (giver_look(&core->giver, &own, &core->workers, core->shard, now_of(core), &to) &&
        shard_move(core->shard, str_of(core->giver.room), &to, now_of(core))) {
        giver_ended(&core->giver, &core->workers, false);
    }
    mark_leave();
}

static bool gives(const struct worker_core *core)
{
    struct giver_own own = giver_own(core);
    return core->config->rebalance && !core->draining && !core->stopping &&
           giver_is_due(&core->giver, &own, core->config->weight, now_of(core));
}

static void on_members(void *ctx, enum err err)
{
    struct worker_core *core = ctx;
    if (!err && core->leaving) {
        shard_stop(core->shard, true, now_of(core));
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
    shard_store_changed(core->shard, true, now_of(core));
    mark_leave();
    core->host->changed(core->ctx);
}

static void on_store_down(void *ctx)
{
    struct worker_core *core = ctx;
    shard_store_changed(core->shard, false, now_of(core));
    mark_leave();
    core->host->changed(core->ctx);
}

/* While Redis takes no writes it might as well be away: rooms that try would only build snapshots
 * in vain. Signs of life are sent all the same. */
static void on_store_writable(void *ctx, bool writable)
{
    struct worker_core *core = ctx;
    shard_store_changed(core->shard, writable, now_of(core));
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
    shard_store_part(core->shard, part_has, part, now_of(core));
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
    uint64_t now = now_of(core);
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
    shard_work(core->shard, now_of(core));
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
    enum err err = shard_move(core->shard, room, to, now_of(core));
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
    shard_stop(core->shard, false, now_of(core));
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
    core->shard = shard_create(&core->shard_config, &shard_host, core, str_of(config->id),
                               str_of(config->node));
    core->store = store_create(base, &config->redis, &store_handlers, core);
    core->tick = evtimer_new(base, on_tick, core);
    core->work = evtimer_new(base, on_work, core);
    core->ticked_at = now_of(core);
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
