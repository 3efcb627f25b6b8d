/* The life of one child process, from first start to last end, over all restarts. Pure: the owner
 * does what a step asks for, and reports what happened.
 *
 *      IDLE ──start──▶ STARTING ──ready──▶ UP          STARTING, UP ──died, left──▶ WAITING
 *                         ▲                 │          STARTING, UP ──mute, hung, timer──▶ ENDING
 *                         └──timer── WAITING ◀──died── ENDING
 *      any ──stop──▶ STOPPING ──died──▶ GONE           (GONE at once where no process runs)
 */
#ifndef NODE_CHILD_LIFE_H
#define NODE_CHILD_LIFE_H

#include <stdint.h>

#define CHILD_BACKOFF_MIN_MS 100
#define CHILD_BACKOFF_MAX_MS 5000
/* One that was ready for this long is healthy: its next death starts with the shortest back-off. */
#define CHILD_HEALTHY_MS 10000
/* How long one may take to exit by itself after it closed its control channel. */
#define CHILD_MUTE_MS 2000
/* How long one that hangs may take to die of SIGABRT: a core of many gigabytes may be written. */
#define CHILD_ABORT_MS 5000

enum child_state {
    CHILD_IDLE,     /* not started yet */
    CHILD_STARTING, /* runs, not ready */
    CHILD_UP,       /* ready */
    CHILD_ENDING,   /* runs, but is given up; restarted once it is dead */
    CHILD_WAITING,  /* dead; started again when the timer fires */
    CHILD_STOPPING, /* was asked to stop */
    CHILD_GONE,     /* stopped for good */
};

enum child_event {
    CHILD_EV_START,
    CHILD_EV_READY, /* it said so */
    CHILD_EV_DIED,  /* the process is no more, or could not be made */
    CHILD_EV_LEFT,  /* the process is no more, by a plan of its own */
    CHILD_EV_MUTE,  /* its control channel closed while it runs */
    CHILD_EV_HUNG,  /* it runs and gets nowhere */
    CHILD_EV_STOP,  /* again: with another limit */
    CHILD_EV_TIMER, /* wake_ms has come */
};

enum child_action {
    CHILD_DO_NOTHING,
    CHILD_DO_SPAWN,
    CHILD_DO_ASK,   /* tell it to stop within stop_limit_ms */
    CHILD_DO_ABORT, /* SIGABRT */
    CHILD_DO_KILL,  /* SIGKILL */
};

struct child_life { /* starts zeroed but for the limit; owns nothing */
    enum child_state state;
    uint32_t start_limit_ms; /* longest time until ready; 0: as long as it takes */
    uint64_t wake_ms;        /* when CHILD_EV_TIMER is due; 0: never */
    uint64_t up_since_ms;
    uint32_t backoff_ms; /* of the next restart; 0: the shortest */
};

/* Applies one event. `stop_limit_ms` is read for CHILD_EV_STOP only: the time until it is killed.
 */
enum child_action child_life_step(struct child_life *life, enum child_event event, uint64_t now_ms,
                                  uint32_t stop_limit_ms);

const char *child_state_name(enum child_state state);

#endif
