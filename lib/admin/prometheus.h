/* Metrics of all processes of a node as Prometheus text (exposition format 0.0.4). Pure. */
#ifndef ADMIN_PROMETHEUS_H
#define ADMIN_PROMETHEUS_H

#include "base/buf.h"
#include "base/metrics.h"
#include "base/procfs.h"

/* What is known of one process now; borrows everything. */
struct prometheus_process {
    const char *process; /* "worker-1": the label that stays over restarts */
    enum metric_role role;
    bool up; /* it runs and answers */
    uint32_t restarts;
    const struct metrics *metrics;     /* NULL: it did not say */
    const struct process_usage *usage; /* NULL: the kernel does not know it */
};

#define PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Appends every family once, with its help and type, and in it a line for each process that has
 * it by its role and whose value is known. */
void prometheus_render(const struct prometheus_process *processes, size_t count, struct buf *out);

#endif
