/* A schema file's code in a process of its own, roomd-script: an engine whose functions cannot
 * hang, crash or fill up the process that calls them.
 *
 *      sandbox_create ──▶ roomd-script loads the code meanwhile ──▶ engine.run: asks, and waits
 *
 * How long a caller waits at most: SANDBOX_CALL_MS, and 2 ms for each further job, from when the
 * code is loaded. Where the machine is so busy that the process does not get that much time, up to
 * SANDBOX_STALL_MS longer. A call that exceeds it ends the process, which is started again, and its
 * function fails at once for a second, then two, up to a minute.
 *
 * What works on a whole storage may take SANDBOX_STORAGE_MS: for that nobody has to wait. It goes
 * to a second process by engine.begin, one at a time, and the caller's loop watches its socket:
 *
 *      engine.begin ──▶ watch(fd) ... fd is ready ──▶ sandbox_ready: true ──▶ engine.ended: true
 *
 * Outside of the loop: but for that it is a library that blocks, for moments. */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include "base/err.h"
#include "schema/engine.h"

#include <sys/types.h>

struct sandbox;

enum {
    SANDBOX_CALL_MS = 250,
    SANDBOX_STORAGE_MS = 10000,
    SANDBOX_STALL_MS = 2000,
    SANDBOX_LOAD_MS = 5000, /* for the code to be loaded, */
    SANDBOX_WAIT_MS = 1000, /* of which a caller waits for so much */
};

struct sandbox_counts {
    uint64_t calls, failures; /* failures: whatever was not RETURNED */
    uint64_t over_limit;      /* calls that ended a process */
    uint64_t starts;          /* of processes */
};

/* `program` is the path of roomd-script, `code` its code; both are copied. */
struct sandbox *sandbox_create(const char *program, struct str code);
/* Ends the process. NULL is fine. */
void sandbox_destroy(struct sandbox *sandbox);

/* As long as the sandbox lives. */
struct schema_engine *sandbox_engine(struct sandbox *sandbox);
const struct sandbox_counts *sandbox_count(struct sandbox *sandbox);
/* The process for those who wait; 0: none. */
pid_t sandbox_pid(const struct sandbox *sandbox);

/* Whose socket is to be watched, for reading and perhaps for writing; -1: none any more. */
typedef void (*sandbox_watch_fn)(void *ctx, int fd, bool writes);
/* Where nobody watches, errands get nowhere. */
void sandbox_watch(struct sandbox *sandbox, sandbox_watch_fn fn, void *ctx);
/* It is ready. True: an errand has ended, and another one may begin. */
bool sandbox_ready(struct sandbox *sandbox);

#endif
