/* The event loop of a process: libevent's, set up the way all our processes want it. One loop a
 * process, one thread. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/err.h"

#include <event2/event.h>
#include <stdint.h>

/* Makes the loop. Also ignores SIGPIPE and lets libevent's memory run out as ours does: it aborts.
 * Call it before anything else of libevent. End with event_base_free. */
enum err loop_create(struct event_base **out) NODISCARD;

/* How turns of the loop move apart with the load, so that each finds more to do: not below `from`
 * of what is done in a second, by `apart_us` above `full`, in proportion between them. */
struct loop_batching {
    double from, full;
    uint32_t apart_us; /* under a second */
};

/* Waits for something to happen and calls back all that has: one turn. `done` counts what this
 * process does, in the unit of `how`. Under load turns begin some distance apart on average; after
 * a pause some begin at once. What is prompt (below) makes a turn of its own in between. */
void loop_turn(struct event_base *base, const struct loop_batching *how, uint64_t done);

/* An event (EV_READ, persistent, added) for whose descriptor turns are not kept apart: answers that
 * others have waited for already. It is borrowed; take it back before it is freed. Beyond some
 * dozens the others wait for a whole turn. */
void loop_prompt_add(struct event *readable);
/* Nothing, if it is not there. */
void loop_prompt_remove(const struct event *readable);

/* Monotonic milliseconds, the same for everything that happens in one turn of the loop. */
uint64_t loop_now_ms(struct event_base *base);

/* Calls back from the loop whenever the signal arrives; the caller event_frees the result. */
struct event *loop_on_signal(struct event_base *base, int number, event_callback_fn fn, void *ctx);

/* (Re)arms a timer made with evtimer_new to fire in `ms`. */
void loop_arm(struct event *timer, uint64_t ms);

#endif
