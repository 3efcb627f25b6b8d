/* A client's life, from socket to socket. */
#include "client.h"
#include "base/alloc.h"
#include "check.h"
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
    READ_SIZE = 256 << 10,
    SOURCES = 200, /* addresses to come from: one has ports for 28,000 connections */
    TRIES = 100,
    SLOW_BUFFER = 4096, /* of a slow reader's socket, so that the server has to keep the rest */
    PREFILL_AT_ONCE = 100,
};

static void set_state(struct client *client, enum client_state state)
{
    client->load->in_state[client->state]--;
    client->load->in_state[state]++;
    client->state = (uint8_t)state;
}

static bool listens(const struct client *client)
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
    if (client->state == CLIENT_READY && listens(client)) {
        client->room->listeners--;
    }
    wire_finish(&client->wire);
    buf_finish(&client->in);
    buf_finish(&client->out);
    free(client->said_at);
    client->said_at = NULL;
    client->said_cap = 0;
    client->said = client->heard = 0;
    client->prefilled = 0;
    client->wire = (struct wire){0};
    client->wants_write = false;
    set_state(client, state);
}

/* The server, or the network, ended it. */
static void on_end(struct client *client, const char *what, unsigned code)
{
    struct load *load = client->load;
    if (client->state == CLIENT_READY || ++client->tries > TRIES) {
        load->closed++;
        load->close_code = code;
        load_trouble(load, client, what, code);
        client_drop(client, CLIENT_CLOSED);
        return;
    }
    load->again++;
    client_drop(client, CLIENT_IDLE);
}

