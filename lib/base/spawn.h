/* A child process that cannot outlive us: the kernel kills it with us, however we die. */
#ifndef BASE_SPAWN_H
#define BASE_SPAWN_H

#include "base/buf.h"
#include "base/err.h"

#include <sys/types.h>

enum { SPAWN_FDS = 2 };

struct spawn {
    const char *program; /* a path */
    char *const *argv;   /* with argv[0] */
    char *const *env;
    int keep_fds[SPAWN_FDS]; /* stay open in the child, under the same numbers; -1: none */
};

/* Returns once the program runs, or with a phrase in `why` about what kept it from running. The
 * child has a process group of its own, so that Ctrl-C in a terminal reaches only us; its stdin is
 * /dev/null and its stdout our stderr. */
enum err spawn_process(const struct spawn *spawn, pid_t *pid, struct buf *why) NODISCARD;

/* How it ended, from waitpid's status: "exited with status 1", "was killed by signal 9 (Killed)".
 */
void spawn_describe_end(int status, struct buf *out);

#endif
