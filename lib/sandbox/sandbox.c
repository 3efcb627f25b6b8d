/* The outside of a sandbox: starting, asking, waiting, ending. */
#include "sandbox/sandbox.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/spawn.h"
#include "sandbox/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    RESTART_MIN_MS = 100, /* after a start that came to nothing */
    RESTART_MAX_MS = 5000,
    BAN_MIN_MS = 1000, /* of a function that exceeded its time */
    BAN_MAX_MS = 60000,
    FURTHER_JOB_MS = 2,
    BATCH = 64,
    LOGS_PER_MINUTE = 10,
};

enum sandbox_state { SANDBOX_DOWN, SANDBOX_LOADING, SANDBOX_UP };

/* A function that is not to be called for a while. */
struct ban {
    struct list link; /* in sandbox.bans */
    uint64_t until_ms, wait_ms;
    size_t len;
    char function[];
};

struct sandbox {
    struct schema_engine engine; /* first */
    char *program;               /* owned */
    struct buf code;
    enum sandbox_state state;
    int fd; /* -1 */
    pid_t pid;
    uint64_t load_by_ms;              /* while it loads */
    uint64_t restart_ms, start_at_ms; /* after failures */
    struct buf output, input;
    struct list bans; /* owned */
    struct sandbox_counts counts;
    struct log_limit logs;
};

static struct log_scope scope_of(void)
{
    return (struct log_scope){"schema", STR("code")};
}

/* ---- bans ---- */

static struct ban *ban_find(struct sandbox *sandbox, struct str function)
{
    struct ban *ban;
    list_each(ban, &sandbox->bans, link, struct ban)
    {
        if (str_eq((struct str){ban->function, ban->len}, function)) {
            return ban;
        }
    }
    return NULL;
}

static void ban_add(struct sandbox *sandbox, struct str function, uint64_t now_ms)
{
    struct ban *ban = ban_find(sandbox, function);
    if (!ban) {
        ban = xcalloc(1, sizeof(*ban) + function.len);
        ban->len = function.len;
        memcpy(ban->function, function.ptr, function.len);
        list_append(&sandbox->bans, &ban->link);
    }
    ban->wait_ms = ban->wait_ms ? ban->wait_ms * 2 : BAN_MIN_MS;
    ban->wait_ms = ban->wait_ms < BAN_MAX_MS ? ban->wait_ms : BAN_MAX_MS;
    ban->until_ms = now_ms + ban->wait_ms;
}

static bool is_banned(struct sandbox *sandbox, struct str function, uint64_t now_ms)
{
    const struct ban *ban = ban_find(sandbox, function);
    return ban && now_ms < ban->until_ms;
}

/* It has done well again. */
static void ban_lift(struct sandbox *sandbox, struct str function)
{
    struct ban *ban = list_empty(&sandbox->bans) ? NULL : ban_find(sandbox, function);
    if (ban) {
        list_remove(&ban->link);
        free(ban);
    }
}

/* ---- the process ---- */

