/* How often connections are sent events, as it keeps up or does not. */
#include "edge/edge.h"
#include "edge/pace.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct pace pace;
static uint64_t now;

static void setup(void)
{
    now = 1000000;
    pace_init(&pace);
}

TestSuite(pace, .init = setup);

/* Frames every millisecond for so long, each late by that. */
static void pass(uint64_t ms, uint64_t late_ms)
{
    for (uint64_t end = now + ms; now < end; now++) {
        pace_note(&pace, late_ms, now);
    }
}

Test(pace, stays_while_it_keeps_up)
{
    pass(5000, PACE_LATE_MS);
    cr_assert(eq(u64, pace.ms, EDGE_PACE_MS));
}

Test(pace, one_that_is_very_late_is_nothing)
{
    pass(1000, 1);
    pace_note(&pace, 300, now);
    pass(1000, 1);
    cr_assert(eq(u64, pace.ms, EDGE_PACE_MS));
}

Test(pace, grows_up_to_a_bound_and_shrinks_again)
{
    pass(2 * PACE_PERIOD_MS, PACE_LATE_MS + 1);
    cr_assert(eq(u64, pace.ms, EDGE_PACE_MS + EDGE_PACE_MS / 4));
    pass(30 * PACE_PERIOD_MS, 50);
    cr_assert(eq(u64, pace.ms, PACE_LONGEST_MS));
    pass(2 * PACE_PERIOD_MS, 0);
    cr_assert(lt(u64, pace.ms, PACE_LONGEST_MS));
    pass(30 * PACE_PERIOD_MS, 0);
    cr_assert(eq(u64, pace.ms, EDGE_PACE_MS));
}
