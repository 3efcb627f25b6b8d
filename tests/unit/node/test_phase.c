/* The phases of a node: the order of starting and of stopping. */
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
        struct node_view view = {
            .stop = true, .redis_ready = true, .workers_ready = true, .gateways_ready = true};
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
