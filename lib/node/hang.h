/* Whether a worker hangs inside a room. Pure.
 *
 * What counts is CPU time, not the clock: a worker that is stopped, or waits for its turn on a busy
 * machine, uses none and does not hang. The work of one step (a frame, a load, a snapshot) is
 * bounded by the limits in proto/client.md; the longest, loading a room of 384 MiB, takes 1.5 s. */
#ifndef NODE_HANG_H
#define NODE_HANG_H

#include "base/mark.h"

#include <stdbool.h>

struct hang { /* starts zeroed with the process */
    bool marked;
    uint64_t steps;  /* the worker's, when it was first seen at this step */
    uint64_t cpu_ms; /* its CPU time then */
};

/* Looks at a worker, about once a second: true if the step that it is at has taken `limit_ms` of
 * CPU time while it was looked at. 0: it may take any. */
bool hang_look(struct hang *hang, const struct mark_view *view, uint64_t cpu_ms, uint64_t limit_ms);

#endif
