/* Sessions, CPU and weights as one number. */
#include "cluster/load.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { SECOND = 1000000 };

/* A process that uses `cpu` thousandths of a core for so many seconds, read once in each. */
static void run(struct cpu_meter *meter, uint64_t *now_us, uint64_t *used_us, unsigned seconds,
                uint64_t cpu)
{
    for (unsigned i = 0; i < seconds; i++) {
        *now_us += SECOND;
        *used_us += cpu * (SECOND / 1000);
        cpu_meter_read(meter, *now_us, *used_us);
    }
}

Test(load, is_sessions_and_cpu_by_weight)
{
    cr_assert(eq(u64, load_points(0, 0), 0));
    cr_assert(eq(u64, load_points(120, 0), 120));
    cr_assert(eq(u64, load_points(20, LOAD_CPU_FULL), 4020));
    cr_assert(eq(u64, load_weighted(1000, 4), 250));
    cr_assert(eq(u64, load_weighted(1000, 0), 1000));
}

Test(load, what_a_start_costs_does_not_count)
{
    struct cpu_meter meter = {0};
    cpu_meter_read(&meter, 7 * SECOND, 5 * SECOND);
    cr_assert(eq(u64, cpu_meter_cpu(&meter), 0));
}

Test(load, cpu_is_smoothed)
{
    struct cpu_meter meter = {0};
    uint64_t now = 5 * SECOND, used = SECOND;
    cpu_meter_read(&meter, now, used);
    run(&meter, &now, &used, 1, 800);
    cr_assert(eq(u64, cpu_meter_cpu(&meter), 133)); /* a second of work does not make a load */
    run(&meter, &now, &used, 30, 800);
    cr_assert(ge(u64, cpu_meter_cpu(&meter), 795));
    run(&meter, &now, &used, 5, 0);
    cr_assert(le(u64, cpu_meter_cpu(&meter), 330));
}

Test(load, a_reading_that_comes_late_says_more)
{
    struct cpu_meter meter = {0};
    cpu_meter_read(&meter, 0, 0);
    cpu_meter_read(&meter, 45 * SECOND, 45 * SECOND / 2);
    cr_assert(eq(u64, cpu_meter_cpu(&meter), 450));
    cpu_meter_read(&meter, 45 * SECOND, 45 * SECOND / 2); /* no time has passed */
    cr_assert(eq(u64, cpu_meter_cpu(&meter), 450));
}

Test(load, two_threads_are_one_core_at_most)
{
    struct cpu_meter meter = {0};
    uint64_t now = 0, used = 0;
    cpu_meter_read(&meter, now, used);
    run(&meter, &now, &used, 60, 1900);
    cr_assert(eq(u64, cpu_meter_cpu(&meter), LOAD_CPU_FULL));
}

Test(load, what_is_given_away_is_known_at_once)
{
    struct cpu_meter meter = {0};
    uint64_t now = 0, used = 0;
    cpu_meter_read(&meter, now, used);
    run(&meter, &now, &used, 60, 600);
    cpu_meter_drop(&meter, 250);
    for (int i = 0; i < 5; i++) {
        run(&meter, &now, &used, 1, 350);
        cr_assert(eq(u64, cpu_meter_cpu(&meter), 350));
    }
    cpu_meter_drop(&meter, 999);
    cr_assert(eq(u64, cpu_meter_cpu(&meter), 0));
}
