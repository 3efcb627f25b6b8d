/* Workers by name or id, and draining one. */
#include "node/internal.h"

#include <stdlib.h>

struct child *node_find_worker(const struct node *node, struct str name)
{
    for (size_t i = 0; i < node->child_count; i++) {
        struct child *child = node->children[i];
        bool named = child_part(child) == CHILD_OF_SLOT && str_eq(name, str_of(child_name(child)));
        if (child_role(child) == ROLE_WORKER && name.len > 0 &&
            (named || str_eq(name, str_of(child_id(child))))) {
            return child;
        }
    }
    return NULL;
}

bool node_worker_takes_rooms(const struct child *child)
{
    return child_role(child) == ROLE_WORKER && child_state(child) == CHILD_UP &&
           child_report(child)->state == CONTROL_READY && !child_is_draining(child);
}

static bool others_take_rooms(const struct node *node, const struct child *but)
{
    for (size_t i = 0; i < node->child_count; i++) {
        if (node->children[i] != but && node_worker_takes_rooms(node->children[i])) {
            return true;
        }
    }
    return false;
}

void node_answer_no_worker(const struct node *node, struct str name, struct admin_call *call)
{
    struct buf names = {0};
    for (size_t i = 0; i < node->child_count; i++) {
        const struct child *child = node->children[i];
        if (child_role(child) == ROLE_WORKER && child_part(child) == CHILD_OF_SLOT) {
            buf_printf(&names, "%s%s", buf_len(&names) ? ", " : "", child_name(child));
        }
    }
    admin_answer_problem(call, PROBLEM_NO_WORKER, "\"%.*s\" is none of this node, which has %.*s",
                         STR_ARG(name), STR_ARG(buf_str(&names)));
    buf_finish(&names);
}

void node_answer_not_ready(const struct child *child, struct admin_call *call)
{
    bool up = child_state(child) == CHILD_UP;
    admin_answer_problem(
        call, PROBLEM_NOT_READY, "%s (%s) is %s", child_name(child), child_id(child),
        !up                        ? child_state_name(child_state(child))
        : child_is_draining(child) ? "draining"
                                   : control_state_name(child_report(child)->state));
}

/* Somebody sent it a SIGTERM: it cannot be talked out of that. */
static bool leaves_by_itself(const struct child *child)
{
    return child_is_draining(child) && !child_was_told_to_drain(child);
}

static void drain(struct child *child, bool on, struct admin_call *call)
{
    bool changed = child_is_draining(child) != on;
    if (changed && !child_set_draining(child, on)) {
        node_answer_not_ready(child, call);
        return;
    }
    if (changed) {
        log_info(NULL, on ? "an operator drains a worker" : "an operator lets a worker take rooms",
                 LOG_TEXTZ("child", child_name(child)), LOG_TEXTZ("id", child_id(child)));
    }
    admin_answer_drain(call, child_id(child), child_name(child), on, changed);
}

void node_drain_worker(void *ctx, struct str name, bool on, bool force, struct admin_call *call)
{
    struct node *node = ctx;
    struct child *child = node_find_worker(node, name);
    if (node->phase != PHASE_UP || node->stop) {
        admin_answer_problem(call, PROBLEM_STOPPING, "%s", phase_name(node->phase));
    } else if (!child) {
        node_answer_no_worker(node, name, call);
    } else if (!on && node->drains) {
        admin_answer_problem(call, PROBLEM_NOT_READY, "%s is draining because its node is",
                             child_name(child));
    } else if (child_state(child) != CHILD_UP || (!on && leaves_by_itself(child))) {
        node_answer_not_ready(child, call);
    } else if (on && !force && !child_is_draining(child) && !others_take_rooms(node, child)) {
        admin_answer_problem(call, PROBLEM_LAST_WORKER,
                             "%s is the last one of this node that takes rooms: its clients would "
                             "be sent away",
                             child_name(child));
    } else {
        drain(child, on, call);
    }
}
