/* When a worker hangs: CPU time inside one step of one room, and nothing else. */
#include "node/hang.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define LIMIT_MS 10000

static struct hang hang;
static struct mark_view view;

static void setup(void)
{
    hang = (struct hang){0};
    view = (struct mark_view){.room = "r", .room_len = 1, .steps = 7};
}

TestSuite(hang, .init = setup);

static bool look(uint64_t cpu_ms)
{
    return hang_look(&hang, &view, cpu_ms, LIMIT_MS);
}

Test(hang, is_cpu_time_in_one_step)
{
    cr_assert(not(look(500000)), "what it used before does not count");
    cr_assert(not(look(505000)));
    cr_assert(not(look(509999)));
    cr_assert(look(510000));
}

Test(hang, is_not_a_worker_that_was_stopped_or_waits)
{
    for (int i = 0; i < 1000; i++) {
        cr_assert(not(look(300)), "no CPU time passes for it");
    }
    cr_assert(not(look(301)));
}

Test(hang, is_not_a_worker_that_gets_on)
{
    for (uint64_t cpu_ms = 0; cpu_ms < 20 * LIMIT_MS; cpu_ms += LIMIT_MS - 1) {
        view.steps += 1; /* the same room again */
        cr_assert(not(look(cpu_ms)));
    }
}

Test(hang, is_not_work_between_rooms)
{
    view.room_len = 0;
    cr_assert(not(look(0)));
    cr_assert(not(look(LIMIT_MS)));
    view.room_len = 1; /* entered, and the counter was read before that */
    cr_assert(not(look(2 * LIMIT_MS)));
    cr_assert(not(look(3 * LIMIT_MS - 1)));
    cr_assert(look(3 * LIMIT_MS));
}

Test(hang, can_be_allowed)
{
    cr_assert(not(hang_look(&hang, &view, 0, 0)));
    cr_assert(not(hang_look(&hang, &view, UINT64_MAX, 0)));
}
