/* The operator's HTTP server: /healthz, /readyz, /metrics. It knows nothing of children or Redis:
 * what it shows comes from a source. A page more is a line more in the table of routes. */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "admin/prometheus.h"

struct admin;
struct event_base;

/* Takes the collected figures; they are borrowed for the time of the call. */
typedef void (*admin_collected_fn)(void *arg, const struct prometheus_process *processes,
                                   size_t count);

struct admin_source {
    /* Whether clients may be sent here now; if not, appends one line per reason. */
    bool (*ready)(void *ctx, struct buf *reasons);
    /* Calls `done` exactly once, soon, at once if it likes. */
    void (*collect)(void *ctx, admin_collected_fn done, void *arg);
};

/* Takes over `fd`, which listens. `source` is borrowed for as long as the server lives. */
struct admin *admin_create(struct event_base *base, int fd, const struct admin_source *source,
                           void *ctx);
/* Not while a collect is under way. NULL is fine. */
void admin_destroy(struct admin *admin);

#endif
