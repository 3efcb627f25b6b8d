/* Gathering what is known of all processes of a node. */
#include "node/collect.h"

#include "base/alloc.h"
#include "base/list.h"
#include "net/loop.h"

#include <stdlib.h>
#include <unistd.h>

struct waiter {
    struct list link;
    admin_collected_fn done;
    void *arg;
};

struct collector {
    collect_own_fn own;
    void *ctx;
    struct child **children;
    size_t count;
    uint64_t request;    /* number of the one under way, or of the last */
    struct list waiters; /* of struct waiter.link; not empty while one is under way */
    struct event *timer; /* owned */
};

static bool answered(const struct collector *collector, const struct child *child)
{
    const struct control_message *metrics = child_metrics(child);
    return metrics && metrics->request == collector->request;
}

/* Whether an answer may still come. */
static bool awaited(const struct collector *collector, const struct child *child)
{
    return child_role(child) != ROLE_REDIS && child_pid(child) > 0 && !answered(collector, child);
}

static const char *part_name(enum child_part part)
{
    switch (part) {
    case CHILD_OF_SLOT:
        return "slot";
    case CHILD_NEXT:
        return "next";
    case CHILD_FORMER:
        return "former";
    }
    return "?";
}

/* One word, as proto/admin.md has them. */
static const char *state_word(const struct child *child)
{
    switch (child_state(child)) {
    case CHILD_IDLE:
        return "idle";
    case CHILD_STARTING:
        return "starting";
    case CHILD_UP:
        return control_state_name(child_report(child)->state);
    case CHILD_ENDING:
        return "ending";
    case CHILD_WAITING:
        return "dead";
    case CHILD_STOPPING:
        return "stopping";
    case CHILD_GONE:
        return "stopped";
    }
    return "?";
}

static void show(const struct collector *collector, const struct child *child,
                 struct process_usage *usage, struct admin_process *process)
{
    bool fresh = answered(collector, child);
    const struct control_message *report = child_report(child);
    *process = (struct admin_process){
        .name = child_name(child),
        .id = child_id(child),
        .role = child_role(child),
        .has_slot = child_part(child) == CHILD_OF_SLOT,
        .part = part_name(child_part(child)),
        .state = state_word(child),
        .detail = report->store_ok || report->why[0] ? report->why : "cannot persist",
        .version = report->version,
        .pid = child_pid(child),
        .since_unix_ms = child_since_unix_ms(child),
        .up = fresh || (child_role(child) == ROLE_REDIS && child_state(child) == CHILD_UP),
        .restarts = child_restarts(child),
        .metrics = fresh ? &child_metrics(child)->metrics : NULL,
    };
    if (child_pid(child) > 0 && !process_usage_read(child_pid(child), usage)) {
        process->usage = usage;
    }
}

static void finish(struct collector *collector)
{
    struct admin_process *processes = xcalloc(collector->count + 1, sizeof(*processes));
    struct process_usage *usages = xcalloc(collector->count + 1, sizeof(*usages));
    processes[0] = (struct admin_process){.name = "supervisor",
                                          .role = ROLE_SUPERVISOR,
                                          .has_slot = true,
                                          .part = part_name(CHILD_OF_SLOT),
                                          .version = ROOMD_VERSION,
                                          .pid = getpid(),
                                          .up = true,
                                          .metrics = metrics_read()};
    collector->own(collector->ctx, &processes[0]);
    if (!process_usage_read(getpid(), &usages[0])) {
        processes[0].usage = &usages[0];
    }
    for (size_t i = 0; i < collector->count; i++) {
        show(collector, collector->children[i], &usages[i + 1], &processes[i + 1]);
    }
    evtimer_del(collector->timer);
    struct waiter *waiter;
    list_each(waiter, &collector->waiters, link, struct waiter)
    {
        list_remove(&waiter->link);
        waiter->done(waiter->arg, processes, collector->count + 1);
        free(waiter);
    }
    free(usages);
    free(processes);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    finish(ctx);
}

struct collector *collector_create(struct event_base *base, collect_own_fn own, void *ctx,
                                   struct child **children, size_t count)
{
    struct collector *collector = xcalloc(1, sizeof(*collector));
    collector->own = own;
    collector->ctx = ctx;
    collector->children = children;
    collector->count = count;
    list_init(&collector->waiters);
    collector->timer = evtimer_new(base, on_timer, collector);
    return collector;
}

void collector_watch(struct collector *collector, struct child **children, size_t count)
{
    collector->children = children;
    collector->count = count;
    collector_update(collector);
}

void collector_ask(struct collector *collector, admin_collected_fn done, void *arg)
{
    bool under_way = !list_empty(&collector->waiters);
    struct waiter *waiter = xcalloc(1, sizeof(*waiter));
    waiter->done = done;
    waiter->arg = arg;
    list_append(&collector->waiters, &waiter->link);
    if (under_way) {
        return;
    }
    collector->request++;
    for (size_t i = 0; i < collector->count; i++) {
        child_ask_metrics(collector->children[i], collector->request);
    }
    loop_arm(collector->timer, COLLECT_LIMIT_MS);
    collector_update(collector); /* there may be nobody to wait for */
}

void collector_update(struct collector *collector)
{
    if (list_empty(&collector->waiters)) {
        return;
    }
    for (size_t i = 0; i < collector->count; i++) {
        if (awaited(collector, collector->children[i])) {
            return;
        }
    }
    finish(collector);
}

void collector_destroy(struct collector *collector)
{
    if (collector) {
        if (!list_empty(&collector->waiters)) {
            finish(collector);
        }
        event_free(collector->timer);
        free(collector);
    }
}
