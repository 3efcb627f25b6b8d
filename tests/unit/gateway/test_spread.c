/* Closing connections evenly over a time. */
#include "gateway/spread.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(spread, is_even)
{
    struct spread spread = {.last_ms = 1000, .end_ms = 6000};
    uint64_t open = 1000;
    cr_assert(zero(u64, spread_due(&spread, open, 1000)), "none before any time has passed");
    for (uint64_t now = 1010; now < 6000; now += 10) {
        uint64_t due = spread_due(&spread, open, now);
        cr_assert(ge(u64, due, 1), "at %zu ms %zu", (size_t)now, (size_t)due);
        cr_assert(le(u64, due, 3), "at %zu ms %zu", (size_t)now, (size_t)due);
        open -= due;
    }
    cr_assert(le(u64, open, 3));
    cr_assert(eq(u64, spread_due(&spread, open, 6000), open), "and the rest at the end");
}

Test(spread, a_few_are_far_apart)
{
    struct spread spread = {.last_ms = 0, .end_ms = 1000};
    uint64_t open = 4, last = 0;
    for (uint64_t now = 1; now <= 1000; now++) {
        uint64_t due = spread_due(&spread, open, now);
        cr_assert(le(u64, due, 1));
        if (due) {
            cr_assert(ge(u64, now - last, 200), "%zu ms behind the one before",
                      (size_t)(now - last));
            last = now;
        }
        open -= due;
    }
    cr_assert(zero(u64, open));
}

Test(spread, takes_those_into_account_who_leave_by_themselves)
{
    struct spread spread = {.last_ms = 0, .end_ms = 1000};
    cr_assert(eq(u64, spread_due(&spread, 1000, 500), 500));
    /* Of those that were left, all but ten have gone. */
    cr_assert(eq(u64, spread_due(&spread, 10, 750), 5));
    cr_assert(eq(u64, spread_due(&spread, 5, 1000), 5));
}

Test(spread, a_caller_who_comes_late_closes_more)
{
    struct spread spread = {.last_ms = 0, .end_ms = 1000};
    cr_assert(eq(u64, spread_due(&spread, 100, 900), 90));
    cr_assert(eq(u64, spread_due(&spread, 10, 5000), 10));
}

Test(spread, over_no_time_is_all_at_once)
{
    struct spread spread = {.last_ms = 7, .end_ms = 7};
    cr_assert(eq(u64, spread_due(&spread, 12, 7), 12));
    cr_assert(zero(u64, spread_due(&spread, 0, 8)));
}

Test(spread, a_clock_that_stands_closes_nothing_more)
{
    struct spread spread = {.last_ms = 0, .end_ms = 100};
    cr_assert(eq(u64, spread_due(&spread, 10, 50), 5));
    cr_assert(zero(u64, spread_due(&spread, 5, 50)));
}
