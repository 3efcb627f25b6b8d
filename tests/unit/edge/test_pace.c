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

/* For so long, so many frames of so many events each millisecond, each late by that. */
static void pass_many(uint64_t ms, uint32_t frames, uint32_t events, uint64_t late_ms)
{
    for (uint64_t end = now + ms; now < end; now++) {
        for (uint32_t i = 0; i < frames; i++) {
            pace_late(&pace, late_ms);
            pace_sent(&pace, events, now);
        }
    }
}

static void pass(uint64_t ms, uint64_t late_ms)
{
    pass_many(ms, 1, 1, late_ms);
}

Test(pace, stays_while_it_keeps_up)
{
    pass(5000, PACE_LATE_MS);
    cr_assert(eq(u64, pace.ms, EDGE_PACE_MS));
}

Test(pace, one_that_is_very_late_is_nothing)
{
    pass(1000, 1);
    pace_late(&pace, 300);
    pass(1000, 1);
    cr_assert(eq(u64, pace.ms, EDGE_PACE_MS));
}

Test(pace, grows_up_to_a_bound_and_shrinks_again)
{
    pass(2 * PACE_PERIOD_MS, PACE_LATE_MS + 1);
    cr_assert(eq(u64, pace.ms, EDGE_PACE_MS + EDGE_PACE_MS / 4 + 1));
    pass(30 * PACE_PERIOD_MS, 50);
    cr_assert(eq(u64, pace.ms, PACE_LONGEST_MS));
    pass(2 * PACE_PERIOD_MS, 0);
    cr_assert(lt(u64, pace.ms, PACE_LONGEST_MS));
    pass(40 * PACE_PERIOD_MS, 0);
    cr_assert(eq(u64, pace.ms, EDGE_PACE_MS));
}

Test(pace, many_frames_come_less_often)
{
    pass_many(20 * PACE_PERIOD_MS, 12, 5, 0);
    cr_assert(eq(u64, pace.ms, PACE_MANY_MS));
    pass_many(20 * PACE_PERIOD_MS, 9, 1, 0);
    cr_assert(eq(u64, pace.ms, EDGE_PACE_MS), "there are no more frames than events");
}

Test(pace, what_is_many_for_a_moment_is_not)
{
    for (int i = 0; i < 20; i++) {
        pass_many(PACE_PERIOD_MS, 12, 1, 0);
        cr_assert(eq(u64, pace.ms, EDGE_PACE_MS));
        pass_many(PACE_PERIOD_MS, 8, 1, 0);
    }
}

/* 6000 frames a second, with twice as many events, are as many as they are as PACE_MANY_MS are
 * between them: in half of that there would be twice as many. */
Test(pace, frames_that_would_be_many_do_not_come_more_often)
{
    pass_many(20 * PACE_PERIOD_MS, 12, 3, 0);
    cr_assert(eq(u64, pace.ms, PACE_MANY_MS));
    pass_many(30 * PACE_PERIOD_MS, 6, 3, 0);
    cr_assert(eq(u64, pace.ms, PACE_MANY_MS));
    pass_many(30 * PACE_PERIOD_MS, 4, 3, 0);
    cr_assert(eq(u64, pace.ms, EDGE_PACE_MS));
}

Test(pace, many_that_are_late_come_less_often_still)
{
    pass_many(20 * PACE_PERIOD_MS, 20, 5, 0);
    pass_many(3 * PACE_PERIOD_MS, 20, 5, PACE_LATE_MS + 1);
    cr_assert(gt(u64, pace.ms, PACE_MANY_MS));
    pass_many(30 * PACE_PERIOD_MS, 20, 5, 0);
    cr_assert(eq(u64, pace.ms, PACE_MANY_MS));
}

Test(pace, a_pause_is_no_load)
{
    pass_many(20 * PACE_PERIOD_MS, 20, 5, 0);
    now += 60000;
    pace_sent(&pace, 1, now);
    for (int i = 0; i < 10; i++) {
        pass(PACE_PERIOD_MS + 1, 0);
    }
    cr_assert(eq(u64, pace.ms, EDGE_PACE_MS));
}
