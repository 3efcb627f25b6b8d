/* One child of the supervisor over all its restarts: its process, its control channel, its timer.
 * What happens when is child_life.h's. */
#ifndef NODE_CHILD_H
#define NODE_CHILD_H

#include "net/control_frame.h"
#include "node/child_life.h"

#include <sys/types.h>

struct child;
struct event_base;

struct child_spec {
    enum metric_role role;
    unsigned slot;       /* 1, 2 ...: "worker-1"; 0 where there is only one: "redis" */
    const char *program; /* path */
    char **args;         /* taken over: each one and the array; NULL-terminated, may be NULL */
    const char *socket;  /* a worker's, for its link; one of `args` */
    char *const *env;    /* borrowed */
    /* Ours have a control channel and are told who they are: --process, --id, --node,
     * --control-fd. NULL for another's program, which gets `args` alone, is stopped by SIGTERM,
     * and is ready when child_ready says so. Borrowed. */
    const char *node_id;
    int keep_fd; /* another's: a descriptor it inherits; -1: none */
    bool marked; /* says which room it is at work on (--mark-fd) */
    uint32_t start_limit_ms;
};

/* A slot has one child, and two while it gets another one. */
enum child_part {
    CHILD_OF_SLOT,
    CHILD_NEXT,   /* starts beside it, to take the slot over */
    CHILD_FORMER, /* has given it up and goes */
};

enum child_ending {
    CHILD_END_ASKED, /* we wanted it to stop */
    CHILD_END_LEFT,  /* it was ready and exited with 0 by itself: an operator's kill PID */
    CHILD_END_DIED,  /* also when it could not be started */
};

struct child_end {
    enum child_ending kind;
    const char *how; /* for people: "exited with status 1" */
    struct str room; /* it died of its work on this one (node/blame.h); empty: of nobody's */
};

/* Called from the loop. Nothing may be destroyed in them. */
struct child_handlers {
    void (*on_change)(void *ctx, struct child *child); /* state or report */
    /* The id is still that of the dead. */
    void (*on_end)(void *ctx, struct child *child, const struct child_end *end);
    void (*on_metrics)(void *ctx, struct child *child);
    /* The end of a move; it is CONTROL_OUTCOME. */
    void (*on_outcome)(void *ctx, struct child *child, const struct control_message *message);
};

/* `handlers` is borrowed. The child is idle. */
struct child *child_create(struct event_base *base, const struct child_spec *spec,
                           const struct child_handlers *handlers, void *ctx);
void child_start(struct child *child);
void child_ready(struct child *child);
/* Asks it to stop, kills it after `limit_ms`. Again with less: hurry. A gateway closes its
 * connections over `spread_ms` of that. */
void child_stop(struct child *child, uint32_t limit_ms, uint32_t spread_ms);
/* The same for one that can hand over to others, which go on, `away`: to those of other nodes;
 * child_stop may follow. */
void child_drain(struct child *child, uint32_t limit_ms, bool away);
/* To be called about once a second: one that spends `hang_ms` of CPU time inside one step of a
 * room is killed for hanging. 0: it may take any. */
void child_look(struct child *child, uint64_t hang_ms);
/* Tells that waitpid returned `status` for its process. */
void child_reaped(struct child *child, int status);
/* Asks for its metrics; false if there is nobody to ask. */
bool child_ask_metrics(struct child *child, uint64_t request);
/* Whether a worker gives its rooms away, and takes no new ones, but stays; whether a gateway tells
 * load balancers to send nobody new. Forgotten when it ends. False if there is nobody to tell. */
bool child_set_draining(struct child *child, bool on);
/* The same because its node is to be empty: a worker gives its rooms to workers of other nodes
 * only. Apart from the other one, so that neither ends the other, and not forgotten by whoever
 * calls it for each start. Nothing happens if it is so. */
void child_set_node_draining(struct child *child, bool on);
/* Asks it to read files that may have changed again, if it runs. */
void child_ask_reload(struct child *child);
/* Asks a worker to give a room away; the handler on_outcome hears of the end unless the child ends
 * before. False if there is nobody to ask. */
bool child_ask_move(struct child *child, uint64_t request, const struct control_move *move);
/* Kills what runs. NULL is fine. */
void child_destroy(struct child *child);

const char *child_name(const struct child *child); /* "worker-1" */
const char *child_id(const struct child *child);   /* of this start; "" before the first */
enum metric_role child_role(const struct child *child);
enum child_state child_state(const struct child *child);
enum child_part child_part(const struct child *child); /* CHILD_OF_SLOT when it is made */
void child_set_part(struct child *child, enum child_part part);
pid_t child_pid(const struct child *child); /* 0 while none runs */
/* When its state, or that of its report, changed last; milliseconds since 1970. */
uint64_t child_since_unix_ms(const struct child *child);
uint64_t child_up_ms(const struct child *child); /* for how long it has been up; 0: it is not */
/* It was told to give its rooms away (child_set_draining), or does so by a plan of its own. */
bool child_is_draining(const struct child *child);
bool child_was_told_to_drain(const struct child *child);
/* Path of the link socket of a worker, as its arguments say. */
const char *child_socket(const struct child *child);
uint32_t child_restarts(const struct child *child);
/* Whether it had to be killed because it did not stop in time. */
bool child_was_killed(const struct child *child);
/* The last report of what runs now; STARTING before the first. */
const struct control_message *child_report(const struct child *child);
/* The last metrics of what runs now, with the request they answer; NULL before the first. */
const struct control_message *child_metrics(const struct child *child);

#endif
