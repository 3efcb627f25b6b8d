/* How often a connection is sent events. */
#include "edge/pace.h"

#include "edge/edge.h"

void pace_init(struct pace *pace)
{
    *pace = (struct pace){.ms = EDGE_PACE_MS};
}

/* Slower by a quarter, faster by an eighth: it is found out where it keeps up, and not left for
 * long. */
static uint64_t next_pace(const struct pace *pace)
{
    bool late = pace->late_ms > PACE_LATE_MS * pace->frames;
    uint64_t ms = late ? pace->ms + pace->ms / 4 : pace->ms - pace->ms / 8;
    return ms < EDGE_PACE_MS ? EDGE_PACE_MS : ms > PACE_LONGEST_MS ? PACE_LONGEST_MS : ms;
}

void pace_note(struct pace *pace, uint64_t late_ms, uint64_t now_ms)
{
    pace->period_at = pace->frames == 0 ? now_ms : pace->period_at;
    pace->late_ms += late_ms;
    pace->frames++;
    if (now_ms - pace->period_at >= PACE_PERIOD_MS) {
        pace->ms = next_pace(pace);
        pace->late_ms = pace->frames = 0;
    }
}
