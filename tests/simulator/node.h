/* The simulated nodes, one or some: worker and gateway processes that run the real cores, the links
 * between them, and supervisors that start again what dies. Slots go round the nodes; `place` is
 * the number of one. */
#ifndef SIM_NODE_H
#define SIM_NODE_H

#include "base/config.h"
#include "edge/edge.h"
#include "simulator/network.h"
#include "simulator/world.h"

struct link;

enum { NODE_WORKERS = 4, NODE_GATEWAYS = 3 };

struct worker {
    struct proc proc;
    char id[24];
    struct config config;
    struct worker_core *core;
    struct list links; /* of struct link.worker_link */
    int slot, place;
    char remote[24];
    bool leaving;
};

struct gateway {
    struct proc proc;
    char id[24];
    struct config config;
    struct gateway_core *core;
    struct list links; /* of struct link.gateway_link */
    struct list conns; /* of struct wsconn.gateway_link */
    int slot, place;
};

struct node {
    struct worker *workers[NODE_WORKERS]; /* NULL: dead, to be started again */
    struct gateway *gateways[NODE_GATEWAYS];
    int worker_count, gateway_count, places;
    uint64_t redis_cut_until_us[NETWORK_PLACES]; /* nobody there reaches Redis */
    uint64_t dark_until_us[NETWORK_PLACES];      /* nothing runs there */
    struct list links;                           /* of struct link.all: every one there ever was */
    uint32_t next_id;
    enum durability durability;
    uint32_t unload_after_s;
    uint32_t socket_bytes; /* that a link's socket takes before they are read; 0: any */
    uint32_t entry_max, fold_bytes, slice_bytes, outq_bytes; /* 0: as workers have it */
    uint64_t message_us; /* CPU time that what arrives at a worker costs it; 0: all is idle, and
                            nobody gives rooms away */
    bool forget_dead;    /* the supervisor takes dead workers off the list at once */
    uint64_t link_unread_max; /* the most that a link's reader has left unread */
};

extern struct node node;

void node_begin(int places, int workers, int gateways);
void node_end(void);

/* kill -9; it is started again a little later. */
void node_kill_worker(int slot);
void node_kill_gateway(int slot);
/* SIGTERM to one worker: it hands over, ends, and is started again. */
void node_drain_worker(int slot);
/* A machine loses its power; nobody on another one hears of it at once. It comes back. */
void node_lose(int place, uint64_t us);
/* A whole node is stopped, or cut off from Redis, or from another one, for a while. */
void node_freeze(int place, uint64_t us);
void node_cut_from_redis(int place, uint64_t us);
void node_cut_from_node(int place, int other, uint64_t us);
/* All of its workers give their rooms to other nodes and end; they are started again. */
void node_leave(int place);
/* roomctl drain. */
/* False: it is stopped just now, and cannot hear it. */
bool node_set_draining(int slot, bool on);
/* roomctl move. */
void node_move_room(struct str room, int to_slot);
/* A link breaks while both its ends live; what is under way is lost. */
void node_cut_link(void);
/* Both ways of a link are slow for a while. */
void node_slow_link(uint64_t us);

/* ---- client connections ---- */

/* One WebSocket, its handshake done. Kept by the world. */
struct wsconn;

struct wsconn_handlers {
    void (*on_bytes)(void *ctx, struct str bytes);
    void (*on_closed)(void *ctx);
};

/* NULL if there is no gateway to take it. */
struct wsconn *wsconn_open(struct str room, struct str session,
                           const struct wsconn_handlers *handlers, void *ctx);
void wsconn_send(struct wsconn *conn, struct str bytes);
/* The client closes its socket; no handler is called any more. */
void wsconn_close(struct wsconn *conn);
/* The gateway that had it is dead. */
bool wsconn_gateway_died(const struct wsconn *conn);

#endif
