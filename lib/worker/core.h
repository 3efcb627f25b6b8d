/* A worker without its sockets and its supervisor: the shard, the Redis behind it, its place among
 * the other workers, and time. What is left for its owner (worker.c) is to carry bytes between
 * gateways and shard links, and to listen to signals and the control channel.
 *
 *      core = worker_core_create(base, config, &host, ctx);
 *      ... shard_link_create(worker_core_shard(core)), shard_link_input(...), stream the output ...
 *      at the end of each turn of the loop: worker_core_end_turn(core), write what the links'
 * outputs hold, worker_core_plan_turn(core)
 *
 * It knows the event loop for timers only, so that a simulator can run it under a clock of its own.
 */
#ifndef WORKER_CORE_H
#define WORKER_CORE_H

#include "base/config.h"
#include "shard/shard.h"

struct worker_core;
struct event_base;

struct worker_core_host {
    /* As in struct shard_host. */
    void (*link_ready)(void *ctx, struct shard_link *link);
    void (*link_drop)(void *ctx, struct shard_link *link, enum err why);
    /* How a move that worker_core_move has begun came to its end; as in struct shard_host. */
    void (*move_ended)(void *ctx, uint64_t request, enum shard_move_end end, uint64_t epoch);
    /* What worker_core_health says has changed. */
    void (*changed)(void *ctx);
    /* After worker_core_stop or worker_core_leave, once: all rooms are given up. */
    void (*done)(void *ctx);
};

/* How it is, for whoever watches over it. */
struct worker_core_health {
    bool known;          /* to gateways: it has been in touch with Redis */
    bool ending;         /* it was told to stop or to leave */
    bool draining;       /* it gives its rooms away */
    bool store_ok;       /* changes can be made durable now */
    const char *trouble; /* if not, why; else empty */
};

/* `config` is the process' own and outlives the core, as do `host` and `schema`, which is that of
 * all rooms, or NULL. */
struct worker_core *worker_core_create(struct event_base *base, const struct config *config,
                                       struct schema *schema, const struct worker_core_host *host,
                                       void *ctx);
/* Links must be gone. NULL is fine. */
void worker_core_destroy(struct worker_core *core);

/* Where other nodes reach it, before the loop runs; borrowed. */
void worker_core_set_remote(struct worker_core *core, const char *remote);

struct shard *worker_core_shard(const struct worker_core *core);
struct worker_core_health worker_core_health(const struct worker_core *core);

/* Hands the turn's log entries to Redis. */
void worker_core_end_turn(struct worker_core *core);
/* Sees to it that there is another turn soon if there is work for one, which may be to put more
 * into outputs that have been written. */
void worker_core_plan_turn(struct worker_core *core);

/* On: gives its rooms to other workers, `away`: of other nodes only, and takes no new ones; off
 * again: it stays as it is now. */
void worker_core_drain(struct worker_core *core, bool on, bool away);
/* Gives one room to another worker; the end is told by host.move_ended with `request`, a number
 * that is not in use. Errors as of shard_move, and no end is told then. */
enum err worker_core_move(struct worker_core *core, uint64_t request, struct str room,
                          const struct shard_target *to) NODISCARD;
/* Drains, and is done when it has no room left. `away`: its node ends, so rooms go to workers of
 * other nodes only. */
void worker_core_leave(struct worker_core *core, bool away);
/* The node ends: writes all rooms, gives them up, and is done. */
void worker_core_stop(struct worker_core *core);

#endif
