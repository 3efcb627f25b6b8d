/* What the cores of worker and gateway take from the operating system and from libevent, made of
 * the simulated world instead: clock, randomness, timers, log lines. Linked in their places (the
 * __wrap_ functions by the linker's --wrap). An event base is a process. */
#include "simulator/os.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "link/frame.h"
#include "net/loop.h"
#include "value/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- clock ---- */

uint64_t __wrap_clock_us(void);
uint64_t __wrap_clock_ms(void);
uint64_t __wrap_clock_cpu_us(void);

uint64_t __wrap_clock_us(void)
{
    return world_us();
}

uint64_t __wrap_clock_ms(void)
{
    return world_ms();
}

uint64_t __wrap_clock_cpu_us(void)
{
    return world_cpu_us();
}

uint64_t loop_now_ms(struct event_base *base)
{
    (void)base;
    return world_ms();
}

/* ---- randomness ---- */

uint64_t __wrap_random_u64(void);
void __wrap_random_id(char out[RANDOM_ID_LEN + 1]);

uint64_t __wrap_random_u64(void)
{
    return rnd();
}

void __wrap_random_id(char out[RANDOM_ID_LEN + 1])
{
    snprintf(out, RANDOM_ID_LEN + 1, "%021" PRIx64, rnd());
}

/* ---- timers ---- */

struct event {
    struct proc *proc;
    event_callback_fn fn;
    void *arg;
    uint64_t armed; /* number of the last event_add or event_del: an older alarm is void */
    bool freed;
};

struct alarm {
    struct event *event;
    uint64_t armed;
};

struct event_base *os_base(struct proc *proc)
{
    return (struct event_base *)proc;
}

struct proc *os_proc(struct event_base *base)
{
    return (struct proc *)base;
}

struct event *event_new(struct event_base *base, evutil_socket_t fd, short what,
                        event_callback_fn fn, void *arg)
{
    (void)fd;
    (void)what;
    struct event *event = world_keep(xcalloc(1, sizeof(*event)));
    *event = (struct event){.proc = (struct proc *)base, .fn = fn, .arg = arg};
    return event;
}

static void on_alarm(void *arg)
{
    struct alarm *alarm = arg;
    struct event *event = alarm->event;
    if (!event->freed && event->armed == alarm->armed) {
        event->fn(-1, EV_TIMEOUT, event->arg);
    }
}

int event_add(struct event *event, const struct timeval *timeout)
{
    event->armed++;
    if (timeout) {
        struct alarm *alarm = world_keep(xmalloc(sizeof(*alarm)));
        *alarm = (struct alarm){event, event->armed};
        world_after((uint64_t)timeout->tv_sec * 1000000 + (uint64_t)timeout->tv_usec, event->proc,
                    on_alarm, alarm);
    }
    return 0;
}

int event_del(struct event *event)
{
    event->armed++;
    return 0;
}

void event_free(struct event *event)
{
    event->freed = true;
}

void loop_arm(struct event *timer, uint64_t ms)
{
    struct timeval delay = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000) * 1000};
    event_add(timer, &delay);
}

/* ---- frames, as they are written: some wait before they are sent ---- */

void __real_link_write(struct buf *out, const struct link_frame *frame);
void __wrap_link_write(struct buf *out, const struct link_frame *frame);

void __wrap_link_write(struct buf *out, const struct link_frame *frame)
{
    if (tracing()) {
        struct buf payload = {0};
        if (value_present(frame->payload)) {
            json_write(frame->payload, &payload);
        }
        trace("  frame %s conn=%" PRIu64 " seq=%" PRIu64 " answered=%" PRIu64 " clock=%" PRIu64
              " presence_clock=%" PRIu64 " channel=%" PRIu64 " share=%" PRIu64
              " %.*s%.*s%.*s%.*s %.*s",
              link_type_name(frame->type), frame->conn, frame->seq, frame->answered, frame->clock,
              frame->presence_clock, frame->channel, frame->share, STR_ARG(frame->room),
              STR_ARG(frame->id), STR_ARG(frame->reason), STR_ARG(frame->presence),
              STR_ARG(buf_str(&payload)));
        buf_finish(&payload);
    }
    __real_link_write(out, frame);
}

/* ---- log ---- */

void __wrap_log_write(enum log_level level, const struct log_scope *scope, const char *phrase,
                      const struct log_field *fields);

void __wrap_log_write(enum log_level level, const struct log_scope *scope, const char *phrase,
                      const struct log_field *fields)
{
    char line[1024];
    size_t len = 0;
#define ADD(...)                                                                                   \
    (len += (size_t)snprintf(line + len, len < sizeof(line) ? sizeof(line) - len : 0, __VA_ARGS__))
    ADD("  log %-5s ", log_level_name(level));
    if (scope) {
        ADD("%s=%.*s: ", scope->key, STR_ARG(scope->value));
    }
    ADD("%s", phrase);
    for (; fields->key && len < sizeof(line); fields++) {
        switch (fields->kind) {
        case LOG_KIND_STR:
            ADD(" %s=%.*s", fields->key, STR_ARG(fields->str));
            break;
        case LOG_KIND_U64:
        case LOG_KIND_I64:
            ADD(" %s=%" PRIu64, fields->key, fields->u64);
            break;
        case LOG_KIND_F64:
            ADD(" %s=%g", fields->key, fields->f64);
            break;
        }
    }
#undef ADD
    trace("%s", line);
}
