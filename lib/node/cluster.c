/* What makes a node one of several: the secret, and the address that others know it by. */
#include "net/tcp.h"
#include "node/internal.h"

/* A name is looked up here, once, so that nobody who connects ever waits for a name server. */
static bool resolve(struct node *node, const char *host)
{
    char numeric[ADDRESS_HOST_MAX + 1];
    struct buf why = {0};
    bool fine = !tcp_resolve(host, numeric, &why);
    if (!fine) {
        node_give_up(node, "--advertise %s: %.*s", host, STR_ARG(buf_str(&why)));
    } else if (tcp_is_wildcard(numeric)) {
        node_give_up(node, "--advertise %s: nobody can connect to %s", host, numeric);
        fine = false;
    } else {
        config_set(node->config, "advertise", numeric);
    }
    buf_finish(&why);
    return fine;
}

bool node_join_cluster(struct node *node)
{
    struct config *config = node->config;
    struct peer_config own = {.id = str_of(node->data.node_id),
                              .node = str_of(node->data.node_id),
                              .secret_file = config->cluster_secret_file,
                              .link_version_max = config->link_version_max};
    struct buf why = {0};
    bool fine = !peer_create(&own, &node->peer, &why);
    if (!fine) {
        node_give_up(node, "%.*s", STR_ARG(buf_str(&why)));
    }
    buf_finish(&why);
    if (fine && config->cluster_listen.host[0]) {
        fine = resolve(node, config->advertise ? config->advertise : config->cluster_listen.host);
    }
    return fine;
}

void node_reload(struct node *node)
{
    if (peer_renew(node->peer) && node->config->cluster_secret_file) {
        log_info(NULL, "the cluster secret is read again",
                 LOG_TEXTZ("file", node->config->cluster_secret_file));
        for (size_t i = 0; i < node->child_count; i++) {
            child_ask_reload(node->children[i]);
        }
    }
}
