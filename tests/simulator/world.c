/* Time, chance, processes. */
#include "simulator/world.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct task {
    uint64_t at_us, order;
    struct proc *proc;
    task_fn fn;
    void *arg;
};

static struct world {
    uint64_t now_us, order;
    uint64_t random;
    struct task **heap; /* owned */
    size_t count, cap;
    void **kept; /* owned */
    size_t kept_count, kept_cap;
    char violation[512];
    bool violated;
    struct proc *running; /* NULL: none of them */
} world;

static bool trace_wanted;

/* Where a run begins; far from 0, as on a real machine. */
enum { BEGIN_MS = 1000000 };

/* ---- chance: splitmix64 ---- */

uint64_t rnd(void)
{
    uint64_t z = (world.random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t rnd_below(uint64_t bound)
{
    return bound ? rnd() % bound : 0;
}

uint64_t rnd_between(uint64_t low, uint64_t high)
{
    return low + rnd_below(high - low + 1);
}

bool chance(uint32_t percent)
{
    return rnd_below(100) < percent;
}

/* ---- time ---- */

static bool earlier(const struct task *a, const struct task *b)
{
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

static void heap_push(struct task *task)
{
    if (world.count == world.cap) {
        world.cap = world.cap ? world.cap * 2 : 256;
        world.heap = xrealloc(world.heap, world.cap * sizeof(struct task *));
    }
    size_t at = world.count++;
    while (at > 0 && earlier(task, world.heap[(at - 1) / 2])) {
        world.heap[at] = world.heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    world.heap[at] = task;
}

static struct task *heap_pop(void)
{
    struct task *top = world.heap[0];
    struct task *last = world.heap[--world.count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < world.count; at = child) {
        if (child + 1 < world.count && earlier(world.heap[child + 1], world.heap[child])) {
            child++;
        }
        if (!earlier(world.heap[child], last)) {
            break;
        }
        world.heap[at] = world.heap[child];
    }
    world.heap[at] = last;
    return top;
}

void world_after(uint64_t delay_us, struct proc *proc, task_fn fn, void *arg)
{
    struct task *task = xmalloc(sizeof(*task));
    *task = (struct task){world.now_us + delay_us, ++world.order, proc, fn, arg};
    heap_push(task);
}

static void on_end_turn(void *arg)
{
    struct proc *proc = arg;
    proc->turn_due = false;
    proc->end_turn(proc->ctx);
}

static void run(struct task *task)
{
    struct proc *proc = task->proc;
    if (proc && !proc->alive) {
        free(task);
        return;
    }
    if (proc && proc->frozen) {
        if (proc->backlog_count == proc->backlog_cap) {
            proc->backlog_cap = proc->backlog_cap ? proc->backlog_cap * 2 : 16;
            proc->backlog = xrealloc(proc->backlog, proc->backlog_cap * sizeof(struct task *));
        }
        proc->backlog[proc->backlog_count++] = task;
        return;
    }
    task_fn fn = task->fn;
    world.running = proc;
    fn(task->arg);
    world.running = NULL;
    free(task);
    if (proc && fn != on_end_turn) {
        proc_touch(proc);
    }
}

void world_run_until(uint64_t us)
{
    while (world.count > 0 && world.heap[0]->at_us <= us && !world.violated) {
        struct task *task = heap_pop();
        world.now_us = task->at_us;
        run(task);
    }
    if (!world.violated) {
        world.now_us = us;
    }
}

uint64_t world_us(void)
{
    return world.now_us;
}

uint64_t world_cpu_us(void)
{
    return world.running ? world.running->used_us : 0;
}

uint64_t world_ms(void)
{
    return world.now_us / 1000;
}

/* ---- beginning and end ---- */

void world_begin(uint64_t seed)
{
    world = (struct world){.now_us = (uint64_t)BEGIN_MS * 1000, .random = seed * 2 + 1};
    rnd();
}

void *world_keep(void *ptr)
{
    if (world.kept_count == world.kept_cap) {
        world.kept_cap = world.kept_cap ? world.kept_cap * 2 : 64;
        world.kept = xrealloc(world.kept, world.kept_cap * sizeof(void *));
    }
    world.kept[world.kept_count++] = ptr;
    return ptr;
}

void world_end(void)
{
    for (size_t i = 0; i < world.count; i++) {
        free(world.heap[i]);
    }
    for (size_t i = 0; i < world.kept_count; i++) {
        free(world.kept[i]);
    }
    free(world.heap);
    free(world.kept);
    world.heap = NULL;
    world.kept = NULL;
    world.count = world.kept_count = 0;
}

/* ---- processes ---- */

void proc_start(struct proc *proc, const char *name, task_fn end_turn, void *ctx)
{
    *proc = (struct proc){.alive = true, .end_turn = end_turn, .ctx = ctx};
    snprintf(proc->name, sizeof(proc->name), "%s", name);
}

void proc_touch(struct proc *proc)
{
    if (proc->alive && !proc->turn_due) {
        proc->turn_due = true;
        /* Mostly at once; sometimes more happens within the turn. */
        world_after(chance(70) ? 0 : rnd_below(400), proc, on_end_turn, proc);
    }
}

void proc_freeze(struct proc *proc)
{
    trace("%s is stopped", proc->name);
    proc->frozen = true;
}

void proc_thaw(struct proc *proc)
{
    trace("%s goes on", proc->name);
    proc->frozen = false;
    /* All of it at once, before anything new: what came on one way must keep its order. */
    struct task **backlog = proc->backlog;
    size_t count = proc->backlog_count;
    proc->backlog = NULL;
    proc->backlog_count = proc->backlog_cap = 0;
    for (size_t i = 0; i < count; i++) {
        run(backlog[i]);
    }
    free(backlog);
}

void proc_die(struct proc *proc)
{
    proc->alive = false;
    for (size_t i = 0; i < proc->backlog_count; i++) {
        free(proc->backlog[i]);
    }
    free(proc->backlog);
    proc->backlog = NULL;
    proc->backlog_count = proc->backlog_cap = 0;
}

/* ---- telling ---- */

void trace_on(bool on)
{
    trace_wanted = on;
}

bool tracing(void)
{
    return trace_wanted;
}

void trace(const char *format, ...)
{
    if (!trace_wanted) {
        return;
    }
    uint64_t us = world.now_us - (uint64_t)BEGIN_MS * 1000;
    va_list args;
    va_start(args, format);
    printf("%4" PRIu64 ".%06" PRIu64 "  ", us / 1000000, us % 1000000);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

void violated(const char *format, ...)
{
    if (world.violated) {
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(world.violation, sizeof(world.violation), format, args);
    va_end(args);
    world.violated = true;
    trace("VIOLATED: %s", world.violation);
}

const char *violation(void)
{
    return world.violated ? world.violation : NULL;
}
