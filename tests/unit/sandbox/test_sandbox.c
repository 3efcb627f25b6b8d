/* The real roomd-script. */
#include "sandbox/sandbox.h"

#include "base/clock.h"
#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define CODE                                                                                       \
    "({up: function (v) { v.n++ }, hang: function (v) { for (;;) {} },"                            \
    " bomb: function (v) { var a = []; for (;;) a.push(new Array(10000).join('x') + a.length) },"  \
    " sometimes: function (v) { while (v.n === 3) {} v.n++ },"                                     \
    " mark: function (s) { for (var id in s) s[id].n++ },"                                         \
    " fill: function (s) { var a = []; for (;;) a.push(new Array(1 << 20).join('x') + a.length) "  \
    "},"                                                                                           \
    " refuse: function (s) { throw new Error('no') }})"

static struct sandbox *sandbox;

static void setup(void)
{
    sandbox = sandbox_create(SCRIPT_PROGRAM, STR(CODE));
}

static void teardown(void)
{
    sandbox_destroy(sandbox);
    cr_assert(eq(int, waitpid(-1, NULL, WNOHANG), -1), "no process is left");
}

TestSuite(sandbox, .init = setup, .fini = teardown, .timeout = 30);

enum { JOBS_MAX = 200 };

/* Runs jobs with n = 0, 1, ...; what became of each. */
static void run(const char *function, size_t count, struct schema_job jobs[JOBS_MAX])
{
    static struct buf values[JOBS_MAX];
    for (size_t i = 0; i < count; i++) {
        buf_truncate(&values[i], 0);
        pack_map(&values[i], 1);
        pack_str(&values[i], STR("n"));
        pack_u64(&values[i], i);
        jobs[i] = (struct schema_job){.call = SCHEMA_CALL_MIGRATE,
                                      .function = str_of(function),
                                      .value = buf_value(&values[i])};
    }
    struct schema_engine *engine = sandbox_engine(sandbox);
    engine->run(engine, jobs, count);
    for (size_t i = 0; i < count; i++) {
        uint64_t n = 0;
        if (jobs[i].called == SCHEMA_RETURNED) {
            value_u64(value_get(buf_value(&jobs[i].result), STR("n")), &n);
            cr_assert(eq(u64, n, i + 1));
        }
        buf_finish(&jobs[i].result);
    }
    for (size_t i = 0; i < count; i++) {
        buf_finish(&values[i]);
    }
}

static enum schema_called run_one(const char *function)
{
    struct schema_job jobs[JOBS_MAX];
    run(function, 1, jobs);
    return jobs[0].called;
}

Test(sandbox, runs_many_at_once)
{
    struct schema_job jobs[JOBS_MAX];
    run("up", JOBS_MAX, jobs);
    for (size_t i = 0; i < JOBS_MAX; i++) {
        cr_assert(eq(int, jobs[i].called, SCHEMA_RETURNED));
    }
    cr_assert(eq(u64, sandbox_count(sandbox)->calls, JOBS_MAX));
}

Test(sandbox, what_hangs_is_ended_in_time_and_not_called_again_at_once)
{
    cr_assert(eq(int, run_one("up"), SCHEMA_RETURNED));
    uint64_t before = clock_ms();
    cr_assert(eq(int, run_one("hang"), SCHEMA_OVER_LIMIT));
    cr_assert(ge(u64, clock_ms() - before, SANDBOX_CALL_MS));
    cr_assert(eq(int, run_one("up"), SCHEMA_RETURNED), "others go on");
    cr_assert(eq(int, run_one("hang"), SCHEMA_UNAVAILABLE));
    cr_assert(eq(u64, sandbox_count(sandbox)->over_limit, 1), "it was not even tried");
    cr_assert(eq(u64, sandbox_count(sandbox)->starts, 2));
}

Test(sandbox, of_many_it_is_known_which_one_hangs)
{
    struct schema_job jobs[JOBS_MAX];
    run("sometimes", 6, jobs);
    cr_assert(eq(int, jobs[2].called, SCHEMA_RETURNED));
    cr_assert(eq(int, jobs[3].called, SCHEMA_OVER_LIMIT));
    cr_assert(eq(int, jobs[4].called, SCHEMA_UNAVAILABLE));
}

