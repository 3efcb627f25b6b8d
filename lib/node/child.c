/* One child of the supervisor. */
#include "node/child.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/random.h"
#include "base/spawn.h"
#include "net/control_channel.h"
#include "net/loop.h"
#include "node/blame.h"
#include "node/hang.h"
#include "node/launch.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

/* Characters that make one start differ from all others, after restarts of the node too. */
#define START_LEN 8

struct child {
    struct event_base *base;
    struct child_spec spec;
    const struct child_handlers *handlers;
    void *ctx;
    char *name; /* owned */
    char *id;   /* owned */
    enum child_part part;
    struct child_life life;
    bool drains;         /* is asked to drain when it is asked to stop */
    bool away;           /* and where to */
    uint32_t spread_ms;  /* else in which time it closes connections */
    struct event *timer; /* owned; life.wake_ms */
    pid_t pid;
    struct control_channel *control; /* owned; NULL while there is none */
    struct mark_page *mark;          /* owned; NULL while there is none */
    bool draining;                   /* it was told to, */
    bool node_draining;              /* or all of its node were */
    struct hang hang;
    bool hung;                /* and was killed for it */
    struct mark_view hung_at; /* what it was at then */
    uint64_t since_unix_ms;
    uint32_t starts;
    bool was_killed;
    struct control_message report;
    struct control_message metrics; /* kind CONTROL_METRICS once there are any */
};

static void step(struct child *child, enum child_event event, uint32_t stop_limit_ms);

/* ---- its words ---- */

/* One that is told to drain before it is there says `draining` where others say `ready`. */
static bool has_started(const struct child *child, enum control_state state)
{
    return state == CONTROL_READY || (state == CONTROL_DRAINING && child_was_told_to_drain(child));
}

static void on_message(void *ctx, const struct control_message *message)
{
    struct child *child = ctx;
    switch (message->kind) {
    case CONTROL_REPORT:
        if (child->report.state != message->state) {
            child->since_unix_ms = clock_unix_ms();
        }
        child->report = *message;
        if (has_started(child, message->state)) {
            step(child, CHILD_EV_READY, 0);
        } else {
            child->handlers->on_change(child->ctx, child);
        }
        break;
    case CONTROL_METRICS:
        child->metrics = *message;
        child->handlers->on_metrics(child->ctx, child);
        break;
    case CONTROL_OUTCOME:
        child->handlers->on_outcome(child->ctx, child, message);
        break;
    case CONTROL_STATS:
    case CONTROL_STOP:
    case CONTROL_DRAIN:
    case CONTROL_SET_DRAINING:
    case CONTROL_MOVE:
    case CONTROL_RELOAD:
        break; /* a supervisor's words */
    }
}

static void on_closed(void *ctx)
{
    struct child *child = ctx;
    control_channel_destroy(child->control);
    child->control = NULL;
    step(child, CHILD_EV_MUTE, 0);
}

static const struct control_channel_handlers channel_handlers = {on_message, on_closed};

/* ---- its process ---- */

static void new_id(struct child *child)
{
    char start[START_LEN + 1];
    random_name(start, START_LEN);
    free(child->id);
    child->id = child->spec.node_id ? xasprintf("%s-%c%u-%s", child->spec.node_id, child->name[0],
                                                child->spec.slot, start)
                                    : xstrdup(child->name);
}

/* What ran, or should have, is no more. */
static void ended(struct child *child, const struct child_end *end)
{
    child->pid = 0;
    control_channel_destroy(child->control);
    child->control = NULL;
    child->handlers->on_end(child->ctx, child, end);
    mark_page_destroy(child->mark);
    child->mark = NULL;
    step(child, end->kind == CHILD_END_LEFT ? CHILD_EV_LEFT : CHILD_EV_DIED, 0);
}

static void could_not_start(struct child *child, struct str why)
{
    char *how = xasprintf("could not be started: %.*s", STR_ARG(why));
    struct child_end end = {.kind = CHILD_END_DIED, .how = how};
    ended(child, &end);
    free(how);
}

