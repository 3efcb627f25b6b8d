/* When connections are closed if they are not all to come back at once: evenly over a time. Pure.
 *
 *      struct spread spread = {now_ms, now_ms + 5000};
 *      edge_stop_some(edge, spread_due(&spread, edge_open_count(edge), now_ms), now_ms);
 *
 * It looks at how many are left rather than at a list made at the beginning, so that it stays even
 * when clients leave by themselves, or when the caller comes late. */
#ifndef GATEWAY_SPREAD_H
#define GATEWAY_SPREAD_H

#include <stdint.h>

struct spread {
    uint64_t last_ms; /* first when it begins; then of the last call */
    uint64_t end_ms;  /* by then all are closed */
    double owed;      /* less than one: what did not make a whole connection last time */
};

/* How many of `open` connections to close now. */
uint64_t spread_due(struct spread *spread, uint64_t open, uint64_t now_ms);

#endif