static void end_process(struct sandbox *sandbox)
{
    if (sandbox->pid > 0) {
        kill(sandbox->pid, SIGKILL);
        while (waitpid(sandbox->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    if (sandbox->fd >= 0) {
        close(sandbox->fd);
    }
    sandbox->pid = 0;
    sandbox->fd = -1;
    sandbox->state = SANDBOX_DOWN;
    buf_finish(&sandbox->output);
    buf_finish(&sandbox->input);
}

/* A start that came to nothing; the next one waits, longer each time. */
static void start_failed(struct sandbox *sandbox, const char *why)
{
    uint32_t suppressed;
    struct log_scope scope = scope_of();
    end_process(sandbox);
    sandbox->restart_ms = sandbox->restart_ms ? sandbox->restart_ms * 2 : RESTART_MIN_MS;
    sandbox->restart_ms =
        sandbox->restart_ms < RESTART_MAX_MS ? sandbox->restart_ms : RESTART_MAX_MS;
    sandbox->start_at_ms = clock_ms() + sandbox->restart_ms;
    if (log_limit_pass(&sandbox->logs, LOGS_PER_MINUTE, clock_ms(), &suppressed)) {
        log_error(&scope, "roomd-script does not run; what needs code is refused",
                  LOG_TEXTZ("why", why), LOG_U64("suppressed", suppressed));
    }
}

static enum err spawn(struct sandbox *sandbox, int child_fd, struct buf *why)
{
    char number[16];
    snprintf(number, sizeof(number), "%d", child_fd);
    char name[] = "roomd-script";
    char flag[] = "--fd";
    char *argv[] = {name, flag, number, NULL};
    char *env[] = {NULL};
    struct spawn wanted = {
        .program = sandbox->program, .argv = argv, .env = env, .keep_fds = {child_fd, -1}};
    return spawn_process(&wanted, &sandbox->pid, why);
}

static void start(struct sandbox *sandbox)
{
    int pair[2];
    if (clock_ms() < sandbox->start_at_ms) {
        return;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        start_failed(sandbox, strerror(errno));
        return;
    }
    struct buf why = {0};
    enum err err = spawn(sandbox, pair[1], &why);
    close(pair[1]);
    sandbox->fd = pair[0];
    if (err) {
        buf_append_byte(&why, 0);
        start_failed(sandbox, (const char *)buf_head(&why));
    } else {
        fcntl(sandbox->fd, F_SETFL, fcntl(sandbox->fd, F_GETFL) | O_NONBLOCK);
        sandbox->state = SANDBOX_LOADING;
        sandbox->counts.starts++;
        sandbox->load_by_ms = clock_ms() + SANDBOX_LOAD_MS;
        size_t frame = frame_begin(&sandbox->output);
        buf_append_str(&sandbox->output, buf_str(&sandbox->code));
        frame_end(&sandbox->output, frame);
    }
    buf_finish(&why);
}

static void say_died(struct sandbox *sandbox)
{
    uint32_t suppressed;
    struct log_scope scope = scope_of();
    if (log_limit_pass(&sandbox->logs, LOGS_PER_MINUTE, clock_ms(), &suppressed)) {
        log_warn(&scope, "roomd-script has died and is started again",
                 LOG_U64("suppressed", suppressed));
    }
}

/* ---- the socket ---- */

/* Writes and reads what can be, waiting until `deadline_ms` for something. False: the process is
 * gone.
 */
static bool exchange(struct sandbox *sandbox, uint64_t deadline_ms)
{
    enum { STEP = 256 << 10 };
    uint64_t now = clock_ms();
    bool writes = buf_len(&sandbox->output) > 0;
    struct pollfd one = {sandbox->fd, (short)(POLLIN | (writes ? POLLOUT : 0)), 0};
    int ready = poll(&one, 1, deadline_ms > now ? (int)(deadline_ms - now) : 0);
    if (ready <= 0) {
        return ready == 0 || errno == EINTR;
    }
    if (one.revents & POLLOUT) {
        ssize_t sent =
            send(sandbox->fd, buf_head(&sandbox->output), buf_len(&sandbox->output), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return false;
        }
        buf_consume(&sandbox->output, sent > 0 ? (size_t)sent : 0);
    }
    if (one.revents & (POLLIN | POLLHUP | POLLERR)) {
        ssize_t got = recv(sandbox->fd, buf_reserve(&sandbox->input, STEP), STEP, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            return false;
        }
        buf_commit(&sandbox->input, got > 0 ? (size_t)got : 0);
    }
    return true;
}

/* When waiting is over: at `at_ms`, or, while the process has had less than `cpu_ms` since it
 * began, later, as it needs; at `last_ms` at the latest. On a busy machine time passes without it.
 */
struct deadline {
    uint64_t at_ms, last_ms, cpu_ms;
};

/* The time that the process has had; the most there can be if that is not known. */
static uint64_t cpu_of(const struct sandbox *sandbox)
{
    clockid_t clock;
    struct timespec had;
    if (clock_getcpuclockid(sandbox->pid, &clock) || clock_gettime(clock, &had)) {
        return UINT64_MAX;
    }
    return (uint64_t)had.tv_sec * 1000 + (uint64_t)had.tv_nsec / 1000000;
}

static bool is_over(const struct sandbox *sandbox, struct deadline *deadline)
{
    uint64_t now = clock_ms();
    if (now < deadline->at_ms) {
        return false;
    }
    uint64_t had = now < deadline->last_ms ? cpu_of(sandbox) : UINT64_MAX;
    if (had >= deadline->cpu_ms) {
        return true;
    }
    uint64_t next = now + (deadline->cpu_ms - had);
    deadline->at_ms = next < deadline->last_ms ? next : deadline->last_ms;
    return false;
}

enum received { RECEIVED, TOO_LATE, GONE };

/* Waits for one answer. */
static enum received receive(struct sandbox *sandbox, struct deadline *deadline,
                             struct schema_job *job)
{
    for (;;) {
        struct str body;
        size_t used;
        if (frame_next(buf_head(&sandbox->input), buf_len(&sandbox->input), &body, &used)) {
            return GONE;
        }
        if (used > 0) {
            enum err err = frame_read_answer(body, job);
            buf_consume(&sandbox->input, used);
            return err ? GONE : RECEIVED;
        }
        if (is_over(sandbox, deadline)) {
            return TOO_LATE;
        }
        if (!exchange(sandbox, deadline->at_ms)) {
            return GONE;
        }
    }
}

/* It may have died since it was asked last; nobody looks after it in between. */
static bool has_died(const struct sandbox *sandbox)
{
    struct pollfd one = {sandbox->fd, POLLIN, 0};
    return sandbox->state == SANDBOX_UP && poll(&one, 1, 0) > 0;
}

/* Waits until the code is loaded, for as long as a caller may. */
static bool is_up(struct sandbox *sandbox)
{
    if (has_died(sandbox)) {
        say_died(sandbox);
        end_process(sandbox);
    }
    if (sandbox->state == SANDBOX_DOWN) {
        start(sandbox);
    }
    if (sandbox->state != SANDBOX_LOADING) {
        return sandbox->state == SANDBOX_UP;
    }
    struct schema_job loaded = {0};
    uint64_t until = clock_ms() + SANDBOX_WAIT_MS;
    until = until < sandbox->load_by_ms ? until : sandbox->load_by_ms;
    enum received received = receive(sandbox, &(struct deadline){until, until, 0}, &loaded);
    buf_finish(&loaded.result);
    if (received == RECEIVED && loaded.called == SCHEMA_RETURNED) {
        sandbox->state = SANDBOX_UP;
        sandbox->restart_ms = 0;
    } else if (received == RECEIVED) {
        start_failed(sandbox, "its code cannot be loaded");
    } else if (received == GONE) {
        start_failed(sandbox, "it ended while it loaded its code");
    } else if (clock_ms() >= sandbox->load_by_ms) {
        start_failed(sandbox, "loading its code takes too long");
    }
    return sandbox->state == SANDBOX_UP;
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

static uint64_t limit_of(const struct schema_job *jobs, size_t count)
{
    uint64_t limit = SANDBOX_CALL_MS + count * FURTHER_JOB_MS;
    for (size_t i = 0; i < count; i++) {
        bool all = jobs[i].call == SCHEMA_CALL_STORE || jobs[i].call == SCHEMA_CALL_STORAGE;
        limit = all ? SANDBOX_STORAGE_MS : limit;
    }
    return limit;
}

/* This job ended the process: the next one is on its way up when somebody asks again. */
static void give_up(struct sandbox *sandbox, struct schema_job *job, enum received received)
{
    if (received == TOO_LATE) {
        sandbox->counts.over_limit++;
        say_ended(sandbox, job, "code took too long and was ended");
    } else {
        say_ended(sandbox, job, "roomd-script ended while code ran");
    }
    job->called = SCHEMA_OVER_LIMIT;
    ban_add(sandbox, job->function, clock_ms());
    end_process(sandbox);
    start(sandbox);
}

static void run_batch(struct sandbox *sandbox, struct schema_job **jobs, size_t count)
{
    uint64_t limit = 0;
    for (size_t i = 0; i < count; i++) {
        frame_write_job(jobs[i], &sandbox->output);
        uint64_t own = limit_of(jobs[i], 1);
        limit = i == 0 || own > limit ? own : limit + FURTHER_JOB_MS;
    }
    uint64_t at = clock_ms() + limit;
    struct deadline deadline = {at, at + SANDBOX_STALL_MS, cpu_of(sandbox)};
    deadline.cpu_ms = deadline.cpu_ms < UINT64_MAX ? deadline.cpu_ms + limit : 0;
    for (size_t i = 0; i < count; i++) {
        enum received received = receive(sandbox, &deadline, jobs[i]);
        if (received != RECEIVED) {
            give_up(sandbox, jobs[i], received);
            return; /* the rest were not tried */
        }
        if (jobs[i]->called == SCHEMA_RETURNED) {
            ban_lift(sandbox, jobs[i]->function);
        } else {
            say_threw(sandbox, jobs[i]);
        }
    }
    enum { KEEP = 1 << 20 };
    buf_clear(&sandbox->output, KEEP);
    buf_clear(&sandbox->input, KEEP);
}

static void run(struct schema_engine *engine, struct schema_job *jobs, size_t count)
{
    struct sandbox *sandbox = (struct sandbox *)engine;
    struct schema_job *batch[BATCH];
    size_t in_batch = 0;
    for (size_t i = 0; i < count; i++) {
        jobs[i].called = SCHEMA_UNAVAILABLE;
        if (!is_banned(sandbox, jobs[i].function, clock_ms())) {
            batch[in_batch++] = &jobs[i];
        }
        if (in_batch == BATCH || (i + 1 == count && in_batch > 0)) {
            if (is_up(sandbox)) {
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
    sandbox->engine.run = run;
    sandbox->program = xstrdup(program);
    sandbox->fd = -1;
    list_init(&sandbox->bans);
    buf_append_str(&sandbox->code, code);
    start(sandbox);
    if (sandbox->state == SANDBOX_LOADING) {
        /* The code goes off at once, so that it is loaded when the first one needs it. */
        while (buf_len(&sandbox->output) > 0 && clock_ms() < sandbox->load_by_ms &&
               exchange(sandbox, sandbox->load_by_ms)) {
        }
    }
    return sandbox;
}

void sandbox_destroy(struct sandbox *sandbox)
{
    if (!sandbox) {
        return;
    }
    end_process(sandbox);
    struct ban *ban;
    list_each(ban, &sandbox->bans, link, struct ban)
    {
        list_remove(&ban->link);
        free(ban);
    }
    buf_finish(&sandbox->code);
    free(sandbox->program);
    free(sandbox);
}

struct schema_engine *sandbox_engine(struct sandbox *sandbox)
{
    return &sandbox->engine;
}

const struct sandbox_counts *sandbox_count(const struct sandbox *sandbox)
{
    return &sandbox->counts;
}

pid_t sandbox_pid(const struct sandbox *sandbox)
{
    return sandbox->pid;
}
