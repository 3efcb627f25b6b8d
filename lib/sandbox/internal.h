/* What those who wait for code and those who do not have in common. Private to lib/sandbox. */
#ifndef SANDBOX_INTERNAL_H
#define SANDBOX_INTERNAL_H

#include "base/list.h"
#include "sandbox/process.h"
#include "sandbox/sandbox.h"

struct sandbox {
    struct schema_engine engine; /* first */
    char *program;               /* owned */
    struct buf code;
    struct process process; /* for those who wait */
    struct list bans;       /* owned */
    struct sandbox_counts counts;
    struct log_limit logs;
    struct process aside;         /* for errands */
    struct schema_errand *errand; /* the one that is under way; its caller's */
    sandbox_watch_fn watch;       /* who waits for the socket of errands */
    void *watch_ctx;
};

/* A job has ended the process, or shall: it is down then, and the function is not called for a
 * while. */
void sandbox_give_up(struct sandbox *sandbox, struct process *process, struct schema_job *job,
                     bool too_late);
/* A job has an answer: what it means for its function, and for the log. */
void sandbox_answered(struct sandbox *sandbox, const struct schema_job *job);

/* errand.c: engine.begin, ended and end. */
struct schema_errand *errand_begin(struct schema_engine *engine, struct schema_job *job);
bool errand_ended(struct schema_errand *errand);
void errand_end(struct schema_errand *errand);

#endif
