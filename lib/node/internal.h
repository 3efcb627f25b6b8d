/* What the files of the supervisor share: node.c runs what node_setup.c has made. Private. */
#ifndef NODE_INTERNAL_H
#define NODE_INTERNAL_H

#include "admin/admin.h"
#include "base/config.h"
#include "node/child.h"
#include "node/collect.h"
#include "node/datadir.h"
#include "node/phase.h"
#include "node/redis_client.h"

enum { NODE_SIGNALS = 4, NODE_PROGRAMS = 3 };

struct node {
    struct config *config;
    struct event_base *base;
    struct datadir data;
    char **env;              /* owned; the children's */
    int listen_fd;           /* reserves the clients' port; -1 */
    struct child **children; /* owned; Redis if it is ours, then workers, then gateways */
    size_t child_count;
    char *programs[NODE_PROGRAMS]; /* owned; paths, those of the children */
    struct redis_client *redis;
    struct collector *collector;
    struct admin *admin;
    struct event *signals[NODE_SIGNALS];
    struct event *turn; /* runs on_turn soon: something changed */
    struct event *look; /* at children that hang, now and then */
    enum node_phase phase;
    bool stop;
    bool hurry;
    bool redis_away; /* and that was said */
    bool was_up;     /* reached PHASE_UP: from then on a child's death is not the end */
    int status;
};

/* Each makes its part of the node, or gives up and returns false. In this order; the loop is
 * there. */
bool node_open_data(struct node *node);
bool node_open_ports(struct node *node, const struct admin_source *source);
bool node_make_children(struct node *node, const struct child_handlers *children,
                        const struct redis_client_handlers *redis);

/* Prints why there will be no node, once, and ends what has begun with status 1. */
void node_give_up(struct node *node, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
