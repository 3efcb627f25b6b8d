/* What node.c, link.c and wsconn.c share. */
#ifndef SIM_NODE_INTERNAL_H
#define SIM_NODE_INTERNAL_H

#include "base/buf.h"
#include "gateway/core.h"
#include "link/handshake.h"
#include "simulator/node.h"
#include "simulator/os.h"
#include "worker/core.h"

/* One way of a stream: bytes arrive in order. Kept by the world, like what is under way. */
struct pipe {
    struct link *link;
    struct proc *to;
    void (*arrive)(struct link *link, const uint8_t *data, size_t len);
    struct chunk *first, **end; /* under way */
    uint64_t last_us;           /* arrival of the last */
    size_t under_way;           /* bytes */
    bool blocked;               /* the socket has not taken all that its writer has */
};

/* One stream between a gateway and a worker. */
struct link {
    struct list all; /* in node.links */
    struct list gateway_link, worker_link;
    struct gateway *gateway;
    struct worker *worker;
    struct edge_link *edge;           /* NULL once it is down there */
    struct shard_link *shard;         /* NULL before it is accepted, and once it is down there */
    struct buf to_gateway, to_worker; /* owned: arrived and not taken yet */
    struct pipe down, up;             /* to the gateway, to the worker */
    uint64_t slow_until_us;
    bool remote;                      /* between two nodes: both prove themselves first */
    struct handshake *asks, *answers; /* owned; until they have */
    bool edge_ready, shard_ready;     /* there is output to flush */
    bool cut;                         /* what is under way is lost */
    bool deaf;                        /* its gateway has closed it */
    bool ended;
};

void link_connect(struct gateway *gateway, struct edge_link *edge);
void link_edge_ready(struct gateway *gateway, struct edge_link *edge);
void link_shard_ready(struct worker *worker, struct shard_link *shard);
/* The other end hears of it behind what was sent. */
void link_end(struct link *link);
/* At a process' end of turn. */
void links_flush_gateway(struct gateway *gateway);
void links_flush_worker(struct worker *worker);
/* `lost`: with its machine, so that nobody on another one hears of it for a while. */
void links_of_dead_gateway(struct gateway *gateway, bool lost);
void links_of_dead_worker(struct worker *worker, bool lost);
void link_drop_edge(struct gateway *gateway, struct edge_link *edge);
void link_drop_shard(struct worker *worker, struct shard_link *shard);
/* Frees what is left of all that there ever were. */
void links_finish(void);
/* Two nodes are cut off from each other, from now on. */
void links_are_cut(int a, int b);
/* Who listens there. */
struct worker *node_find_worker(struct str address);

/* proof.c: what the ends of a remote link say before the first frame. */
struct handshake *proof_ask(const struct gateway *gateway, const char *node, struct str worker,
                            struct buf *out);
struct handshake *proof_answer(const struct worker *worker, const char *node);
void proof_finish(struct handshake *handshake); /* NULL is fine */

/* wsconn.c */
void wsconn_ready(void *ctx, void *user);
void wsconn_read(void *ctx, void *user, bool on);
void wsconn_end(void *ctx, void *user, bool abort);
void wsconns_flush(struct gateway *gateway);
void wsconns_of_dead_gateway(struct gateway *gateway);

#endif
