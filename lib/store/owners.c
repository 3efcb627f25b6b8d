/* Who owns a room: look it up, and place it if nobody alive does. */
#include "base/alloc.h"
#include "store/internal.h"
#include "store/membership.h"

#include <stdlib.h>

struct search {
    struct store *store;
    struct workers *workers;
    char *room, *node; /* owned */
    char *owner;       /* owned; the worker being looked at or claimed for */
    uint64_t epoch;
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
            owner = (struct member_owner){str_of(worker->id), str_of(worker->address)};
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

static void on_claimed(void *ctx, enum err err, const redisReply *reply)
{
    struct search *search = ctx;
    uint64_t won;
    if (!err && (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2 ||
                 !reply_u64(reply->element[0], &won))) {
        err = ERR_MALFORMED;
    }
    if (!err && !won) {
        err = ERR_AGAIN;
    }
    finish(search, err);
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
    } else {
        claim(search);
    }
}

static void on_room(void *ctx, enum err err, const redisReply *reply)
{
    struct search *search = ctx;
    if (!err && (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)) {
        err = ERR_MALFORMED;
    }
    if (err) {
        finish(search, err);
        return;
    }
    struct str owner = reply_str(reply->element[0]);
    if (!reply_u64(reply->element[1], &search->epoch)) {
        search->epoch = 0; /* never claimed */
    }
    if (owner.len == 0) {
        claim(search);
        return;
    }
    search->owner = xstrndup(owner.ptr, owner.len);
    char *key = store_worker_key(owner);
    struct store_args args;
    args_init(&args);
    args_add(&args, STR("HGETALL"));
    args_add(&args, str_of(key));
    store_command(search->store, &args, on_owner_key, search);
    args_finish(&args);
    free(key);
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
    store_command(store, &args, on_room, search);
    args_finish(&args);
    free(key);
}
