/* One end of a control socketpair. */
#include "net/control_channel.h"

#include "base/alloc.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>

/* Messages are few and small: an end that leaves this much unread is stuck. */
#define QUEUE_MAX (1024 * 1024)

enum channel_state { CHANNEL_OPEN, CHANNEL_CLOSED, CHANNEL_DESTROYED };

struct control_channel {
    struct bufferevent *bev; /* owned */
    const struct control_channel_handlers *handlers;
    void *ctx;
    enum channel_state state;
    unsigned calls; /* handlers on the stack: memory stays until they are done */
    struct buf in;
};

static void release(struct control_channel *channel)
{
    channel->calls--;
    if (channel->state == CHANNEL_DESTROYED && channel->calls == 0) {
        buf_finish(&channel->in);
        bufferevent_free(channel->bev);
        free(channel);
    }
}

/* The caller is counted in `calls`. */
static void close_counted(struct control_channel *channel)
{
    if (channel->state == CHANNEL_OPEN) {
        channel->state = CHANNEL_CLOSED;
        bufferevent_disable(channel->bev, EV_READ | EV_WRITE);
        channel->handlers->on_closed(channel->ctx);
    }
}

static void close_channel(struct control_channel *channel)
{
    channel->calls++;
    close_counted(channel);
    release(channel);
}

static void on_readable(struct bufferevent *bev, void *ctx)
{
    struct control_channel *channel = ctx;
    struct evbuffer *input = bufferevent_get_input(bev);
    size_t len = evbuffer_get_length(input);
    evbuffer_remove(input, buf_reserve(&channel->in, len), len);
    buf_commit(&channel->in, len);
    channel->calls++;
    enum control_parse parsed = CONTROL_MESSAGE;
    struct control_message message;
    while (channel->state == CHANNEL_OPEN && parsed == CONTROL_MESSAGE) {
        parsed = control_frame_read(&channel->in, &message);
        if (parsed == CONTROL_MESSAGE) {
            channel->handlers->on_message(channel->ctx, &message);
        }
    }
    if (parsed == CONTROL_BROKEN) {
        close_counted(channel);
    }
    release(channel);
}

static void on_event(struct bufferevent *bev, short what, void *ctx)
{
    (void)bev;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
        close_channel(ctx);
    }
}

struct control_channel *control_channel_create(struct event_base *base, int fd,
                                               const struct control_channel_handlers *handlers,
                                               void *ctx)
{
    struct control_channel *channel = xcalloc(1, sizeof(*channel));
    channel->handlers = handlers;
    channel->ctx = ctx;
    evutil_make_socket_nonblocking(fd);
    evutil_make_socket_closeonexec(fd);
    channel->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    assert(channel->bev);
    bufferevent_setcb(channel->bev, on_readable, NULL, on_event, channel);
    bufferevent_enable(channel->bev, EV_READ | EV_WRITE);
    return channel;
}

void control_channel_send(struct control_channel *channel, const struct control_message *message)
{
    if (channel->state != CHANNEL_OPEN) {
        return;
    }
    struct buf frame = {0};
    control_frame_write(message, &frame);
    bufferevent_write(channel->bev, buf_head(&frame), buf_len(&frame));
    buf_finish(&frame);
    if (evbuffer_get_length(bufferevent_get_output(channel->bev)) > QUEUE_MAX) {
        close_channel(channel);
    }
}

void control_channel_destroy(struct control_channel *channel)
{
    if (channel) {
        channel->state = CHANNEL_DESTROYED;
        bufferevent_disable(channel->bev, EV_READ | EV_WRITE);
        channel->calls++;
        release(channel);
    }
}
