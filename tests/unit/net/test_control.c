/* A child's end against a supervisor's, over a real socketpair and between real processes. */
#include "net/control.h"
#include "net/control_channel.h"
#include "net/loop.h"

#include "base/log.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void check_text(const char *got, const char *want)
{
    cr_assert(zero(int, strcmp(got, want)), "got \"%s\", want \"%s\"", got, want);
}

#define GOT_MAX 8

struct side { /* what one end has heard */
    struct event_base *base;
    struct control_channel *channel;
    struct control_message got[GOT_MAX];
    size_t count;
    size_t want; /* leave the loop at this many */
    bool closed;
    uint64_t deadline_ms;
    uint64_t spread_ms;
    uint64_t drain_ms;
    bool away;
    bool draining;
    uint64_t request;
    struct control_move move;
};

static void on_message(void *ctx, const struct control_message *message)
{
    struct side *side = ctx;
    side->got[side->count++] = *message;
    if (side->count == side->want) {
        event_base_loopbreak(side->base);
    }
}

static void on_closed(void *ctx)
{
    struct side *side = ctx;
    side->closed = true;
    control_channel_destroy(side->channel); /* allowed in here */
    side->channel = NULL;
    event_base_loopbreak(side->base);
}

static const struct control_channel_handlers supervisor_handlers = {on_message, on_closed};

static void on_stop(void *ctx, uint64_t deadline_ms, uint64_t spread_ms)
{
    struct side *side = ctx;
    side->spread_ms = spread_ms;
    side->deadline_ms = deadline_ms;
    event_base_loopbreak(side->base);
}

static void on_drain(void *ctx, uint64_t deadline_ms, bool away)
{
    struct side *side = ctx;
    side->away = away;
    side->drain_ms = deadline_ms;
    event_base_loopbreak(side->base);
}

static void on_draining(void *ctx, bool on, bool away)
{
    struct side *side = ctx;
    side->draining = on;
    side->away = away;
    event_base_loopbreak(side->base);
}

static void on_move(void *ctx, uint64_t request, const struct control_move *move)
{
    struct side *side = ctx;
    side->move = *move;
    side->request = request;
    event_base_loopbreak(side->base);
}

static void on_lost(void *ctx)
{
    struct side *side = ctx;
    side->closed = true;
    event_base_loopbreak(side->base);
}

static const struct control_handlers child_handlers = {.on_stop = on_stop,
                                                       .on_drain = on_drain,
                                                       .on_draining = on_draining,
                                                       .on_move = on_move,
                                                       .on_lost = on_lost};

static void open_pair(struct side *supervisor, struct control **child, struct side *child_side)
{
    int pair[2];
    cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0));
    cr_assert(eq(int, loop_create(&supervisor->base), ERR_OK));
    child_side->base = supervisor->base;
    supervisor->channel =
        control_channel_create(supervisor->base, pair[0], &supervisor_handlers, supervisor);
    *child = control_create(supervisor->base, pair[1], &child_handlers, child_side);
}

Test(control, reports_are_sent_when_something_changed)
{
    struct side supervisor = {.want = 3}, child_side = {0};
    struct control *child;
    open_pair(&supervisor, &child, &child_side);
    control_report(child, CONTROL_STARTING, true, "");
    control_report(child, CONTROL_STARTING, true, "");
    control_report(child, CONTROL_READY, true, "");
    control_report(child, CONTROL_READY, true, "");
    control_report(child, CONTROL_READY, false, "redis is away");
    event_base_dispatch(supervisor.base);
    cr_assert(eq(sz, supervisor.count, 3));
    cr_assert(eq(int, supervisor.got[0].state, CONTROL_STARTING));
    cr_assert(eq(int, supervisor.got[1].state, CONTROL_READY));
    cr_assert(not(supervisor.got[2].store_ok));
    check_text(supervisor.got[2].why, "redis is away");
    control_destroy(child);
    control_channel_destroy(supervisor.channel);
    event_base_free(supervisor.base);
}

Test(control, metrics_are_answered_from_the_table)
{
    struct side supervisor = {.want = 1}, child_side = {0};
    struct control *child;
    open_pair(&supervisor, &child, &child_side);
    metrics_add(METRIC_PUSHES, 17);
    struct control_message ask = {.kind = CONTROL_STATS, .request = 9};
    control_channel_send(supervisor.channel, &ask);
    event_base_dispatch(supervisor.base);
    cr_assert(eq(int, supervisor.got[0].kind, CONTROL_METRICS));
    cr_assert(eq(u64, supervisor.got[0].request, 9));
    cr_assert(epsilon_eq(dbl, supervisor.got[0].metrics.values[METRIC_PUSHES], 17, 0));
    control_destroy(child);
    control_channel_destroy(supervisor.channel);
    event_base_free(supervisor.base);
}

