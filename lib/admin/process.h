/* What is known of one process of the node now. */
#ifndef ADMIN_PROCESS_H
#define ADMIN_PROCESS_H

#include "base/metrics.h"
#include "base/procfs.h"

#include <stdbool.h>
#include <sys/types.h>

/* Borrows everything. */
struct admin_process {
    const char *name; /* "worker-1": the slot, and the label that stays over restarts */
    const char *id;   /* of this start */
    enum metric_role role;
    bool has_slot;       /* it is what /metrics shows of its slot, which has two while it gets
                          * another one */
    const char *part;    /* the same for people: "slot", "next" or "former" */
    const char *state;   /* a word of proto/admin.md */
    const char *detail;  /* what is not as it should be, for people; empty if all is well */
    const char *version; /* of the program that runs; empty: not known */
    pid_t pid;           /* 0: none runs */
    uint64_t since_unix_ms;
    bool up; /* it runs and answers */
    uint32_t restarts;
    const struct metrics *metrics;     /* NULL: it did not say */
    const struct process_usage *usage; /* NULL: the kernel does not know it */
};

#endif
