/* What sessions and CPU time come to. */
#include "cluster/load.h"

uint64_t load_points(uint64_t sessions, uint64_t cpu)
{
    return sessions + LOAD_CPU_POINTS * cpu;
}

uint64_t load_weighted(uint64_t points, uint32_t weight)
{
    return points / (weight ? weight : 1);
}

void cpu_meter_read(struct cpu_meter *meter, uint64_t now_us, uint64_t used_us)
{
    uint64_t passed_us = now_us - meter->at_us;
    if (meter->begun && passed_us == 0) {
        return;
    }
    if (meter->begun) {
        double passed = (double)passed_us;
        double share = (double)(used_us - meter->used_us) / passed * LOAD_CPU_FULL;
        /* The longer since the last reading, the more this one says. */
        meter->share += (share - meter->share) * passed / (LOAD_SMOOTH_US + passed);
    }
    meter->begun = true;
    meter->at_us = now_us;
    meter->used_us = used_us;
}

void cpu_meter_drop(struct cpu_meter *meter, uint64_t cpu)
{
    meter->share = meter->share > (double)cpu ? meter->share - (double)cpu : 0;
}

uint64_t cpu_meter_cpu(const struct cpu_meter *meter)
{
    double share = meter->share < LOAD_CPU_FULL ? meter->share : LOAD_CPU_FULL;
    return (uint64_t)(share + 0.5);
}
