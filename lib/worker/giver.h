/* Gentle rebalancing: a worker that has had clearly more load than others for a while gives rooms
 * of its own away, one at a time (cluster/balance.h says when and which). Nobody takes any, and
 * nobody orders it, so two cannot want the same room in different places. It knows shard and
 * workers; when they are read again, and who does the move, is core.c's.
 *
 * A worker gives at most one room a second for each live worker of its node, so that a node gives
 * about one a second. */
#ifndef WORKER_GIVER_H
#define WORKER_GIVER_H

#include "cluster/balance.h"
#include "cluster/workers.h"
#include "shard/shard.h"

struct giver { /* starts zeroed */
    struct rebalance state;
    uint64_t look_at;          /* not before */
    uint64_t give_at;          /* likewise */
    char *room;                /* owned; the one that is on its way, or NULL */
    char *to;                  /* owned; the worker that gets it */
    uint64_t points, sessions; /* of it */
};

void giver_finish(struct giver *giver);

/* The worker that it is about. */
struct giver_own {
    struct str id, node;
    uint64_t points; /* now */
};

/* Whether the workers are to be read again for it. Hardly ever where there is hardly any load. */
bool giver_is_due(const struct giver *giver, const struct giver_own *own, uint32_t weight,
                  uint64_t now_ms);
/* They have been. True: `room` of the giver is to go to `to`, a view into `workers`. */
bool giver_look(struct giver *giver, const struct giver_own *own, struct workers *workers,
                struct shard *shard, uint64_t now_ms, struct shard_target *to);
/* The move of that room has ended. */
void giver_ended(struct giver *giver, struct workers *workers, bool done);
/* Somebody else has moved a room of this worker: it looks anew, once figures can show that. Else
 * both would send rooms to the same worker, and one would come back. */
void giver_wait(struct giver *giver, uint64_t now_ms);

#endif
