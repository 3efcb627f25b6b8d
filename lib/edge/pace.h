/* How often a connection is sent events: every EDGE_PACE_MS on average, and less often while this
 * process falls behind. A frame costs as much as all the events in it, so with fewer of them the
 * same events are delivered in less time; without that, whoever gets too much to do gets less done
 * than before. Pure.
 *
 * That it falls behind shows in how late it is with frames that were due: some milliseconds are
 * usual, as turns of the loop take that long. */
#ifndef EDGE_PACE_H
#define EDGE_PACE_H

#include <stdint.h>

enum {
    PACE_LONGEST_MS = 100,
    PACE_LATE_MS = 8,    /* on average: it has too much to do */
    PACE_PERIOD_MS = 100 /* over so long */
};

struct pace {
    uint64_t ms;        /* between two frames of events of a connection, on average */
    uint64_t period_at; /* when the period began, with its first frame */
    uint64_t late_ms;   /* in it: together, */
    uint64_t frames;    /* of so many that were due */
};

void pace_init(struct pace *pace);
/* A frame was due so long ago. */
void pace_note(struct pace *pace, uint64_t late_ms, uint64_t now_ms);

#endif
