/* Stream sockets. */
#include "net/stream.h"

#include "base/alloc.h"
#include "net/loop.h"
#include "net/tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_SIZE = 256 << 10, READS_PER_TURN = 4, KEEP_BYTES = 64 << 10 };
/* What a filter makes of output at a time: what waits is to be seen by its owner, unmade. */
enum { SEAL_BYTES = 256 << 10 };
enum { WATCH_MS = 1000 };

struct stream {
    int fd;
    struct event *read, *write, *ending;
    struct buf input;
    struct buf *output;
    struct stream_filter *filter; /* owned; NULL: bytes pass as they are */
    struct buf raw;               /* off the socket, for the filter */
    struct buf sealed;            /* of the filter, for the socket; ahead of `output` */
    struct event *watch;          /* until it opens: the limit; then: whether the other end's
                                     machine is there. NULL without a filter */
    const struct stream_handlers *handlers;
    void *ctx;
    enum err why;
    bool ended; /* nothing is read or written any more */
};

void stream_end(struct stream *stream, enum err why)
{
    if (stream->ended) {
        return;
    }
    stream->ended = true;
    stream->why = why;
    event_del(stream->read);
    event_del(stream->write);
    if (stream->watch) {
        event_del(stream->watch);
    }
    event_active(stream->ending, EV_TIMEOUT, 1);
}

static void on_ending(evutil_socket_t fd, short events, void *ctx)
{
    struct stream *stream = ctx;
    (void)fd;
    (void)events;
    stream->handlers->on_end(stream->ctx, stream->why);
}

/* Hands out what there is; false if the stream ended. */
static bool hand_out(struct stream *stream)
{
    size_t used = 0;
    enum err err = stream->handlers->on_input(stream->ctx, buf_head(&stream->input),
                                              buf_len(&stream->input), &used);
    if (err) {
        stream_end(stream, err);
    }
    if (stream->ended) {
        return false;
    }
    buf_consume(&stream->input, used);
    if (buf_len(&stream->input) == 0) {
        buf_clear(&stream->input, KEEP_BYTES);
    }
    return true;
}

/* ---- reading ---- */

static bool is_open(const struct stream *stream)
{
    return !stream->filter || stream->filter->open;
}

static void open_up(struct stream *stream)
{
    loop_arm(stream->watch, WATCH_MS);
    if (stream->filter->passes) {
        stream->filter->destroy(stream->filter);
        stream->filter = NULL;
        buf_finish(&stream->raw);
    }
    if (stream->handlers->on_open) {
        stream->handlers->on_open(stream->ctx);
    }
}

/* Passes on what came off the socket; false if the stream ended. */
static bool pass_on(struct stream *stream)
{
    struct stream_filter *filter = stream->filter;
    if (!filter) {
        return hand_out(stream);
    }
    bool was_open = filter->open;
    enum err err = filter->input(filter, buf_head(&stream->raw), buf_len(&stream->raw),
                                 &stream->input, &stream->sealed);
    buf_clear(&stream->raw, KEEP_BYTES);
    if (!err && !was_open && filter->open) {
        open_up(stream);
    }
    stream_flush(stream);
    if (err) {
        stream_end(stream, err);
    }
    return !stream->ended && (!is_open(stream) || hand_out(stream));
}

static enum err why_closed(const struct stream *stream)
{
    return is_open(stream) ? ERR_CLOSED : ERR_REFUSED;
}

static void on_readable(evutil_socket_t fd, short events, void *ctx)
{
    struct stream *stream = ctx;
    (void)events;
    for (int i = 0; i < READS_PER_TURN; i++) {
        struct buf *into = stream->filter ? &stream->raw : &stream->input;
        ssize_t n = read(fd, buf_reserve(into, READ_SIZE), READ_SIZE);
        if (n > 0) {
            buf_commit(into, (size_t)n);
            if (!pass_on(stream) || n < READ_SIZE || !event_pending(stream->read, EV_READ, NULL)) {
                return;
            }
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        } else {
            stream_end(stream, n == 0 || errno == ECONNRESET ? why_closed(stream) : ERR_IO);
            return;
        }
    }
}

void stream_pause(struct stream *stream, bool paused)
{
    if (stream->ended) {
        return;
    }
    if (paused) {
        event_del(stream->read);
    } else {
        event_add(stream->read, NULL);
        if (is_open(stream)) {
            hand_out(stream);
        }
    }
}

