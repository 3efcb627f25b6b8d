/* What a node is at, from its first to its last moment: who is started after whom, and who is
 * stopped before whom. Pure: the owner looks at its children, asks for the next phase until it
 * stays, and starts or stops the group whose phase was entered.
 *
 *      REDIS ─▶ WORKERS ─▶ GATEWAYS ─▶ UP ──stop──▶ LEAVING ─▶ COUNTING ─▶ HANDING_OVER
 *        └─────────┴───stop───┴────┐                   │          │ none        │
 *                                  ▼                 hurry ◀──────┘             │
 *                            STOP_GATEWAYS ◀───────────┴────────────────────────┘
 *                                  └─▶ STOP_WORKERS ─▶ STOP_REDIS ─▶ DONE
 *
 * Gateways go before workers because they must not have clients without workers to serve them -
 * unless workers of other nodes have all the rooms - and last come those that everybody writes
 * to. How long each may take is stop_plan.h's. */
#ifndef NODE_PHASE_H
#define NODE_PHASE_H

#include <stdbool.h>

enum node_phase {
    PHASE_REDIS,    /* waiting for Redis */
    PHASE_WORKERS,  /* waiting for the workers; the gateways start beside them */
    PHASE_GATEWAYS, /* waiting for the gateways */
    PHASE_UP,
    PHASE_LEAVING,  /* serves as before, but says that it does not: load balancers are to see it */
    PHASE_COUNTING, /* Redis is asked whether other nodes take rooms */
    PHASE_HANDING_OVER, /* workers give theirs to those, and go; gateways keep their clients */
    PHASE_STOP_GATEWAYS,
    PHASE_STOP_WORKERS,
    PHASE_STOP_REDIS,
    PHASE_DONE,
};

/* Whether workers of other nodes take rooms. */
enum node_others { OTHERS_UNKNOWN, OTHERS_NONE, OTHERS_SOME };

struct node_view {
    bool stop;                                       /* somebody wants an end of it */
    bool hurry;                                      /* and at once */
    bool time_is_up;                                 /* of this phase, by the plan */
    enum node_others others;                         /* read while counting */
    bool redis_ready, workers_ready, gateways_ready; /* all of the group */
    bool redis_gone, workers_gone, gateways_gone;    /* stopped for good, all of the group */
};

enum node_phase phase_next(enum node_phase phase, const struct node_view *view);
/* "starting: waiting for redis" and the like, for people. */
const char *phase_name(enum node_phase phase);

#endif