Test(sandbox, a_process_that_has_died_is_replaced_without_anybody_noticing)
{
    cr_assert(eq(int, run_one("up"), SCHEMA_RETURNED));
    kill(sandbox_pid(sandbox), SIGKILL);
    siginfo_t info;
    waitid(P_PID, (id_t)sandbox_pid(sandbox), &info, WEXITED | WNOWAIT);
    cr_assert(eq(int, run_one("up"), SCHEMA_RETURNED));
    cr_assert(eq(u64, sandbox_count(sandbox)->starts, 2));
}

/* Stops the process; with `stopped_ms` another process lets it go on then. */
static void stall(int stopped_ms)
{
    pid_t script = sandbox_pid(sandbox);
    kill(script, SIGSTOP);
    pid_t waker = stopped_ms > 0 ? fork() : -1;
    if (waker == 0) {
        poll(NULL, 0, stopped_ms);
        kill(script, SIGCONT);
        _exit(0);
    }
}

Test(sandbox, a_process_that_gets_no_time_for_a_while_has_longer)
{
    cr_assert(eq(int, run_one("up"), SCHEMA_RETURNED));
    stall(SANDBOX_CALL_MS * 2);
    uint64_t before = clock_ms();
    cr_assert(eq(int, run_one("up"), SCHEMA_RETURNED));
    cr_assert(ge(u64, clock_ms() - before, SANDBOX_CALL_MS));
    cr_assert(eq(u64, sandbox_count(sandbox)->starts, 1));
    wait(NULL);
}

Test(sandbox, but_not_for_ever)
{
    cr_assert(eq(int, run_one("up"), SCHEMA_RETURNED));
    stall(0);
    uint64_t before = clock_ms();
    cr_assert(eq(int, run_one("up"), SCHEMA_OVER_LIMIT));
    cr_assert(ge(u64, clock_ms() - before, SANDBOX_CALL_MS + SANDBOX_STALL_MS));
}

Test(sandbox, too_much_memory_fails_the_call_alone)
{
    enum schema_called called = run_one("bomb");
    cr_assert(eq(int, called, SCHEMA_OVER_LIMIT));
    /* By memory, or by time on a slow machine: then it waits its second. */
    cr_assert(eq(int, run_one("up"), SCHEMA_RETURNED));
}

Test(sandbox, without_a_program_calls_fail_and_nothing_waits)
{
    struct sandbox *real = sandbox;
    sandbox = sandbox_create("/nowhere/roomd-script", STR(CODE));
    cr_assert(eq(int, run_one("up"), SCHEMA_UNAVAILABLE));
    cr_assert(eq(u64, sandbox_count(sandbox)->failures, 1));
    sandbox_destroy(sandbox);
    sandbox = real;
}

Test(sandbox, code_that_cannot_be_loaded_fails_calls)
{
    struct sandbox *real = sandbox;
    sandbox = sandbox_create(SCRIPT_PROGRAM, STR("({"));
    cr_assert(eq(int, run_one("up"), SCHEMA_UNAVAILABLE));
    sandbox_destroy(sandbox);
    sandbox = real;
}

/* ---- errands ---- */

/* What the loop of a worker would do. */
struct watched {
    int fd;
    bool writes;
};
static struct watched watched;

static void watch(void *ctx, int fd, bool writes)
{
    (void)ctx;
    watched = (struct watched){fd, writes};
}

/* One record with so long a text. */
static void pack_store(struct buf *out, size_t len)
{
    static char text[3 << 20];
    memset(text, 'x', sizeof(text));
    pack_map(out, 1);
    pack_str(out, STR("a"));
    pack_map(out, 2);
    pack_str(out, STR("n"));
    pack_u64(out, 1);
    pack_str(out, STR("text"));
    pack_str(out, (struct str){text, len});
}

