/* The phases of a node: the order of starting and of stopping, and what ends each of them. */
#include "node/phase.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

/* Steps until it stays. */
static enum node_phase settle(enum node_phase phase, const struct node_view *view)
{
    enum node_phase next;
    while ((next = phase_next(phase, view)) != phase) {
        phase = next;
    }
    return phase;
}

Test(phase, starts_redis_then_workers_then_gateways)
{
    struct node_view view = {0};
    enum node_phase phase = settle(PHASE_REDIS, &view);
    cr_assert(eq(int, phase, PHASE_REDIS));
    view.redis_ready = true;
    cr_assert(eq(int, phase = settle(phase, &view), PHASE_WORKERS));
    view.workers_ready = true;
    cr_assert(eq(int, phase = settle(phase, &view), PHASE_GATEWAYS));
    view.gateways_ready = true;
    cr_assert(eq(int, phase = settle(phase, &view), PHASE_UP));
    /* What dies later is started again; it does not take the node back. */
    view = (struct node_view){0};
    cr_assert(eq(int, settle(phase, &view), PHASE_UP));
}

Test(phase, stops_gateways_then_workers_then_redis_from_anywhere)
{
    for (int from = PHASE_REDIS; from <= PHASE_UP; from++) {
        struct node_view view = {.stop = true,
                                 .time_is_up = true,
                                 .others = OTHERS_NONE,
                                 .redis_ready = true,
                                 .workers_ready = true,
                                 .gateways_ready = true};
        enum node_phase phase = settle((enum node_phase)from, &view);
        cr_assert(eq(int, phase, PHASE_STOP_GATEWAYS));
        view.redis_gone = true; /* out of order: nobody waits for it yet */
        cr_assert(eq(int, phase = settle(phase, &view), PHASE_STOP_GATEWAYS));
        view.redis_gone = false;
        view.gateways_gone = true;
        cr_assert(eq(int, phase = settle(phase, &view), PHASE_STOP_WORKERS));
        view.workers_gone = true;
        cr_assert(eq(int, phase = settle(phase, &view), PHASE_STOP_REDIS));
        view.redis_gone = true;
        cr_assert(eq(int, settle(phase, &view), PHASE_DONE));
    }
}

Test(phase, leaves_before_it_stops_if_others_go_on)
{
    struct node_view view = {.stop = true};
    enum node_phase phase = settle(PHASE_UP, &view);
    cr_assert(eq(int, phase, PHASE_LEAVING), "until time is up");
    view.workers_gone = view.gateways_gone = true; /* nobody was told to go yet */
    cr_assert(eq(int, settle(phase, &view), PHASE_LEAVING));
    view = (struct node_view){.stop = true, .time_is_up = true};
    cr_assert(eq(int, phase = phase_next(phase, &view), PHASE_COUNTING));
    view.time_is_up = false;
    cr_assert(eq(int, settle(phase, &view), PHASE_COUNTING), "until Redis has answered");
    view.others = OTHERS_SOME;
    cr_assert(eq(int, phase = settle(phase, &view), PHASE_HANDING_OVER));
    view.workers_gone = true;
    cr_assert(eq(int, phase = settle(phase, &view), PHASE_STOP_GATEWAYS));
    view.gateways_gone = true;
    cr_assert(eq(int, settle(phase, &view), PHASE_STOP_REDIS), "there are no workers left to stop");
}

Test(phase, waits_for_nobody_longer_than_the_plan)
{
    struct node_view view = {.stop = true, .time_is_up = true};
    cr_assert(eq(int, phase_next(PHASE_COUNTING, &view), PHASE_STOP_GATEWAYS));
    cr_assert(eq(int, phase_next(PHASE_HANDING_OVER, &view), PHASE_STOP_GATEWAYS));
    /* Children have limits of their own. */
    cr_assert(eq(int, phase_next(PHASE_STOP_GATEWAYS, &view), PHASE_STOP_GATEWAYS));
    cr_assert(eq(int, phase_next(PHASE_STOP_WORKERS, &view), PHASE_STOP_WORKERS));
}

Test(phase, a_hurry_leaves_out_what_is_for_others)
{
    struct node_view view = {.stop = true, .hurry = true, .others = OTHERS_SOME};
    for (int from = PHASE_LEAVING; from <= PHASE_HANDING_OVER; from++) {
        cr_assert(eq(int, phase_next((enum node_phase)from, &view), PHASE_STOP_GATEWAYS));
    }
}
