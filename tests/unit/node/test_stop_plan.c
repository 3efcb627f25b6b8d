/* A stop under a clock of the test's own: which phase it is in when, and that it ends in time
 * whatever the others do. */
#include "node/stop_plan.h"

#include "base/config.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define BEGAN 500000

/* A node whose children take as long as a test says; UINT64_MAX: until they are killed. */
struct play {
    struct stop_plan plan;
    enum node_others others; /* what Redis says, at once; UNKNOWN: never */
    uint64_t hand_over_ms, gateways_ms, workers_ms;
    uint64_t hurry_at_ms;                   /* after the signal; 0: never */
    uint64_t entered[PHASE_DONE + 1];       /* after the signal */
    uint32_t limit[PHASE_DONE + 1], spread; /* that the children were given */
    bool killed;                            /* one of a group did not make it */
};

static bool gone(struct play *play, enum node_phase phase, uint64_t takes_ms, uint64_t now)
{
    uint64_t since = now - BEGAN - play->entered[phase];
    if (takes_ms > play->limit[phase] && since >= play->limit[phase]) {
        play->killed = true;
        return true;
    }
    return since >= takes_ms;
}

static void enter(struct play *play, enum node_phase phase, uint64_t now)
{
    play->entered[phase] = now - BEGAN;
    play->limit[phase] = stop_plan_limit_ms(&play->plan, phase, now);
    if (phase == PHASE_COUNTING && play->others != OTHERS_UNKNOWN) {
        play->plan.alone = play->others != OTHERS_SOME;
    }
    if (phase == PHASE_STOP_GATEWAYS) {
        play->spread = stop_plan_spread_ms(&play->plan);
    }
}

/* Returns how long it took. */
static uint64_t run(struct play *play)
{
    enum node_phase phase = PHASE_UP;
    uint64_t now = BEGAN, end_ms = UINT64_MAX;
    play->plan.began_ms = now;
    play->plan.alone = true;
    while (phase != PHASE_DONE) {
        bool handed = phase == PHASE_HANDING_OVER && gone(play, phase, play->hand_over_ms, now);
        bool were_handed = play->entered[PHASE_HANDING_OVER] &&
                           play->entered[PHASE_STOP_GATEWAYS] - play->entered[PHASE_HANDING_OVER] >=
                               play->hand_over_ms;
        struct node_view view = {
            .stop = true,
            .hurry = play->plan.hurry,
            .time_is_up = now >= end_ms,
            .others = phase == PHASE_COUNTING ? play->others : OTHERS_UNKNOWN,
            .workers_gone = handed || (phase == PHASE_STOP_WORKERS &&
                                       (were_handed || gone(play, phase, play->workers_ms, now))),
            .gateways_gone =
                phase == PHASE_STOP_GATEWAYS && gone(play, phase, play->gateways_ms, now),
            .redis_gone = phase == PHASE_STOP_REDIS,
        };
        enum node_phase next = phase_next(phase, &view);
        if (next != phase) {
            phase = next;
            end_ms = stop_plan_end_ms(&play->plan, phase, now);
            enter(play, phase, now);
            continue;
        }
        now++;
        if (play->hurry_at_ms && now == BEGAN + play->hurry_at_ms) {
            play->plan.hurry = true;
            play->limit[phase] = stop_plan_limit_ms(&play->plan, phase, now) +
                                 (uint32_t)(now - BEGAN - play->entered[phase]);
        }
    }
    return now - BEGAN;
}

static struct play play_of(uint32_t delay_s, uint32_t spread_s, uint32_t timeout_s)
{
    return (struct play){.plan = {.delay_ms = delay_s * 1000,
                                  .spread_ms = spread_s * 1000,
                                  .total_ms = timeout_s * 1000},
                         .hand_over_ms = 300,
                         .gateways_ms = 100,
                         .workers_ms = 200};
}

Test(stop_plan, a_node_that_is_alone_stops_at_once)
{
    struct play play = play_of(0, 5, 25);
    play.others = OTHERS_NONE;
    cr_assert(eq(u64, run(&play), 300));
    cr_assert(zero(u32, play.spread));
    cr_assert(eq(u32, play.limit[PHASE_STOP_GATEWAYS], STOP_GATEWAYS_MS));
    cr_assert(eq(u32, play.limit[PHASE_STOP_WORKERS], STOP_WORKERS_MS));
    cr_assert(eq(u32, play.limit[PHASE_STOP_REDIS], STOP_REDIS_MS));
}

Test(stop_plan, one_among_others_waits_hands_over_and_spreads)
{
    struct play play = play_of(10, 5, 40);
    play.others = OTHERS_SOME;
    play.gateways_ms = 5100;
    cr_assert(eq(u64, run(&play), 10000 + 300 + 5100));
    cr_assert(eq(u64, play.entered[PHASE_COUNTING], 10000));
    cr_assert(eq(u32, play.spread, 5000));
    cr_assert(eq(u32, play.limit[PHASE_STOP_GATEWAYS], 5000 + STOP_GATEWAYS_MS));
    cr_assert(not(play.killed));
}

Test(stop_plan, nobody_is_killed_for_not_handing_over)
{
    struct play play = play_of(2, 5, 25);
    play.others = OTHERS_SOME;
    play.hand_over_ms = UINT64_MAX;
    run(&play);
    cr_assert(eq(u64, play.entered[PHASE_STOP_GATEWAYS], 25000 - 5000 - 12000));
    cr_assert(ge(u32, play.limit[PHASE_HANDING_OVER], 20000), "so a stop can follow");
    cr_assert(not(play.killed));
}

Test(stop_plan, a_redis_that_does_not_say_who_there_is_means_alone)
{
    struct play play = play_of(0, 5, 25);
    cr_assert(eq(u64, run(&play), STOP_COUNTING_MS + 300));
    cr_assert(zero(u32, play.spread));
}

Test(stop_plan, it_ends_in_time_whatever_the_children_do)
{
    static const uint32_t plans[][3] = {
        {0, 0, CONFIG_STOP_REST_S}, {0, 5, 17}, {0, 5, 25}, {30, 20, 62}, {30, 20, 100}};
    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
        for (int others = OTHERS_UNKNOWN; others <= OTHERS_SOME; others++) {
            struct play play = play_of(plans[i][0], plans[i][1], plans[i][2]);
            play.others = (enum node_others)others;
            play.hand_over_ms = play.gateways_ms = play.workers_ms = UINT64_MAX;
            cr_assert(le(u64, run(&play), play.plan.total_ms), "plan %zu, others %d", i, others);
            cr_assert(play.killed);
            cr_assert(ge(u32, play.limit[PHASE_STOP_GATEWAYS],
                         play.spread + STOP_GATEWAYS_LEAST_MS - STOP_COUNTING_MS));
            cr_assert(ge(u32, play.limit[PHASE_STOP_WORKERS], STOP_WORKERS_LEAST_MS));
        }
    }
}

Test(stop_plan, a_second_signal_ends_it_soon)
{
    static const uint64_t moments[] = {1, 5000, 10200, 11000, 13000};
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        struct play play = play_of(10, 5, 40);
        play.others = OTHERS_SOME;
        play.hand_over_ms = 1000;
        play.gateways_ms = play.workers_ms = UINT64_MAX;
        play.hurry_at_ms = moments[i];
        uint64_t took = run(&play);
        cr_assert(le(u64, took, moments[i] + 2 * STOP_HURRY_MS), "at %zu: %zu", (size_t)moments[i],
                  (size_t)took);
    }
}
