/* The outside of a sandbox, for those who wait. */
#include "base/alloc.h"
#include "base/clock.h"
#include "sandbox/ban.h"
#include "sandbox/frame.h"
#include "sandbox/internal.h"

#include <stdlib.h>

enum {
    FURTHER_JOB_MS = 2,
    BATCH = 64,
    LOGS_PER_MINUTE = 10,
};

static struct log_scope scope_of(void)
{
    return (struct log_scope){"schema", STR("code")};
}

enum received { RECEIVED, TOO_LATE, GONE };

/* Waits for one answer. */
static enum received receive(struct process *process, struct deadline *deadline,
                             struct schema_job *job)
{
    for (;;) {
        struct str body;
        size_t used;
        if (frame_next(buf_head(&process->input), buf_len(&process->input), &body, &used)) {
            return GONE;
        }
        if (used > 0) {
            enum err err = frame_read_answer(body, job);
            buf_consume(&process->input, used);
            return err ? GONE : RECEIVED;
        }
        if (deadline_is_over(deadline, process)) {
            return TOO_LATE;
        }
        if (!process_exchange(process, deadline->at_ms)) {
            return GONE;
        }
    }
}

/* Waits until the code is loaded, for as long as a caller may. */
static bool is_up(struct process *process)
{
    process_start(process);
    if (process->state != PROCESS_LOADING) {
        return process->state == PROCESS_UP;
    }
    struct schema_job loaded = {0};
    uint64_t until = clock_ms() + SANDBOX_WAIT_MS;
    until = until < process->load_by_ms ? until : process->load_by_ms;
    enum received received = receive(process, &(struct deadline){until, until, 0}, &loaded);
    buf_finish(&loaded.result);
    if (received == RECEIVED && loaded.called == SCHEMA_RETURNED) {
        process_loaded(process);
    } else if (received == RECEIVED) {
        process_start_failed(process, "its code cannot be loaded");
    } else if (received == GONE) {
        process_start_failed(process, "it ended while it loaded its code");
    } else if (clock_ms() >= process->load_by_ms) {
        process_start_failed(process, "loading its code takes too long");
    }
    return process->state == PROCESS_UP;
}

/* ---- jobs ---- */

static void say_ended(struct sandbox *sandbox, const struct schema_job *job, const char *what)
{
    uint32_t suppressed;
    struct log_scope scope = scope_of();
    if (log_limit_pass(&sandbox->logs, LOGS_PER_MINUTE, clock_ms(), &suppressed)) {
        log_warn(&scope, what, LOG_STR("function", job->function),
                 LOG_U64("suppressed", suppressed));
    }
}

static void say_threw(struct sandbox *sandbox, const struct schema_job *job)
{
    uint32_t suppressed;
    struct str text = STR("");
    struct log_scope scope = scope_of();
    value_string((struct value){buf_head(&job->result), buf_len(&job->result)}, &text);
    if (job->call != SCHEMA_CALL_CHECK && /* there it says only that a record is not valid */
        log_limit_pass(&sandbox->logs, LOGS_PER_MINUTE, clock_ms(), &suppressed)) {
        log_warn(&scope,
                 job->called == SCHEMA_OVER_LIMIT ? "code needs more memory than it gets"
                                                  : "code failed",
                 LOG_STR("function", job->function), LOG_STR("error", text),
                 LOG_U64("suppressed", suppressed));
    }
}

static uint64_t limit_of(const struct schema_job *job)
{
    bool all = job->call == SCHEMA_CALL_STORE || job->call == SCHEMA_CALL_STORAGE;
    return all ? SANDBOX_STORAGE_MS : SANDBOX_CALL_MS + FURTHER_JOB_MS;
}

void sandbox_give_up(struct sandbox *sandbox, struct process *process, struct schema_job *job,
                     bool too_late)
{
    sandbox->counts.over_limit += too_late;
    say_ended(sandbox, job,
              too_late ? "code took too long and was ended" : "roomd-script ended while code ran");
    job->called = SCHEMA_OVER_LIMIT;
    ban_add(&sandbox->bans, job->function, clock_ms());
    process_end(process);
}

