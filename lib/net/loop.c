/* The event loop of a process. */
#include "net/loop.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void *allocate(size_t size)
{
    return xmalloc(size);
}

static void *reallocate(void *ptr, size_t size)
{
    return xrealloc(ptr, size);
}

/* Large buffers come and go with each client that joins a large room. Left alone, malloc would map
 * and unmap them, and faulting fresh pages in costs more than everything else about a join. */
static void keep_large_buffers(void)
{
    enum { MMAP_FROM = 32 << 20, TRIM_ABOVE = 64 << 20 };
    mallopt(M_MMAP_THRESHOLD, MMAP_FROM);
    mallopt(M_TRIM_THRESHOLD, TRIM_ABOVE);
}

enum err loop_create(struct event_base **out)
{
    keep_large_buffers();
    event_set_mem_functions(allocate, reallocate, free);
    signal(SIGPIPE, SIG_IGN);
    *out = event_base_new();
    if (!*out) {
        log_error(NULL, "cannot make an event loop", LOG_TEXTZ("reason", strerror(errno)));
        return ERR_IO;
    }
    return ERR_OK;
}

uint64_t loop_now_ms(struct event_base *base)
{
    /* libevent reads the clock once a turn and does not say when: a new reading is a new turn. */
    static struct timeval turn;
    static uint64_t now_ms;
    struct timeval cached;
    event_base_gettimeofday_cached(base, &cached);
    if (now_ms == 0 || cached.tv_usec != turn.tv_usec || cached.tv_sec != turn.tv_sec) {
        turn = cached;
        now_ms = clock_ms();
    }
    return now_ms;
}

/* Waking up costs more than the message that one wakes up for: some 20 us of system time on each
 * side of a socket, against five for what is done about it. So under load turns are some distance
 * apart, and each finds more to do. Who has been idle has turns saved up, and answers at once. */

/* How much is done in a second, lately. */
static double rate_of(uint64_t done, uint64_t now_us)
{
    enum { LATELY_US = 100000 };
    static uint64_t done_then, then_us;
    static double rate;
    double passed_us = (double)(now_us - then_us);
    if (passed_us >= 1) {
        double weight = passed_us / (passed_us + LATELY_US);
        rate += ((double)(done - done_then) * 1e6 / passed_us - rate) * weight;
        done_then = done;
        then_us = now_us;
    }
    return rate;
}

static uint64_t apart_us(const struct loop_batching *how, double rate)
{
    double share = (rate - how->from) / (how->full - how->from);
    return share <= 0 ? 0 : share >= 1 ? how->apart_us : (uint64_t)(share * how->apart_us);
}

enum { PROMPT_MAX = 64 };
static struct event *prompt[PROMPT_MAX];
static nfds_t prompts;

void loop_prompt_add(struct event *readable)
{
    if (prompts < PROMPT_MAX) {
        prompt[prompts++] = readable;
    }
}

void loop_prompt_remove(const struct event *readable)
{
    for (nfds_t i = 0; i < prompts; i++) {
        if (prompt[i] == readable) {
            prompt[i] = prompt[--prompts];
            return;
        }
    }
}

static bool is_prompt(const struct event *readable)
{
    nfds_t i = 0;
    while (i < prompts && prompt[i] != readable) {
        i++;
    }
    return i < prompts;
}

/* Waits for so long, or until something prompt has come, which is then called back: true. A signal
 * may end it too: the turn is early then. */
static bool pause_turns(uint64_t wait_us)
{
    struct timespec pause = {.tv_nsec = (long)wait_us * 1000};
    struct pollfd fds[PROMPT_MAX];
    struct event *events[PROMPT_MAX]; /* callbacks add and remove */
    nfds_t n = prompts;
    for (nfds_t i = 0; i < n; i++) {
        events[i] = prompt[i];
        fds[i] = (struct pollfd){.fd = event_get_fd(prompt[i]), .events = POLLIN};
    }
    if (ppoll(fds, n, &pause, NULL) <= 0) {
        return false;
    }
    for (nfds_t i = 0; i < n; i++) {
        if (fds[i].revents && is_prompt(events[i])) {
            event_get_callback(events[i])(fds[i].fd, EV_READ, event_get_callback_arg(events[i]));
        }
    }
    return true;
}

void loop_turn(struct event_base *base, const struct loop_batching *how, uint64_t done)
{
    enum { SAVED_TURNS = 8 };
    static uint64_t due_us; /* of this turn, if all had been that far apart */
    uint64_t now_us = clock_us();
    uint64_t apart = apart_us(how, rate_of(done, now_us));
    uint64_t earliest = now_us - SAVED_TURNS * apart;
    due_us = due_us > earliest ? due_us : earliest;
    if (due_us > now_us) {
        uint64_t wait_us = due_us - now_us < how->apart_us ? due_us - now_us : how->apart_us;
        if (pause_turns(wait_us)) {
            return;
        }
    }
    due_us += apart;
    event_base_loop(base, EVLOOP_ONCE);
}

struct event *loop_on_signal(struct event_base *base, int number, event_callback_fn fn, void *ctx)
{
    struct event *event = evsignal_new(base, number, fn, ctx);
    int failed = event_add(event, NULL);
    assert(!failed);
    return event;
}

void loop_arm(struct event *timer, uint64_t ms)
{
    struct timeval delay = {.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    int failed = evtimer_add(timer, &delay);
    assert(!failed);
}
