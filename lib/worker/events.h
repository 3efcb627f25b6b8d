/* Events of rooms on their way to Redis: gathered while they happen, sent at the end of the turn,
 * behind what rooms want of it. While Redis is away they wait, up to a bound, and the oldest go. */
#ifndef WORKER_EVENTS_H
#define WORKER_EVENTS_H

#include "base/list.h"
#include "base/log.h"
#include "shard/shard.h"
#include "store/store.h"

/* Some MB: when a thousand rooms lose their people at once, that many events come in one turn. */
enum { EVENTS_WAITING_MAX = 32768 };

struct events {          /* starts with events_init */
    struct list waiting; /* of struct waiting_event.link; owned */
    uint32_t count;
    uint64_t lost; /* for want of room */
    struct log_limit losses;
    uint64_t max;            /* in Redis; 0: none are wanted */
    struct str worker, node; /* borrowed */
};

void events_init(struct events *events, uint64_t max, struct str worker, struct str node);
void events_add(struct events *events, const struct shard_event *event);
/* Sends some of what waits, if Redis takes it now. True: there is more, for the next turn. */
bool events_flush(struct events *events, struct store *store);
void events_finish(struct events *events);

#endif
