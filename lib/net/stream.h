/* A connected stream socket in the loop: what arrives is gathered until its reader has used it,
 * what is to go out is written when the owner says so, usually once at the end of a loop turn. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/buf.h"
#include "base/err.h"

#include <event2/event.h>

struct stream;

struct stream_handlers {
    /* Takes from the front of `data`; returns through *used how much. An error ends the stream. */
    enum err (*on_input)(void *ctx, const uint8_t *data, size_t len, size_t *used);
    /* The stream is over, for whatever reason; destroy it now or later. Called once, never from
     * inside stream_flush. */
    void (*on_end)(void *ctx, enum err why);
};

/* Takes over a connected or connecting non-blocking socket. `output` and `handlers` are borrowed
 * for the stream's life; bytes are consumed from `output` as the socket takes them. */
struct stream *stream_create(struct event_base *base, int fd, struct buf *output,
                             const struct stream_handlers *handlers, void *ctx);
/* Writes what there is; goes on by itself if the socket does not take all. */
void stream_flush(struct stream *stream);
/* Stops reading, or goes on: then what was left over is handed out again at once. */
void stream_pause(struct stream *stream, bool paused);
/* Ends it: on_end is called from the loop, soon. */
void stream_end(struct stream *stream, enum err why);
/* Closes the socket, without on_end. NULL is fine. */
void stream_destroy(struct stream *stream);

/* A Unix socket: connecting (possibly still under way) or listening (a stale file is replaced;
 * mode 0600). -1 with errno. */
int stream_connect_unix(const char *path);
int stream_listen_unix(const char *path);

#endif