static struct schema_errand *begin(struct schema_job *job, struct buf *value, const char *function,
                                   size_t len)
{
    struct schema_engine *engine = sandbox_engine(sandbox);
    sandbox_watch(sandbox, watch, NULL);
    buf_truncate(value, 0);
    pack_store(value, len);
    *job = (struct schema_job){
        .call = SCHEMA_CALL_STORE, .function = str_of(function), .value = buf_value(value)};
    return engine->begin(engine, job);
}

static void finish(struct schema_errand *errand)
{
    struct schema_engine *engine = sandbox_engine(sandbox);
    while (!engine->ended(errand)) {
        struct pollfd one = {watched.fd, (short)(POLLIN | (watched.writes ? POLLOUT : 0)), 0};
        if (poll(&one, 1, 250) > 0) { /* else it is time to look at the clock */
            sandbox_ready(sandbox);
        }
    }
    engine->end(errand);
    cr_assert(eq(int, watched.fd, -1));
}

static void release(struct schema_job *job, struct buf *value)
{
    buf_finish(&job->result);
    buf_finish(value);
}

Test(sandbox, an_errand_goes_its_way_while_others_call)
{
    struct schema_job job;
    struct schema_job other;
    struct buf value = {0};
    struct buf more = {0};
    struct schema_errand *errand = begin(&job, &value, "mark", 3 << 20);
    cr_assert(ne(ptr, errand, NULL));
    cr_assert(eq(ptr, begin(&other, &more, "mark", 1), NULL), "one at a time");
    cr_assert(eq(int, run_one("up"), SCHEMA_RETURNED));
    finish(errand);
    cr_assert(eq(int, job.called, SCHEMA_RETURNED));
    struct value puts = value_get(buf_value(&job.result), STR("puts"));
    uint64_t n = 0;
    value_u64(value_get(value_get(puts, STR("a")), STR("n")), &n);
    cr_assert(eq(u64, n, 2));
    cr_assert(eq(u64, sandbox_count(sandbox)->starts, 2));
    release(&job, &value);
    release(&other, &more);
}

Test(sandbox, errands_follow_each_other_in_one_process)
{
    struct buf value = {0};
    for (int i = 0; i < 3; i++) {
        struct schema_job job;
        finish(begin(&job, &value, i == 1 ? "refuse" : "mark", 1));
        cr_assert(eq(int, job.called, i == 1 ? SCHEMA_THREW : SCHEMA_RETURNED));
        buf_finish(&job.result);
    }
    cr_assert(eq(u64, sandbox_count(sandbox)->starts, 2));
    buf_finish(&value);
}

Test(sandbox, an_errand_that_is_given_up_makes_way)
{
    struct schema_job job;
    struct buf value = {0};
    struct schema_engine *engine = sandbox_engine(sandbox);
    struct schema_errand *errand = begin(&job, &value, "hang", 1);
    cr_assert(not(engine->ended(errand)));
    engine->end(errand);
    finish(begin(&job, &value, "mark", 1));
    cr_assert(eq(int, job.called, SCHEMA_RETURNED));
    release(&job, &value);
}

Test(sandbox, an_errand_of_too_much_memory_fails_alone)
{
    struct schema_job job;
    struct buf value = {0};
    finish(begin(&job, &value, "fill", 1));
    cr_assert(eq(int, job.called, SCHEMA_OVER_LIMIT));
    release(&job, &value);
    finish(begin(&job, &value, "mark", 1));
    cr_assert(eq(int, job.called, SCHEMA_RETURNED));
    release(&job, &value);
}

Test(sandbox, without_a_program_errands_end_at_once)
{
    struct sandbox *real = sandbox;
    struct schema_job job;
    struct buf value = {0};
    sandbox = sandbox_create("/nowhere/roomd-script", STR(CODE));
    finish(begin(&job, &value, "mark", 1));
    cr_assert(eq(int, job.called, SCHEMA_UNAVAILABLE));
    sandbox_destroy(sandbox);
    release(&job, &value);
    sandbox = sandbox_create(SCRIPT_PROGRAM, STR("({"));
    finish(begin(&job, &value, "mark", 1));
    cr_assert(eq(int, job.called, SCHEMA_UNAVAILABLE));
    sandbox_destroy(sandbox);
    release(&job, &value);
    sandbox = real;
}
