/* One end of a control socketpair: frames in, frames out. */
#ifndef NET_CONTROL_CHANNEL_H
#define NET_CONTROL_CHANNEL_H

#include "net/control_frame.h"

struct control_channel;
struct event_base;

/* Both may call control_channel_destroy. */
struct control_channel_handlers {
    void (*on_message)(void *ctx, const struct control_message *message);
    /* The other end is gone, broke the rules, or does not read; once, and the last call. */
    void (*on_closed)(void *ctx);
};

/* Takes `fd` over. */
struct control_channel *control_channel_create(struct event_base *base, int fd,
                                               const struct control_channel_handlers *handlers,
                                               void *ctx);
/* Queues one message; dropped when the channel is closed. */
void control_channel_send(struct control_channel *channel, const struct control_message *message);
/* Closes without a callback. NULL is fine. */
void control_channel_destroy(struct control_channel *channel);

#endif
