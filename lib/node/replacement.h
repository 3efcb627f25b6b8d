/* How all workers of a node are replaced by new ones while it serves. Pure: the owner looks at its
 * children, asks for the next state until it stays, and does what belongs to the state entered.
 *
 *      NONE ──SIGHUP──▶ STARTING ──all are known──▶ DRAINING ──the old are gone──▶ NONE
 *                          └────one failed────▶ FAILING ──the new are gone───────────┘
 *
 * Old ones are not asked to go before there is somebody to hand over to. */
#ifndef NODE_REPLACEMENT_H
#define NODE_REPLACEMENT_H

#include <stdbool.h>

enum replacement {
    REPLACEMENT_NONE,
    REPLACEMENT_STARTING, /* the new start beside the old */
    REPLACEMENT_DRAINING, /* the new have the slots, the old hand over and go */
    REPLACEMENT_FAILING,  /* the old have the slots, the new go */
};

struct replacement_view {
    bool failed;      /* a new one has died, or could not be started */
    bool next_known;  /* all of the new are ready, and gateways have had time to hear of it */
    bool next_gone;   /* none of the new is left that has no slot */
    bool former_gone; /* none of the old is left that has no slot */
};

enum replacement replacement_next(enum replacement state, const struct replacement_view *view);

#endif
