/* Accepting other nodes. */
#include "peer/listener.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/metrics.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/tcp.h"
#include "peer/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPTS_PER_TURN = 16, ACCEPT_PAUSE_MS = 100, LINES_PER_MINUTE = 1 };

struct peer_listener {
    struct peer *peer;
    struct event_base *base;
    peer_accepted_fn fn;
    void *ctx;
    bool tls;
    char remote[PEER_ADDRESS_MAX];
    struct event *accept;
    struct event *accept_pause; /* ends one */
    struct list strangers;      /* of struct stranger.link, the oldest first; owned */
    unsigned count;
    struct log_limit refusals;
    struct log_limit failures;
};

struct stranger {
    struct list link;
    struct peer_listener *listener;
    struct stream *stream;
    struct buf output; /* nothing: it is told nothing */
    char from[ADDRESS_TEXT_MAX];
};

static void forget(struct stranger *stranger)
{
    list_remove(&stranger->link);
    stranger->listener->count--;
    free(stranger);
}

static const char *words_for(enum err why)
{
    switch (why) {
    case ERR_MALFORMED:
    case ERR_TOO_LARGE:
        return "it speaks another protocol, or cluster-tls is not the same on both sides";
    case ERR_REFUSED:
        return "it does not know the secret, wants another worker, or hung up";
    case ERR_VERSION:
        return "we have no version of the link in common";
    case ERR_TIMEOUT:
        return "it did not prove itself in time";
    case ERR_AGAIN:
        return "too many others came before it had proven itself";
    default:
        return "its connection broke";
    }
}

static void refuse(struct stranger *stranger, enum err why)
{
    struct peer_listener *listener = stranger->listener;
    uint32_t suppressed;
    metrics_add(METRIC_PEERS_REFUSED, 1);
    if (log_limit_pass(&listener->refusals, LINES_PER_MINUTE, clock_ms(), &suppressed)) {
        log_warn(NULL, "somebody who did not prove to be of this cluster was turned away",
                 LOG_TEXTZ("from", stranger->from), LOG_TEXTZ("why", words_for(why)),
                 LOG_U64("suppressed", suppressed));
    }
    stream_destroy(stranger->stream);
    forget(stranger);
}

static void on_end(void *ctx, enum err why)
{
    refuse(ctx, why);
}

/* Nothing is handed out before it is open, and then it is another's. */
static enum err on_input(void *ctx, const uint8_t *data, size_t len, size_t *used)
{
    (void)ctx;
    (void)data;
    (void)len;
    *used = 0;
    return ERR_MALFORMED;
}

static void on_open(void *ctx)
{
    struct stranger *stranger = ctx;
    struct peer_listener *listener = stranger->listener;
    struct stream *stream = stranger->stream;
    forget(stranger);
    listener->fn(listener->ctx, stream);
}

static const struct stream_handlers handlers = {on_input, on_end, on_open};

static void welcome(struct peer_listener *listener, int fd)
{
    struct stranger *stranger = xcalloc(1, sizeof(*stranger));
    struct buf hello = {0};
    stranger->listener = listener;
    tcp_tune(fd);
    tcp_peer_name(fd, stranger->from);
    stranger->stream = stream_create(listener->base, fd, &stranger->output, &handlers, stranger);
    list_append(&listener->strangers, &stranger->link);
    listener->count++;
    struct stream_filter *filter =
        listener->tls ? tls_filter_create(listener->peer->tls, PEER_ACCEPTS, &hello)
                      : proof_filter_create(listener->peer, PEER_ACCEPTS, (struct str){0}, &hello);
    stream_filter(stranger->stream, filter, &hello, PEER_ACCEPT_MS);
    buf_finish(&hello);
    if (listener->count > PEER_STRANGERS_MAX) {
        refuse(list_entry(listener->strangers.next, struct stranger, link), ERR_AGAIN);
    }
}

static void on_accept(evutil_socket_t fd, short events, void *ctx)
{
    struct peer_listener *listener = ctx;
    uint32_t suppressed;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (peer >= 0) {
            welcome(listener, peer);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            /* Out of descriptors or memory: the backlog keeps them until some are free again. */
            if (log_limit_pass(&listener->failures, LINES_PER_MINUTE, clock_ms(), &suppressed)) {
                log_error(NULL, "cannot accept another node", LOG_TEXTZ("why", strerror(errno)),
                          LOG_U64("suppressed", suppressed));
            }
            event_del(listener->accept);
            loop_arm(listener->accept_pause, ACCEPT_PAUSE_MS);
            return;
        }
    }
}

static void on_accept_again(evutil_socket_t fd, short events, void *ctx)
{
    struct peer_listener *listener = ctx;
    (void)fd;
    (void)events;
    event_add(listener->accept, NULL);
}

/* ---- beginning and end ---- */

static void write_remote(struct peer_listener *listener, const char *host, uint16_t port)
{
    char text[ADDRESS_TEXT_MAX];
    struct address address = {.port = port};
    snprintf(address.host, sizeof(address.host), "%s", host);
    snprintf(listener->remote, sizeof(listener->remote), "%s:%s", listener->tls ? "tls" : "tcp",
             address_format(&address, text));
}

enum err peer_listener_create(struct peer *peer, struct event_base *base,
                              const struct peer_listen *listen, peer_accepted_fn fn, void *ctx,
                              struct peer_listener **out, struct buf *why)
{
    int fd;
    struct address bound;
    enum err err = listen_open(&listen->address, LISTEN_ALONE, &fd, &bound, why);
    if (err) {
        return err;
    }
    struct peer_listener *listener = xcalloc(1, sizeof(*listener));
    listener->peer = peer;
    listener->base = base;
    listener->fn = fn;
    listener->ctx = ctx;
    listener->tls = listen->tls;
    list_init(&listener->strangers);
    write_remote(listener, listen->advertise, bound.port);
    listener->accept = event_new(base, fd, EV_READ | EV_PERSIST, on_accept, listener);
    listener->accept_pause = evtimer_new(base, on_accept_again, listener);
    event_add(listener->accept, NULL);
    *out = listener;
    return ERR_OK;
}

const char *peer_listener_remote(const struct peer_listener *listener)
{
    return listener->remote;
}

void peer_listener_destroy(struct peer_listener *listener)
{
    if (!listener) {
        return;
    }
    struct stranger *stranger;
    list_each(stranger, &listener->strangers, link, struct stranger)
    {
        stream_destroy(stranger->stream);
        forget(stranger);
    }
    close(event_get_fd(listener->accept));
    event_free(listener->accept);
    event_free(listener->accept_pause);
    free(listener);
}
