/* The order of a replacement: nobody goes before there is somebody to hand over to. */
#include "node/replacement.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static enum replacement next(enum replacement state, struct replacement_view view)
{
    return replacement_next(state, &view);
}

Test(replacement, waits_for_all_new_ones_and_then_for_the_old)
{
    enum replacement state = REPLACEMENT_STARTING;
    cr_assert(eq(int, state = next(state, (struct replacement_view){.former_gone = true}),
                 REPLACEMENT_STARTING));
    cr_assert(eq(int, state = next(state, (struct replacement_view){.next_known = true}),
                 REPLACEMENT_DRAINING));
    cr_assert(eq(int, state = next(state, (struct replacement_view){.next_gone = true}),
                 REPLACEMENT_DRAINING));
    cr_assert(eq(int, state = next(state, (struct replacement_view){.former_gone = true}),
                 REPLACEMENT_NONE));
}

Test(replacement, with_one_bad_new_one_the_old_stay)
{
    enum replacement state = REPLACEMENT_STARTING;
    /* It may have been ready and died while the others started. */
    state = next(state, (struct replacement_view){.failed = true, .next_known = true});
    cr_assert(eq(int, state, REPLACEMENT_FAILING));
    state = next(state, (struct replacement_view){.failed = true, .former_gone = true});
    cr_assert(eq(int, state, REPLACEMENT_FAILING));
    state = next(state, (struct replacement_view){.failed = true, .next_gone = true});
    cr_assert(eq(int, state, REPLACEMENT_NONE));
}

Test(replacement, begins_and_ends_nothing_by_itself)
{
    struct replacement_view view = {true, true, true, true};
    cr_assert(eq(int, replacement_next(REPLACEMENT_NONE, &view), REPLACEMENT_NONE));
    /* A new worker that dies once it has its slot is started again like any. */
    view = (struct replacement_view){.failed = true};
    cr_assert(eq(int, replacement_next(REPLACEMENT_DRAINING, &view), REPLACEMENT_DRAINING));
}
