/* A roomd-script: started with the code, asked over a socket, killed in the end. Private to
 * lib/sandbox. */
#ifndef SANDBOX_PROCESS_H
#define SANDBOX_PROCESS_H

#include "base/buf.h"
#include "base/log.h"

#include <sys/types.h>

enum process_state { PROCESS_DOWN, PROCESS_LOADING, PROCESS_UP };

struct process {
    const char *program; /* borrowed, like the code */
    struct str code;
    enum process_state state;
    int fd; /* -1 */
    pid_t pid;
    struct buf output, input;
    uint64_t load_by_ms;              /* while it loads */
    uint64_t restart_ms, start_at_ms; /* after failures */
    uint64_t starts;
    struct log_limit logs;
};

void process_init(struct process *process, const char *program, struct str code);
/* Makes sure that it runs, or is on its way up; not if it came to nothing just now. */
void process_start(struct process *process);
/* Kills it; it is down then. */
void process_end(struct process *process);
/* A start that came to nothing: the next one waits, longer each time. */
void process_start_failed(struct process *process, const char *why);
/* It has loaded the code. */
void process_loaded(struct process *process);

/* Writes and reads what can be, waiting until `deadline_ms` for something. False: it is gone. */
bool process_exchange(struct process *process, uint64_t deadline_ms);
/* Reads what is there into `into`. False: it is gone. */
bool process_read(struct process *process, struct buf *into);

/* When waiting is over: at `at_ms`, or, while the process has had less than `cpu_ms` since it
 * began, later, as it needs; at `last_ms` at the latest. On a busy machine time passes without it.
 */
struct deadline {
    uint64_t at_ms, last_ms, cpu_ms;
};

/* From now, for so much work. */
struct deadline deadline_of(const struct process *process, uint64_t limit_ms);
/* May move it. */
bool deadline_is_over(struct deadline *deadline, const struct process *process);

#endif
