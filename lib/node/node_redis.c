/* What a node makes of the words of its Redis client. */
#include "base/alloc.h"
#include "node/internal.h"

#include <stdlib.h>

struct child *node_own_redis(const struct node *node)
{
    return node->child_count > 0 && child_role(node->children[0]) == ROLE_REDIS ? node->children[0]
                                                                                : NULL;
}

/* ---- workers that are listed and dead ---- */

/* One that is of this node if its hash says so. */
struct suspect {
    struct node *node;
    char id[];
};

static bool runs(const struct node *node, const char *id)
{
    for (size_t i = 0; i < node->child_count; i++) {
        const struct child *child = node->children[i];
        if (child_pid(child) > 0 && strcmp(child_id(child), id) == 0) {
            return true;
        }
    }
    return false;
}

static void on_suspect(void *ctx, const redisReply *reply)
{
    struct suspect *suspect = ctx;
    struct node *node = suspect->node;
    bool gone = reply && reply->type == REDIS_REPLY_NIL; /* its time has run out already */
    bool was_ours =
        reply && reply->type == REDIS_REPLY_STRING && strcmp(reply->str, node->data.node_id) == 0;
    if ((gone || was_ours) && !runs(node, suspect->id)) {
        log_info(NULL, "a dead worker is taken off the list", LOG_TEXTZ("worker", suspect->id));
        redis_client_forget_worker(node->redis, suspect->id);
    }
    free(suspect);
}

static void on_listed(void *ctx, const redisReply *reply)
{
    struct node *node = ctx;
    size_t count = reply && reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
    for (size_t i = 0; i < count; i++) {
        const redisReply *id = reply->element[i];
        if (id->type != REDIS_REPLY_STRING) {
            continue;
        }
        struct suspect *suspect = xcalloc(1, sizeof(*suspect) + id->len + 1);
        suspect->node = node;
        memcpy(suspect->id, id->str, id->len);
        char *key = redis_client_worker_key(node->redis, suspect->id);
        const struct str args[] = {STR("HGET"), str_of(key), STR("node")};
        redis_client_command(node->redis, args, 3, on_suspect, suspect);
        free(key);
    }
}

/* Whoever holds the data directory is the only one of this node, so workers of it that do not run
 * are dead, and their rooms need not wait for their keys to run out: those of an earlier start, and
 * those that died while Redis was away or that an older Redis knows. */
static void forget_dead_workers(struct node *node)
{
    const struct str args[] = {STR("SMEMBERS"), STR("roomd:workers")};
    redis_client_command(node->redis, args, 2, on_listed, node);
}

/* ---- words ---- */

static void on_redis_up(void *ctx)
{
    struct node *node = ctx;
    forget_dead_workers(node);
    node_look_at_drain(node);
    if (node_own_redis(node)) {
        child_ready(node_own_redis(node));
    }
    if (node->redis_away) {
        log_info(NULL, "redis is back");
        node->redis_away = false;
    }
    node_changed(node);
}

static void on_redis_trouble(void *ctx, enum store_trouble_kind trouble, const char *why)
{
    struct node *node = ctx;
    struct child *own = node_own_redis(node);
    /* Ours needs a moment to open its socket, and says by dying that it cannot. */
    bool wait = trouble == STORE_LOADING || (own && trouble == STORE_AWAY);
    if (node->was_up && !node->stop && !node->redis_away) {
        log_warn(NULL, "redis is away", LOG_TEXTZ("reason", why));
        node->redis_away = true;
    } else if (node->was_up || node->stop) {
        log_debug(NULL, "redis is still away", LOG_TEXTZ("reason", why));
    } else if (!wait) {
        char *url = redis_url_public(&node->config->redis);
        node_give_up(node,
                     trouble == STORE_AWAY ? "cannot reach Redis at %s: %s"
                                           : "cannot use Redis at %s: %s",
                     url, why);
        free(url);
    }
    node_changed(node);
}

const struct redis_client_handlers node_redis_handlers = {on_redis_up, on_redis_trouble};
