/* What bench_load says on stdout: one JSON object a line. {"event": "ready"}, {"event": "begin"}
 * and
 * {"event": "end"} when it is so, for whoever reads the server's figures then, and last the result.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "load.h"

struct window {
    uint64_t us;     /* how long it was */
    uint64_t cpu_us; /* that this program took in it */
};

void report_event(const char *name, const struct load *load);
/* {"event": "recovered", "us": since the outage began} */
void report_recovery(const struct load *load);
/* `stats` as they were at the window's end. */
void report_result(const struct load *load, const struct stats *stats, const struct window *window);

#endif
