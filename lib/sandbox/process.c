/* A roomd-script, from the outside. */
#include "sandbox/process.h"

#include "base/clock.h"
#include "base/spawn.h"
#include "sandbox/frame.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    RESTART_MIN_MS = 100, /* after a start that came to nothing */
    RESTART_MAX_MS = 5000,
    LOGS_PER_MINUTE = 10,
};

static struct log_scope scope_of(void)
{
    return (struct log_scope){"schema", STR("code")};
}

void process_init(struct process *process, const char *program, struct str code)
{
    *process = (struct process){.program = program, .code = code, .fd = -1};
}

void process_end(struct process *process)
{
    if (process->pid > 0) {
        kill(process->pid, SIGKILL);
        while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    if (process->fd >= 0) {
        close(process->fd);
    }
    process->pid = 0;
    process->fd = -1;
    process->state = PROCESS_DOWN;
    buf_finish(&process->output);
    buf_finish(&process->input);
}

void process_start_failed(struct process *process, const char *why)
{
    uint32_t suppressed;
    struct log_scope scope = scope_of();
    process_end(process);
    process->restart_ms = process->restart_ms ? process->restart_ms * 2 : RESTART_MIN_MS;
    process->restart_ms =
        process->restart_ms < RESTART_MAX_MS ? process->restart_ms : RESTART_MAX_MS;
    process->start_at_ms = clock_ms() + process->restart_ms;
    if (log_limit_pass(&process->logs, LOGS_PER_MINUTE, clock_ms(), &suppressed)) {
        log_error(&scope, "roomd-script does not run; what needs code is refused",
                  LOG_TEXTZ("why", why), LOG_U64("suppressed", suppressed));
    }
}

void process_loaded(struct process *process)
{
    process->state = PROCESS_UP;
    process->restart_ms = 0;
}

static void say_died(struct process *process)
{
    uint32_t suppressed;
    struct log_scope scope = scope_of();
    if (log_limit_pass(&process->logs, LOGS_PER_MINUTE, clock_ms(), &suppressed)) {
        log_warn(&scope, "roomd-script has died and is started again",
                 LOG_U64("suppressed", suppressed));
    }
}

static enum err spawn(struct process *process, int child_fd, struct buf *why)
{
    char number[16];
    snprintf(number, sizeof(number), "%d", child_fd);
    char name[] = "roomd-script";
    char flag[] = "--fd";
    char *argv[] = {name, flag, number, NULL};
    char *env[] = {NULL};
    struct spawn wanted = {
        .program = process->program, .argv = argv, .env = env, .keep_fds = {child_fd, -1}};
    return spawn_process(&wanted, &process->pid, why);
}

/* It may have died since it was asked last; nobody looks after it in between. */
static bool has_died(const struct process *process)
{
    struct pollfd one = {process->fd, POLLIN, 0};
    return process->state == PROCESS_UP && poll(&one, 1, 0) > 0;
}

void process_start(struct process *process)
{
    int pair[2];
    if (has_died(process)) {
        say_died(process);
        process_end(process);
    }
    if (process->state != PROCESS_DOWN || clock_ms() < process->start_at_ms) {
        return;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        process_start_failed(process, strerror(errno));
        return;
    }
    struct buf why = {0};
    enum err err = spawn(process, pair[1], &why);
    close(pair[1]);
    process->fd = pair[0];
    if (err) {
        buf_append_byte(&why, 0);
        process_start_failed(process, (const char *)buf_head(&why));
    } else {
        fcntl(process->fd, F_SETFL, fcntl(process->fd, F_GETFL) | O_NONBLOCK);
        process->state = PROCESS_LOADING;
        process->starts++;
        process->load_by_ms = clock_ms() + SANDBOX_LOAD_MS;
        size_t frame = frame_begin(&process->output);
        buf_append_str(&process->output, process->code);
        frame_end(&process->output, frame);
    }
    buf_finish(&why);
}

/* ---- the socket ---- */

bool process_read(struct process *process, struct buf *into)
{
    enum { STEP = 256 << 10 };
    ssize_t got = recv(process->fd, buf_reserve(into, STEP), STEP, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        return false;
    }
    buf_commit(into, got > 0 ? (size_t)got : 0);
    return true;
}

bool process_exchange(struct process *process, uint64_t deadline_ms)
{
    uint64_t now = clock_ms();
    bool writes = buf_len(&process->output) > 0;
    struct pollfd one = {process->fd, (short)(POLLIN | (writes ? POLLOUT : 0)), 0};
    int ready = poll(&one, 1, deadline_ms > now ? (int)(deadline_ms - now) : 0);
    if (ready <= 0) {
        return ready == 0 || errno == EINTR;
    }
    if (one.revents & POLLOUT) {
        ssize_t sent =
            send(process->fd, buf_head(&process->output), buf_len(&process->output), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return false;
        }
        buf_consume(&process->output, sent > 0 ? (size_t)sent : 0);
    }
    return !(one.revents & (POLLIN | POLLHUP | POLLERR)) || process_read(process, &process->input);
}

/* ---- time ---- */

/* The time that the process has had; the most there can be if that is not known. */
static uint64_t cpu_of(const struct process *process)
{
    clockid_t clock;
    struct timespec had;
    if (clock_getcpuclockid(process->pid, &clock) || clock_gettime(clock, &had)) {
        return UINT64_MAX;
    }
    return (uint64_t)had.tv_sec * 1000 + (uint64_t)had.tv_nsec / 1000000;
}

struct deadline deadline_of(const struct process *process, uint64_t limit_ms)
{
    uint64_t at = clock_ms() + limit_ms;
    uint64_t had = cpu_of(process);
    return (struct deadline){at, at + SANDBOX_STALL_MS, had < UINT64_MAX ? had + limit_ms : 0};
}

bool deadline_is_over(struct deadline *deadline, const struct process *process)
{
    uint64_t now = clock_ms();
    if (now < deadline->at_ms) {
        return false;
    }
    uint64_t had = now < deadline->last_ms ? cpu_of(process) : UINT64_MAX;
    if (had >= deadline->cpu_ms) {
        return true;
    }
    uint64_t next = now + (deadline->cpu_ms - had);
    deadline->at_ms = next < deadline->last_ms ? next : deadline->last_ms;
    return false;
}
