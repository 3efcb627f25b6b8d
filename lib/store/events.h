/* Events for other services, in a stream that is cut at its end (proto/redis.md, "Events"). */
#ifndef STORE_EVENTS_H
#define STORE_EVENTS_H

#include "store/store.h"

enum { STORE_EVENT_FIELDS_MAX = 12 };

/* Pairs of a name and a value. */
struct store_event {
    struct str fields[STORE_EVENT_FIELDS_MAX];
    size_t count; /* names and values */
};

/* Appends it and cuts the stream to about `max` events. No answer: nothing depends on it. */
void store_add_event(struct store *store, const struct store_event *event, uint64_t max);

#endif
