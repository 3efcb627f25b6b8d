/* A child's end of the channel to its supervisor. */
#include "net/control.h"

#include "base/alloc.h"
#include "base/log.h"
#include "net/control_channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct control {
    struct control_channel *channel; /* owned; NULL without a supervisor */
    const struct control_handlers *handlers;
    void *ctx;
    bool reported;
    struct control_message last; /* what the supervisor knows of us */
};

static void on_message(void *ctx, const struct control_message *message)
{
    struct control *control = ctx;
    switch (message->kind) {
    case CONTROL_STATS: {
        struct control_message answer = {
            .kind = CONTROL_METRICS, .request = message->request, .metrics = *metrics_read()};
        control_channel_send(control->channel, &answer);
        break;
    }
    case CONTROL_STOP:
        control->handlers->on_stop(control->ctx, message->deadline_ms, message->spread_ms);
        break;
    case CONTROL_DRAIN:
        if (control->handlers->on_drain) {
            control->handlers->on_drain(control->ctx, message->deadline_ms, message->away);
        } else {
            control->handlers->on_stop(control->ctx, message->deadline_ms, message->spread_ms);
        }
        break;
    case CONTROL_SET_DRAINING:
        if (control->handlers->on_draining) {
            control->handlers->on_draining(control->ctx, message->on, message->away);
        }
        break;
    case CONTROL_MOVE:
        if (control->handlers->on_move) {
            control->handlers->on_move(control->ctx, message->request, &message->move);
        }
        break;
    case CONTROL_RELOAD:
        if (control->handlers->on_reload) {
            control->handlers->on_reload(control->ctx);
        }
        break;
    case CONTROL_REPORT:
    case CONTROL_METRICS:
    case CONTROL_OUTCOME:
        break; /* a child's words; a supervisor has no use for them */
    }
}

static void on_closed(void *ctx)
{
    struct control *control = ctx;
    if (control->handlers->on_lost) {
        control->handlers->on_lost(control->ctx);
        return;
    }
    log_error(NULL, "the supervisor is gone; exiting");
    _exit(1);
}

static const struct control_channel_handlers channel_handlers = {on_message, on_closed};

struct control *control_create(struct event_base *base, int fd,
                               const struct control_handlers *handlers, void *ctx)
{
    struct control *control = xcalloc(1, sizeof(*control));
    control->handlers = handlers;
    control->ctx = ctx;
    if (fd >= 0) {
        control->channel = control_channel_create(base, fd, &channel_handlers, control);
    }
    return control;
}

void control_report(struct control *control, enum control_state state, bool store_ok,
                    const char *why)
{
    struct control_message message = {.kind = CONTROL_REPORT, .state = state, .store_ok = store_ok};
    snprintf(message.why, sizeof(message.why), "%s", why);
    snprintf(message.version, sizeof(message.version), "%s", ROOMD_VERSION);
    bool same = control->reported && control->last.state == state &&
                control->last.store_ok == store_ok && strcmp(control->last.why, message.why) == 0;
    if (!same && control->channel) {
        control_channel_send(control->channel, &message);
    }
    control->last = message;
    control->reported = true;
}

void control_answer_move(struct control *control, uint64_t request, enum control_outcome outcome,
                         uint64_t epoch)
{
    struct control_message message = {
        .kind = CONTROL_OUTCOME, .request = request, .outcome = outcome, .epoch = epoch};
    if (control->channel) {
        control_channel_send(control->channel, &message);
    }
}

void control_destroy(struct control *control)
{
    if (control) {
        control_channel_destroy(control->channel);
        free(control);
    }
}
