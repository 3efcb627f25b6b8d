/* A connected stream socket in the loop: what arrives is gathered until its reader has used it,
 * what is to go out is written when the owner says so, usually once at the end of a loop turn. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/buf.h"
#include "base/err.h"

#include <event2/event.h>

struct stream;

/* What a stream's bytes pass between socket and owner: a handshake, and perhaps encryption. It is
 * made by those who know what to prove, and embedded first in what they need for it. */
struct stream_filter {
    /* Takes all of `data` off the socket; what it says is appended to `plain`, what is to be
     * answered to `wire`. Sets `open`, or `passes`. An error ends the stream; what is in `wire` is
     * sent before, if the socket takes it at once. */
    enum err (*input)(struct stream_filter *filter, const uint8_t *data, size_t len,
                      struct buf *plain, struct buf *wire);
    /* Once open: takes all of `data`, and appends to `wire` what stands for it. */
    enum err (*output)(struct stream_filter *filter, const uint8_t *data, size_t len,
                       struct buf *wire);
    void (*destroy)(struct stream_filter *filter);
    bool open;   /* the owner may speak and hear */
    bool passes; /* and bytes pass as they are: the filter is done and destroyed */
};

struct stream_handlers {
    /* Takes from the front of `data`; returns through *used how much. An error ends the stream. */
    enum err (*on_input)(void *ctx, const uint8_t *data, size_t len, size_t *used);
    /* The stream is over, for whatever reason; destroy it now or later. Called once, never from
     * inside stream_flush. */
    void (*on_end)(void *ctx, enum err why);
    /* A filter has opened; output is sent, and input handed out, behind this call. May not destroy
     * the stream. NULL: no matter. */
    void (*on_open)(void *ctx);
};

/* Takes over a connected or connecting non-blocking socket. `output` and `handlers` are borrowed
 * for the stream's life; bytes are consumed from `output` as the socket takes them. */
struct stream *stream_create(struct event_base *base, int fd, struct buf *output,
                             const struct stream_handlers *handlers, void *ctx);
/* Puts a filter, which it takes over, between socket and owner, before anything is read or written;
 * `hello` is what the filter has to say first. What is not open after `limit_ms` ends with
 * ERR_TIMEOUT, and so does what is open when the other end's machine is silent (TCP_SILENCE_MS); a
 * peer that hangs up before has ERR_REFUSED. */
void stream_filter(struct stream *stream, struct stream_filter *filter, struct buf *hello,
                   uint64_t limit_ms);
/* Another owner from here on, for example in on_open. */
void stream_hand_over(struct stream *stream, struct buf *output,
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
