/* Stream sockets. */
#include "net/stream.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_SIZE = 256 << 10, READS_PER_TURN = 4, KEEP_BYTES = 64 << 10 };

struct stream {
    int fd;
    struct event *read, *write, *ending;
    struct buf input;
    struct buf *output;
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

static void on_readable(evutil_socket_t fd, short events, void *ctx)
{
    struct stream *stream = ctx;
    (void)events;
    for (int i = 0; i < READS_PER_TURN; i++) {
        ssize_t n = read(fd, buf_reserve(&stream->input, READ_SIZE), READ_SIZE);
        if (n > 0) {
            buf_commit(&stream->input, (size_t)n);
            if (!hand_out(stream) || n < READ_SIZE || !event_pending(stream->read, EV_READ, NULL)) {
                return;
            }
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        } else {
            stream_end(stream, n == 0 ? ERR_CLOSED : ERR_IO);
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
        hand_out(stream);
    }
}

void stream_flush(struct stream *stream)
{
    while (!stream->ended && buf_len(stream->output) > 0) {
        ssize_t n = send(stream->fd, buf_head(stream->output), buf_len(stream->output),
                         MSG_NOSIGNAL);
        if (n >= 0) {
            buf_consume(stream->output, (size_t)n);
        } else if (errno == EAGAIN || errno == ENOTCONN || errno == EINPROGRESS) {
            event_add(stream->write, NULL);
            return;
        } else if (errno != EINTR) {
            stream_end(stream, errno == EPIPE || errno == ECONNRESET ? ERR_CLOSED : ERR_IO);
            return;
        }
    }
    if (!stream->ended) {
        buf_clear(stream->output, KEEP_BYTES);
    }
}

static void on_writable(evutil_socket_t fd, short events, void *ctx)
{
    (void)fd;
    (void)events;
    stream_flush(ctx);
}

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

void stream_destroy(struct stream *stream)
{
    if (!stream) {
        return;
    }
    event_free(stream->read);
    event_free(stream->write);
    event_free(stream->ending);
    close(stream->fd);
    buf_finish(&stream->input);
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
