/* Writing rooms, and giving them to others. */
#include "store/rooms.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "store/internal.h"

#include <inttypes.h>
#include <stdlib.h>

/* A request under way. */
struct write {
    uint64_t room, number;
    store_written_fn fn;
    void *ctx;
    const char *what;
    int histogram; /* enum metric_histogram; -1 if it is not measured */
    uint64_t started_us;
    struct str name; /* of the room, behind this */
};

/* Copies `from` and the name it points to. */
static struct write *write_create(const struct write *from)
{
    struct write *write = xmalloc(sizeof(*write) + from->name.len);
    *write = *from;
    write->started_us = clock_us();
    write->name.ptr = memcpy(write + 1, from->name.ptr, from->name.len);
    return write;
}

static void finish(struct write *write, enum err err, const redisReply *reply)
{
    if (err == ERR_REFUSED) {
        store_log_refusal(write->name, write->what, reply);
    } else if (!err && write->histogram >= 0) {
        metrics_observe((enum metric_histogram)write->histogram,
                        (double)(clock_us() - write->started_us) / 1e6);
    }
    write->fn(write->ctx, write->room, write->number, err);
    free(write);
}

static void on_written(void *ctx, enum err err, const redisReply *reply)
{
    finish(ctx, err, reply);
}

/* What every script for an owner begins with: fence.lua. */
static void add_info(struct store_args *args, const struct store *store, const char *hash,
                     const struct store_room *info, char time[32])
{
    args_add(args, info->owner);
    args_add_u64(args, info->epoch);
    args_add_u64(args, info->clock);
    args_add_u64(args, info->records);
    args_add_u64(args, info->bytes);
    args_add_u64(args, info->sessions);
    args_add(args, store_time(time));
    args->run = args->count;
    args_add(args, str_of(store_server(store, str_of(hash))->run));
}

/* Nobody else's, and of no other attempt: what is late from a connection that is dead by now meets
 * nothing that it could spoil. */
static char *staging_key(const struct store_room *info, uint64_t staging)
{
    struct buf suffix = {0};
    buf_printf(&suffix, ":staged:%.*s:%" PRIu64, STR_ARG(info->owner), staging);
    buf_append_byte(&suffix, 0);
    char *key = store_room_key(info->name, (const char *)buf_head(&suffix));
    buf_finish(&suffix);
    return key;
}

static void add_entry(struct store_args *args, const struct entry *entry)
{
    args_add_u64(args, entry->clock);
    args_add(args, entry->session);
    args_add_u64(args, entry->seq);
    args_add(args, entry->by);
    args_add_u64(args, entry->opened);
    args_add(args, str_of(entry_outcome_name(entry->outcome)));
    args_add(args, (struct str){(const char *)entry->diff.data, entry->diff.len});
    args_add(args, (struct str){(const char *)entry->schema.data, entry->schema.len});
}

void store_append(struct store *store, uint64_t room, const struct store_room *info,
                  const struct list *entries, struct entry *first, uint64_t number, uint64_t last,
                  store_written_fn fn, void *ctx)
{
    char time[32];
    char *hash = store_room_key(info->name, "");
    char *log = store_room_key(info->name, ":log");
    struct store_args args;
    args_init(&args);
    store_script(store, &args, SCRIPT_APPEND, 2);
    args_add(&args, str_of(hash));
    args_add(&args, str_of(log));
    add_info(&args, store, hash, info, time);
    args_add_u64(&args, number);
    double bytes = 0;
    for (struct list *node = first ? &first->link : NULL; node && node != entries;
         node = node->next) {
        const struct entry *entry = list_entry(node, struct entry, link);
        add_entry(&args, entry);
        bytes += (double)entry_bytes(entry);
    }
    metrics_add(METRIC_LOG_APPENDS, (double)(last + 1 - number));
    metrics_add(METRIC_LOG_APPEND_BYTES, bytes);
    struct write write = {room, last, fn, ctx, "append", HISTOGRAM_LOG_APPEND, 0, info->name};
    store_command(store, &args, on_written, write_create(&write));
    args_finish(&args);
    free(hash);
    free(log);
}

/* By `staged` if there is any, else as `snapshot` says. */
static void write_snapshot(struct store *store, const struct store_room *info, struct str snapshot,
                           const struct store_staged *staged, enum store_after after,
                           const struct write *write)
{
    char time[32];
    char *hash = store_room_key(info->name, "");
    char *key = store_room_key(info->name, ":snapshot");
    char *log = store_room_key(info->name, ":log");
    char *stage = staged ? staging_key(info, staged->staging) : NULL;
    struct store_args args;
    args_init(&args);
    store_script(store, &args, SCRIPT_SNAPSHOT, staged ? 4 : 3);
    args_add(&args, str_of(hash));
    args_add(&args, str_of(key));
    args_add(&args, str_of(log));
    if (staged) {
        args_add(&args, str_of(stage));
    }
    add_info(&args, store, hash, info, time);
    args_add_u64(&args, write->number);
    args_add_u64(&args, (uint64_t)after);
    args_add(&args, snapshot);
    if (staged) {
        args_add_u64(&args, staged->bytes);
        args_add_u64(&args, staged->clock);
    }
    metrics_add(METRIC_SNAPSHOTS, 1);
    store_command(store, &args, on_written, write_create(write));
    args_finish(&args);
    free(hash);
    free(key);
    free(log);
    free(stage);
}

