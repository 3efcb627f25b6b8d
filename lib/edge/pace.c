/* How often a connection is sent events. */
#include "edge/pace.h"

#include "edge/edge.h"

void pace_init(struct pace *pace)
{
    *pace = (struct pace){.ms = EDGE_PACE_MS};
}

/* Would there be few frames if each waited for no longer than EDGE_PACE_MS? There would be no more
 * of them than events, and they grow no faster than the interval shrinks. */
static bool would_be_few(const struct pace *pace, uint64_t took_ms)
{
    uint64_t frames = pace->frames * pace->ms / EDGE_PACE_MS;
    return (frames < pace->events ? frames : pace->events) * 1000 <= PACE_FEW_FRAMES * took_ms;
}

/* Slower by a quarter, faster by an eighth: it is found out where it keeps up, and not left for
 * long. */
static uint64_t next_pace(const struct pace *pace, uint64_t took_ms)
{
    bool late = pace->late_ms > PACE_LATE_MS * pace->due;
    uint64_t least = would_be_few(pace, took_ms) ? EDGE_PACE_MS : PACE_MANY_MS;
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
        *pace = (struct pace){.ms = next_pace(pace, took_ms)};
    }
}
