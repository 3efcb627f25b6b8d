/* Turns by a plan. */
#include "beat.h"
#include "base/alloc.h"
#include "histogram.h"
#include "load.h"

#include <stdlib.h>

void beat_add(struct beat *beat, struct client *client)
{
    if ((beat->count & (beat->count - 1)) == 0) {
        size_t cap = beat->count ? beat->count * 2 : 1;
        beat->who = xrealloc(beat->who, cap * sizeof(struct client *));
    }
    beat->who[beat->count++] = client;
}

void beat_start(struct beat *beat, uint64_t now_us)
{
    beat->start_us = now_us;
    beat->turn = 0;
}

uint64_t beat_due(const struct beat *beat)
{
    if (beat->count == 0 || beat->start_us == 0) {
        return UINT64_MAX;
    }
    return beat->start_us + beat->turn * beat->period_us / beat->count;
}

void beat_run(struct beat *beat, struct histogram *lateness)
{
    enum { AT_ONCE = 1000 }; /* then what has come in is read first */
    for (unsigned i = 0; i < AT_ONCE; i++) {
        uint64_t due = beat_due(beat);
        struct client *client = beat->count ? beat->who[beat->turn % beat->count] : NULL;
        if (!client || due > client->load->now_us) {
            return;
        }
        beat->turn++;
        if (client->state != CLIENT_READY) {
            continue;
        }
        beat->act(client);
        if (lateness) {
            histogram_add(lateness, client->load->now_us - due);
        }
    }
}

void beat_finish(struct beat *beat)
{
    free(beat->who);
    *beat = (struct beat){0};
}
