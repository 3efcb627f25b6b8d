/* How loaded a worker is, as one whole number. Pure.
 *
 *      points = sessions + LOAD_CPU_POINTS * cpu      cpu: thousandths of one core, 0 to 1000
 *      load   = points / weight                       weight: of its node
 *
 * CPU is what a worker runs out of; a session is what may cost some soon. A core in full use counts
 * as much as 4000 sessions that do nothing. Rooms are not counted: one that nobody uses costs
 * memory only. */
#ifndef CLUSTER_LOAD_H
#define CLUSTER_LOAD_H

#include <stdbool.h>
#include <stdint.h>

enum { LOAD_CPU_FULL = 1000, LOAD_CPU_POINTS = 4, LOAD_WEIGHT_MAX = 100 };

uint64_t load_points(uint64_t sessions, uint64_t cpu);
/* Of a worker; a weight of 0 is one of 1. */
uint64_t load_weighted(uint64_t points, uint32_t weight);

/* The CPU share of a process, smoothed: it has come 63 % of its way to a new value after
 * LOAD_SMOOTH_US, 95 % after three times that. Starts zeroed. */
enum {
    LOAD_SMOOTH_BEATS = 5, /* seconds */
    LOAD_SMOOTH_US = LOAD_SMOOTH_BEATS * 1000000,
};
struct cpu_meter {
    bool begun;
    uint64_t at_us, used_us; /* of the last reading */
    double share;            /* in thousandths of a core, with a fraction */
};

/* Takes a reading: `used_us` is the CPU time of the process since it started, all threads together.
 * The first one only begins: what a start costs is nobody's load. */
void cpu_meter_read(struct cpu_meter *meter, uint64_t now_us, uint64_t used_us);
/* Work that used so much has just been given away: it is known not to come any more, and not only
 * once the readings say so. */
void cpu_meter_drop(struct cpu_meter *meter, uint64_t cpu);
/* In thousandths of a core; at most LOAD_CPU_FULL. */
uint64_t cpu_meter_cpu(const struct cpu_meter *meter);

#endif