static void spawn(struct child *child)
{
    new_id(child);
    child->report = (struct control_message){.kind = CONTROL_REPORT, .store_ok = true};
    child->metrics = (struct control_message){0};
    child->hang = (struct hang){0};
    child->hung = child->draining = child->node_draining = false;
    child->starts++;
    struct buf why = {0};
    struct launched launched;
    if (launch(&child->spec, child->name, child->id, &launched, &why)) {
        could_not_start(child, buf_str(&why));
    } else {
        child->pid = launched.pid;
        child->mark = launched.mark;
        if (launched.control_fd >= 0) {
            child->control =
                control_channel_create(child->base, launched.control_fd, &channel_handlers, child);
        }
        log_debug(NULL, "process started", LOG_TEXTZ("child", child->name),
                  LOG_I64("pid", child->pid), LOG_TEXTZ("id", child->id));
    }
    buf_finish(&why);
}

static void ask_to_stop(struct child *child, uint64_t now_ms)
{
    if (child->control) {
        struct control_message stop = {.kind = child->drains ? CONTROL_DRAIN : CONTROL_STOP,
                                       .deadline_ms = child->life.wake_ms - now_ms,
                                       .spread_ms = child->spread_ms,
                                       .away = child->away};
        control_channel_send(child->control, &stop);
    } else if (child->pid > 0) {
        kill(child->pid, SIGTERM);
    }
}

static void send_signal(const struct child *child, int number)
{
    if (child->pid > 0) {
        kill(child->pid, number);
    }
}

static void kill_late(struct child *child)
{
    child->was_killed |= child->life.state == CHILD_STOPPING;
    log_warn(NULL,
             child->life.state == CHILD_STOPPING ? "process does not stop in time; killing it"
                                                 : "process hangs; killing it",
             LOG_TEXTZ("child", child->name), LOG_I64("pid", child->pid));
    send_signal(child, SIGKILL);
}

/* ---- its life ---- */

static void step(struct child *child, enum child_event event, uint32_t stop_limit_ms)
{
    uint64_t now_ms = loop_now_ms(child->base);
    enum child_state before = child->life.state;
    enum child_action action = child_life_step(&child->life, event, now_ms, stop_limit_ms);
    if (child->life.wake_ms) {
        loop_arm(child->timer, child->life.wake_ms > now_ms ? child->life.wake_ms - now_ms : 0);
    } else {
        evtimer_del(child->timer);
    }
    switch (action) {
    case CHILD_DO_NOTHING:
        break;
    case CHILD_DO_SPAWN:
        spawn(child);
        break;
    case CHILD_DO_ASK:
        ask_to_stop(child, now_ms);
        break;
    case CHILD_DO_ABORT:
        send_signal(child, SIGABRT);
        break;
    case CHILD_DO_KILL:
        kill_late(child);
        break;
    }
    if (child->life.state != before) {
        child->since_unix_ms = clock_unix_ms();
    }
    if (child->life.state != before || event == CHILD_EV_READY) {
        child->handlers->on_change(child->ctx, child);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    step(ctx, CHILD_EV_TIMER, 0);
}

struct child *child_create(struct event_base *base, const struct child_spec *spec,
                           const struct child_handlers *handlers, void *ctx)
{
    struct child *child = xcalloc(1, sizeof(*child));
    const char *role = metric_role_name(spec->role);
    child->base = base;
    child->spec = *spec;
    child->handlers = handlers;
    child->ctx = ctx;
    child->name = spec->slot ? xasprintf("%s-%u", role, spec->slot) : xstrdup(role);
    child->id = xstrdup("");
    child->life.start_limit_ms = spec->start_limit_ms;
    child->timer = evtimer_new(base, on_timer, child);
    return child;
}

void child_start(struct child *child)
{
    step(child, CHILD_EV_START, 0);
}

void child_ready(struct child *child)
{
    child->report.state = CONTROL_READY;
    step(child, CHILD_EV_READY, 0);
}

void child_stop(struct child *child, uint32_t limit_ms, uint32_t spread_ms)
{
    child->drains = false;
    child->spread_ms = spread_ms;
    step(child, CHILD_EV_STOP, limit_ms);
}

void child_drain(struct child *child, uint32_t limit_ms, bool away)
{
    child->drains = true;
    child->away = away;
    step(child, CHILD_EV_STOP, limit_ms);
}

void child_look(struct child *child, uint64_t hang_ms)
{
    if (!child->mark || child->pid == 0 || child->hung) {
        return;
    }
    struct mark_view view;
    mark_page_read(child->mark, &view);
    if (hang_look(&child->hang, &view, process_cpu_ms(child->pid), hang_ms)) {
        log_error(NULL, "worker hangs inside a room; killing it", LOG_TEXTZ("child", child->name),
                  LOG_I64("pid", child->pid), LOG_STR("room", mark_view_room(&view)),
                  LOG_U64("cpu_ms", hang_ms));
        child->hung = true;
        child->hung_at = view;
        step(child, CHILD_EV_HUNG, 0);
    }
}

void child_reaped(struct child *child, int status)
{
    struct mark_view view = {0};
    if (child->hung) {
        view = child->hung_at;
    } else if (child->mark) {
        mark_page_read(child->mark, &view);
    }
    struct buf how = {0};
    buf_printf(&how, "%s", child->hung ? "hung and " : "");
    spawn_describe_end(status, &how);
    buf_append_byte(&how, '\0');
    /* One that owns nothing is gone before it can say that it drains. One that never was ready has
     * no plan. */
    bool left = WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
                (child->report.state == CONTROL_READY || child->report.state == CONTROL_DRAINING);
    struct child_end end = {
        .kind = child->life.state == CHILD_STOPPING ? CHILD_END_ASKED
                : left                              ? CHILD_END_LEFT
                                                    : CHILD_END_DIED,
        .how = (const char *)buf_head(&how),
    };
    if (blame_room(status, &view, child->hung)) {
        end.room = mark_view_room(&view);
    }
    ended(child, &end);
    buf_finish(&how);
}

static bool tell(struct child *child, const struct control_message *message)
{
    if (child->control) {
        control_channel_send(child->control, message);
    }
    return child->control != NULL; /* an end that does not read was just given up */
}

bool child_ask_metrics(struct child *child, uint64_t request)
{
    struct control_message ask = {.kind = CONTROL_STATS, .request = request};
    return tell(child, &ask);
}

static bool tell_draining(struct child *child)
{
    struct control_message message = {.kind = CONTROL_SET_DRAINING,
                                      .on = child->draining || child->node_draining,
                                      .away = child->node_draining};
    return tell(child, &message);
}

bool child_set_draining(struct child *child, bool on)
{
    child->draining = on;
    return tell_draining(child);
}

void child_set_node_draining(struct child *child, bool on)
{
    if (child->node_draining != on) {
        child->node_draining = on;
        tell_draining(child);
    }
}

void child_ask_reload(struct child *child)
{
    struct control_message message = {.kind = CONTROL_RELOAD};
    if (child->control) {
        control_channel_send(child->control, &message);
    }
}

bool child_ask_move(struct child *child, uint64_t request, const struct control_move *move)
{
    struct control_message message = {.kind = CONTROL_MOVE, .request = request, .move = *move};
    return tell(child, &message);
}

void child_destroy(struct child *child)
{
    if (!child) {
        return;
    }
    if (child->pid > 0) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
    }
    control_channel_destroy(child->control);
    mark_page_destroy(child->mark);
    event_free(child->timer);
    free_strings(child->spec.args);
    free(child->name);
    free(child->id);
    free(child);
}