/* ---- writing ---- */

/* What is to be written next; empty: nothing now. */
static struct buf *next_output(struct stream *stream)
{
    if (stream->filter && stream->filter->open && buf_len(&stream->sealed) == 0 &&
        buf_len(stream->output) > 0) {
        size_t len = buf_len(stream->output);
        len = len < SEAL_BYTES ? len : SEAL_BYTES;
        enum err err =
            stream->filter->output(stream->filter, buf_head(stream->output), len, &stream->sealed);
        buf_consume(stream->output, len);
        if (err) {
            stream_end(stream, err);
        }
    }
    return stream->filter || buf_len(&stream->sealed) > 0 ? &stream->sealed : stream->output;
}

void stream_flush(struct stream *stream)
{
    struct buf *out;
    while (!stream->ended && buf_len(out = next_output(stream)) > 0) {
        ssize_t n = send(stream->fd, buf_head(out), buf_len(out), MSG_NOSIGNAL);
        if (n >= 0) {
            buf_consume(out, (size_t)n);
        } else if (errno == EAGAIN || errno == ENOTCONN || errno == EINPROGRESS) {
            event_add(stream->write, NULL);
            return;
        } else if (errno != EINTR) {
            bool gone = errno == EPIPE || errno == ECONNRESET;
            stream_end(stream, gone ? why_closed(stream) : ERR_IO);
            return;
        }
    }
    if (!stream->ended && buf_len(stream->output) == 0) {
        buf_clear(stream->output, KEEP_BYTES);
        buf_clear(&stream->sealed, KEEP_BYTES);
    }
}

static void on_writable(evutil_socket_t fd, short events, void *ctx)
{
    (void)fd;
    (void)events;
    stream_flush(ctx);
}

/* ---- beginning and end ---- */

struct stream *stream_create(struct event_base *base, int fd, struct buf *output,
                             const struct stream_handlers *handlers, void *ctx)
{
    struct stream *stream = xcalloc(1, sizeof(*stream));
    stream->fd = fd;
    stream->output = output;
    stream->handlers = handlers;
    stream->ctx = ctx;
    stream->read = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, stream);
    stream->write = event_new(base, fd, EV_WRITE, on_writable, stream);
    stream->ending = event_new(base, -1, 0, on_ending, stream);
    event_add(stream->read, NULL);
    return stream;
}

static void on_watch(evutil_socket_t fd, short events, void *ctx)
{
    struct stream *stream = ctx;
    (void)fd;
    (void)events;
    if (!is_open(stream) || tcp_silence_ms(stream->fd) > TCP_SILENCE_MS) {
        stream_end(stream, ERR_TIMEOUT);
    } else {
        loop_arm(stream->watch, WATCH_MS);
    }
}

void stream_filter(struct stream *stream, struct stream_filter *filter, struct buf *hello,
                   uint64_t limit_ms)
{
    stream->filter = filter;
    buf_append_str(&stream->sealed, buf_str(hello));
    stream->watch = evtimer_new(event_get_base(stream->read), on_watch, stream);
    loop_arm(stream->watch, limit_ms);
    stream_flush(stream);
}

void stream_hand_over(struct stream *stream, struct buf *output,
                      const struct stream_handlers *handlers, void *ctx)
{
    stream->output = output;
    stream->handlers = handlers;
    stream->ctx = ctx;
}

void stream_destroy(struct stream *stream)
{
    if (!stream) {
        return;
    }
    event_free(stream->read);
    event_free(stream->write);
    event_free(stream->ending);
    if (stream->watch) {
        event_free(stream->watch);
    }
    if (stream->filter) {
        stream->filter->destroy(stream->filter);
    }
    close(stream->fd);
    buf_finish(&stream->input);
    buf_finish(&stream->raw);
    buf_finish(&stream->sealed);
    free(stream);
}

static int open_unix(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address->sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address->sun_path, path, strlen(path));
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int fail(int fd)
{
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int stream_connect_unix(const char *path)
{
    struct sockaddr_un address;
    int fd = open_unix(path, &address);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        return fail(fd);
    }
    return fd;
}

int stream_listen_unix(const char *path)
{
    struct sockaddr_un address;
    int fd = open_unix(path, &address);
    if (fd < 0) {
        return fd;
    }
    unlink(path);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0600) < 0 ||
        listen(fd, SOMAXCONN) < 0) {
        return fail(fd);
    }
    return fd;
}
