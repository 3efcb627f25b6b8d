/* What a client hears, and what that tells. */
#include "audit.h"
#include "check.h"
#include "client_internal.h"
#include "load.h"
#include "report.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { READ_SIZE = 256 << 10 };

/* Its first answer to what it pushed after the outage began. */
static void note_recovery(struct client *client, uint64_t said_at)
{
    struct load *load = client->load;
    if (load->outage_us > 0 && said_at >= load->outage_us && !client->recovered) {
        client->recovered = true;
        if (--load->recovering == 0) {
            report_recovery(load);
        }
    }
}

static void on_result(struct client *client, uint64_t client_clock)
{
    struct load *load = client->load;
    if (client->heard == client->said || client_clock != client->heard) {
        client_on_wrong(client, "result out of order");
        return;
    }
    uint64_t said_at = client->said_at[client->heard++ & (client->said_cap - 1)];
    if (client->state == CLIENT_PREPARING) {
        client_prepare(client);
    } else if (client->state == CLIENT_READY) {
        load->stats.acked++;
        load->stats.offered += client->room->listeners - 1;
        histogram_add(&load->stats.result, load->now_us - said_at);
        client->kept_us = said_at;
        note_recovery(client, said_at);
    }
}

static void on_connected(struct client *client, struct str message)
{
    struct load *load = client->load;
    if (client->kind == CLIENT_AUDITOR) {
        audit_room(client, message);
        client_drop(client, CLIENT_CLOSED);
        return;
    }
    if (client->kind != CLIENT_JOINER) {
        client_prepare(client);
        return;
    }
    load_renew_now(load);
    histogram_add(&load->stats.join, load->now_us - client->join_begun);
    load->stats.join_bytes = message.len;
    client_set_state(client, CLIENT_READY);
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
        client_on_wrong(client, why);
    }
    switch ((enum client_state)client->state) {
    case CLIENT_JOINING:
        if (load->options.floor || scan_is_connect(load->options.encoding, message)) {
            on_connected(client, message);
        }
        break;
    case CLIENT_PREPARING:
    case CLIENT_READY:
        load->stats.frames += client->state == CLIENT_READY && client_listens(client);
        if (!load->options.floor && client->kind != CLIENT_JOINER) {
            on_events(client, message);
        }
        break;
    case CLIENT_IDLE:
    case CLIENT_UPGRADING:
    case CLIENT_OPEN:
    case CLIENT_CLOSED:
    case CLIENT_STATES:
        client_on_wrong(client, "message out of turn");
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
        client_on_end(client, "refused with status", status);
    } else if (used > 0) {
        client_set_state(client, CLIENT_OPEN);
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
            /* Once: what is there is in it, or is copied into it later. */
            buf_reserve(&client->in, message.wanted - input.len);
        }
        return 0;
    case WIRE_MESSAGE:
        on_message(client, message.payload);
        return message.used;
    case WIRE_PING:
        wire_write(&client->out, WS_OP_PONG, message.payload);
        client_flush(client);
        return message.used;
    case WIRE_OTHER:
        return message.used;
    case WIRE_CLOSE:
        client_on_end(client, "closed with", message.code);
        return input.len;
    case WIRE_BROKEN:
        break;
    }
    client_on_wrong(client, "broken frame");
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
        client_on_end(client, "socket ended with errno", n < 0 ? (unsigned)errno : 0);
        return;
    }
    load_renew_now(client->load);
    client->load->stats.bytes += client_listens(client) ? (size_t)n : 0;
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
        client_flush(client);
    }
    if (client->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
        read_once(client, READ_SIZE);
    }
}
