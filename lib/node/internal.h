/* What the files of the supervisor share: node.c runs what node_setup.c has made. Private. */
#ifndef NODE_INTERNAL_H
#define NODE_INTERNAL_H

#include "admin/admin.h"
#include "base/config.h"
#include "base/list.h"
#include "node/child.h"
#include "node/collect.h"
#include "node/datadir.h"
#include "node/phase.h"
#include "node/redis_client.h"
#include "node/replacement.h"
#include "node/stop_plan.h"
#include "peer/peer.h"

#include <event2/util.h>

enum { NODE_SIGNALS = 4 };
enum { NODE_REDIS, NODE_WORKER, NODE_GATEWAY, NODE_PROGRAMS }; /* index into programs */

struct node {
    struct config *config;
    struct event_base *base;
    struct datadir data;
    char **env;              /* owned; the children's */
    int listen_fd;           /* reserves the clients' port; -1 */
    struct child **children; /* owned; Redis if it is ours, then workers, then gateways, and
                                behind them workers that are next or former */
    size_t child_count;
    char *programs[NODE_PROGRAMS]; /* owned; paths, those of the children */
    const struct child_handlers *child_handlers;
    struct redis_client *redis;
    struct collector *collector;
    struct admin *admin;
    struct list moves;      /* of struct move.link; owned (move.c) */
    unsigned move_count;    /* of those that wait for their answer */
    uint64_t move_requests; /* number of the last one to a worker */
    struct list requests;   /* of struct request.link; owned (request.c) */
    unsigned request_count; /* of those that wait for their answer */
    size_t request_bytes;   /* of all their operands */
    struct store *store;    /* for finding owners; NULL before the first request */
    struct peer *peer;      /* for reaching those of other nodes */
    unsigned pages;         /* lists of rooms that are being read */
    unsigned looks;         /* requests about the cluster */
    bool drains;            /* the node is to have no rooms, says Redis */
    bool drain_asked;       /* and is asked again */
    bool drain_known;       /* it has said so, or not, once; no worker is started before */
    struct event *signals[NODE_SIGNALS];
    struct event *turn; /* runs on_turn soon: something changed */
    struct event *look; /* at children, now and then */
    enum node_phase phase;
    uint64_t since_unix_ms; /* when it came to this kind of phase: starting, up, stopping */
    enum replacement replacement;
    bool replacement_failed; /* the one under way, or the last */
    bool replace_again;      /* was asked for amid another one */
    bool other_sockets;      /* which of two names the workers' sockets have */
    uint64_t replaced_at_ms; /* when it began */
    bool stop;
    struct stop_plan plan;     /* once it stops */
    enum node_others others;   /* once it has counted them */
    uint64_t phase_end_ms;     /* when time is up for this phase of the stop; 0: none yet */
    struct event *phase_timer; /* then */
    bool redis_away;           /* and that was said */
    bool was_up;               /* reached PHASE_UP: from then on a child's death is not the end */
    int status;
};

/* A child, Redis or somebody's wish has changed: the phase is looked at soon. */
void node_changed(struct node *node);

/* What the supervisor shows of itself. */
void node_show_own(void *ctx, struct admin_process *own);

/* stop.c */
/* Somebody wants an end of it; a second time: at once. `why` is for people. */
void node_stop(struct node *node, const char *why);
/* The first time, without a word. The loop is there. */
void node_begin_stop(struct node *node);
/* Does what belongs to the phase of the stop that was entered, or again if it is to hurry. */
void node_enter_stop(struct node *node);
/* Of the phase of the stop. */
bool node_time_is_up(const struct node *node);
void node_on_phase_timer(evutil_socket_t fd, short what, void *ctx);

/* node_redis.c */
/* The embedded one, or NULL. */
struct child *node_own_redis(const struct node *node);
extern const struct redis_client_handlers node_redis_handlers;

/* Each makes its part of the node, or gives up and returns false. In this order; the loop is
 * there. */
bool node_check_schema(struct node *node);
bool node_open_data(struct node *node);
/* The options of a cluster: reads the secret, and looks up by which address others reach us. */
bool node_join_cluster(struct node *node);
bool node_open_ports(struct node *node, const struct admin_source *source);
bool node_make_children(struct node *node, const struct child_handlers *children,
                        const struct redis_client_handlers *redis);

/* Appends one, idle. `other_socket`: which of its slot's two sockets, as two may run at a time. */
void node_add_worker(struct node *node, uint32_t slot, bool other_socket, enum child_part part);

/* workers.c */
/* By its name, which is its slot's owner's, or its id; NULL if there is none. */
struct child *node_find_worker(const struct node *node, struct str name);
bool node_worker_takes_rooms(const struct child *child);
void node_answer_no_worker(const struct node *node, struct str name, struct admin_call *call);
void node_answer_not_ready(const struct child *child, struct admin_call *call);
void node_drain_worker(void *ctx, struct str name, bool on, bool force, struct admin_call *call);

/* rooms.c */
void node_list_rooms(void *ctx, const struct admin_room_query *query, struct admin_call *call);
void node_show_room(void *ctx, struct str name, struct admin_call *call);
void node_release_room(void *ctx, struct str name, struct admin_call *call);
/* `reply` is what Redis said instead, or NULL. */
void node_answer_no_redis(const struct node *node, const redisReply *reply,
                          struct admin_call *call);

/* Requests about the cluster at a time; counted in `looks`. */
enum { NODE_LOOKS_MAX = 32 };

/* members.c: the cluster. */
void node_list_workers(void *ctx, struct admin_call *call);
void node_list_nodes(void *ctx, struct admin_call *call);
void node_drain_node(void *ctx, struct str name, bool on, bool force, struct admin_call *call);
/* Asks Redis whether this node is to drain, and lets the children know. */
void node_look_at_drain(struct node *node);
/* Tells those who may not know it yet. */
void node_apply_drain(struct node *node);

/* rebalance.c */
void node_begin_rebalance(void *ctx, struct admin_call *call);
void node_show_rebalance(void *ctx, struct admin_call *call);

/* move.c */
void node_move_room(void *ctx, struct str room, struct str worker, struct admin_call *call);
/* A worker's answer; it may come when nobody waits for it any more. */
void node_move_outcome(struct node *node, const struct control_message *message);
/* A worker is dead: moves that wait for it go on without. Its id is still that of the dead. */
void node_move_owner_ended(struct node *node, const struct child *owner);
/* Answers all who wait. */
void node_moves_stop(struct node *node);

/* request.c: what an operator wants of a room. */
void node_request(void *ctx, const struct admin_request *request, struct admin_call *call);
/* Asks the owner of a room, whoever it is, to move it: as node_request, of a room that has an
 * owner; ends with admin_answer_moved. */
void node_request_move(struct node *node, const struct control_move *wish, struct admin_call *call);
/* Answers all who wait. */
void node_requests_stop(struct node *node);
/* The same, when Redis owes nothing any more. */
void node_requests_finish(struct node *node);

/* cluster.c: files are read again, here and in the children. */
void node_reload(struct node *node);

/* replace.c: begins a replacement of all workers, or says why not. */
void node_replace_workers(struct node *node);
/* Goes one step on if it can; says whether it did. Destroys children that are gone. */
bool node_replacement_turn(struct node *node);
/* A worker that was to be the next of its slot has died. */
void node_replacement_died(struct node *node, const struct child *child, const char *how);

/* Prints why there will be no node, once, and ends what has begun with status 1. */
void node_give_up(struct node *node, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
