/* A bufferevent, hiredis' formatter and hiredis' reader. */
#include "store/conn.h"

#include "base/alloc.h"
#include "base/list.h"
#include "store/tls.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

/* A snapshot is many MB, and libevent's own bound of 16 KiB a turn would take thousands of turns;
 * other connections wait for this one meanwhile. */
enum { TURN_BYTES = 1 << 20 };
/* What libevent 2.1 reads of a socket in a turn at the most, whatever one asks for. */
enum { LIBEVENT_READ = 4096 };

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
    struct bufferevent *bev; /* owned; NULL once closed */
    redisReader *reader;     /* owned */
    struct list pending;     /* of struct pending.link */
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
    event_free(conn->failed);
    redisReaderFree(conn->reader);
    free(conn);
}

/* Answers everything; the rest follows when the last callback returns. */
static void close_now(struct conn *conn)
{
    if (conn->state == CONN_CLOSED) {
        return;
    }
    conn->state = CONN_CLOSED;
    if (conn->bev) {
        bufferevent_free(conn->bev);
        conn->bev = NULL;
    }
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

/* There is more than libevent has read: a thousand rooms that are loaded are megabytes, and turns
 * may be milliseconds apart. That the connection has ended is left to libevent, as is what TLS has
 * read. */
static void read_rest(struct conn *conn)
{
    char piece[64 << 10];
    if (bufferevent_openssl_get_ssl(conn->bev)) {
        return;
    }
    for (size_t got = 0; got < TURN_BYTES && conn->state != CONN_CLOSED;) {
        ssize_t n = recv(bufferevent_getfd(conn->bev), piece, sizeof(piece), MSG_DONTWAIT);
        if (n <= 0) {
            return;
        }
        redisReaderFeed(conn->reader, piece, (size_t)n);
        take_replies(conn);
        got += (size_t)n;
    }
}

/* Takes all that has come off the buffer, and answers as far as it goes. */
static void read_replies(struct conn *conn)
{
    struct evbuffer *in = bufferevent_get_input(conn->bev);
    bool more = evbuffer_get_length(in) >= LIBEVENT_READ;
    struct evbuffer_iovec chunk;
    while (evbuffer_peek(in, -1, NULL, &chunk, 1) > 0) {
        redisReaderFeed(conn->reader, chunk.iov_base, chunk.iov_len);
        evbuffer_drain(in, chunk.iov_len);
    }
    take_replies(conn);
    if (more && conn->state != CONN_CLOSED) {
        read_rest(conn);
    }
}

static void on_read(struct bufferevent *bev, void *ctx)
{
    struct conn *conn = ctx;
    (void)bev;
    enter(conn);
    read_replies(conn);
    if (conn->state == CONN_LEAVING && list_empty(&conn->pending)) {
        close_now(conn);
    }
    leave(conn);
}

/* ---- coming and going ---- */

static const char *trouble(const struct conn *conn, short what)
{
    SSL *session = bufferevent_openssl_get_ssl(conn->bev);
    int error = EVUTIL_SOCKET_ERROR();
    unsigned long tls_error = session ? bufferevent_get_openssl_error(conn->bev) : 0;
    if (session && (tls_error || conn->state == CONN_CONNECTING) &&
        (tls_error || SSL_get_verify_result(session) != X509_V_OK || error == 0)) {
        return tls_trouble(session, tls_error);
    }
    return what & BEV_EVENT_EOF || error == 0 ? "Server closed the connection"
                                              : evutil_socket_error_to_string(error);
}

static void on_event(struct bufferevent *bev, short what, void *ctx)
{
    struct conn *conn = ctx;
    enter(conn);
    if (what & BEV_EVENT_CONNECTED) {
        int on = 1;
        setsockopt(bufferevent_getfd(bev), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (conn->state == CONN_CONNECTING) {
            conn->state = CONN_OPEN;
            conn->handlers->on_open(conn->ctx);
        }
    } else if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
        fail(conn, trouble(conn, what));
    }
    leave(conn);
}

/* What could not even begin is told from the loop. */
static void on_failed(evutil_socket_t fd, short what, void *ctx)
{
    struct conn *conn = ctx;
    (void)fd;
    (void)what;
    enter(conn);
    close_now(conn); /* why is said already */
    leave(conn);
}

static bool connect_socket(struct conn *conn, const char *path)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(where.sun_path)) {
        set_why(conn, "the path of the socket is too long");
        return false;
    }
    memcpy(where.sun_path, path, strlen(path));
    if (bufferevent_socket_connect(conn->bev, (struct sockaddr *)&where, sizeof(where))) {
        set_why(conn, strerror(errno));
        return false;
    }
    return true;
}

