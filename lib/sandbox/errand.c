/* Jobs that may take long, for which nobody waits: one at a time, in a process of their own, whose
 * socket the caller's loop watches. What is large is neither copied on its way there nor looked at
 * on its way back. */
#include "base/alloc.h"
#include "base/clock.h"
#include "sandbox/ban.h"
#include "sandbox/frame.h"
#include "sandbox/internal.h"
#include "value/check.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

struct schema_errand {
    struct sandbox *sandbox;
    struct schema_job *job; /* the caller's */
    bool asked;             /* all of the frame but the value is in the process' output */
    size_t sent;            /* of the value */
    struct deadline deadline;
    bool answers; /* `called` and `left` are known */
    enum schema_called called;
    size_t left; /* of the result */
    bool ended;
};

static bool is_sent(const struct schema_errand *errand)
{
    return errand->asked && buf_len(&errand->sandbox->aside.output) == 0 &&
           errand->sent == errand->job->value.len;
}

static void tell_watch(struct sandbox *sandbox)
{
    const struct schema_errand *errand = sandbox->errand;
    bool writes = errand && (buf_len(&sandbox->aside.output) > 0 ||
                             (errand->asked && errand->sent < errand->job->value.len));
    if (sandbox->watch) {
        sandbox->watch(sandbox->watch_ctx, errand ? sandbox->aside.fd : -1, writes);
    }
}

/* ---- how it ends ---- */

static void end(struct schema_errand *errand)
{
    enum { LARGE = 4 << 20 };
    struct sandbox *sandbox = errand->sandbox;
    if (errand->job->value.len + buf_len(&errand->job->result) > LARGE) {
        process_end(&sandbox->aside); /* what it has needed for that it does not give back */
    }
    sandbox->counts.failures += errand->job->called != SCHEMA_RETURNED;
    sandbox->errand = NULL;
    errand->ended = true;
    tell_watch(sandbox);
}

/* Nothing came of it, and that is not its function's fault. */
static void end_unserved(struct schema_errand *errand, const char *why)
{
    process_start_failed(&errand->sandbox->aside, why);
    end(errand);
}

static void end_answered(struct schema_errand *errand)
{
    struct schema_job *job = errand->job;
    struct value text;
    job->called = errand->called;
    if (job->called != SCHEMA_RETURNED &&
        value_check(buf_head(&job->result), buf_len(&job->result), &text)) {
        buf_clear(&job->result, 0);
    }
    sandbox_answered(errand->sandbox, job);
    end(errand);
}

static void end_lost(struct schema_errand *errand, bool too_late)
{
    struct sandbox *sandbox = errand->sandbox;
    if (errand->asked) {
        sandbox_give_up(sandbox, &sandbox->aside, errand->job, too_late);
        end(errand);
    } else {
        end_unserved(errand, too_late ? "loading its code takes too long"
                                      : "it ended while it loaded its code");
    }
}

/* ---- its way ---- */

