/* Replacing all workers: new ones beside the old, then the old ones go. Gateways stay, for they
 * hold the clients' sockets. */
#include "node/internal.h"

#include "net/loop.h"
#include "node/notify.h"
#include "store/membership.h"

#include <event2/event.h>

/* How long an old worker may take to hand its rooms over. */
#define DRAIN_MS 30000
/* Gateways read the list of workers once in a beat: by then they know the new ones, and can send
 * there what the old ones give up. */
#define KNOWN_MS (2 * MEMBERSHIP_BEAT_MS)

static bool none_is(const struct node *node, enum child_part part)
{
    for (size_t i = 0; i < node->child_count; i++) {
        if (child_part(node->children[i]) == part) {
            return false;
        }
    }
    return true;
}

static bool next_are_known(const struct node *node)
{
    for (size_t i = 0; i < node->child_count; i++) {
        const struct child *child = node->children[i];
        if (child_part(child) == CHILD_NEXT && child_up_ms(child) < KNOWN_MS) {
            return false;
        }
    }
    return true;
}

static void drain(struct node *node, enum child_part part)
{
    for (size_t i = 0; i < node->child_count; i++) {
        if (child_part(node->children[i]) == part) {
            child_drain(node->children[i], DRAIN_MS, false);
        }
    }
}

static void begin(struct node *node)
{
    log_info(NULL, "replacing all workers; gateways and configuration stay as they are",
             LOG_U64("workers", node->config->workers));
    notify_reloading();
    node->replacement = REPLACEMENT_STARTING;
    node->replacement_failed = false;
    node->replaced_at_ms = loop_now_ms(node->base);
    size_t before = node->child_count;
    for (uint32_t slot = 1; slot <= node->config->workers; slot++) {
        node_add_worker(node, slot, !node->other_sockets, CHILD_NEXT);
    }
    collector_watch(node->collector, node->children, node->child_count);
    for (size_t i = before; i < node->child_count; i++) {
        child_start(node->children[i]);
    }
}

void node_replace_workers(struct node *node)
{
    if (node->phase != PHASE_UP || node->stop) {
        log_warn(NULL, "workers are not replaced while the node starts or stops");
    } else if (node->replacement != REPLACEMENT_NONE) {
        log_info(NULL, "workers are being replaced; it is done once more after that");
        node->replace_again = true;
    } else {
        begin(node);
    }
}

void node_replacement_died(struct node *node, const struct child *child, const char *how)
{
    if (node->replacement == REPLACEMENT_STARTING && !node->replacement_failed) {
        log_error(NULL, "a new worker is no good; the old ones go on",
                  LOG_TEXTZ("child", child_name(child)), LOG_TEXTZ("how", how),
                  LOG_TEXTZ("last_words", child_report(child)->why),
                  LOG_TEXTZ("program", node->programs[NODE_WORKER]));
        node->replacement_failed = true;
    }
}

/* The new ones take the places of the old in the list, which is in order for those who read it. */
static void swap_slots(struct node *node)
{
    for (size_t i = 0; i < node->child_count; i++) {
        for (size_t k = i + 1; k < node->child_count; k++) {
            struct child *old = node->children[i];
            struct child *next = node->children[k];
            if (child_part(old) == CHILD_OF_SLOT && child_part(next) == CHILD_NEXT &&
                strcmp(child_name(old), child_name(next)) == 0) {
                child_set_part(old, CHILD_FORMER);
                child_set_part(next, CHILD_OF_SLOT);
                node->children[i] = next;
                node->children[k] = old;
            }
        }
    }
    node->other_sockets = !node->other_sockets;
}

static void enter(struct node *node)
{
    switch (node->replacement) {
    case REPLACEMENT_STARTING:
        break;
    case REPLACEMENT_DRAINING:
        log_info(NULL, "the new workers are ready; the old ones hand over and go",
                 LOG_U64("within_s", DRAIN_MS / 1000));
        swap_slots(node);
        drain(node, CHILD_FORMER);
        break;
    case REPLACEMENT_FAILING:
        drain(node, CHILD_NEXT); /* they may have got rooms already */
        break;
    case REPLACEMENT_NONE:
        if (node->replacement_failed) {
            log_warn(NULL, "no worker was replaced");
        } else {
            log_info(NULL, "all workers are replaced",
                     LOG_U64("ms", loop_now_ms(node->base) - node->replaced_at_ms));
        }
        notify_ready("serving");
        if (node->replace_again) {
            node->replace_again = false;
            begin(node);
        }
        break;
    }
}

static void remove_gone(struct node *node)
{
    size_t kept = 0;
    for (size_t i = 0; i < node->child_count; i++) {
        struct child *child = node->children[i];
        if (child_part(child) != CHILD_OF_SLOT && child_state(child) == CHILD_GONE) {
            child_destroy(child);
        } else {
            node->children[kept++] = child;
        }
    }
    node->child_count = kept;
    collector_watch(node->collector, node->children, node->child_count);
}

bool node_replacement_turn(struct node *node)
{
    if (node->phase != PHASE_UP || node->replacement == REPLACEMENT_NONE) {
        return false; /* amid a replacement, the end of the node is that of all workers */
    }
    remove_gone(node);
    struct replacement_view view = {
        .failed = node->replacement_failed,
        .next_known = next_are_known(node),
        .next_gone = none_is(node, CHILD_NEXT),
        .former_gone = none_is(node, CHILD_FORMER),
    };
    enum replacement next = replacement_next(node->replacement, &view);
    bool changed = next != node->replacement;
    node->replacement = next;
    if (changed) {
        enter(node);
    }
    return changed;
}
