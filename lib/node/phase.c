/* The phases of a node. */
#include "node/phase.h"

enum node_phase phase_next(enum node_phase phase, const struct node_view *view)
{
    switch (phase) {
    case PHASE_REDIS:
        return view->stop ? PHASE_STOP_GATEWAYS : view->redis_ready ? PHASE_WORKERS : phase;
    case PHASE_WORKERS:
        return view->stop ? PHASE_STOP_GATEWAYS : view->workers_ready ? PHASE_GATEWAYS : phase;
    case PHASE_GATEWAYS:
        return view->stop ? PHASE_STOP_GATEWAYS : view->gateways_ready ? PHASE_UP : phase;
    case PHASE_UP:
        return view->stop ? PHASE_STOP_GATEWAYS : phase;
    case PHASE_STOP_GATEWAYS:
        return view->gateways_gone ? PHASE_STOP_WORKERS : phase;
    case PHASE_STOP_WORKERS:
        return view->workers_gone ? PHASE_STOP_REDIS : phase;
    case PHASE_STOP_REDIS:
        return view->redis_gone ? PHASE_DONE : phase;
    case PHASE_DONE:
        break;
    }
    return phase;
}

const char *phase_name(enum node_phase phase)
{
    switch (phase) {
    case PHASE_REDIS:
        return "starting: waiting for redis";
    case PHASE_WORKERS:
        return "starting: waiting for workers";
    case PHASE_GATEWAYS:
        return "starting: waiting for gateways";
    case PHASE_UP:
        return "up";
    case PHASE_STOP_GATEWAYS:
        return "draining: gateways are stopping";
    case PHASE_STOP_WORKERS:
        return "draining: workers are stopping";
    case PHASE_STOP_REDIS:
        return "draining: redis is stopping";
    case PHASE_DONE:
        return "stopped";
    }
    return "?";
}
