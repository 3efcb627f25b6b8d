/* A socket, hiredis' formatter and hiredis' reader; a bufferevent where TLS is between them, whose
 * replies wait for a whole turn of the loop. */
#include "store/conn.h"

#include "base/alloc.h"
#include "net/loop.h"
#include "store/connect.h"
#include "store/tls.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A snapshot is many MB; other connections wait for this one meanwhile. */
enum { TURN_BYTES = 1 << 20 };

/* What is smaller is copied next to its neighbours, so that one write takes many of them. */
enum { BIG_BYTES = 4096 };

/* A command that waits for its reply. */
struct pending {
    struct list link;
    conn_reply_fn fn;
    void *ctx;
};

enum conn_state {
    CONN_CONNECTING,
    CONN_OPEN,
    CONN_LEAVING, /* takes no more commands */
    CONN_CLOSED,  /* waits for the end of its own callbacks */
};

struct conn {
    enum conn_state state;
    int fd;                            /* owned, unless there is a `bev`; -1: none */
    struct event *readable, *writable; /* of `fd`; NULL without */
    SSL *session;                      /* owned; TLS, until the socket is connected: then */
    struct bufferevent *bev;           /* owned; has socket and session. NULL: none */
    struct evbuffer *out;              /* owned */
    struct list *unsent;               /* borrowed; NULL: nobody calls conn_flush_all */
    struct list unsent_link;           /* in it: `out` has something new */
    struct event *flush;               /* from the loop, soon */
    redisReader *reader;               /* owned */
    struct list pending;               /* of struct pending.link */
    const struct conn_handlers *handlers;
    void *ctx;
    unsigned depth; /* of callbacks of ours on the stack */
    bool told;      /* nobody wants to hear of its end any more */
    struct event *failed;
    char why[160];
};

static void set_why(struct conn *conn, const char *why)
{
    if (conn->why[0] == '\0') {
        snprintf(conn->why, sizeof(conn->why), "%s", why);
    }
}

static void enter(struct conn *conn)
{
    conn->depth++;
}

/* Its memory lives as long as one of its callbacks is on the stack. */
static void leave(struct conn *conn)
{
    if (--conn->depth > 0 || conn->state != CONN_CLOSED) {
        return;
    }
    if (!conn->told) {
        conn->told = true;
        conn->depth++;
        conn->handlers->on_closed(conn->ctx, conn->why);
        conn->depth--;
    }
    event_free(conn->flush);
    event_free(conn->failed);
    evbuffer_free(conn->out);
    redisReaderFree(conn->reader);
    free(conn);
}

static void drop_events(struct conn *conn)
{
    if (conn->readable) {
        loop_prompt_remove(conn->readable);
        event_free(conn->readable);
        event_free(conn->writable);
        conn->readable = conn->writable = NULL;
    }
}

static void close_socket(struct conn *conn)
{
    drop_events(conn);
    if (conn->bev) {
        bufferevent_free(conn->bev);
        conn->bev = NULL;
    } else if (conn->fd >= 0) {
        close(conn->fd);
    }
    conn->fd = -1;
    SSL_free(conn->session);
    conn->session = NULL;
}

/* Answers everything; the rest follows when the last callback returns. */
static void close_now(struct conn *conn)
{
    if (conn->state == CONN_CLOSED) {
        return;
    }
    conn->state = CONN_CLOSED;
    list_remove(&conn->unsent_link);
    close_socket(conn);
    struct pending *pending;
    list_each(pending, &conn->pending, link, struct pending)
    {
        list_remove(&pending->link);
        if (pending->fn) {
            pending->fn(pending->ctx, NULL);
        }
        free(pending);
    }
}

static void fail(struct conn *conn, const char *why)
{
    set_why(conn, why);
    close_now(conn);
}

/* ---- replies ---- */

static void take_reply(struct conn *conn, redisReply *reply)
{
    if (list_empty(&conn->pending)) {
        fail(conn, "a reply that nobody asked for");
    } else {
        struct pending *pending = list_entry(conn->pending.next, struct pending, link);
        list_remove(&pending->link);
        if (pending->fn) {
            pending->fn(pending->ctx, reply);
        }
        free(pending);
    }
    freeReplyObject(reply);
}

static void take_replies(struct conn *conn)
{
    while (conn->state != CONN_CLOSED) {
        void *reply = NULL;
        if (redisReaderGetReply(conn->reader, &reply) != REDIS_OK) {
            fail(conn, conn->reader->errstr);
        } else if (!reply) {
            return;
        } else {
            take_reply(conn, reply);
        }
    }
}

/* What has come is done with. */
static void end_of_input(struct conn *conn)
{
    if (conn->state == CONN_LEAVING && list_empty(&conn->pending)) {
        close_now(conn);
    }
}

