/* Gathering what is known of all processes of a node for one page: children are asked all at once
 * and have a short time to answer; who does not is shown as not up. */
#ifndef NODE_COLLECT_H
#define NODE_COLLECT_H

#include "admin/admin.h"
#include "node/child.h"

struct collector;

#define COLLECT_LIMIT_MS 500

/* Fills in what the supervisor is, but for its name, role and figures. */
typedef void (*collect_own_fn)(void *ctx, struct admin_process *own);

/* `children` is borrowed. */
struct collector *collector_create(struct event_base *base, collect_own_fn own, void *ctx,
                                   struct child **children, size_t count);
/* Other children from now on. */
void collector_watch(struct collector *collector, struct child **children, size_t count);
/* Calls `done` once, when all have answered or the time is up. Requests that come while one is
 * under way are answered together with it. */
void collector_ask(struct collector *collector, admin_collected_fn done, void *arg);
/* To be called when a child answered, or its state changed. */
void collector_update(struct collector *collector);
/* Answers those who wait with what there is. NULL is fine. */
void collector_destroy(struct collector *collector);

#endif
