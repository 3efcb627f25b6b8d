/* What a node makes of the words of its Redis client. */
#include "node/internal.h"

#include <stdlib.h>

static struct child *own_redis(const struct node *node)
{
    return node->child_count > 0 && child_role(node->children[0]) == ROLE_REDIS ? node->children[0]
                                                                                : NULL;
}

static void on_redis_up(void *ctx)
{
    struct node *node = ctx;
    if (own_redis(node)) {
        child_ready(own_redis(node));
    }
    if (node->redis_away) {
        log_info(NULL, "redis is back");
        node->redis_away = false;
    }
    node_changed(node);
}

static void on_redis_trouble(void *ctx, enum redis_trouble trouble, const char *why)
{
    struct node *node = ctx;
    struct child *own = own_redis(node);
    /* Ours needs a moment to open its socket, and says by dying that it cannot. */
    bool wait = trouble == REDIS_LOADING || (own && trouble == REDIS_AWAY);
    if (node->was_up && !node->stop && !node->redis_away) {
        log_warn(NULL, "redis is away", LOG_TEXTZ("reason", why));
        node->redis_away = true;
    } else if (node->was_up || node->stop) {
        log_debug(NULL, "redis is still away", LOG_TEXTZ("reason", why));
    } else if (!wait) {
        char *url = redis_url_public(&node->config->redis);
        node_give_up(node,
                     trouble == REDIS_AWAY ? "cannot reach Redis at %s: %s"
                                           : "cannot use Redis at %s: %s",
                     url, why);
        free(url);
    }
    node_changed(node);
}

const struct redis_client_handlers node_redis_handlers = {on_redis_up, on_redis_trouble};