/* ---- a bare socket ---- */

/* Takes what has come, but no more than others can wait for. */
static void read_socket(struct conn *conn)
{
    char piece[64 << 10];
    size_t total = 0;
    ssize_t n = sizeof(piece);
    while (conn->state != CONN_CLOSED && total < TURN_BYTES && n == (ssize_t)sizeof(piece)) {
        n = recv(conn->fd, piece, sizeof(piece), 0);
        if (n > 0) {
            redisReaderFeed(conn->reader, piece, (size_t)n);
            take_replies(conn);
            total += (size_t)n;
        } else if (n == 0) {
            fail(conn, "Server closed the connection");
        } else if (errno != EAGAIN && errno != EINTR) {
            fail(conn, strerror(errno));
        }
    }
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
    struct conn *conn = ctx;
    (void)fd;
    (void)what;
    enter(conn);
    read_socket(conn);
    end_of_input(conn);
    leave(conn);
}

/* That it cannot write any more is told from the loop, behind what it can read yet: a server says
 * why it hangs up. */
static void write_socket(struct conn *conn)
{
    int n = 1;
    for (int left = TURN_BYTES; left > 0 && n > 0 && evbuffer_get_length(conn->out) > 0;
         left -= n) {
        n = evbuffer_write_atmost(conn->out, conn->fd, left);
    }
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        event_active(conn->failed, EV_TIMEOUT, 1);
    } else if (evbuffer_get_length(conn->out) > 0) {
        event_add(conn->writable, NULL);
    }
}

/* ---- sending ---- */

static void flush(struct conn *conn)
{
    list_remove(&conn->unsent_link);
    event_del(conn->flush);
    if (conn->state != CONN_OPEN && conn->state != CONN_LEAVING) {
        return;
    }
    if (conn->bev) {
        bufferevent_write_buffer(conn->bev, conn->out);
    } else if (conn->writable) {
        write_socket(conn);
    }
}

static void flush_soon(struct conn *conn)
{
    if (conn->unsent && list_empty(&conn->unsent_link)) {
        list_append(conn->unsent, &conn->unsent_link);
    }
    event_active(conn->flush, EV_TIMEOUT, 1);
}

static void on_flush(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    flush(ctx);
}

void conn_flush_all(struct list *unsent)
{
    struct conn *conn;
    list_each(conn, unsent, unsent_link, struct conn)
    {
        flush(conn);
    }
}

static void open_up(struct conn *conn)
{
    conn->state = CONN_OPEN;
    conn->handlers->on_open(conn->ctx);
    flush(conn);
}

/* ---- TLS ---- */

static void on_tls_read(struct bufferevent *bev, void *ctx)
{
    struct conn *conn = ctx;
    struct evbuffer *in = bufferevent_get_input(bev);
    struct evbuffer_iovec chunk;
    enter(conn);
    while (evbuffer_peek(in, -1, NULL, &chunk, 1) > 0) {
        redisReaderFeed(conn->reader, chunk.iov_base, chunk.iov_len);
        evbuffer_drain(in, chunk.iov_len);
    }
    take_replies(conn);
    end_of_input(conn);
    leave(conn);
}

static const char *trouble(const struct conn *conn, short what)
{
    SSL *session = bufferevent_openssl_get_ssl(conn->bev);
    int error = EVUTIL_SOCKET_ERROR();
    unsigned long tls_error = bufferevent_get_openssl_error(conn->bev);
    if (tls_error || (conn->state == CONN_CONNECTING &&
                      (SSL_get_verify_result(session) != X509_V_OK || error == 0))) {
        return tls_trouble(session, tls_error);
    }
    return what & BEV_EVENT_EOF || error == 0 ? "Server closed the connection"
                                              : evutil_socket_error_to_string(error);
}

static void on_tls_event(struct bufferevent *bev, short what, void *ctx)
{
    struct conn *conn = ctx;
    (void)bev;
    enter(conn);
    if (what & BEV_EVENT_CONNECTED && conn->state == CONN_CONNECTING) {
        open_up(conn);
    } else if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
        fail(conn, trouble(conn, what));
    }
    leave(conn);
}

