/* Clients that all do the same, by turns, spread evenly over time: with 20 clients and a period of
 * 100 ms, one does it every 5 ms. By a plan that does not wait for anybody: what is late is done
 * late, and nothing is left out. */
#ifndef BENCH_BEAT_H
#define BENCH_BEAT_H

#include "client.h"

struct histogram;

struct beat {
    struct client **who; /* owned, but for the clients */
    size_t count;
    uint64_t period_us;
    uint64_t start_us;
    uint64_t turn; /* the next one; client turn % count does it */
    void (*act)(struct client *client);
};

void beat_add(struct beat *beat, struct client *client);
void beat_start(struct beat *beat, uint64_t now_us);
/* Does what is due, and notes in `lateness`, which may be NULL, how late. Clients that are not
 * ready are left out. */
void beat_run(struct beat *beat, struct histogram *lateness);
/* When the next turn is; UINT64_MAX if there is none. */
uint64_t beat_due(const struct beat *beat);
void beat_finish(struct beat *beat);

#endif
