/* What the files of lib/gateway share and nobody else sees. */
#ifndef GATEWAY_INTERNAL_H
#define GATEWAY_INTERNAL_H

#include "base/list.h"
#include "base/log.h"
#include "gateway/core.h"
#include "gateway/gateway.h"
#include "gateway/spread.h"
#include "net/control.h"
#include "net/loop.h"
#include "net/send_batch.h"
#include "net/stream.h"
#include "peer/peer.h"

struct request;

struct gateway {
    const struct config *config;
    struct event_base *base;
    struct control *control;
    struct gateway_core *core;
    struct peer *peer;                   /* for workers of other nodes */
    struct event *accept, *accept_pause; /* paused while descriptors are out */
    struct event *tick;
    struct send_batch *batch;
    struct list clients;     /* of struct client.link */
    struct list ready;       /* of struct client.ready_link: with output to write */
    struct list ended;       /* of struct client.ready_link: to be freed at the end of the turn */
    struct list heads;       /* of struct client.wait_link: still in HTTP, in order of time */
    struct list lingers;     /* of struct client.wait_link: ours is sent, theirs is awaited */
    struct list links;       /* of struct gateway_link.link */
    struct list links_ready; /* of struct gateway_link.ready_link */
    struct log_limit accept_failures;
    struct log_limit link_failures, link_refusals;
    size_t long_left;     /* of what may be written in this turn to those with much to write */
    bool more_long;       /* and that was not enough in the last one */
    uint64_t stop_by;     /* when stopping ends whatever happens; 0: not stopping */
    struct spread spread; /* which connections are closed when, while it stops */
    bool leaving;         /* the node is about to stop: nobody new is to be sent here */
    bool done;
};

/* How long a client may take for its HTTP head, and to close its end after ours. */
enum { HEAD_WAIT_MS = 10000, LINGER_MS = 2000 };

/* clients.c */
enum err clients_listen(struct gateway *gateway);
void clients_stop_listening(struct gateway *gateway);
/* Writes what is ready and frees what has ended. */
void clients_end_of_turn(struct gateway *gateway);
void clients_tick(struct gateway *gateway, uint64_t now_ms);
void clients_destroy_all(struct gateway *gateway);
/* The edge's requests about connections. */
void clients_host_ready(void *ctx, void *user);
void clients_host_read(void *ctx, void *user, bool on);
void clients_host_end(void *ctx, void *user, bool abort);

/* links.c */
void links_host_connect(void *ctx, struct edge_link *edge_link);
void links_host_ready(void *ctx, struct edge_link *edge_link);
void links_host_drop(void *ctx, struct edge_link *edge_link, enum err why);
void links_end_of_turn(struct gateway *gateway);
void links_destroy_all(struct gateway *gateway);

#endif
