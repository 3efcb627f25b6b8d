/* Looking for workers of other nodes. */
#include "node/others.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

struct others {
    struct redis_client *redis;
    const char *node;
    others_fn fn;
    void *ctx;
    size_t pending; /* answers still to come */
    bool some;
};

static void step(struct others *others)
{
    if (--others->pending == 0) {
        others->fn(others->ctx, others->some ? OTHERS_SOME : OTHERS_NONE);
        free(others);
    }
}

static const char *text_of(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? reply->str : "";
}

/* [node, draining, remote]. One without `remote` is reached from its own node alone. */
static void on_worker(void *ctx, const redisReply *reply)
{
    struct others *others = ctx;
    if (reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 3) {
        const char *node = text_of(reply->element[0]);
        bool draining = strcmp(text_of(reply->element[1]), "1") == 0;
        bool reachable = text_of(reply->element[2])[0] != '\0';
        others->some |= node[0] && !draining && reachable && strcmp(node, others->node) != 0;
    }
    step(others);
}

static void ask_of(struct others *others, const char *id)
{
    char *key = redis_client_worker_key(others->redis, id);
    const struct str args[] = {STR("HMGET"), str_of(key), STR("node"), STR("draining"),
                               STR("remote")};
    others->pending++;
    redis_client_command(others->redis, args, sizeof(args) / sizeof(args[0]), on_worker, others);
    free(key);
}

static void on_ids(void *ctx, const redisReply *reply)
{
    struct others *others = ctx;
    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        ask_of(others, text_of(reply->element[i]));
    }
    step(others);
}

void others_count(struct redis_client *redis, const char *node, others_fn fn, void *ctx)
{
    struct others *others = xcalloc(1, sizeof(*others));
    *others = (struct others){.redis = redis, .node = node, .fn = fn, .ctx = ctx, .pending = 1};
    const struct str args[] = {STR("SMEMBERS"), STR("roomd:workers")};
    redis_client_command(redis, args, sizeof(args) / sizeof(args[0]), on_ids, others);
}