static void on_wrong(struct client *client, const char *what)
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
static void flush(struct client *client)
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
        flush(client);
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
    if (options->shapes) {
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
    set_state(client, CLIENT_JOINING);
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
    if (options->shapes) {
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
static void prepare(struct client *client)
{
    const struct options *options = &client->load->options;
    if (options->leave) {
        client_drop(client, CLIENT_CLOSED);
        return;
    }
    if (client->state == CLIENT_JOINING) {
        set_state(client, CLIENT_PREPARING);
        if (client->kind == CLIENT_MOVER && options->rate > 0) {
            put_own(client);
        }
    }
    while (client->said == client->heard && client->prefilled < client->prefill) {
        prefill_some(client); /* the floor answers none, so there it is all of them */
    }
    if (client->said == client->heard) {
        set_state(client, CLIENT_READY);
        client->room->listeners += listens(client);
        if (client->kind == CLIENT_SLOW) {
            watch(client);
        }
    }
}

/* ---- what it hears ---- */

static void on_result(struct client *client, uint64_t client_clock)
{
    struct load *load = client->load;
    if (client->heard == client->said || client_clock != client->heard) {
        on_wrong(client, "result out of order");
        return;
    }
    uint64_t said_at = client->said_at[client->heard++ & (client->said_cap - 1)];
    if (client->state == CLIENT_PREPARING) {
        prepare(client);
    } else if (client->state == CLIENT_READY) {
        load->stats.acked++;
        load->stats.offered += client->room->listeners - 1;
        histogram_add(&load->stats.result, load->now_us - said_at);
    }
}

static void on_connected(struct client *client, size_t len)
{
    struct load *load = client->load;
    if (client->kind != CLIENT_JOINER) {
        prepare(client);
        return;
    }
    load_renew_now(load);
    histogram_add(&load->stats.join, load->now_us - client->join_begun);
    load->stats.join_bytes = len;
    set_state(client, CLIENT_READY);
}

static void on_events(struct client *client, struct str message)
{
    struct load *load = client->load;
    enum encoding encoding = load->options.encoding;
    struct str rest = message;
    uint64_t found;
    while (scan_stamp(encoding, &rest, &found)) {
        load->stats.delivered++;
        histogram_add(&load->stats.delivery, load->now_us - found);
    }
    rest = message;
    while (client->fd >= 0 && client->heard < client->said &&
           scan_result(encoding, &rest, &found)) {
        on_result(client, found);
    }
}

static void on_message(struct client *client, struct str message)
{
    struct load *load = client->load;
    const char *why;
    if (load->options.check && !load->options.floor &&
        (why = check_message(load->options.encoding, message, &load->stats.commits))) {
        on_wrong(client, why);
    }
    switch ((enum client_state)client->state) {
    case CLIENT_JOINING:
        if (load->options.floor || scan_is_connect(load->options.encoding, message)) {
            on_connected(client, message.len);
        }
        break;
    case CLIENT_PREPARING:
    case CLIENT_READY:
        load->stats.frames += client->state == CLIENT_READY && listens(client);
        if (!load->options.floor && client->kind != CLIENT_JOINER) {
            on_events(client, message);
        }
        break;
    case CLIENT_IDLE:
    case CLIENT_UPGRADING:
    case CLIENT_OPEN:
    case CLIENT_CLOSED:
    case CLIENT_STATES:
        on_wrong(client, "message out of turn");
        break;
    }
}

/* Both return how many bytes of the input are dealt with; less than all: more is needed. The client
 * may be dropped when they return. */
static size_t on_answer(struct client *client, struct str input)
{
    unsigned status;
    size_t used = wire_read_answer(input, &status);
    if (used > 0 && status != 101) {
        on_end(client, "refused with status", status);
    } else if (used > 0) {
        set_state(client, CLIENT_OPEN);
        if (client->kind != CLIENT_JOINER) {
            client_join(client);
        }
    }
    return used;
}

static size_t on_frame(struct client *client, struct str input)
{
    struct wire_message message;
    switch (wire_next(&client->wire, input, &message)) {
    case WIRE_NEED_MORE:
        if (message.wanted > input.len) {
            buf_reserve(&client->in, message.wanted);
        }
        return 0;
    case WIRE_MESSAGE:
        on_message(client, message.payload);
        return message.used;
    case WIRE_PING:
        wire_write(&client->out, WS_OP_PONG, message.payload);
        flush(client);
        return message.used;
    case WIRE_OTHER:
        return message.used;
    case WIRE_CLOSE:
        on_end(client, "closed with", message.code);
        return input.len;
    case WIRE_BROKEN:
        break;
    }
    on_wrong(client, "broken frame");
    client_drop(client, CLIENT_CLOSED);
    return input.len;
}

/* Reads what is whole, and returns how much that was. */
static size_t on_input(struct client *client, struct str input)
{
    size_t used = 0;
    while (used < input.len && client->fd >= 0) {
        struct str rest = {input.ptr + used, input.len - used};
        size_t step =
            client->state == CLIENT_UPGRADING ? on_answer(client, rest) : on_frame(client, rest);
        if (step == 0) {
            break;
        }
        used += step;
    }
    return used;
}

/* One read for each time that epoll says so. Most reads end where a frame does, so that nothing is
 * copied. */
static void read_once(struct client *client, size_t most)
{
    static uint8_t shared[READ_SIZE];
    bool begun = buf_len(&client->in) > 0;
    uint8_t *into = begun ? buf_reserve(&client->in, most) : shared;
    ssize_t n = recv(client->fd, into, most, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        on_end(client, "socket ended with errno", n < 0 ? (unsigned)errno : 0);
        return;
    }
    load_renew_now(client->load);
    client->load->stats.bytes += listens(client) ? (size_t)n : 0;
    if (begun) {
        buf_commit(&client->in, (size_t)n);
        size_t used = on_input(client, buf_str(&client->in));
        if (client->fd >= 0 && used > 0) {
            buf_consume(&client->in, used);
        }
    } else {
        struct str input = {(const char *)shared, (size_t)n};
        size_t used = on_input(client, input);
        if (client->fd >= 0 && used < input.len) {
            buf_append(&client->in, input.ptr + used, input.len - used);
        }
    }
    if (client->fd >= 0 && buf_len(&client->in) == 0) {
        buf_clear(&client->in, 0);
    }
}

void client_read_some(struct client *client, size_t most)
{
    if (client->fd >= 0) {
        read_once(client, most < READ_SIZE ? most : READ_SIZE);
    }
}

void client_on_events(struct client *client, uint32_t events)
{
    if (client->fd >= 0 && (events & EPOLLOUT)) {
        flush(client);
    }
    if (client->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
        read_once(client, READ_SIZE);
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
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(options->port)};
    uint32_t source = (uint32_t)((client - client->load->clients) % SOURCES);
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
    set_state(client, CLIENT_UPGRADING);
    if (client->fd < 0) {
        on_end(client, "no socket, errno", (unsigned)errno);
        return;
    }
    snprintf(path, sizeof(path), "/connect/%s?sessionId=%s-%u", client->room->name,
             client->room->name, client->number);
    wire_write_request(&client->out, path);
    client->wants_write = true;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = client};
    epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->fd, &event);
}
