/* A client's life, from socket to socket, and what it says in it. */
#include "base/alloc.h"
#include "client_internal.h"
#include "load.h"
#include "say.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SOURCES = 200, /* addresses to come from: one has ports for 28,000 connections */
    TRIES = 100,
    SLOW_BUFFER = 4096, /* of a slow reader's socket, so that the server has to keep the rest */
    PREFILL_AT_ONCE = 100,
};

void client_set_state(struct client *client, enum client_state state)
{
    client->load->in_state[client->state]--;
    client->load->in_state[state]++;
    client->state = (uint8_t)state;
}

bool client_listens(const struct client *client)
{
    return client->kind == CLIENT_MOVER || client->kind == CLIENT_READER;
}

/* ---- the end of a connection ---- */

void client_drop(struct client *client, enum client_state state)
{
    if (client->fd >= 0) {
        close(client->fd);
        client->fd = -1;
    }
    if (client->state == CLIENT_READY && client_listens(client)) {
        client->room->listeners--;
    }
    wire_finish(&client->wire);
    buf_finish(&client->in);
    buf_finish(&client->out);
    free(client->said_at);
    client->said_at = NULL;
    client->said_cap = 0;
    client->said = client->heard = 0;
    client->kept_us = 0;
    client->prefilled = 0;
    client->wire = (struct wire){0};
    client->wants_write = false;
    client_set_state(client, state);
}

static void note_close(struct load *load, unsigned code)
{
    int i = 0;
    while (i < CLOSE_CODES - 1 && load->closes[i].count > 0 && load->closes[i].code != code) {
        i++;
    }
    load->closes[i].code = code;
    load->closes[i].count++;
    load->closed++;
}

/* The server, or the network, ended it. */
void client_on_end(struct client *client, const char *what, unsigned code)
{
    struct load *load = client->load;
    if (client->state == CLIENT_READY || ++client->tries > TRIES) {
        note_close(load, code);
        load_trouble(load, client, what, code);
        client_drop(client, CLIENT_CLOSED);
        return;
    }
    load->again++;
    client_drop(client, CLIENT_IDLE);
}

void client_on_wrong(struct client *client, const char *what)
{
    client->load->stats.wrong++;
    load_trouble(client->load, client, what, 0);
}

/* ---- writing ---- */

static void watch(struct client *client)
{
    bool reads = client->kind != CLIENT_SLOW || client->state != CLIENT_READY;
    struct epoll_event event = {.data.ptr = client};
    event.events = (reads ? EPOLLIN : 0u) | (client->wants_write ? EPOLLOUT : 0u);
    epoll_ctl(client->load->epoll, EPOLL_CTL_MOD, client->fd, &event);
}

/* What the socket does not take waits in `out`. */
void client_flush(struct client *client)
{
    while (buf_len(&client->out) > 0) {
        ssize_t n = send(client->fd, buf_head(&client->out), buf_len(&client->out), MSG_NOSIGNAL);
        if (n < 0) {
            break; /* the socket's end is met when it is read */
        }
        buf_consume(&client->out, (size_t)n);
    }
    bool waits = buf_len(&client->out) > 0;
    if (waits != client->wants_write) {
        client->wants_write = waits;
        watch(client);
    }
    if (!waits) {
        buf_clear(&client->out, 0);
    }
}

static void say(struct client *client, const struct buf *message)
{
    enum ws_opcode opcode =
        client->load->options.encoding == ENCODING_JSON ? WS_OP_TEXT : WS_OP_BINARY;
    wire_write(&client->out, opcode, buf_str(message));
    if (!client->wants_write) {
        client_flush(client);
    }
}

/* Remembers when a push was said: its result comes in its turn. */
static void note_push(struct client *client)
{
    if (client->load->options.floor) {
        client->heard = ++client->said;
        return;
    }
    if (client->said - client->heard == client->said_cap) {
        uint32_t cap = client->said_cap ? client->said_cap * 2 : 4;
        uint64_t *ring = xmalloc(cap * sizeof(*ring));
        for (uint64_t i = client->heard; i < client->said; i++) {
            ring[i & (cap - 1)] = client->said_at[i & (client->said_cap - 1)];
        }
        free(client->said_at);
        client->said_at = ring;
        client->said_cap = cap;
    }
    client->said_at[client->said++ & (client->said_cap - 1)] = client->load->now_us;
}

