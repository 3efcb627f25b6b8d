/* Which workers there are, as last read from Redis, and where to place a room. Pure. */
#ifndef CLUSTER_WORKERS_H
#define CLUSTER_WORKERS_H

#include "base/map.h"
#include "base/str.h"
#include "cluster/load.h"

#include <stdint.h>

struct worker_info {
    char *id;      /* owned; unique per start of a worker */
    char *node;    /* owned */
    char *address; /* owned: unix:PATH, for its own node */
    char *remote;  /* owned: tcp:HOST:PORT or tls:HOST:PORT, for others; or empty */
    char *version; /* owned; of its program; or empty */
    char *seen;    /* owned; when its figures are of, for people; or empty */
    uint64_t beat; /* number of its figures; 0: it does not number them */
    uint64_t pid, rooms, sessions;
    uint64_t cpu;     /* thousandths of a core */
    uint64_t points;  /* load, not divided by the weight (cluster/load.h) */
    uint32_t weight;  /* of its node; at least 1 */
    bool draining;    /* takes no new rooms */
    bool in_update;   /* has been added in the update under way */
    uint64_t placed;  /* points of rooms that were placed there since its figures changed, */
    uint64_t placing; /* and between that and the time before */
    uint64_t given;   /* points of CPU of rooms that it was given, as far as is still to be shown */
};

struct workers {
    struct map by_id; /* of struct worker_info; owned */
};

void workers_init(struct workers *workers);
void workers_finish(struct workers *workers);

/* One whole reading of the membership: begin, one add each, end drops those not added. */
void workers_update_begin(struct workers *workers);
struct worker_sign {
    struct str id, node, address, remote, version, seen;
    uint64_t beat, pid, rooms, sessions, cpu, points;
    uint32_t weight; /* 0: it does not say, and has 1 */
    bool draining;
};
void workers_update_add(struct workers *workers, const struct worker_sign *sign);
void workers_update_end(struct workers *workers);

/* It does not answer: nothing is placed there before it is read of again. */
void workers_forget(struct workers *workers, struct str id);

/* NULL if it is not a live worker. */
const struct worker_info *workers_find(const struct workers *workers, struct str id);
/* One after the other; begins with *pos 0, ends with NULL. */
const struct worker_info *workers_next(const struct workers *workers, uint32_t *pos);

/* Where the worker is reached from `node`. */
struct str worker_address(const struct worker_info *worker, struct str node);
/* Whether it may get a room from somebody in `node`: it does not drain, and can be reached. */
bool worker_takes_rooms(const struct worker_info *worker, struct str node);

/* Its load, with what was placed there, or given to it, lately and is not in its figures yet. A
 * placed room counts as WORKERS_ROOM_POINTS until the second change of the worker's figures after
 * it: those of the first one may have been taken before somebody came in. */
enum { WORKERS_ROOM_POINTS = 4 };
uint64_t worker_load(const struct worker_info *worker);
/* The same, not divided by its weight. */
uint64_t worker_points(const struct worker_info *worker);

/* It was given a room of so many sessions, which count like a placed room, and of so many points
 * with these: what of them is CPU its figures, being smoothed, come to show by and by, and what is
 * still to come becomes less with each change of them. */
void workers_note_given(struct workers *workers, struct str id, uint64_t sessions, uint64_t points);

/* Where a new room goes: to the less loaded of two live, not draining workers of `node` picked by
 * `random`; if that one is clearly more loaded than the less loaded of two of all nodes that can be
 * reached, or there is none, to this one. Clearly: WORKERS_LOAD_RATIO times as much, and more than
 * WORKERS_LOAD_SLACK (400 sessions, or a tenth of a core) above it; so that a quiet node keeps its
 * rooms, which are cheapest there, and half a second of work now and then does not change that.
 * NULL if there is no worker to take it. Counts it as placed.
 */
enum { WORKERS_LOAD_RATIO = 2, WORKERS_LOAD_SLACK = 400 };
const struct worker_info *workers_place(struct workers *workers, struct str node, uint64_t random);
/* The same among the workers of all other nodes, because `node` ends or drains. */
const struct worker_info *workers_place_away(struct workers *workers, struct str node,
                                             uint64_t random);

#endif