void store_snapshot(struct store *store, uint64_t room, const struct store_room *info,
                    struct str snapshot, uint64_t through, enum store_after after,
                    store_written_fn fn, void *ctx)
{
    struct write write = {room, through, fn, ctx, "snapshot", HISTOGRAM_SNAPSHOT, 0, info->name};
    write_snapshot(store, info, snapshot, NULL, after, &write);
}

void store_snapshot_staged(struct store *store, uint64_t room, const struct store_room *info,
                           const struct store_staged *staged, uint64_t through,
                           enum store_after after, store_written_fn fn, void *ctx)
{
    struct write write = {room, through, fn, ctx, "snapshot", HISTOGRAM_SNAPSHOT, 0, info->name};
    write_snapshot(store, info, (struct str){0}, staged, after, &write);
}

void store_stage(struct store *store, uint64_t room, const struct store_room *info,
                 uint64_t staging, uint64_t offset, struct str piece, store_written_fn fn,
                 void *ctx)
{
    char time[32];
    char *hash = store_room_key(info->name, "");
    char *stage = staging_key(info, staging);
    struct store_args args;
    args_init(&args);
    store_script(store, &args, SCRIPT_STAGE, 2);
    args_add(&args, str_of(hash));
    args_add(&args, str_of(stage));
    add_info(&args, store, hash, info, time);
    args_add_u64(&args, offset);
    args_add(&args, piece);
    struct write write = {room, staging, fn, ctx, "piece of a snapshot", -1, 0, info->name};
    store_command(store, &args, on_written, write_create(&write));
    args_finish(&args);
    free(hash);
    free(stage);
}

/* ---- to another owner, or from one ---- */

static void on_handed(void *ctx, enum err err, const redisReply *reply)
{
    struct write *write = ctx;
    if (!err && !reply_u64(reply, &write->number)) {
        err = ERR_MALFORMED;
    }
    finish(write, err, reply);
}

void store_hand_over(struct store *store, uint64_t room, const struct store_room *info,
                     uint64_t through, struct str to_worker, struct str to_node,
                     store_written_fn fn, void *ctx)
{
    char time[32];
    char *hash = store_room_key(info->name, "");
    struct store_args args;
    args_init(&args);
    store_script(store, &args, SCRIPT_HAND, 1);
    args_add(&args, str_of(hash));
    add_info(&args, store, hash, info, time);
    args_add_u64(&args, through);
    args_add(&args, to_worker);
    args_add(&args, to_node);
    struct write write = {room, 0, fn, ctx, "handover", -1, 0, info->name};
    store_command(store, &args, on_handed, write_create(&write));
    args_finish(&args);
    free(hash);
}

struct check {
    struct store *store;
    uint64_t room;
    char *key;   /* owned; of the hash */
    char *owner; /* owned */
    uint64_t epoch;
    store_written_fn fn;
    void *ctx;
};

/* [owner, epoch, run], judged as fence.lua does. */
static enum err judge(const struct check *check, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3) {
        return ERR_MALFORMED;
    }
    uint64_t epoch;
    if (!reply_u64(reply->element[1], &epoch) || epoch < check->epoch) {
        bool written_since = str_eq(reply_str(reply->element[2]),
                                    str_of(store_server(check->store, str_of(check->key))->run));
        return written_since ? ERR_FENCED : ERR_GAP;
    }
    bool ours = epoch == check->epoch && str_eq(reply_str(reply->element[0]), str_of(check->owner));
    return ours ? ERR_OK : ERR_FENCED;
}

static void on_checked(void *ctx, enum err err, const redisReply *reply)
{
    struct check *check = ctx;
    check->fn(check->ctx, check->room, 0, err ? err : judge(check, reply));
    free(check->key);
    free(check->owner);
    free(check);
}

void store_check(struct store *store, uint64_t room, struct str name, struct str owner,
                 uint64_t epoch, store_written_fn fn, void *ctx)
{
    struct check *check = xmalloc(sizeof(*check));
    char *hash = store_room_key(name, "");
    *check = (struct check){store, room, hash, xstrndup(owner.ptr, owner.len), epoch, fn, ctx};
    struct store_args args;
    args_init(&args);
    args_add(&args, STR("HMGET"));
    args_add(&args, str_of(hash));
    args_add(&args, STR("owner"));
    args_add(&args, STR("epoch"));
    args_add(&args, STR("run"));
    store_command(store, &args, on_checked, check);
    args_finish(&args);
}

void store_show(struct store *store, const struct store_room *info)
{
    char time[32];
    char *hash = store_room_key(info->name, "");
    struct store_args args;
    args_init(&args);
    store_script(store, &args, SCRIPT_SHOW, 1);
    args_add(&args, str_of(hash));
    add_info(&args, store, hash, info, time);
    args_add_u64(&args, info->load);
    store_command(store, &args, NULL, NULL);
    args_finish(&args);
    free(hash);
}
