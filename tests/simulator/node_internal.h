/* What node.c, link.c and wsconn.c share. */
#ifndef SIM_NODE_INTERNAL_H
#define SIM_NODE_INTERNAL_H

#include "base/buf.h"
#include "gateway/core.h"
#include "simulator/node.h"
#include "simulator/os.h"
#include "worker/core.h"

/* One stream between a gateway and a worker. */
struct link {
    struct list gateway_link, worker_link;
    struct gateway *gateway;
    struct worker *worker;
    struct edge_link *edge;           /* NULL once it is down there */
    struct shard_link *shard;         /* NULL before it is accepted, and once it is down there */
    struct buf to_gateway, to_worker; /* owned: arrived and not taken yet */
    uint64_t down_us, up_us;          /* arrival of the last bytes, each way */
    uint64_t slow_until_us;
    bool edge_ready, shard_ready; /* there is output to flush */
    bool cut;                     /* what is under way is lost */
    bool deaf;                    /* its gateway has closed it */
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
void links_of_dead_gateway(struct gateway *gateway);
void links_of_dead_worker(struct worker *worker);
void link_drop_edge(struct gateway *gateway, struct edge_link *edge);
void link_drop_shard(struct worker *worker, struct shard_link *shard);
struct worker *node_find_worker(struct str address);

/* wsconn.c */
void wsconn_ready(void *ctx, void *user);
void wsconn_read(void *ctx, void *user, bool on);
void wsconn_end(void *ctx, void *user, bool abort);
void wsconns_flush(struct gateway *gateway);
void wsconns_of_dead_gateway(struct gateway *gateway);

#endif