/* Names are looked up by the system, which may take its time; addresses are not looked up. IPv4
 * comes first: "localhost" is ::1 too, where Redis does not listen by default. */
static int look_up(const struct address *address, struct addrinfo **out)
{
    static const int families[] = {AF_INET, AF_INET6};
    char port[8];
    int error = 0;
    snprintf(port, sizeof(port), "%u", address->port);
    for (size_t i = 0; i < 2; i++) {
        struct addrinfo want = {.ai_family = families[i], .ai_socktype = SOCK_STREAM};
        error = getaddrinfo(address->host, port, &want, out);
        if (!error) {
            break;
        }
    }
    return error;
}

static bool connect_tcp(struct conn *conn, const struct address *address)
{
    struct addrinfo *found;
    int error = look_up(address, &found);
    if (error) {
        set_why(conn, gai_strerror(error));
        return false;
    }
    bool fine = bufferevent_socket_connect(conn->bev, found->ai_addr, (int)found->ai_addrlen) == 0;
    if (!fine) {
        set_why(conn, strerror(errno));
    }
    freeaddrinfo(found);
    return fine;
}

struct conn *conn_create(struct event_base *base, const struct conn_target *target,
                         const struct conn_handlers *handlers, void *ctx)
{
    struct conn *conn = xcalloc(1, sizeof(*conn));
    conn->handlers = handlers;
    conn->ctx = ctx;
    conn->reader = redisReaderCreate();
    conn->failed = evtimer_new(base, on_failed, conn);
    list_init(&conn->pending);
    conn->bev =
        target->tls
            ? bufferevent_openssl_socket_new(base, -1, tls_session(target->tls, target->address),
                                             BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE)
            : bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    assert(conn->bev);
    bufferevent_setcb(conn->bev, on_read, NULL, on_event, conn);
    bufferevent_set_max_single_read(conn->bev, TURN_BYTES);
    bufferevent_set_max_single_write(conn->bev, TURN_BYTES);
    if (target->tls) {
        bufferevent_openssl_set_allow_dirty_shutdown(conn->bev, 1);
    }
    enter(conn); /* it may fail before it returns */
    bool fine = target->socket_path ? connect_socket(conn, target->socket_path)
                                    : connect_tcp(conn, target->address);
    conn->depth--;
    if (fine && conn->bev) {
        bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
    } else {
        struct timeval now = {0, 0};
        evtimer_add(conn->failed, &now);
    }
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
    if (!conn->bev || (conn->state != CONN_CONNECTING && conn->state != CONN_OPEN)) {
        return false;
    }
    char *command;
    /* hiredis only forgot a const. */
    int bytes = redisFormatCommandArgv(&command, argc, (const char **)(uintptr_t)argv, len);
    assert(bytes > 0);
    struct pending *pending = xmalloc(sizeof(*pending));
    *pending = (struct pending){.fn = fn, .ctx = ctx};
    list_append(&conn->pending, &pending->link);
    struct evbuffer *out = bufferevent_get_output(conn->bev);
    if (bytes < BIG_BYTES) {
        evbuffer_add(out, command, (size_t)bytes);
        redisFreeCommand(command);
    } else {
        evbuffer_add_reference(out, command, (size_t)bytes, free_command, command);
    }
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
    set_why(conn, why);
    conn->state = CONN_LEAVING;
    if (list_empty(&conn->pending)) {
        struct timeval now = {0, 0};
        evtimer_add(conn->failed, &now);
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