Test(control, stop_and_drain_arrive_with_the_time_left)
{
    struct side supervisor = {0}, child_side = {0};
    struct control *child;
    open_pair(&supervisor, &child, &child_side);
    struct control_message stop = {.kind = CONTROL_STOP, .deadline_ms = 4321, .spread_ms = 321};
    control_channel_send(supervisor.channel, &stop);
    event_base_dispatch(supervisor.base);
    cr_assert(eq(u64, child_side.deadline_ms, 4321));
    cr_assert(eq(u64, child_side.spread_ms, 321));
    struct control_message drain = {.kind = CONTROL_DRAIN, .deadline_ms = 30000, .away = true};
    control_channel_send(supervisor.channel, &drain);
    event_base_dispatch(supervisor.base);
    cr_assert(eq(u64, child_side.deadline_ms, 4321));
    cr_assert(eq(u64, child_side.drain_ms, 30000));
    cr_assert(child_side.away);
    control_destroy(child);
    control_channel_destroy(supervisor.channel);
    event_base_free(supervisor.base);
}

Test(control, each_side_notices_the_end_of_the_other)
{
    struct side supervisor = {0}, child_side = {0};
    struct control *child;
    open_pair(&supervisor, &child, &child_side);
    control_report(child, CONTROL_FAILED, false, "last words are heard");
    struct timeval none = {0};
    event_base_loopexit(supervisor.base, &none); /* one turn: the words leave */
    event_base_dispatch(supervisor.base);
    control_destroy(child);
    event_base_dispatch(supervisor.base);
    cr_assert(supervisor.closed);
    cr_assert(eq(sz, supervisor.count, 1));
    event_base_free(supervisor.base);

    struct side second = {0};
    open_pair(&second, &child, &child_side);
    control_channel_destroy(second.channel);
    event_base_dispatch(second.base);
    cr_assert(child_side.closed);
    control_destroy(child);
    event_base_free(second.base);
}

Test(control, moves_are_asked_for_and_answered)
{
    struct side supervisor = {.want = 1}, child_side = {0};
    struct control *child;
    open_pair(&supervisor, &child, &child_side);
    struct control_message on = {.kind = CONTROL_SET_DRAINING, .on = true, .away = true};
    control_channel_send(supervisor.channel, &on);
    event_base_dispatch(supervisor.base);
    cr_assert(child_side.draining && child_side.away);
    struct control_message move = {
        .kind = CONTROL_MOVE, .request = 7, .move = {"room", "worker", "node", "unix:/x", ""}};
    control_channel_send(supervisor.channel, &move);
    event_base_dispatch(supervisor.base);
    cr_assert(eq(u64, child_side.request, 7));
    check_text(child_side.move.room, "room");
    check_text(child_side.move.address, "unix:/x");
    control_answer_move(child, 7, CONTROL_MOVED, 3);
    event_base_dispatch(supervisor.base);
    cr_assert(eq(int, supervisor.got[0].kind, CONTROL_OUTCOME));
    cr_assert(eq(int, supervisor.got[0].outcome, CONTROL_MOVED));
    cr_assert(eq(u64, supervisor.got[0].epoch, 3));
    control_destroy(child);
    control_channel_destroy(supervisor.channel);
    event_base_free(supervisor.base);
}

Test(control, garbage_closes_the_channel)
{
    struct side supervisor = {0};
    int pair[2];
    cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0));
    cr_assert(eq(int, loop_create(&supervisor.base), ERR_OK));
    supervisor.channel =
        control_channel_create(supervisor.base, pair[0], &supervisor_handlers, &supervisor);
    cr_assert(eq(int, (int)write(pair[1], "\xff\xff\xff\xff", 4), 4));
    event_base_dispatch(supervisor.base);
    cr_assert(supervisor.closed);
    close(pair[1]);
    event_base_free(supervisor.base);
}

Test(control, an_end_that_never_reads_is_given_up)
{
    struct side supervisor = {0};
    int pair[2];
    cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0));
    cr_assert(eq(int, loop_create(&supervisor.base), ERR_OK));
    supervisor.channel =
        control_channel_create(supervisor.base, pair[0], &supervisor_handlers, &supervisor);
    struct control_message message = {.kind = CONTROL_METRICS};
    for (int i = 0; i < 100000 && !supervisor.closed; i++) {
        control_channel_send(supervisor.channel, &message);
    }
    cr_assert(supervisor.closed);
    close(pair[1]);
    event_base_free(supervisor.base);
}

Test(control, without_a_supervisor_it_does_nothing)
{
    struct control *control = control_create(NULL, -1, &child_handlers, NULL);
    control_report(control, CONTROL_READY, true, "");
    control_destroy(control);
}

/* What every program of ours does with its supervisor's death. */
Test(control, a_child_process_exits_when_its_supervisor_is_gone)
{
    int pair[2];
    cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0));
    pid_t pid = fork();
    if (pid == 0) {
        static const struct control_handlers none = {.on_stop = on_stop};
        struct event_base *base;
        close(pair[0]);
        log_setup("child", LOG_OFF, LOG_TEXT);
        if (loop_create(&base)) {
            _exit(9);
        }
        struct control *control = control_create(base, pair[1], &none, NULL);
        control_report(control, CONTROL_READY, true, "");
        event_base_dispatch(base);
        _exit(8);
    }
    close(pair[1]);
    char byte;
    cr_assert(eq(int, (int)read(pair[0], &byte, 1), 1)); /* it is up */
    close(pair[0]);
    int status;
    cr_assert(eq(int, waitpid(pid, &status, 0), pid));
    cr_assert(eq(int, status, W_EXITCODE(1, 0)));
}
