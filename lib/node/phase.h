/* What a node is at, from its first to its last moment: who is started after whom, and who is
 * stopped before whom. Pure: the owner looks at its children, asks for the next phase until it
 * stays, and starts or stops the group whose phase was entered.
 *
 * Gateways go first because they must not have clients without workers to serve them, and last
 * come those that everybody writes to. */
#ifndef NODE_PHASE_H
#define NODE_PHASE_H

#include <stdbool.h>

enum node_phase {
    PHASE_REDIS,    /* waiting for Redis */
    PHASE_WORKERS,  /* waiting for the workers */
    PHASE_GATEWAYS, /* waiting for the gateways */
    PHASE_UP,
    PHASE_STOP_GATEWAYS,
    PHASE_STOP_WORKERS,
    PHASE_STOP_REDIS,
    PHASE_DONE,
};

struct node_view {
    bool stop;                                       /* somebody wants an end of it */
    bool redis_ready, workers_ready, gateways_ready; /* all of the group */
    bool redis_gone, workers_gone, gateways_gone;    /* stopped for good, all of the group */
};

enum node_phase phase_next(enum node_phase phase, const struct node_view *view);
/* "starting: waiting for redis" and the like, for people. */
const char *phase_name(enum node_phase phase);

#endif
