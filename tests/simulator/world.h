/* The world of one simulated run: virtual time, one source of chance, and processes whose events
 * happen in it one at a time. Everything that happens follows from the seed.
 *
 * Objects of a run live until its end (world_keep), so that what is under way never dangles. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/list.h"
#include "base/str.h"

#include <stdint.h>

typedef void (*task_fn)(void *arg);

/* A simulated process. While it is frozen its events wait in order, once it is dead they are void.
 */
struct proc {
    char name[24];
    bool alive, frozen;
    struct task **backlog; /* owned; what happened to it while it was frozen */
    size_t backlog_count, backlog_cap;
    task_fn end_turn; /* called a little after anything has happened to it */
    void *ctx;
    bool turn_due;
    uint64_t used_us;            /* CPU time */
    uint64_t redis_cut_until_us; /* its way to Redis is cut; bytes wait */
};

void world_begin(uint64_t seed);
/* Frees everything. */
void world_end(void);

uint64_t world_us(void);
uint64_t world_ms(void);

/* CPU time of the process to which something happens just now; 0 outside of any. */
uint64_t world_cpu_us(void);

/* Calls `fn` after `delay_us`, in `proc` if it is not NULL; of equal times the first asked for
 * comes first. */
void world_after(uint64_t delay_us, struct proc *proc, task_fn fn, void *arg);
/* Runs what is due up to then, or until something has failed. */
void world_run_until(uint64_t us);

/* Frees `ptr` at the end of the world. */
void *world_keep(void *ptr);

/* ---- chance ---- */

uint64_t rnd(void);
uint64_t rnd_below(uint64_t bound);                /* 0 if bound is 0 */
uint64_t rnd_between(uint64_t low, uint64_t high); /* both included */
bool chance(uint32_t percent);

/* ---- processes ---- */

void proc_start(struct proc *proc, const char *name, task_fn end_turn, void *ctx);
void proc_freeze(struct proc *proc);
/* Goes on, with all that has come meanwhile. */
void proc_thaw(struct proc *proc);
void proc_die(struct proc *proc);
/* Something has happened to it: its turn ends soon. */
void proc_touch(struct proc *proc);

/* ---- telling ---- */

/* One line of the trace, if there is one. */
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
void trace_on(bool on);
bool tracing(void);

/* What must not be has come about; the first one counts and ends the run. */
void violated(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* NULL if all is well. */
const char *violation(void);

#endif
