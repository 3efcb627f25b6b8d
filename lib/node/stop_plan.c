/* The times of a stop. */
#include "node/stop_plan.h"

/* Time that is left, but for what others behind are sure of; at least what a hurry gives. */
static uint32_t rest_ms(const struct stop_plan *plan, uint64_t now_ms, uint64_t for_others_ms)
{
    uint64_t end = plan->began_ms + plan->total_ms;
    uint64_t used = now_ms + for_others_ms;
    return end > used + STOP_HURRY_MS ? (uint32_t)(end - used) : STOP_HURRY_MS;
}

static uint32_t at_most(uint32_t limit_ms, uint32_t rest)
{
    return rest < limit_ms ? rest : limit_ms;
}

uint32_t stop_plan_spread_ms(const struct stop_plan *plan)
{
    return plan->alone || plan->hurry ? 0 : plan->spread_ms;
}

uint64_t stop_plan_end_ms(const struct stop_plan *plan, enum node_phase phase, uint64_t entered_ms)
{
    const uint64_t behind = STOP_GATEWAYS_LEAST_MS + STOP_WORKERS_LEAST_MS + STOP_REDIS_MS;
    switch (phase) {
    case PHASE_LEAVING:
        return plan->began_ms + plan->delay_ms;
    case PHASE_COUNTING:
        return entered_ms + STOP_COUNTING_MS;
    case PHASE_HANDING_OVER:
        return plan->began_ms + plan->total_ms - plan->spread_ms - behind;
    case PHASE_REDIS:
    case PHASE_WORKERS:
    case PHASE_GATEWAYS:
    case PHASE_UP:
    case PHASE_STOP_GATEWAYS:
    case PHASE_STOP_WORKERS:
    case PHASE_STOP_REDIS:
    case PHASE_DONE:
        break;
    }
    return UINT64_MAX;
}

uint32_t stop_plan_limit_ms(const struct stop_plan *plan, enum node_phase phase, uint64_t now_ms)
{
    if (plan->hurry) {
        return STOP_HURRY_MS;
    }
    switch (phase) {
    case PHASE_STOP_GATEWAYS:
        return at_most(stop_plan_spread_ms(plan) + STOP_GATEWAYS_MS,
                       rest_ms(plan, now_ms, STOP_WORKERS_LEAST_MS + STOP_REDIS_MS));
    case PHASE_STOP_WORKERS:
        return at_most(STOP_WORKERS_MS, rest_ms(plan, now_ms, STOP_REDIS_MS));
    case PHASE_STOP_REDIS:
        return STOP_REDIS_MS;
    case PHASE_REDIS:
    case PHASE_WORKERS:
    case PHASE_GATEWAYS:
    case PHASE_UP:
    case PHASE_LEAVING:
    case PHASE_COUNTING:
    case PHASE_HANDING_OVER:
    case PHASE_DONE:
        break;
    }
    /* Who hands over and is not done by the end of its phase is told to stop then, not killed. */
    return rest_ms(plan, now_ms, 0);
}
