/* What clients are sent: as much as their sockets take, and all that is ready in a turn with as few
 * system calls as the kernel allows. */
#include "base/metrics.h"
#include "gateway/client.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    IOV_MAX_HERE = 64,
    /* Who has more to be sent than this has it sent a part a turn, and all of them together no more
     * than that: a millisecond or so, and others wait no longer. */
    LONG_FROM = 64 << 10,
    LONG_PART = 64 << 10,
    LONG_PER_TURN = 256 << 10,
};

static void on_writable(evutil_socket_t fd, short events, void *ctx);

static bool waits_to_write(const struct client *client)
{
    return client->write && event_pending(client->write, EV_WRITE, NULL);
}

/* When the socket takes more, or in the next turn if it does now. Who is behind stays so for a
 * while: the event is left pending until all is written, for to change it costs a system call each
 * time. */
static void write_later(struct client *client)
{
    if (!client->write) {
        client->write = event_new(client->gateway->base, client->fd, EV_WRITE | EV_PERSIST,
                                  on_writable, client);
    }
    event_add(client->write, NULL);
}

/* How much of what there is may be written now. */
static size_t allowance(struct client *client, size_t bytes)
{
    size_t left = client->gateway->long_left;
    return bytes <= LONG_FROM ? bytes : left < LONG_PART ? left : LONG_PART;
}

/* Cuts the last piece, and returns how many there are then. */
static size_t cut(struct iovec *iov, int count, size_t most)
{
    int n = 0;
    while (n < count && most > 0) {
        iov[n].iov_len = iov[n].iov_len < most ? iov[n].iov_len : most;
        most -= iov[n++].iov_len;
    }
    return (size_t)n;
}

static void client_wrote(struct client *client, size_t sent)
{
    metrics_add(METRIC_SENT_BYTES, (double)sent);
    if (client->conn) {
        edge_conn_wrote(client->conn, sent, client_now(client));
    } else {
        outq_sent(&client->out, sent);
    }
}

static void client_write(struct client *client)
{
    struct outq *out = client_output(client);
    size_t most = allowance(client, out->bytes);
    client->gateway->long_left -= out->bytes > LONG_FROM ? most : 0;
    while (out->bytes > 0) {
        struct iovec iov[IOV_MAX_HERE];
        struct msghdr message = {.msg_iov = iov};
        message.msg_iovlen = cut(iov, outq_peek(out, iov, IOV_MAX_HERE), most);
        if (message.msg_iovlen == 0) {
            write_later(client);
            return;
        }
        ssize_t n = message.msg_iovlen == 1
                        ? send(client->fd, iov[0].iov_base, iov[0].iov_len, MSG_NOSIGNAL)
                        : sendmsg(client->fd, &message, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno != EAGAIN) {
            client_close(client);
            return;
        }
        size_t sent = n < 0 ? 0 : (size_t)n;
        most -= sent;
        client_wrote(client, sent);
        if (n < 0) {
            write_later(client);
            return;
        }
    }
    if (waits_to_write(client)) {
        event_del(client->write);
    }
    if (client->state == CLIENT_ENDING) {
        client_linger(client);
    }
}

static void on_writable(evutil_socket_t fd, short events, void *ctx)
{
    (void)fd;
    (void)events;
    client_write(ctx);
}

/* ---- many at once ---- */

/* One piece, as nearly everything is, can be sent together with those of others. */
static bool fits_batch(struct client *client, struct send_item *item)
{
    struct outq *out = client_output(client);
    struct iovec iov[2];
    if (out->bytes > LONG_FROM || outq_peek(out, iov, 2) != 1) {
        return false;
    }
    *item = (struct send_item){.fd = client->fd, .data = iov[0].iov_base, .len = iov[0].iov_len};
    return true;
}

/* Nothing is called back before all of them have been sent, so that none can change what waits for
 * another one. `more` gets those that have failed, or have anything else to do. */
static void write_batch(struct gateway *gateway, struct client **clients, struct send_item *items,
                        size_t count, struct list *more)
{
    send_batch_run(gateway->batch, items, count);
    for (size_t i = 0; i < count; i++) {
        struct client *client = clients[i];
        if (items[i].sent > 0) {
            client_wrote(client, (size_t)items[i].sent);
        }
        if (items[i].sent != (ssize_t)items[i].len || client->state != CLIENT_WEBSOCKET) {
            list_append(more, &client->ready_link);
        }
    }
}

/* Those that are ready still when it returns want client_write. */
static void write_batches(struct gateway *gateway)
{
    struct client *clients[SEND_BATCH_MAX];
    struct send_item items[SEND_BATCH_MAX];
    size_t count = 0;
    struct list more;
    struct client *client;
    list_init(&more);
    list_each(client, &gateway->ready, ready_link, struct client)
    {
        if (waits_to_write(client)) {
            list_remove(&client->ready_link); /* until the socket takes more */
        } else if (fits_batch(client, &items[count])) {
            list_remove(&client->ready_link);
            clients[count++] = client;
        }
        if (count == SEND_BATCH_MAX) {
            write_batch(gateway, clients, items, count, &more);
            count = 0;
        }
    }
    write_batch(gateway, clients, items, count, &more);
    list_splice(&gateway->ready, &more);
}

void writing_run(struct gateway *gateway)
{
    struct client *client;
    write_batches(gateway);
    list_each(client, &gateway->ready, ready_link, struct client)
    {
        list_remove(&client->ready_link);
        client_write(client);
    }
    gateway->more_long = gateway->long_left == 0;
    gateway->long_left = LONG_PER_TURN;
}