static void shape_prefix(const struct client *client, char *out, size_t size)
{
    snprintf(out, size, "shape:%s-", client->room->name);
}

void client_move(struct client *client)
{
    struct load *load = client->load;
    const struct options *options = &load->options;
    struct buf message = {0};
    char prefix[64];
    uint64_t stamp = load_renew_now(load);
    if (client->moves_shape) {
        load->stats.shapes_sent++;
        shape_prefix(client, prefix, sizeof(prefix));
        say_shape(options->encoding, client->said, prefix, client->number, stamp, &message);
    } else {
        say_cursor(options->encoding, client->said, stamp, &message);
    }
    note_push(client);
    say(client, &message);
    buf_finish(&message);
    load->stats.sent++;
    if (options->floor) {
        load->stats.offered += client->room->listeners - 1;
    }
}

void client_ping(struct client *client)
{
    struct buf message = {0};
    say_ping(client->load->options.encoding, &message);
    say(client, &message);
    buf_finish(&message);
}

void client_join(struct client *client)
{
    const struct options *options = &client->load->options;
    struct buf message = {0};
    say_connect(options->encoding, buf_str(&options->schema), &message);
    client_set_state(client, CLIENT_JOINING);
    client->join_begun = load_renew_now(client->load);
    say(client, &message);
    buf_finish(&message);
}

/* ---- what has to be there before it is ready ---- */

static void prefill_some(struct client *client)
{
    uint64_t left = client->prefill - client->prefilled;
    uint64_t count = left < PREFILL_AT_ONCE ? left : PREFILL_AT_ONCE;
    struct buf message = {0};
    say_shapes(client->load->options.encoding, client->said, "shape:f", client->prefilled, count,
               &message);
    client->prefilled += count;
    note_push(client);
    say(client, &message);
    buf_finish(&message);
}

/* What a mover moves. */
static void put_own(struct client *client)
{
    const struct options *options = &client->load->options;
    struct buf message = {0};
    char prefix[64];
    if (client->moves_shape) {
        shape_prefix(client, prefix, sizeof(prefix));
        say_shapes(options->encoding, client->said, prefix, client->number, 1, &message);
    } else {
        say_presence(options->encoding, client->said, &message);
    }
    note_push(client);
    say(client, &message);
    buf_finish(&message);
}

/* Called with the connect reply, and with each result after that. */
void client_prepare(struct client *client)
{
    const struct options *options = &client->load->options;
    if (options->leave) {
        client_drop(client, CLIENT_CLOSED);
        return;
    }
    if (client->state == CLIENT_JOINING) {
        client_set_state(client, CLIENT_PREPARING);
        if (client->kind == CLIENT_MOVER && options->rate > 0) {
            put_own(client);
        }
    }
    while (client->said == client->heard && client->prefilled < client->prefill) {
        prefill_some(client); /* the floor answers none, so there it is all of them */
    }
    if (client->said == client->heard) {
        client_set_state(client, CLIENT_READY);
        client->room->listeners += client_listens(client);
        if (client->kind == CLIENT_SLOW) {
            watch(client);
        }
    }
}

/* ---- the beginning ---- */

static int open_socket(const struct client *client)
{
    const struct options *options = &client->load->options;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    int on = 1;
    int small = SLOW_BUFFER;
    struct sockaddr_in from = {.sin_family = AF_INET};
    size_t index = (size_t)(client - client->load->clients);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(options->ports[index % options->port_count])};
    uint32_t source = (uint32_t)(index % SOURCES);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 0x100 + source);
    to.sin_addr.s_addr = htonl(options->host);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (client->kind == CLIENT_SLOW) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    }
    if (options->host == INADDR_LOOPBACK &&
        (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) ||
         bind(fd, (const struct sockaddr *)&from, sizeof(from)))) {
        close(fd);
        return -1;
    }
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

void client_begin(struct client *client)
{
    struct load *load = client->load;
    char path[160];
    client->fd = open_socket(client);
    client_set_state(client, CLIENT_UPGRADING);
    if (client->fd < 0) {
        client_on_end(client, "no socket, errno", (unsigned)errno);
        return;
    }
    snprintf(path, sizeof(path), "/connect/%s?sessionId=%s-%u", client->room->name,
             client->room->name, client->number);
    wire_write_request(&client->out, path);
    client->wants_write = true;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = client};
    epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->fd, &event);
}
