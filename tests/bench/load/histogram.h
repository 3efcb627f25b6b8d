/* Many durations, kept in little memory: buckets that are 1/128 of their value wide, from 1 us up
 * to 2^40 us. Zeroed is empty. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include "base/buf.h"

enum {
    HISTOGRAM_FINE = 7, /* bits of a bucket's number below the leading one */
    HISTOGRAM_TOP = 40,
    HISTOGRAM_BUCKETS = (HISTOGRAM_TOP - HISTOGRAM_FINE + 1) << HISTOGRAM_FINE,
};

struct histogram {
    uint64_t count, sum, max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t us);
/* The value that `share` (0..1) of all are not above, rounded up by less than 1 %; 0 if empty. */
uint64_t histogram_at(const struct histogram *histogram, double share);
/* Appends {"count", "mean", "p50", "p90", "p99", "p999", "max"}, in us. */
void histogram_write(const struct histogram *histogram, struct buf *out);

#endif
