/* A gateway without its sockets and its supervisor: the edge, the Redis in which it finds the
 * owners of rooms, and time. What is left for its owner (gateway.c, clients.c, links.c) is to carry
 * bytes between clients, edge and workers.
 *
 * It knows the event loop for timers only, so that a simulator can run it under a clock of its own.
 */
#ifndef GATEWAY_CORE_H
#define GATEWAY_CORE_H

#include "base/config.h"
#include "edge/edge.h"

struct gateway_core;
struct event_base;

struct gateway_core_host {
    /* As in struct edge_host; find_owner is answered here and stays NULL. */
    struct edge_host edge;
    /* What gateway_core_health says has changed. */
    void (*changed)(void *ctx);
};

/* How it is, for whoever watches over it. */
struct gateway_core_health {
    bool known;          /* it has seen a worker, so it can serve */
    bool store_ok;       /* Redis takes writes */
    const char *trouble; /* if not, why; else empty */
};

/* `config` is the process' own and outlives the core; `host` is copied. */
struct gateway_core *gateway_core_create(struct event_base *base, const struct config *config,
                                         const struct gateway_core_host *host, void *ctx);
/* The edge and all that is in it goes first. NULL is fine. */
void gateway_core_destroy(struct gateway_core *core);

struct edge *gateway_core_edge(const struct gateway_core *core);
struct gateway_core_health gateway_core_health(const struct gateway_core *core);

/* The stream under a link could not be made, or has ended. Frees the link. */
void gateway_core_link_down(struct gateway_core *core, struct edge_link *link);

/* Call at the end of each turn of the loop: sets the edge's timer. */
void gateway_core_end_turn(struct gateway_core *core);

#endif
