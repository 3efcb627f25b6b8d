/* Who owns a room: look it up, and place it if nobody alive does. */
#include "base/alloc.h"
#include "store/internal.h"
#include "store/membership.h"

#include <stdlib.h>

struct search {
    struct store *store;
    struct workers *workers;
    char *room, *node; /* owned */
    char *owner;       /* owned; the worker being looked at or claimed for; NULL if none */
    uint64_t epoch;
    uint64_t quarantined_until; /* unix seconds */
    uint64_t random;
    membership_owner_fn fn;
    void *ctx;
};

static void finish(struct search *search, enum err err)
{
    struct member_owner owner = {0};
    if (!err) {
        const struct worker_info *worker = workers_find(search->workers, str_of(search->owner));
        if (worker) {
            owner = (struct member_owner){str_of(worker->id),
                                          worker_address(worker, str_of(search->node))};
        } else {
            err = ERR_AGAIN;
        }
    }
    search->fn(search->ctx, str_of(search->room), err, &owner);
    free(search->room);
    free(search->node);
    free(search->owner);
    free(search);
}

static void fail(struct search *search, enum err err, const redisReply *reply)
{
    if (err == ERR_REFUSED) {
        store_log_refusal(str_of(search->room), "who owns it", reply);
    }
    finish(search, err);
}

/* {1, epoch}, {0, epoch} or {-1, until}. */
static enum err read_claim(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_INTEGER) {
        return ERR_MALFORMED;
    }
    long long won = reply->element[0]->integer;
    return won > 0 ? ERR_OK : won == 0 ? ERR_AGAIN : ERR_QUARANTINED;
}

static void on_claimed(void *ctx, enum err err, const redisReply *reply)
{
    fail(ctx, err ? err : read_claim(reply), reply);
}

static void claim(struct search *search)
{
    const struct worker_info *worker =
        workers_place(search->workers, str_of(search->node), search->random);
    if (!worker) {
        finish(search, ERR_NOT_FOUND);
        return;
    }
    free(search->owner);
    search->owner = xstrdup(worker->id);
    char time[32];
    char *key = store_room_key(str_of(search->room), "");
    struct store_args args;
    args_init(&args);
    store_script(search->store, &args, SCRIPT_CLAIM, 1);
    args_add(&args, str_of(key));
    args_add_u64(&args, search->epoch);
    args_add(&args, str_of(worker->id));
    args_add(&args, str_of(worker->node));
    args_add(&args, store_time(time));
    store_command(search->store, &args, on_claimed, search);
    args_finish(&args);
    free(key);
}

/* The owner's own key, read afresh: it says whether the owner lives. */
static void on_owner_key(void *ctx, enum err err, const redisReply *reply)
{
    struct search *search = ctx;
    if (err) {
        finish(search, err);
    } else if (store_read_worker(reply, str_of(search->owner), search->workers)) {
        finish(search, ERR_OK);
    } else if (!store_is_settled(search->store)) {
        finish(search, ERR_AGAIN); /* it may live, and had no Redis to say so */
    } else {
        claim(search);
    }
}

static void look_at_owner(struct search *search)
{
    if (!search->owner) {
        claim(search);
        return;
    }
    char *key = store_worker_key(search->store, str_of(search->owner));
    struct store_args args;
    args_init(&args);
    args_add(&args, STR("HGETALL"));
    args_add(&args, str_of(key));
    store_command(search->store, &args, on_owner_key, search);
    args_finish(&args);
    free(key);
}

/* Quarantine is by Redis' own clock: [seconds, microseconds]. */
static void on_time(void *ctx, enum err err, const redisReply *reply)
{
    struct search *search = ctx;
    uint64_t now_s;
    if (!err && (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
                 !reply_u64(reply->element[0], &now_s))) {
        err = ERR_MALFORMED;
    }
    if (err) {
        finish(search, err);
    } else if (search->quarantined_until > now_s) {
        finish(search, ERR_QUARANTINED);
    } else {
        look_at_owner(search);
    }
}

/* [owner, epoch, quarantined_until]. */
static void on_room(void *ctx, enum err err, const redisReply *reply)
{
    struct search *search = ctx;
    if (!err && (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)) {
        err = ERR_MALFORMED;
    }
    if (err) {
        fail(search, err, reply);
        return;
    }
    struct str owner = reply_str(reply->element[0]);
    search->owner = owner.len > 0 ? xstrndup(owner.ptr, owner.len) : NULL;
    if (!reply_u64(reply->element[1], &search->epoch)) {
        search->epoch = 0; /* never claimed */
    }
    if (!reply_u64(reply->element[2], &search->quarantined_until)) {
        look_at_owner(search);
        return;
    }
    struct store_args args;
    args_init(&args);
    args_add(&args, STR("TIME"));
    store_command(search->store, &args, on_time, search);
    args_finish(&args);
}

void membership_find_owner(struct store *store, struct workers *workers, struct str room,
                           struct str node, uint64_t random, membership_owner_fn fn, void *ctx)
{
    struct search *search = xcalloc(1, sizeof(*search));
    *search = (struct search){
        .store = store,
        .workers = workers,
        .room = xstrndup(room.ptr, room.len),
        .node = xstrndup(node.ptr, node.len),
        .random = random,
        .fn = fn,
        .ctx = ctx,
    };
    char *key = store_room_key(room, "");
    struct store_args args;
    args_init(&args);
    args_add(&args, STR("HMGET"));
    args_add(&args, str_of(key));
    args_add(&args, STR("owner"));
    args_add(&args, STR("epoch"));
    args_add(&args, STR("quarantined_until"));
    store_command(store, &args, on_room, search);
    args_finish(&args);
    free(key);
}
