/* Signs of life. */
#include "store/membership.h"

#include "base/alloc.h"
#include "store/internal.h"

#include <stddef.h>
#include <stdlib.h>

#define WORKERS_KEY "roomd:workers"

/* In a cluster they share the slot of the set of ids: as long as its master is there, all signs of
 * life are. */
char *store_worker_key(const struct store *store, struct str id)
{
    return xasprintf(store->cluster ? "roomd:worker:{" WORKERS_KEY "}:%.*s" : "roomd:worker:%.*s",
                     STR_ARG(id));
}

/* Likewise: who cannot read it must not take a node for one that takes rooms. */
char *store_drain_key(const struct store *store)
{
    return xstrdup(store->cluster ? "roomd:draining:{" WORKERS_KEY "}" : "roomd:draining");
}

static void send_args(struct store *store, struct store_args *args, store_reply_fn fn, void *ctx)
{
    store_command(store, args, fn, ctx);
    args_finish(args);
}

struct beat {
    membership_lapsed_fn fn;
    void *ctx;
};

/* [fields that the hash did not have before, 1]. */
static void on_beat(void *ctx, enum err err, const redisReply *reply)
{
    struct beat *beat = ctx;
    if (!err && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
        reply->element[0]->type == REDIS_REPLY_INTEGER && reply->element[0]->integer > 0) {
        beat->fn(beat->ctx);
    }
    free(beat);
}

static void add_member(struct store_args *args, const struct member *member, struct str key,
                       char time[32])
{
    args_add(args, STR("HSET"));
    args_add(args, key);
    args_add(args, STR("node"));
    args_add(args, member->node);
    args_add(args, STR("address"));
    args_add(args, member->address);
    if (member->remote.len > 0) {
        args_add(args, STR("remote"));
        args_add(args, member->remote);
    }
    args_add(args, STR("pid"));
    args_add_u64(args, member->pid);
    args_add(args, STR("version"));
    args_add(args, STR(ROOMD_VERSION));
    args_add(args, STR("rooms"));
    args_add_u64(args, member->rooms);
    args_add(args, STR("sessions"));
    args_add_u64(args, member->sessions);
    args_add(args, STR("cpu"));
    args_add_u64(args, member->cpu);
    args_add(args, STR("weight"));
    args_add_u64(args, member->weight);
    args_add(args, STR("load"));
    args_add_u64(args, load_weighted(load_points(member->sessions, member->cpu), member->weight));
    args_add(args, STR("beat"));
    args_add_u64(args, member->beat);
    args_add(args, STR("draining"));
    args_add(args, member->draining ? STR("1") : STR("0"));
    args_add(args, STR("seen"));
    args_add(args, store_time(time));
}

static void add_life(struct store_args *args, struct str key, uint64_t ms)
{
    args_add(args, STR("PEXPIRE"));
    args_add(args, key);
    args_add_u64(args, ms);
}

static void send_life(struct store *store, struct str key, uint64_t ms)
{
    struct store_args args;
    args_init(&args);
    add_life(&args, key, ms);
    send_args(store, &args, NULL, NULL);
}

void membership_beat(struct store *store, const struct member *member, membership_lapsed_fn fn,
                     void *ctx)
{
    struct beat *beat = xmalloc(sizeof(*beat));
    *beat = (struct beat){fn, ctx};
    char *key = store_worker_key(store, member->id);
    char time[32];
    /* First alone: a Redis without memory, or one that forbids HSET, takes this and not the rest,
     * and gateways must not take the worker for dead meanwhile. */
    send_life(store, str_of(key), MEMBERSHIP_TTL_MS);
    /* One transaction: a key without an end would keep a dead worker among the living for ever. */
    struct store_args args;
    args_init(&args);
    add_member(&args, member, str_of(key), time);
    args_next_command(&args);
    add_life(&args, str_of(key), MEMBERSHIP_TTL_MS);
    send_args(store, &args, on_beat, beat);
    free(key);
    args_init(&args);
    args_add(&args, STR("SADD"));
    args_add(&args, STR(WORKERS_KEY));
    args_add(&args, member->id);
    send_args(store, &args, NULL, NULL);
}

void membership_expect_silence(struct store *store, struct str id)
{
    char *key = store_worker_key(store, id);
    send_life(store, str_of(key), MEMBERSHIP_LONG_MS);
    free(key);
}

static void remove_id(struct store *store, struct str id, store_reply_fn fn, void *ctx)
{
    struct store_args args;
    args_init(&args);
    args_add(&args, STR("SREM"));
    args_add(&args, STR(WORKERS_KEY));
    args_add(&args, id);
    send_args(store, &args, fn, ctx);
}

void membership_leave(struct store *store, struct str id)
{
    char *key = store_worker_key(store, id);
    struct store_args args;
    args_init(&args);
    args_add(&args, STR("DEL"));
    args_add(&args, str_of(key));
    send_args(store, &args, NULL, NULL);
    free(key);
    remove_id(store, id, NULL, NULL);
}

struct sign_field {
    const char *name;
    size_t offset; /* in struct worker_sign */
};

