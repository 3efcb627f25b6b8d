/* Which room to move where, so that workers have their share of the load. Pure.
 *
 *      even:   each worker's load lies within a bound of the mean
 *      a move: from a worker above the mean to the least loaded one, of the room that leaves the
 *              more loaded of the two with least
 *
 * The mean is that of all points by all weights: what a worker of weight 1 would have. A move is
 * made only if the target has clearly less afterwards than the giver had before. So a room that is
 * all of a worker's load stays where it is, and moves come to an end: of the two workers the more
 * loaded one has less after each. */
#ifndef CLUSTER_BALANCE_H
#define CLUSTER_BALANCE_H

#include <stdbool.h>
#include <stdint.h>

struct balance_worker {
    uint64_t points; /* cluster/load.h; changed by balance_apply */
    uint32_t weight; /* at least 1 */
    bool takes;      /* live, in reach and not draining; others are none of this at all */
};

struct balance_room {
    uint32_t worker; /* index; changed by balance_apply */
    uint64_t points;
    bool fixed; /* not to be moved: it could not, or just was */
};

struct balance_rule {
    uint32_t within_percent; /* of the mean */
    uint64_t slack;          /* or so many points by weight, if that is more */
};

struct balance_state {
    struct balance_worker *workers; /* borrowed */
    uint32_t worker_count;
    struct balance_room *rooms; /* borrowed; those that are known, perhaps of some workers only */
    uint32_t room_count;
};

struct balance_move {
    uint32_t room, from, to; /* indices */
};

enum balance_next {
    BALANCE_EVEN,  /* nothing is to be done */
    BALANCE_MOVE,  /* this */
    BALANCE_STUCK, /* it is not even, and no room would make it better */
};

enum balance_next balance_next(const struct balance_state *state, const struct balance_rule *rule,
                               struct balance_move *move);
/* It was done. */
void balance_apply(struct balance_state *state, const struct balance_move *move);

/* Points by weight over all workers that take rooms; 0 without any. */
double balance_mean(const struct balance_state *state);

/* ---- by itself ---- */

/* Whether a worker that looks at the others now and then is to give rooms away: begins once it was
 * clearly more loaded than the least loaded one, and above the mean, at REBALANCE_LOOKS looks in a
 * row; ends when it is about at the mean. Starts zeroed. */
enum {
    REBALANCE_LOOKS = 3,
    REBALANCE_PERCENT = 10, /* above the mean it goes on */
    REBALANCE_RATIO = 150,  /* percent of the least load, to begin */
    REBALANCE_SLACK = 50,   /* and points above it, by weight */
};
struct rebalance {
    uint32_t looks; /* in a row at which it was to begin */
    bool giving;
};
bool rebalance_look(struct rebalance *rebalance, const struct balance_state *state, uint32_t own);
/* The move that `own` is to make then: BALANCE_MOVE from it, or another answer. */
enum balance_next rebalance_next(const struct balance_state *state, uint32_t own,
                                 struct balance_move *move);

#endif
