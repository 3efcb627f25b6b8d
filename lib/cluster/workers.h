/* Which workers there are, as last read from Redis, and where to place a room. Pure. */
#ifndef CLUSTER_WORKERS_H
#define CLUSTER_WORKERS_H

#include "base/map.h"
#include "base/str.h"

#include <stdint.h>

struct worker_info {
    char *id;      /* owned; unique per start of a worker */
    char *node;    /* owned */
    char *address; /* owned: unix:PATH, for its own node */
    char *remote;  /* owned: tcp:HOST:PORT or tls:HOST:PORT, for others; or empty */
    uint64_t load; /* sessions, weighted; comparable between workers */
    bool draining; /* takes no new rooms */
    bool seen;     /* in the update under way */
};

struct workers {
    struct map by_id; /* of struct worker_info; owned */
};

void workers_init(struct workers *workers);
void workers_finish(struct workers *workers);

/* One whole reading of the membership: begin, one add each, end drops those not added. */
void workers_update_begin(struct workers *workers);
struct worker_sign {
    struct str id, node, address, remote;
    uint64_t load;
    bool draining;
};
void workers_update_add(struct workers *workers, const struct worker_sign *sign);
void workers_update_end(struct workers *workers);

/* It does not answer: nothing is placed there before it is read of again. */
void workers_forget(struct workers *workers, struct str id);

/* NULL if it is not a live worker. */
const struct worker_info *workers_find(const struct workers *workers, struct str id);

/* Where the worker is reached from `node`. */
struct str worker_address(const struct worker_info *worker, struct str node);

/* Where a new room goes: to the less loaded of two live, not draining workers of `node` picked by
 * `random`; of any that can be reached if that one has none, or is clearly more loaded (twice, and
 * more than WORKERS_LOAD_SLACK above). NULL if there is no worker to take it. Raises the load of
 * the chosen one by one, so that a burst spreads before the next reading. */
enum { WORKERS_LOAD_SLACK = 50 };
const struct worker_info *workers_place(struct workers *workers, struct str node, uint64_t random);
/* The same among the workers of all other nodes, because `node` ends. */
const struct worker_info *workers_place_away(struct workers *workers, struct str node,
                                             uint64_t random);

#endif
