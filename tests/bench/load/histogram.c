/* Durations in log-linear buckets. */
#include "histogram.h"

#include <inttypes.h>

/* Values below 2^HISTOGRAM_FINE have a bucket each; above, the leading bit chooses a row and the
 * next HISTOGRAM_FINE bits the bucket in it. */
static size_t bucket_of(uint64_t us)
{
    if (us < 1u << HISTOGRAM_FINE) {
        return us;
    }
    unsigned top = 63 - (unsigned)__builtin_clzll(us);
    if (top >= HISTOGRAM_TOP) {
        return HISTOGRAM_BUCKETS - 1;
    }
    unsigned shift = top - HISTOGRAM_FINE;
    return ((size_t)(shift + 1) << HISTOGRAM_FINE) + ((us >> shift) & ((1u << HISTOGRAM_FINE) - 1));
}

/* The largest value of a bucket. */
static uint64_t bucket_end(size_t bucket)
{
    if (bucket < 1u << HISTOGRAM_FINE) {
        return bucket;
    }
    unsigned shift = (unsigned)(bucket >> HISTOGRAM_FINE) - 1;
    uint64_t low = (bucket & ((1u << HISTOGRAM_FINE) - 1)) + (1u << HISTOGRAM_FINE);
    return ((low + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t us)
{
    histogram->count++;
    histogram->sum += us;
    histogram->max = us > histogram->max ? us : histogram->max;
    histogram->buckets[bucket_of(us)]++;
}

uint64_t histogram_at(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)histogram->count);
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen > wanted) {
            uint64_t end = bucket_end(i);
            return end < histogram->max ? end : histogram->max;
        }
    }
    return histogram->max;
}

void histogram_write(const struct histogram *histogram, struct buf *out)
{
    uint64_t mean = histogram->count ? histogram->sum / histogram->count : 0;
    buf_printf(out, "{\"count\":%" PRIu64 ",\"mean\":%" PRIu64, histogram->count, mean);
    buf_printf(out, ",\"p50\":%" PRIu64, histogram_at(histogram, 0.5));
    buf_printf(out, ",\"p90\":%" PRIu64, histogram_at(histogram, 0.9));
    buf_printf(out, ",\"p99\":%" PRIu64, histogram_at(histogram, 0.99));
    buf_printf(out, ",\"p999\":%" PRIu64, histogram_at(histogram, 0.999));
    buf_printf(out, ",\"max\":%" PRIu64 "}", histogram->max);
}
