/* The event loop of a process. */
#include "net/loop.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

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
