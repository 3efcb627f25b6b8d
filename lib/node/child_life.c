/* The life of one child process. */
#include "node/child_life.h"

static enum child_action start(struct child_life *life, uint64_t now_ms)
{
    life->state = CHILD_STARTING;
    life->wake_ms = life->start_limit_ms ? now_ms + life->start_limit_ms : 0;
    return CHILD_DO_SPAWN;
}

static enum child_action wait_for_restart(struct child_life *life, uint64_t now_ms)
{
    uint32_t backoff = life->backoff_ms ? life->backoff_ms : CHILD_BACKOFF_MIN_MS;
    life->state = CHILD_WAITING;
    life->wake_ms = now_ms + backoff;
    life->backoff_ms = backoff * 2 < CHILD_BACKOFF_MAX_MS ? backoff * 2 : CHILD_BACKOFF_MAX_MS;
    return CHILD_DO_NOTHING;
}

/* Going was its plan, so it is no sign of trouble. */
static enum child_action wait_after_leaving(struct child_life *life, uint64_t now_ms)
{
    life->state = CHILD_WAITING;
    life->wake_ms = now_ms + CHILD_BACKOFF_MIN_MS;
    return CHILD_DO_NOTHING;
}

static enum child_action hang(struct child_life *life, uint64_t now_ms)
{
    life->state = CHILD_ENDING;
    life->wake_ms = now_ms + CHILD_ABORT_MS;
    return CHILD_DO_ABORT;
}

static enum child_action give_up(struct child_life *life, uint64_t wake_ms)
{
    life->state = CHILD_ENDING;
    life->wake_ms = wake_ms;
    return CHILD_DO_NOTHING;
}

static enum child_action stop(struct child_life *life, uint64_t now_ms, uint32_t limit_ms)
{
    life->state = CHILD_STOPPING;
    life->wake_ms = now_ms + limit_ms;
    return CHILD_DO_ASK;
}

static enum child_action end(struct child_life *life)
{
    life->state = CHILD_GONE;
    life->wake_ms = 0;
    return CHILD_DO_NOTHING;
}

static enum child_action step_starting(struct child_life *life, enum child_event event,
                                       uint64_t now_ms, uint32_t stop_limit_ms)
{
    switch (event) {
    case CHILD_EV_READY:
        life->state = CHILD_UP;
        life->up_since_ms = now_ms;
        life->wake_ms = 0;
        return CHILD_DO_NOTHING;
    case CHILD_EV_DIED:
        return wait_for_restart(life, now_ms);
    case CHILD_EV_LEFT:
        return wait_after_leaving(life, now_ms);
    case CHILD_EV_MUTE:
        return give_up(life, now_ms + CHILD_MUTE_MS);
    case CHILD_EV_HUNG:
        return hang(life, now_ms);
    case CHILD_EV_TIMER:
        give_up(life, 0);
        return CHILD_DO_KILL;
    case CHILD_EV_STOP:
        return stop(life, now_ms, stop_limit_ms);
    case CHILD_EV_START:
        break;
    }
    return CHILD_DO_NOTHING;
}

static enum child_action step_up(struct child_life *life, enum child_event event, uint64_t now_ms,
                                 uint32_t stop_limit_ms)
{
    if (now_ms - life->up_since_ms >= CHILD_HEALTHY_MS) {
        life->backoff_ms = 0;
    }
    switch (event) {
    case CHILD_EV_DIED:
        return wait_for_restart(life, now_ms);
    case CHILD_EV_LEFT:
        return wait_after_leaving(life, now_ms);
    case CHILD_EV_MUTE:
        return give_up(life, now_ms + CHILD_MUTE_MS);
    case CHILD_EV_HUNG:
        return hang(life, now_ms);
    case CHILD_EV_STOP:
        return stop(life, now_ms, stop_limit_ms);
    case CHILD_EV_START:
    case CHILD_EV_READY:
    case CHILD_EV_TIMER:
        break;
    }
    return CHILD_DO_NOTHING;
}

static enum child_action step_ending(struct child_life *life, enum child_event event,
                                     uint64_t now_ms, uint32_t stop_limit_ms)
{
    switch (event) {
    case CHILD_EV_DIED:
        return wait_for_restart(life, now_ms);
    case CHILD_EV_LEFT:
        return wait_after_leaving(life, now_ms);
    case CHILD_EV_TIMER:
        life->wake_ms = 0;
        return CHILD_DO_KILL;
    case CHILD_EV_STOP:
        return stop(life, now_ms, stop_limit_ms);
    case CHILD_EV_START:
    case CHILD_EV_READY:
    case CHILD_EV_MUTE:
    case CHILD_EV_HUNG:
        break;
    }
    return CHILD_DO_NOTHING;
}

static enum child_action step_stopping(struct child_life *life, enum child_event event,
                                       uint64_t now_ms, uint32_t stop_limit_ms)
{
    switch (event) {
    case CHILD_EV_DIED:
    case CHILD_EV_LEFT:
        return end(life);
    case CHILD_EV_HUNG:
        return CHILD_DO_ABORT; /* its limit stands */
    case CHILD_EV_TIMER:
        life->wake_ms = 0;
        return CHILD_DO_KILL;
    case CHILD_EV_STOP:
        return stop(life, now_ms, stop_limit_ms);
    case CHILD_EV_START:
    case CHILD_EV_READY:
    case CHILD_EV_MUTE:
        break;
    }
    return CHILD_DO_NOTHING;
}

enum child_action child_life_step(struct child_life *life, enum child_event event, uint64_t now_ms,
                                  uint32_t stop_limit_ms)
{
    switch (life->state) {
    case CHILD_IDLE:
        if (event == CHILD_EV_START) {
            return start(life, now_ms);
        }
        return event == CHILD_EV_STOP ? end(life) : CHILD_DO_NOTHING;
    case CHILD_STARTING:
        return step_starting(life, event, now_ms, stop_limit_ms);
    case CHILD_UP:
        return step_up(life, event, now_ms, stop_limit_ms);
    case CHILD_ENDING:
        return step_ending(life, event, now_ms, stop_limit_ms);
    case CHILD_WAITING:
        if (event == CHILD_EV_TIMER) {
            return start(life, now_ms);
        }
        return event == CHILD_EV_STOP ? end(life) : CHILD_DO_NOTHING;
    case CHILD_STOPPING:
        return step_stopping(life, event, now_ms, stop_limit_ms);
    case CHILD_GONE:
        break;
    }
    return CHILD_DO_NOTHING;
}

const char *child_state_name(enum child_state state)
{
    switch (state) {
    case CHILD_IDLE:
        return "not started";
    case CHILD_STARTING:
        return "starting";
    case CHILD_UP:
        return "up";
    case CHILD_ENDING:
        return "hung";
    case CHILD_WAITING:
        return "waiting to be restarted";
    case CHILD_STOPPING:
        return "stopping";
    case CHILD_GONE:
        return "stopped";
    }
    return "?";
}