static const struct sign_field sign_texts[] = {
    {"node", offsetof(struct worker_sign, node)},
    {"address", offsetof(struct worker_sign, address)},
    {"remote", offsetof(struct worker_sign, remote)},
    {"version", offsetof(struct worker_sign, version)},
    {"seen", offsetof(struct worker_sign, seen)},
};
static const struct sign_field sign_numbers[] = {
    {"beat", offsetof(struct worker_sign, beat)},
    {"pid", offsetof(struct worker_sign, pid)},
    {"rooms", offsetof(struct worker_sign, rooms)},
    {"sessions", offsetof(struct worker_sign, sessions)},
    {"cpu", offsetof(struct worker_sign, cpu)},
};

static void read_sign_field(struct str name, const redisReply *value, struct worker_sign *sign)
{
    for (size_t i = 0; i < sizeof(sign_texts) / sizeof(sign_texts[0]); i++) {
        if (str_eq(name, str_of(sign_texts[i].name))) {
            *(struct str *)((char *)sign + sign_texts[i].offset) = reply_str(value);
        }
    }
    for (size_t i = 0; i < sizeof(sign_numbers) / sizeof(sign_numbers[0]); i++) {
        if (str_eq(name, str_of(sign_numbers[i].name))) {
            reply_u64(value, (uint64_t *)((char *)sign + sign_numbers[i].offset));
        }
    }
}

/* Reads one worker's hash; false if it is not there. */
bool store_read_worker(const redisReply *reply, struct str id, struct workers *workers)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
        return false;
    }
    struct worker_sign sign = {.id = id};
    uint64_t draining = 0;
    uint64_t weight = 0;
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        struct str name = reply_str(reply->element[i]);
        const redisReply *value = reply->element[i + 1];
        read_sign_field(name, value, &sign);
        if (str_eq(name, STR("draining"))) {
            reply_u64(value, &draining);
        } else if (str_eq(name, STR("weight"))) {
            reply_u64(value, &weight);
        }
    }
    if (!sign.address.ptr || !sign.node.ptr) {
        return false;
    }
    sign.draining = draining != 0;
    sign.weight = weight <= LOAD_WEIGHT_MAX ? (uint32_t)weight : LOAD_WEIGHT_MAX;
    sign.points = load_points(sign.sessions, sign.cpu);
    workers_update_add(workers, &sign);
    return true;
}

/* ---- reading all ---- */

struct reading {
    struct store *store;
    struct workers *workers;
    membership_read_fn fn;
    void *ctx;
    size_t left; /* hashes still to come */
    enum err err;
};

struct reading_one {
    struct reading *reading;
    char id[];
};

static void finish_reading(struct reading *reading)
{
    if (!reading->err) {
        workers_update_end(reading->workers);
    }
    if (reading->fn) {
        reading->fn(reading->ctx, reading->err);
    }
    free(reading);
}

/* One answer less to wait for. */
static void reading_step(struct reading *reading, enum err err)
{
    reading->err = reading->err ? reading->err : err;
    if (--reading->left == 0) {
        finish_reading(reading);
    }
}

static void on_removed(void *ctx, enum err err, const redisReply *reply)
{
    (void)reply;
    reading_step(ctx, err);
}

/* A worker whose time ran out is gone only if Redis takes the write that says so: while it refuses
 * writes, no worker can renew its key. */
static void on_worker(void *ctx, enum err err, const redisReply *reply)
{
    struct reading_one *one = ctx;
    struct reading *reading = one->reading;
    if (!err && !store_read_worker(reply, str_of(one->id), reading->workers)) {
        remove_id(reading->store, str_of(one->id), on_removed, reading);
    } else {
        reading_step(reading, err);
    }
    free(one);
}

static void on_ids(void *ctx, enum err err, const redisReply *reply)
{
    struct reading *reading = ctx;
    if (err || reply->type != REDIS_REPLY_ARRAY) {
        reading->err = err ? err : ERR_MALFORMED;
        finish_reading(reading);
        return;
    }
    workers_update_begin(reading->workers);
    reading->left = reply->elements + 1;
    for (size_t i = 0; i < reply->elements; i++) {
        struct str id = reply_str(reply->element[i]);
        struct reading_one *one = xcalloc(1, sizeof(*one) + id.len + 1);
        one->reading = reading;
        memcpy(one->id, id.ptr, id.len);
        char *key = store_worker_key(reading->store, id);
        struct store_args args;
        args_init(&args);
        args_add(&args, STR("HGETALL"));
        args_add(&args, str_of(key));
        send_args(reading->store, &args, on_worker, one);
        free(key);
    }
    reading_step(reading, ERR_OK);
}

void membership_read(struct store *store, struct workers *workers, membership_read_fn fn, void *ctx)
{
    struct reading *reading = xcalloc(1, sizeof(*reading));
    *reading = (struct reading){.store = store, .workers = workers, .fn = fn, .ctx = ctx};
    struct store_args args;
    args_init(&args);
    args_add(&args, STR("SMEMBERS"));
    args_add(&args, STR(WORKERS_KEY));
    send_args(store, &args, on_ids, reading);
}