static void begin_tls(struct conn *conn)
{
    drop_events(conn);
    conn->bev = bufferevent_openssl_socket_new(event_get_base(conn->flush), conn->fd, conn->session,
                                               BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    assert(conn->bev);
    conn->session = NULL;
    bufferevent_setcb(conn->bev, on_tls_read, NULL, on_tls_event, conn);
    bufferevent_set_max_single_read(conn->bev, TURN_BYTES);
    bufferevent_set_max_single_write(conn->bev, TURN_BYTES);
    bufferevent_openssl_set_allow_dirty_shutdown(conn->bev, 1);
    bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
}

/* ---- coming and going ---- */

static void on_connected(struct conn *conn)
{
    int error = connect_result(conn->fd);
    if (error) {
        fail(conn, strerror(error));
    } else if (conn->session) {
        begin_tls(conn);
    } else {
        event_add(conn->readable, NULL);
        loop_prompt_add(conn->readable);
        open_up(conn);
    }
}

static void on_writable(evutil_socket_t fd, short what, void *ctx)
{
    struct conn *conn = ctx;
    (void)fd;
    (void)what;
    enter(conn);
    if (conn->state == CONN_CONNECTING) {
        on_connected(conn);
    } else {
        flush(conn);
    }
    leave(conn);
}

/* What could not even begin, or goes no further, is told from the loop. */
static void on_failed(evutil_socket_t fd, short what, void *ctx)
{
    struct conn *conn = ctx;
    (void)fd;
    (void)what;
    enter(conn);
    if (conn->readable && conn->state != CONN_CONNECTING) {
        read_socket(conn);
    }
    fail(conn, "Server closed the connection");
    leave(conn);
}

struct conn *conn_create(struct event_base *base, const struct conn_target *target,
                         const struct conn_handlers *handlers, void *ctx)
{
    struct conn *conn = xcalloc(1, sizeof(*conn));
    struct buf why = {0};
    conn->handlers = handlers;
    conn->ctx = ctx;
    conn->session = target->tls ? tls_session(target->tls, target->address) : NULL;
    conn->unsent = target->unsent;
    conn->out = evbuffer_new();
    conn->reader = redisReaderCreate();
    conn->flush = event_new(base, -1, 0, on_flush, conn);
    conn->failed = evtimer_new(base, on_failed, conn);
    list_init(&conn->unsent_link);
    list_init(&conn->pending);
    conn->fd = connect_begin(target, &why);
    if (conn->fd >= 0) {
        conn->readable = event_new(base, conn->fd, EV_READ | EV_PERSIST, on_readable, conn);
        conn->writable = event_new(base, conn->fd, EV_WRITE, on_writable, conn);
        event_add(conn->writable, NULL);
    } else {
        buf_append_byte(&why, 0);
        set_why(conn, (const char *)buf_head(&why));
        event_active(conn->failed, EV_TIMEOUT, 1);
    }
    buf_finish(&why);
    return conn;
}

/* ---- commands ---- */

static void free_command(const void *data, size_t len, void *ctx)
{
    (void)data;
    (void)len;
    redisFreeCommand(ctx);
}

bool conn_send(struct conn *conn, int argc, const char *const *argv, const size_t *len,
               conn_reply_fn fn, void *ctx)
{
    if (conn->state != CONN_CONNECTING && conn->state != CONN_OPEN) {
        return false;
    }
    char *command;
    /* hiredis only forgot a const. */
    int bytes = redisFormatCommandArgv(&command, argc, (const char **)(uintptr_t)argv, len);
    assert(bytes > 0);
    struct pending *pending = xmalloc(sizeof(*pending));
    *pending = (struct pending){.fn = fn, .ctx = ctx};
    list_append(&conn->pending, &pending->link);
    if (bytes < BIG_BYTES) {
        evbuffer_add(conn->out, command, (size_t)bytes);
        redisFreeCommand(command);
    } else {
        evbuffer_add_reference(conn->out, command, (size_t)bytes, free_command, command);
    }
    flush_soon(conn);
    return true;
}

bool conn_send_words(struct conn *conn, int argc, const char *const *argv, conn_reply_fn fn,
                     void *ctx)
{
    enum { WORDS_MAX = 8 };
    size_t len[WORDS_MAX];
    assert(argc <= WORDS_MAX);
    for (int i = 0; i < argc; i++) {
        len[i] = strlen(argv[i]);
    }
    return conn_send(conn, argc, argv, len, fn, ctx);
}

void conn_leave(struct conn *conn, const char *why)
{
    if (conn->state != CONN_CONNECTING && conn->state != CONN_OPEN) {
        return;
    }
    bool open = conn->state == CONN_OPEN;
    set_why(conn, why);
    conn->state = CONN_LEAVING;
    if (!open) {
        drop_events(conn); /* nothing was sent yet, and nothing will be */
    }
    if (!open || list_empty(&conn->pending)) {
        event_active(conn->failed, EV_TIMEOUT, 1);
    }
}

void conn_destroy(struct conn *conn)
{
    if (!conn) {
        return;
    }
    conn->told = true;
    enter(conn);
    close_now(conn);
    leave(conn);
}