const char *child_name(const struct child *child)
{
    return child->name;
}

const char *child_id(const struct child *child)
{
    return child->id;
}

enum metric_role child_role(const struct child *child)
{
    return child->spec.role;
}

enum child_state child_state(const struct child *child)
{
    return child->life.state;
}

enum child_part child_part(const struct child *child)
{
    return child->part;
}

void child_set_part(struct child *child, enum child_part part)
{
    child->part = part;
}

pid_t child_pid(const struct child *child)
{
    return child->pid;
}

uint64_t child_since_unix_ms(const struct child *child)
{
    return child->since_unix_ms;
}

uint64_t child_up_ms(const struct child *child)
{
    return child->life.state == CHILD_UP ? loop_now_ms(child->base) - child->life.up_since_ms : 0;
}

bool child_is_draining(const struct child *child)
{
    return child_was_told_to_drain(child) || child->report.state == CONTROL_DRAINING;
}

bool child_was_told_to_drain(const struct child *child)
{
    return child->draining || child->node_draining;
}

const char *child_socket(const struct child *child)
{
    return child->spec.socket ? child->spec.socket : "";
}

uint32_t child_restarts(const struct child *child)
{
    return child->starts ? child->starts - 1 : 0;
}

bool child_was_killed(const struct child *child)
{
    return child->was_killed;
}

const struct control_message *child_report(const struct child *child)
{
    return &child->report;
}

const struct control_message *child_metrics(const struct child *child)
{
    return child->metrics.kind == CONTROL_METRICS ? &child->metrics : NULL;
}
