/* How often a connection is sent events. */
#include "edge/pace.h"

#include "edge/edge.h"

void pace_init(struct pace *pace)
{
    *pace = (struct pace){.ms = EDGE_PACE_MS};
}

/* How many frames a second there would be if each waited for no longer than EDGE_PACE_MS: no more
 * of them than events, and they grow no faster than the interval shrinks. Over several periods, or
 * what one begins and ends with would decide. */
static uint64_t would_be(const struct pace *pace, uint64_t took_ms)
{
    enum { LATELY_MS = 7 * PACE_PERIOD_MS };
    uint64_t frames = pace->frames * pace->ms / EDGE_PACE_MS;
    uint64_t now = (frames < pace->events ? frames : pace->events) * 1000;
    return (pace->would_be * LATELY_MS + now) / (LATELY_MS + took_ms);
}

/* Slower by a quarter, faster by an eighth: it is found out where it keeps up, and not left for
 * long. */
static uint64_t next_pace(const struct pace *pace)
{
    bool late = pace->late_ms > PACE_LATE_MS * pace->due;
    uint64_t least = pace->would_be <= PACE_FEW_FRAMES ? EDGE_PACE_MS : PACE_MANY_MS;
    uint64_t ms = late ? pace->ms + (pace->ms + 3) / 4 : pace->ms - pace->ms / 8;
    return ms < least ? least : ms > PACE_LONGEST_MS ? PACE_LONGEST_MS : ms;
}

void pace_late(struct pace *pace, uint64_t late_ms)
{
    pace->due++;
    pace->late_ms += late_ms;
}

void pace_sent(struct pace *pace, uint32_t events, uint64_t now_ms)
{
    pace->period_at = pace->frames == 0 ? now_ms : pace->period_at;
    pace->frames++;
    pace->events += events;
    uint64_t took_ms = now_ms - pace->period_at;
    if (took_ms >= PACE_PERIOD_MS) {
        pace->would_be = would_be(pace, took_ms);
        *pace = (struct pace){.ms = next_pace(pace), .would_be = pace->would_be};
    }
}
