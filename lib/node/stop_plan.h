/* How long each phase of a stop may take, so that all of it fits into one time. Pure; milliseconds
 * of one clock.
 *
 *      signal │ delay │ hand over, as long as it takes │ spread + 3 s │ 6 s │ 3 s │ total
 *             LEAVING   HANDING_OVER                     gateways     workers redis
 *
 * What one phase does not use is left for those behind it. A node that is alone has nobody to hand
 * over to and nothing to spread: clients are to come back to it, at once. */
#ifndef NODE_STOP_PLAN_H
#define NODE_STOP_PLAN_H

#include "node/phase.h"

#include <stdint.h>

/* The most that each group gets, and for gateways what comes on top of the spread. */
#define STOP_GATEWAYS_MS 5000
#define STOP_WORKERS_MS 12000
#define STOP_REDIS_MS 3000
/* What each is sure of, however long those before it have taken; together CONFIG_STOP_REST_S. */
#define STOP_GATEWAYS_LEAST_MS 3000
#define STOP_WORKERS_LEAST_MS 6000
/* After a second signal, for each group. */
#define STOP_HURRY_MS 700
/* Longest that Redis is waited for to say who else there is. */
#define STOP_COUNTING_MS 1000

struct stop_plan {
    uint64_t began_ms;
    uint32_t delay_ms, spread_ms;
    uint32_t total_ms; /* at least delay, spread and what the groups are sure of */
    bool alone;        /* no other node takes rooms */
    bool hurry;
};

/* When the phase, entered at `entered_ms`, is over whatever has come of it; UINT64_MAX: it takes as
 * long as its children are given. */
uint64_t stop_plan_end_ms(const struct stop_plan *plan, enum node_phase phase, uint64_t entered_ms);

/* How long children that are told to stop, or to hand over, in this phase have for it. */
uint32_t stop_plan_limit_ms(const struct stop_plan *plan, enum node_phase phase, uint64_t now_ms);

/* How much of that gateways take for closing their connections. */
uint32_t stop_plan_spread_ms(const struct stop_plan *plan);

#endif
