/* How often a connection is sent events: every EDGE_PACE_MS on average while frames are few, every
 * PACE_MANY_MS where there are many, and less often still while this process falls behind. A frame
 * costs as much as all the events in it, so with fewer of them the same events are delivered for
 * less: that is worth nothing to a process that has little to do, where it only makes events wait,
 * and everything to one that has too much, which without it gets less done than before. Pure.
 *
 * That it falls behind shows in how late it is with frames that were due: some milliseconds are
 * usual, as turns of the loop take that long. */
#ifndef EDGE_PACE_H
#define EDGE_PACE_H

#include <stdint.h>

enum {
    PACE_MANY_MS = 16,
    PACE_LONGEST_MS = 100,
    PACE_FEW_FRAMES = 10500, /* a second, of all connections: some 5 % of a core */
    PACE_LATE_MS = 8,        /* on average: it has too much to do */
    PACE_PERIOD_MS = 100     /* over so long */
};

struct pace {
    uint64_t ms;        /* between two frames of events of a connection, on average */
    uint64_t would_be;  /* frames a second, lately, if that were EDGE_PACE_MS */
    uint64_t period_at; /* when the period began, with its first frame */
    uint64_t frames;    /* sent in it, */
    uint64_t events;    /* with so many events together */
    uint64_t due;       /* frames that had to wait until they were due, */
    uint64_t late_ms;   /* and how much longer, together */
};

void pace_init(struct pace *pace);
/* A frame that had to wait was due so long ago. */
void pace_late(struct pace *pace, uint64_t late_ms);
/* A frame of so many events is sent now. */
void pace_sent(struct pace *pace, uint32_t events, uint64_t now_ms);

#endif
