/* A schema file's code in a process of its own, roomd-script: an engine whose functions cannot
 * hang, crash or fill up the process that calls them.
 *
 *      sandbox_create ──▶ roomd-script loads the code meanwhile ──▶ engine.run: asks, and waits
 *
 * How long a caller waits at most: SANDBOX_CALL_MS, and 2 ms for each further job, from when the
 * code is loaded; a migration of a whole storage SANDBOX_STORAGE_MS. Where the machine is so busy
 * that the process does not get that much time, up to SANDBOX_STALL_MS longer. A call that exceeds
 * it ends the process, which is started again, and its function fails at once for a second, then
 * two, up to a minute. Outside of the loop: it is a library that blocks, for moments. */
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
const struct sandbox_counts *sandbox_count(const struct sandbox *sandbox);
/* The process that runs now; 0: none. */
pid_t sandbox_pid(const struct sandbox *sandbox);

#endif
