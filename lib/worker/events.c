/* The queue of events. */
#include "worker/events.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "store/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* So many are sent in one turn: they must not stand before the rooms' own commands. */
enum { PER_TURN = 100 };

struct waiting_event {
    struct list link;
    struct shard_event event; /* its texts are behind it */
    char text[];
};

void events_init(struct events *events, uint64_t max, struct str worker, struct str node)
{
    *events = (struct events){.max = max, .worker = worker, .node = node};
    list_init(&events->waiting);
}

static void drop_first(struct events *events)
{
    struct waiting_event *first = list_entry(events->waiting.next, struct waiting_event, link);
    list_remove(&first->link);
    free(first);
    events->count--;
}

void events_add(struct events *events, const struct shard_event *event)
{
    if (events->max == 0) {
        return;
    }
    if (events->count == EVENTS_WAITING_MAX) {
        drop_first(events);
        events->lost++;
    }
    struct waiting_event *waiting =
        xmalloc(sizeof(*waiting) + event->room.len + event->session.len);
    waiting->event = *event;
    waiting->event.room.ptr = memcpy(waiting->text, event->room.ptr, event->room.len);
    if (event->session.len > 0) {
        waiting->event.session.ptr =
            memcpy(waiting->text + event->room.len, event->session.ptr, event->session.len);
    }
    list_append(&events->waiting, &waiting->link);
    events->count++;
}

static const char *kind_name(enum shard_event_kind kind)
{
    switch (kind) {
    case SHARD_EVENT_CHANGED:
        return "document_changed";
    case SHARD_EVENT_SESSION_REMOVED:
        return "session_removed";
    case SHARD_EVENT_EMPTY:
        return "room_became_empty";
    case SHARD_EVENT_ERASED:
        break;
    }
    return "room_deleted";
}

static void add_field(struct store_event *out, struct str name, struct str value)
{
    out->fields[out->count++] = name;
    out->fields[out->count++] = value;
}

static void send_event(const struct events *events, struct store *store,
                       const struct shard_event *event)
{
    struct store_event out = {0};
    char number[24];
    add_field(&out, STR("type"), str_of(kind_name(event->kind)));
    add_field(&out, STR("room"), event->room);
    add_field(&out, STR("node"), events->node);
    add_field(&out, STR("worker"), events->worker);
    if (event->kind == SHARD_EVENT_CHANGED) {
        snprintf(number, sizeof(number), "%" PRIu64, event->clock);
        add_field(&out, STR("clock"), str_of(number));
    } else if (event->kind == SHARD_EVENT_SESSION_REMOVED) {
        snprintf(number, sizeof(number), "%" PRIu32, event->remaining);
        add_field(&out, STR("session"), event->session);
        add_field(&out, STR("remaining"), str_of(number));
    }
    store_add_event(store, &out, events->max);
}

bool events_flush(struct events *events, struct store *store)
{
    uint32_t suppressed;
    if (events->count == 0 || !store_is_writable(store)) {
        return false;
    }
    if (events->lost > 0 && log_limit_pass(&events->losses, 1, clock_ms(), &suppressed)) {
        log_warn(NULL, "events were dropped: Redis was away, or there were too many",
                 LOG_U64("events", events->lost));
        events->lost = 0;
    }
    for (int i = 0; i < PER_TURN && events->count > 0; i++) {
        send_event(events, store,
                   &list_entry(events->waiting.next, struct waiting_event, link)->event);
        drop_first(events);
    }
    return events->count > 0;
}

void events_finish(struct events *events)
{
    while (events->count > 0) {
        drop_first(events);
    }
}