void sandbox_answered(struct sandbox *sandbox, const struct schema_job *job)
{
    if (job->called == SCHEMA_RETURNED) {
        ban_lift(&sandbox->bans, job->function);
    } else {
        say_threw(sandbox, job);
    }
}

static void run_batch(struct sandbox *sandbox, struct schema_job **jobs, size_t count)
{
    struct process *process = &sandbox->process;
    uint64_t limit = 0;
    for (size_t i = 0; i < count; i++) {
        frame_write_job(jobs[i], &process->output);
        uint64_t own = limit_of(jobs[i]);
        limit = i == 0 || own > limit ? own : limit + FURTHER_JOB_MS;
    }
    struct deadline deadline = deadline_of(process, limit);
    for (size_t i = 0; i < count; i++) {
        enum received received = receive(process, &deadline, jobs[i]);
        if (received != RECEIVED) {
            sandbox_give_up(sandbox, process, jobs[i], received == TOO_LATE);
            process_start(process); /* on its way up when somebody asks again */
            return;                 /* the rest were not tried */
        }
        sandbox_answered(sandbox, jobs[i]);
    }
    enum { KEEP = 1 << 20 };
    buf_clear(&process->output, KEEP);
    buf_clear(&process->input, KEEP);
}

static void run(struct schema_engine *engine, struct schema_job *jobs, size_t count)
{
    struct sandbox *sandbox = (struct sandbox *)engine;
    struct schema_job *batch[BATCH];
    size_t in_batch = 0;
    for (size_t i = 0; i < count; i++) {
        jobs[i].called = SCHEMA_UNAVAILABLE;
        if (!ban_holds(&sandbox->bans, jobs[i].function, clock_ms())) {
            batch[in_batch++] = &jobs[i];
        }
        if (in_batch == BATCH || (i + 1 == count && in_batch > 0)) {
            if (is_up(&sandbox->process)) {
                run_batch(sandbox, batch, in_batch);
            }
            in_batch = 0;
        }
    }
    sandbox->counts.calls += count;
    for (size_t i = 0; i < count; i++) {
        sandbox->counts.failures += jobs[i].called != SCHEMA_RETURNED;
    }
}

/* ---- beginning and end ---- */

struct sandbox *sandbox_create(const char *program, struct str code)
{
    struct sandbox *sandbox = xcalloc(1, sizeof(*sandbox));
    struct process *process = &sandbox->process;
    sandbox->engine = (struct schema_engine){run, errand_begin, errand_ended, errand_end};
    sandbox->program = xstrdup(program);
    list_init(&sandbox->bans);
    buf_append_str(&sandbox->code, code);
    process_init(process, sandbox->program, buf_str(&sandbox->code));
    process_init(&sandbox->aside, sandbox->program, buf_str(&sandbox->code));
    process_start(process);
    if (process->state == PROCESS_LOADING) {
        /* The code goes off at once, so that it is loaded when the first one needs it. */
        while (buf_len(&process->output) > 0 && clock_ms() < process->load_by_ms &&
               process_exchange(process, process->load_by_ms)) {
        }
    }
    return sandbox;
}

void sandbox_destroy(struct sandbox *sandbox)
{
    if (!sandbox) {
        return;
    }
    process_end(&sandbox->process);
    process_end(&sandbox->aside);
    bans_finish(&sandbox->bans);
    buf_finish(&sandbox->code);
    free(sandbox->program);
    free(sandbox);
}

struct schema_engine *sandbox_engine(struct sandbox *sandbox)
{
    return &sandbox->engine;
}

const struct sandbox_counts *sandbox_count(struct sandbox *sandbox)
{
    sandbox->counts.starts = sandbox->process.starts + sandbox->aside.starts;
    return &sandbox->counts;
}

pid_t sandbox_pid(const struct sandbox *sandbox)
{
    return sandbox->process.pid;
}
