/* The operator's HTTP server: health, metrics and the API of proto/admin.md. It knows nothing of
 * children or Redis: what it shows comes from a source. Which paths there are is route.h's. */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "admin/problem.h"
#include "admin/process.h"

struct admin;
struct event_base;

/* Takes what is known of all processes; it is borrowed for the time of the call. */
typedef void (*admin_collected_fn)(void *arg, const struct admin_process *processes, size_t count);

/* A request that waits for its answer. The source is given it together with the question, and
 * answers exactly once, with one of the admin_answer_* functions, at once or later. */
struct admin_call;

struct admin_source {
    /* Whether clients may be sent here now; if not, appends one line per reason. */
    bool (*ready)(void *ctx, struct buf *reasons);
    /* Calls `done` exactly once, soon, at once if it likes. */
    void (*collect)(void *ctx, admin_collected_fn done, void *arg);
};

/* `format` says what it is about this time, for people. */
void admin_answer_problem(struct admin_call *call, enum problem problem, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Nobody waits for the answer any more; it has to be given all the same. */
bool admin_call_is_gone(const struct admin_call *call);

/* Takes over `fd`, which listens. `source` is borrowed for as long as the server lives. */
struct admin *admin_create(struct event_base *base, int fd, const struct admin_source *source,
                           void *ctx);
/* Not while a request waits for its answer. NULL is fine. */
void admin_destroy(struct admin *admin);

#endif
