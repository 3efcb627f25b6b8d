/* The life of a child: what each event leads to, and when it is started again. */
#include "node/child_life.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

struct step_case {
    char name[64];
    enum child_state from;
    enum child_event event;
    enum child_state want;
    enum child_action action;
    uint64_t wake_ms;
};

ParameterizedTestParameters(child_life, step)
{
    static struct step_case cases[] = {
        {"an idle one is started", CHILD_IDLE, CHILD_EV_START, CHILD_STARTING, CHILD_DO_SPAWN,
         1300},
        {"an idle one has nothing to stop", CHILD_IDLE, CHILD_EV_STOP, CHILD_GONE, CHILD_DO_NOTHING,
         0},
        {"ready ends the start's limit", CHILD_STARTING, CHILD_EV_READY, CHILD_UP, CHILD_DO_NOTHING,
         0},
        {"a start that takes too long is killed", CHILD_STARTING, CHILD_EV_TIMER, CHILD_ENDING,
         CHILD_DO_KILL, 0},
        {"a death at start waits", CHILD_STARTING, CHILD_EV_DIED, CHILD_WAITING, CHILD_DO_NOTHING,
         1100},
        {"one that went mute gets time to exit", CHILD_STARTING, CHILD_EV_MUTE, CHILD_ENDING,
         CHILD_DO_NOTHING, 3000},
        {"a start can be stopped", CHILD_STARTING, CHILD_EV_STOP, CHILD_STOPPING, CHILD_DO_ASK,
         1050},
        {"ready again is no news", CHILD_UP, CHILD_EV_READY, CHILD_UP, CHILD_DO_NOTHING, 0},
        {"a death waits", CHILD_UP, CHILD_EV_DIED, CHILD_WAITING, CHILD_DO_NOTHING, 1100},
        {"leaving by plan waits, and not longer", CHILD_UP, CHILD_EV_LEFT, CHILD_WAITING,
         CHILD_DO_NOTHING, 1100},
        {"one that left had closed its channel before", CHILD_ENDING, CHILD_EV_LEFT, CHILD_WAITING,
         CHILD_DO_NOTHING, 1100},
        {"one that hangs is aborted", CHILD_UP, CHILD_EV_HUNG, CHILD_ENDING, CHILD_DO_ABORT, 6000},
        {"also at start", CHILD_STARTING, CHILD_EV_HUNG, CHILD_ENDING, CHILD_DO_ABORT, 6000},
        {"hanging while stopping is aborted", CHILD_STOPPING, CHILD_EV_HUNG, CHILD_STOPPING,
         CHILD_DO_ABORT, 0},
        {"hanging is no news once given up", CHILD_ENDING, CHILD_EV_HUNG, CHILD_ENDING,
         CHILD_DO_NOTHING, 0},
        {"stopping ends with leaving too", CHILD_STOPPING, CHILD_EV_LEFT, CHILD_GONE,
         CHILD_DO_NOTHING, 0},
        {"mute while up", CHILD_UP, CHILD_EV_MUTE, CHILD_ENDING, CHILD_DO_NOTHING, 3000},
        {"up can be stopped", CHILD_UP, CHILD_EV_STOP, CHILD_STOPPING, CHILD_DO_ASK, 1050},
        {"a mute one that stays is killed", CHILD_ENDING, CHILD_EV_TIMER, CHILD_ENDING,
         CHILD_DO_KILL, 0},
        {"a mute one that exits is restarted", CHILD_ENDING, CHILD_EV_DIED, CHILD_WAITING,
         CHILD_DO_NOTHING, 1100},
        {"a mute one can be stopped", CHILD_ENDING, CHILD_EV_STOP, CHILD_STOPPING, CHILD_DO_ASK,
         1050},
        {"the back-off ends in a start", CHILD_WAITING, CHILD_EV_TIMER, CHILD_STARTING,
         CHILD_DO_SPAWN, 1300},
        {"waiting has nothing to stop", CHILD_WAITING, CHILD_EV_STOP, CHILD_GONE, CHILD_DO_NOTHING,
         0},
        {"stopping ends with the process", CHILD_STOPPING, CHILD_EV_DIED, CHILD_GONE,
         CHILD_DO_NOTHING, 0},
        {"closing the channel is part of stopping", CHILD_STOPPING, CHILD_EV_MUTE, CHILD_STOPPING,
         CHILD_DO_NOTHING, 0},
        {"a late ready does not revive", CHILD_STOPPING, CHILD_EV_READY, CHILD_STOPPING,
         CHILD_DO_NOTHING, 0},
        {"one that does not stop is killed", CHILD_STOPPING, CHILD_EV_TIMER, CHILD_STOPPING,
         CHILD_DO_KILL, 0},
        {"a second stop sets another limit", CHILD_STOPPING, CHILD_EV_STOP, CHILD_STOPPING,
         CHILD_DO_ASK, 1050},
        {"gone is for good", CHILD_GONE, CHILD_EV_START, CHILD_GONE, CHILD_DO_NOTHING, 0},
    };
    return cr_make_param_array(struct step_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct step_case *c, child_life, step)
{
    struct child_life life = {.state = c->from, .start_limit_ms = 300, .up_since_ms = 990};
    enum child_action action = child_life_step(&life, c->event, 1000, 50);
    cr_assert(eq(int, action, c->action), "%s", c->name);
    cr_assert(eq(int, life.state, c->want), "%s", c->name);
    cr_assert(eq(u64, life.wake_ms, c->wake_ms), "%s", c->name);
}

/* Lets it start and die, `up_ms` after it was ready; returns the back-off. */
static uint64_t die(struct child_life *life, uint64_t *now_ms, uint64_t up_ms)
{
    enum child_event begin = life->state == CHILD_IDLE ? CHILD_EV_START : CHILD_EV_TIMER;
    cr_assert(eq(int, child_life_step(life, begin, *now_ms, 0), CHILD_DO_SPAWN));
    child_life_step(life, CHILD_EV_READY, *now_ms, 0);
    *now_ms += up_ms;
    child_life_step(life, CHILD_EV_DIED, *now_ms, 0);
    uint64_t backoff_ms = life->wake_ms - *now_ms;
    *now_ms = life->wake_ms;
    return backoff_ms;
}

Test(child_life, backs_off_up_to_a_limit_and_starts_over_once_healthy)
{
    struct child_life life = {0};
    uint64_t now_ms = 5000;
    static const uint64_t want_ms[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
    for (size_t i = 0; i < sizeof(want_ms) / sizeof(want_ms[0]); i++) {
        cr_assert(eq(u64, die(&life, &now_ms, CHILD_HEALTHY_MS - 1), want_ms[i]));
    }
    cr_assert(eq(u64, die(&life, &now_ms, CHILD_HEALTHY_MS), 100));
    cr_assert(eq(u64, die(&life, &now_ms, 0), 200));
}

Test(child_life, leaving_neither_lengthens_nor_shortens_the_back_off)
{
    struct child_life life = {0};
    uint64_t now_ms = 5000;
    die(&life, &now_ms, 0);
    die(&life, &now_ms, 0);
    for (int i = 0; i < 10; i++) {
        child_life_step(&life, CHILD_EV_TIMER, now_ms, 0);
        child_life_step(&life, CHILD_EV_READY, now_ms, 0);
        child_life_step(&life, CHILD_EV_MUTE, now_ms, 0);
        child_life_step(&life, CHILD_EV_LEFT, now_ms, 0);
        cr_assert(eq(u64, life.wake_ms - now_ms, 100));
        now_ms = life.wake_ms;
    }
    cr_assert(eq(u64, die(&life, &now_ms, 0), 400));
}

Test(child_life, without_a_limit_a_start_may_take_forever)
{
    struct child_life life = {0};
    child_life_step(&life, CHILD_EV_START, 1000, 0);
    cr_assert(eq(u64, life.wake_ms, 0));
}
