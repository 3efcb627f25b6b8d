/* The end of a node: what is done in each phase of it (phase.h), and until when (stop_plan.h). */
#include "node/internal.h"

#include "base/clock.h"
#include "net/loop.h"
#include "node/notify.h"
#include "node/others.h"

static void stop_group(struct node *node, enum metric_role role)
{
    uint64_t now_ms = loop_now_ms(node->base);
    uint32_t limit_ms = stop_plan_limit_ms(&node->plan, node->phase, now_ms);
    for (size_t i = 0; i < node->child_count; i++) {
        if (child_role(node->children[i]) == role) {
            child_stop(node->children[i], limit_ms, stop_plan_spread_ms(&node->plan));
        }
    }
}

/* ---- leaving ---- */

/* Load balancers ask them, on the clients' port. */
static void tell_gateways(struct node *node)
{
    for (size_t i = 0; i < node->child_count; i++) {
        struct child *child = node->children[i];
        if (child_role(child) == ROLE_GATEWAY && child_state(child) == CHILD_UP) {
            child_set_draining(child, true);
        }
    }
}

static void on_others(void *ctx, enum node_others others)
{
    struct node *node = ctx;
    node->others = others;
    node->plan.alone = others != OTHERS_SOME;
    node_changed(node);
}

static void count_others(struct node *node)
{
    node->plan.alone = true; /* until somebody else is known */
    if (node_own_redis(node)) {
        node->others = OTHERS_NONE; /* nobody is to use it, and it ends with us */
    } else {
        others_count(node->redis, node->data.node_id, on_others, node);
    }
}

static void hand_over(struct node *node)
{
    uint64_t now_ms = loop_now_ms(node->base);
    log_info(NULL, "rooms go to other nodes; clients stay for the time being");
    for (size_t i = 0; i < node->child_count; i++) {
        if (child_role(node->children[i]) == ROLE_WORKER) {
            child_drain(node->children[i],
                        stop_plan_limit_ms(&node->plan, PHASE_HANDING_OVER, now_ms), true);
        }
    }
}

/* ---- phases ---- */

static void arm_end(struct node *node)
{
    uint64_t now_ms = loop_now_ms(node->base);
    node->phase_end_ms = stop_plan_end_ms(&node->plan, node->phase, now_ms);
    if (node->phase_end_ms != UINT64_MAX) {
        loop_arm(node->phase_timer, node->phase_end_ms > now_ms ? node->phase_end_ms - now_ms : 0);
    }
}

void node_on_phase_timer(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    node_changed(ctx);
}

bool node_time_is_up(const struct node *node)
{
    return node->phase_end_ms > 0 && loop_now_ms(node->base) >= node->phase_end_ms;
}

void node_enter_stop(struct node *node)
{
    arm_end(node);
    switch (node->phase) {
    case PHASE_LEAVING:
        tell_gateways(node);
        break;
    case PHASE_COUNTING:
        count_others(node);
        break;
    case PHASE_HANDING_OVER:
        hand_over(node);
        break;
    case PHASE_STOP_GATEWAYS:
        node_moves_stop(node);
        node_requests_stop(node);
        stop_group(node, ROLE_GATEWAY);
        break;
    case PHASE_STOP_WORKERS:
        stop_group(node, ROLE_WORKER);
        break;
    case PHASE_STOP_REDIS:
        stop_group(node, ROLE_REDIS);
        break;
    case PHASE_DONE:
        event_base_loopbreak(node->base);
        break;
    case PHASE_REDIS:
    case PHASE_WORKERS:
    case PHASE_GATEWAYS:
    case PHASE_UP:
        break;
    }
}

void node_begin_stop(struct node *node)
{
    const struct config *config = node->config;
    if (node->stop) {
        return;
    }
    node->plan = (struct stop_plan){.began_ms = loop_now_ms(node->base),
                                    .delay_ms = config->stop_delay_s * 1000,
                                    .spread_ms = config->stop_spread_s * 1000,
                                    .total_ms = config->stop_timeout_s * 1000,
                                    .alone = true};
    node->stop = true;
    notify_stopping("stopping", node->plan.total_ms);
    node_changed(node);
}

void node_stop(struct node *node, const char *why)
{
    if (!node->stop) {
        const struct config *config = node->config;
        log_info(NULL, "stopping", LOG_TEXTZ("signal", why),
                 LOG_U64("within_s", config->stop_timeout_s),
                 LOG_U64("delay_s", config->stop_delay_s));
        node_begin_stop(node);
    } else if (!node->plan.hurry) {
        log_info(NULL, "stopping in a hurry", LOG_TEXTZ("signal", why));
        node->plan.hurry = true;
        if (node->phase >= PHASE_STOP_GATEWAYS) {
            node_enter_stop(node);
        }
        node_changed(node);
    }
}
