/* Between a worker's shard and the store: what the shard asks for, and what is answered. */
#include "base/alloc.h"
#include "base/mark.h"
#include "base/metrics.h"
#include "base/random.h"
#include "store/membership.h"
#include "store/rooms.h"
#include "worker/internal.h"

#include <stdlib.h>

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
    shard_loaded(core->shard, room, &loaded, core_now(core));
    mark_leave();
}

static void on_store_appended(void *ctx, uint64_t room, uint64_t number, enum err err)
{
    struct worker_core *core = ctx;
    shard_appended(core->shard, room, number, err, core_now(core));
    mark_leave();
}

static void on_store_snapshot(void *ctx, uint64_t room, uint64_t number, enum err err)
{
    struct worker_core *core = ctx;
    (void)number;
    shard_snapshot_stored(core->shard, room, err, core_now(core));
    mark_leave();
}

static void on_store_staged(void *ctx, uint64_t room, uint64_t staging, enum err err)
{
    struct worker_core *core = ctx;
    shard_staged(core->shard, room, staging, err, core_now(core));
    mark_leave();
}

static void on_store_checked(void *ctx, uint64_t room, uint64_t number, enum err err)
{
    struct worker_core *core = ctx;
    (void)number;
    shard_checked(core->shard, room, err, core_now(core));
    mark_leave();
}

static void on_store_handed(void *ctx, uint64_t room, uint64_t number, enum err err)
{
    struct worker_core *core = ctx;
    (void)number;
    shard_handed(core->shard, room, err, core_now(core));
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
    if (end == SHARD_MOVE_DONE) {
        giver_wait(&core->giver, core_now(core));
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

const struct shard_host core_shard_host = {
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
