/* The table of metrics and this process' values. */
#include "base/metrics.h"

#include "base/alloc.h"

#define METRICS_INFO(name, kind, roles, text, help)                                                \
    [METRIC_##name] = {text, help, METRIC_##kind, roles},
#define HISTOGRAMS_INFO(name, roles, text, help)                                                   \
    [HISTOGRAM_##name] = {text, help, METRIC_COUNTER, roles},

const struct metric_info metric_infos[METRIC_COUNT] = {METRICS(METRICS_INFO)};
const struct metric_info histogram_infos[HISTOGRAM_COUNT] = {HISTOGRAMS(HISTOGRAMS_INFO)};

/* From a pipelined append on a quiet machine to a Redis that is in trouble. */
const double metrics_bounds[METRICS_BOUNDS] = {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025,
                                               0.005,   0.01,   0.025,   0.05,   0.1,   0.25,
                                               0.5,     1,      2.5,     5,      10};

struct metrics metrics_own;

const struct metrics *metrics_read(void)
{
    metrics_set(METRIC_HEAP_BYTES, (double)alloc_bytes());
    return &metrics_own;
}

void metrics_observe(enum metric_histogram which, double seconds)
{
    struct histogram *histogram = &metrics_own.histograms[which];
    size_t bucket = 0;
    while (bucket < METRICS_BOUNDS && seconds > metrics_bounds[bucket]) {
        bucket++;
    }
    histogram->counts[bucket]++;
    histogram->sum += seconds;
}

static int find(const struct metric_info *infos, int count, struct str name)
{
    for (int i = 0; i < count; i++) {
        if (str_eq(name, str_of(infos[i].name))) {
            return i;
        }
    }
    return -1;
}

int metric_find(struct str name)
{
    return find(metric_infos, METRIC_COUNT, name);
}

int histogram_find(struct str name)
{
    return find(histogram_infos, HISTOGRAM_COUNT, name);
}

const char *metric_role_name(enum metric_role role)
{
    switch (role) {
    case ROLE_SUPERVISOR:
        return "supervisor";
    case ROLE_GATEWAY:
        return "gateway";
    case ROLE_WORKER:
        return "worker";
    case ROLE_REDIS:
        return "redis";
    }
    return "?";
}