/* Writes what can be written. False: the process is gone. */
static bool send_some(struct schema_errand *errand)
{
    enum { STEP = 256 << 10 };
    struct process *process = &errand->sandbox->aside;
    struct buf *output = &process->output;
    struct value value = errand->job->value;
    bool head = buf_len(output) > 0;
    if (is_sent(errand) || (!head && !errand->asked)) {
        return true;
    }
    const uint8_t *from = head ? buf_head(output) : value.data + errand->sent;
    size_t len = head ? buf_len(output) : value.len - errand->sent;
    ssize_t sent = send(process->fd, from, len < STEP ? len : STEP, MSG_NOSIGNAL);
    if (sent < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (head) {
        buf_consume(output, (size_t)sent);
    } else {
        errand->sent += (size_t)sent;
    }
    if (is_sent(errand)) {
        errand->deadline = deadline_of(process, SANDBOX_STORAGE_MS);
    }
    return true;
}

static void ask(struct schema_errand *errand)
{
    struct process *process = &errand->sandbox->aside;
    frame_begin_job(errand->job, &process->output);
    errand->asked = true;
    errand->deadline = deadline_of(process, SANDBOX_STORAGE_MS);
}

/* The answer to the code. */
static void read_loaded(struct schema_errand *errand)
{
    struct process *process = &errand->sandbox->aside;
    struct schema_job loaded = {0};
    struct str body;
    size_t used;
    enum err err = frame_next(buf_head(&process->input), buf_len(&process->input), &body, &used);
    if (!err && used == 0) {
        return;
    }
    if (err || frame_read_answer(body, &loaded) || loaded.called != SCHEMA_RETURNED) {
        end_unserved(errand, "its code cannot be loaded");
    } else {
        buf_consume(&process->input, used);
        process_loaded(process);
        ask(errand);
    }
    buf_finish(&loaded.result);
}

static void read_answer(struct schema_errand *errand)
{
    struct buf *input = &errand->sandbox->aside.input;
    size_t used;
    enum err err =
        frame_begin_answer(buf_head(input), buf_len(input), &errand->called, &errand->left, &used);
    if (err == ERR_AGAIN) {
        return;
    }
    if (err) {
        end_lost(errand, false);
        return;
    }
    errand->answers = true;
    buf_append(&errand->job->result, buf_head(input) + used, buf_len(input) - used);
    buf_clear(input, 0);
}

/* Reads what there is. */
static void receive_some(struct schema_errand *errand)
{
    struct process *process = &errand->sandbox->aside;
    if (!process_read(process, errand->answers ? &errand->job->result : &process->input)) {
        end_lost(errand, false);
        return;
    }
    if (process->state == PROCESS_LOADING) {
        read_loaded(errand);
    } else if (!errand->answers) {
        read_answer(errand);
    }
    if (!errand->ended && errand->answers && buf_len(&errand->job->result) >= errand->left) {
        if (buf_len(&errand->job->result) > errand->left) {
            end_lost(errand, false); /* nobody has asked for more */
        } else {
            end_answered(errand);
        }
    }
}

static bool is_too_late(struct schema_errand *errand)
{
    const struct process *process = &errand->sandbox->aside;
    return errand->asked ? deadline_is_over(&errand->deadline, process)
                         : clock_ms() >= process->load_by_ms;
}

/* A bounded step. */
static void work(struct schema_errand *errand)
{
    struct sandbox *sandbox = errand->sandbox;
    if (!send_some(errand)) {
        end_lost(errand, false);
    } else {
        receive_some(errand);
    }
    if (!errand->ended) {
        tell_watch(sandbox);
    }
}

/* ---- engine ---- */

static void begin(struct schema_errand *errand)
{
    struct sandbox *sandbox = errand->sandbox;
    struct process *process = &sandbox->aside;
    process_start(process);
    if (process->state == PROCESS_DOWN) {
        end(errand);
        return;
    }
    sandbox->errand = errand;
    if (process->state == PROCESS_UP) {
        ask(errand);
    }
    tell_watch(sandbox);
}

struct schema_errand *errand_begin(struct schema_engine *engine, struct schema_job *job)
{
    struct sandbox *sandbox = (struct sandbox *)engine;
    if (sandbox->errand) {
        return NULL;
    }
    struct schema_errand *errand = xcalloc(1, sizeof(*errand));
    errand->sandbox = sandbox;
    errand->job = job;
    job->called = SCHEMA_UNAVAILABLE;
    sandbox->counts.calls++;
    if (ban_holds(&sandbox->bans, job->function, clock_ms())) {
        end(errand);
    } else {
        begin(errand);
    }
    return errand;
}

bool errand_ended(struct schema_errand *errand)
{
    if (!errand->ended && is_too_late(errand)) {
        end_lost(errand, true);
    }
    return errand->ended;
}

void errand_end(struct schema_errand *errand)
{
    struct sandbox *sandbox = errand->sandbox;
    if (!errand->ended) {
        process_end(&sandbox->aside);
        sandbox->errand = NULL;
        tell_watch(sandbox);
    }
    free(errand);
}

/* ---- the caller's loop ---- */

void sandbox_watch(struct sandbox *sandbox, sandbox_watch_fn fn, void *ctx)
{
    sandbox->watch = fn;
    sandbox->watch_ctx = ctx;
}

bool sandbox_ready(struct sandbox *sandbox)
{
    struct schema_errand *errand = sandbox->errand;
    if (errand) {
        work(errand);
    }
    return errand && errand->ended;
}
