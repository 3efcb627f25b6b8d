/* The operator's HTTP server: health, metrics and the API of proto/admin.md. It knows nothing of
 * children or Redis: what it shows comes from a source. Which paths there are is route.h's. */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "admin/members.h"
#include "admin/problem.h"
#include "admin/process.h"
#include "admin/room.h"
#include "link/request.h"
#include "value/value.h"

struct admin;
struct event_base;

/* Takes what is known of all processes; it is borrowed for the time of the call. */
typedef void (*admin_collected_fn)(void *arg, const struct admin_process *processes, size_t count);

/* Which rooms a page is to have. */
struct admin_room_query {
    uint64_t cursor;   /* 0: from the beginning */
    uint64_t limit;    /* about so many; 1 to ADMIN_PAGE_MAX */
    struct str worker; /* only those that it owns; empty: all */
    struct str node;   /* only those that its workers own; empty: all */
    bool by_state;     /* only those in `state` */
    enum admin_room_state state;
};

enum { ADMIN_PAGE_MAX = 1000 };

/* A room that is where it was to go. */
struct admin_moved {
    struct str room;
    struct str from;        /* the owner before; empty: it was there already */
    struct str owner, node; /* now */
    const char *slot;       /* the owner's name, if it is of this node; else NULL */
    uint64_t epoch;
};

/* What somebody wants of a room (link/request.h). */
struct admin_request {
    enum link_verb verb;
    struct str room, target;
    struct buf *operand; /* one value; the source may take its bytes */
};

/* A request that waits for its answer. The source is given it together with the question, and
 * answers exactly once, with one of the admin_answer_* functions, at once or later. */
struct admin_call;

struct admin_source {
    /* Whether clients may be sent here now; if not, appends one line per reason. */
    bool (*ready)(void *ctx, struct buf *reasons);
    /* Calls `done` exactly once, soon, at once if it likes. */
    void (*collect)(void *ctx, admin_collected_fn done, void *arg);
    /* admin_add_room for each, then admin_answer_rooms. */
    void (*list_rooms)(void *ctx, const struct admin_room_query *query, struct admin_call *call);
    /* admin_answer_room. */
    void (*room)(void *ctx, struct str room, struct admin_call *call);
    /* admin_answer_moved, once it is there. `worker` is a name or an id. */
    void (*move)(void *ctx, struct str room, struct str worker, struct admin_call *call);
    /* admin_answer_released. */
    void (*release)(void *ctx, struct str room, struct admin_call *call);
    /* admin_answer_drain. `force`: also if no other worker can take its rooms. */
    void (*drain)(void *ctx, struct str worker, bool on, bool force, struct admin_call *call);
    /* admin_add_worker for each of the cluster, then admin_answer_workers. */
    void (*list_workers)(void *ctx, struct admin_call *call);
    /* admin_add_node for each, then admin_answer_nodes. */
    void (*list_nodes)(void *ctx, struct admin_call *call);
    /* admin_answer_node_drain. `force`: also if no other node can take its rooms. */
    void (*drain_node)(void *ctx, struct str node, bool on, bool force, struct admin_call *call);
    /* admin_answer_rebalance: with a new id, or with that of the one begun last. */
    void (*begin_rebalance)(void *ctx, struct admin_call *call);
    void (*show_rebalance)(void *ctx, struct admin_call *call);
    /* admin_answer_request, or for a snapshot admin_snapshot_begin and what follows it. A room that
     * is not there is made for a load only. */
    void (*request)(void *ctx, const struct admin_request *request, struct admin_call *call);
};

void admin_add_room(struct admin_call *call, const struct admin_room *room);
/* `cursor` is where the next page begins; 0: that was the last. */
void admin_answer_rooms(struct admin_call *call, uint64_t cursor);
void admin_answer_room(struct admin_call *call, const struct admin_room *room);
void admin_answer_moved(struct admin_call *call, const struct admin_moved *moved);
/* `was`: it was in quarantine, or on its way there. */
void admin_answer_released(struct admin_call *call, struct str room, bool was);
/* `changed`: it was not so before. */
void admin_answer_drain(struct admin_call *call, const char *id, const char *slot, bool draining,
                        bool changed);
void admin_add_worker(struct admin_call *call, const struct admin_worker *worker);
void admin_answer_workers(struct admin_call *call);
void admin_add_node(struct admin_call *call, const struct admin_node *node);
void admin_answer_nodes(struct admin_call *call);
void admin_answer_node_drain(struct admin_call *call, const char *node, bool draining,
                             bool changed);

/* Empty: none has ever been begun. */
void admin_answer_rebalance(struct admin_call *call, struct str id);

/* `status` is none of enum link_refusal; `why` is for people. */
void admin_answer_request(struct admin_call *call, enum link_status status, struct value payload,
                          struct str why);

/* A snapshot, piece by piece. */
struct admin_snapshot_handlers {
    void (*drained)(void *arg); /* the last piece is with the client; never from inside a call */
    void (*gone)(void *arg);    /* it is not there any more: admin_snapshot_break */
};
/* False: the head is all that is wanted, and the call has ended. */
bool admin_snapshot_begin(struct admin_call *call, const struct admin_snapshot_handlers *handlers,
                          void *arg);
/* With LINK_PIECE_END the call ends. */
void admin_snapshot_piece(struct admin_call *call, enum link_piece piece, struct value value);
/* There is no more, and that was not the end. Ends the call. */
void admin_snapshot_break(struct admin_call *call);

/* `format` says what it is about this time, for people. */
void admin_answer_problem(struct admin_call *call, enum problem problem, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Takes over `fd`, which listens. `source` is borrowed for as long as the server lives;
 * `max_snapshot` bounds the bodies that are snapshots or updates. */
struct admin *admin_create(struct event_base *base, int fd, size_t max_snapshot,
                           const struct admin_source *source, void *ctx);
/* Not while a request waits for its answer. NULL is fine. */
void admin_destroy(struct admin *admin);

#endif
