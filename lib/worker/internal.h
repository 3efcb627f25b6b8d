/* What the halves of a worker's core share: core.c has time, membership and the way out, host.c
 * what the shard asks for. Private to lib/worker. */
#ifndef WORKER_INTERNAL_H
#define WORKER_INTERNAL_H

#include "base/list.h"
#include "net/loop.h"
#include "store/store.h"
#include "worker/core.h"
#include "worker/events.h"
#include "worker/giver.h"

struct worker_core {
    const struct config *config;
    struct event_base *base;
    const struct worker_core_host *host;
    void *ctx;
    const char *remote; /* where other nodes reach it; NULL: nowhere */
    struct store *store;
    struct shard *shard;
    struct shard_config shard_config;
    struct event *tick;
    struct event *work;     /* soon: something is done in slices */
    struct workers workers; /* where rooms can go; read when somebody wants to know */
    struct cpu_meter cpu;
    struct giver giver;
    struct events events;
    struct list moves; /* of struct move_wish.link; owned */
    uint64_t beat_at, ticked_at;
    uint64_t beats; /* signs of life given */
    bool announced, draining, leaving, stopping;
    bool away;        /* rooms go to other nodes only */
    bool more_events; /* to be told of in the next turn */
};

/* A move that somebody has asked for and waits for the end of. */
struct move_wish {
    struct list link;
    uint64_t request;
    char room[];
};

static inline uint64_t core_now(const struct worker_core *core)
{
    return loop_now_ms(core->base);
}

/* host.c: the shard's host, with a core as its ctx. */
extern const struct shard_host core_shard_host;

#endif
