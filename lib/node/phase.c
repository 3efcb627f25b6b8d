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
        return view->stop ? PHASE_LEAVING : phase;
    case PHASE_LEAVING:
        return view->hurry ? PHASE_STOP_GATEWAYS : view->time_is_up ? PHASE_COUNTING : phase;
    case PHASE_COUNTING:
        if (view->others == OTHERS_SOME && !view->hurry) {
            return PHASE_HANDING_OVER;
        }
        return view->others == OTHERS_NONE || view->hurry || view->time_is_up ? PHASE_STOP_GATEWAYS
                                                                              : phase;
    case PHASE_HANDING_OVER:
        return view->workers_gone || view->hurry || view->time_is_up ? PHASE_STOP_GATEWAYS : phase;
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
    case PHASE_LEAVING:
        return "leaving: load balancers are to see it";
    case PHASE_COUNTING:
        return "leaving: looking for other nodes";
    case PHASE_HANDING_OVER:
        return "leaving: rooms go to other nodes";
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
