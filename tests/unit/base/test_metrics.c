/* The table of metrics. */
#include "base/metrics.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/procfs.h"

Test(metrics, every_name_is_found_once_and_follows_the_rules)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_info *info = &metric_infos[i];
        cr_assert(eq(int, metric_find(str_of(info->name)), i));
        bool total =
            strlen(info->name) > 6 && !strcmp(info->name + strlen(info->name) - 6, "_total");
        cr_assert(eq(int, total, info->kind == METRIC_COUNTER), "%s", info->name);
        cr_assert(eq(int, strncmp(info->name, "roomd_", 6), 0));
        cr_assert(ne(int, (int)info->roles, 0));
    }
    for (int i = 0; i < HISTOGRAM_COUNT; i++) {
        cr_assert(eq(int, histogram_find(str_of(histogram_infos[i].name)), i));
    }
    cr_assert(eq(int, metric_find(STR("nonsense")), -1));
}

Test(metrics, an_observation_falls_into_the_first_bucket_that_holds_it)
{
    const struct histogram *histogram = &metrics_own.histograms[HISTOGRAM_LOG_APPEND];
    metrics_observe(HISTOGRAM_LOG_APPEND, 0);
    metrics_observe(HISTOGRAM_LOG_APPEND, metrics_bounds[0]);
    metrics_observe(HISTOGRAM_LOG_APPEND, metrics_bounds[1]);
    metrics_observe(HISTOGRAM_LOG_APPEND, 1000);
    cr_assert(eq(u64, histogram->counts[0], 2));
    cr_assert(eq(u64, histogram->counts[1], 1));
    cr_assert(eq(u64, histogram->counts[METRICS_BOUNDS], 1));
    cr_assert(epsilon_eq(dbl, histogram->sum, 1000 + metrics_bounds[0] + metrics_bounds[1], 1e-9));
    for (int i = 1; i < METRICS_BOUNDS; i++) {
        cr_assert(gt(dbl, metrics_bounds[i], metrics_bounds[i - 1]));
    }
}

Test(metrics, counters_add_and_gauges_are_set)
{
    metrics_add(METRIC_PUSHES, 2);
    metrics_add(METRIC_PUSHES, 3);
    metrics_set(METRIC_ROOMS, 4);
    metrics_set(METRIC_ROOMS, 1);
    cr_assert(epsilon_eq(dbl, metrics_own.values[METRIC_PUSHES], 5, 0));
    cr_assert(epsilon_eq(dbl, metrics_own.values[METRIC_ROOMS], 1, 0));
}

/* The allocator rounds, and takes a few freed blocks of each size (glibc: 7) for allocated still.
 */
Test(metrics, what_is_allocated_is_counted_until_it_is_freed)
{
    enum { BLOCKS = 1000, SIZE = 1000 };
    double before = metrics_read()->values[METRIC_HEAP_BYTES];
    if (before == 0) {
        cr_skip("the C library does not say");
    }
    void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = xmalloc(SIZE);
    }
    double more = metrics_read()->values[METRIC_HEAP_BYTES] - before;
    cr_assert(ge(dbl, more, BLOCKS * SIZE));
    cr_assert(lt(dbl, more, BLOCKS * SIZE * 1.1));
    for (int i = 0; i < BLOCKS; i++) {
        free(blocks[i]);
    }
    cr_assert(
        epsilon_eq(dbl, metrics_read()->values[METRIC_HEAP_BYTES], before, BLOCKS * SIZE * 0.02));
}

Test(metrics, the_kernel_knows_this_process)
{
    struct process_usage usage;
    cr_assert(eq(int, process_usage_read(getpid(), &usage), ERR_OK));
    cr_assert(gt(u64, usage.resident_bytes, 100000));
    cr_assert(ge(u32, usage.open_fds, 2));
    cr_assert(gt(dbl, usage.start_time, 1e9));
    cr_assert(eq(int, process_usage_read(0x7fffffff, &usage), ERR_NOT_FOUND));
}
