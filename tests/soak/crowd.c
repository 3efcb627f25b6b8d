/* Many short visits to many rooms, a few hundred at a time, faster than any client in JavaScript:
 *
 *     crowd --port 8080 --visits 100000 --rooms 100000 --schema '{...}'
 *
 * A visit opens a WebSocket, connects, perhaps pushes, perhaps stays for a while, and leaves: every
 * other one with a close frame, the rest by just closing the socket. A visit that the server sends
 * away for now (1012, 1013, no answer) is made again. What came of it all is one line of JSON. */
#include "base/alloc.h"
#include "base/list.h"
#include "net/loop.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event_struct.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TICK_MS = 20,
    STUCK_MS = 45000, /* more than a client waits for a room to find its next owner */
    AGAIN_MS = 100,
    TRIES = 50,
    READ_SIZE = 64 << 10,
    SOURCES = 200, /* addresses to come from: one has ports for 28,000 connections a minute */
    NOTES = 16,    /* records of a room, written over and over */
};

struct options {
    uint16_t port;
    uint64_t visits, rooms, open;
    uint64_t push_every, presence_every, stay_every; /* of that many visits one does; 0: none */
    uint64_t stay_ms;
    const char *prefix, *schema;
};

enum visit_state {
    VISIT_AGAIN,     /* waits until it may try again */
    VISIT_UPGRADING, /* the handshake is under way */
    VISIT_JOINING,   /* the connect reply is awaited */
    VISIT_PUSHING,   /* the push_result is awaited */
    VISIT_STAYING,
    VISIT_CLOSING, /* our close frame is sent, the server's end is awaited */
};

struct visit {
    struct list link; /* in crowd.visits */
    struct crowd *crowd;
    uint64_t index;
    unsigned tries;
    enum visit_state state;
    uint64_t due;   /* AGAIN, STAYING: when that ends */
    uint64_t stuck; /* when it has failed */
    int fd;
    struct event event;
    struct buf in, out;
};

struct crowd {
    struct options options;
    struct event_base *base;
    struct event *tick;
    struct list visits;        /* of struct visit.link: under way; owned */
    uint64_t begun, under_way; /* visits */
    uint64_t done, pushed, again, failed;
    char failure[200]; /* the first one */
};

static bool one_of(uint64_t index, uint64_t every)
{
    return every > 0 && index % every == 0;
}

/* ---- the end of a visit ---- */

static void hang_up(struct visit *visit)
{
    if (visit->fd >= 0) {
        event_del(&visit->event);
        close(visit->fd);
        visit->fd = -1;
    }
    buf_finish(&visit->in);
    buf_finish(&visit->out);
}

static void end(struct visit *visit)
{
    hang_up(visit);
    list_remove(&visit->link);
    visit->crowd->under_way--;
    free(visit);
}

static void fail(struct visit *visit, const char *what, unsigned code)
{
    struct crowd *crowd = visit->crowd;
    if (crowd->failed++ == 0) {
        snprintf(crowd->failure, sizeof(crowd->failure), "visit %" PRIu64 " in state %d: %s %u",
                 visit->index, visit->state, what, code);
    }
    end(visit);
}

static void try_again(struct visit *visit, const char *what, unsigned code)
{
    struct crowd *crowd = visit->crowd;
    if (++visit->tries > TRIES) {
        fail(visit, what, code);
        return;
    }
    crowd->again++;
    hang_up(visit);
    visit->state = VISIT_AGAIN;
    visit->due = loop_now_ms(crowd->base) + AGAIN_MS;
}

/* ---- what a visitor says ---- */

static void flush(struct visit *visit)
{
    while (buf_len(&visit->out) > 0) {
        ssize_t n = send(visit->fd, buf_head(&visit->out), buf_len(&visit->out), MSG_NOSIGNAL);
        if (n < 0) {
            return; /* the socket's end is met when it is read */
        }
        buf_consume(&visit->out, (size_t)n);
    }
}

static void say(struct visit *visit, const struct buf *text)
{
    wire_write(&visit->out, WS_OP_TEXT, buf_str(text));
    flush(visit);
}

static void say_connect(struct visit *visit)
{
    struct buf text = {0};
    buf_printf(&text,
               "{\"type\":\"connect\",\"connectRequestId\":\"c\",\"lastServerClock\":-1,"
               "\"protocolVersion\":8,\"schema\":%s}",
               visit->crowd->options.schema);
    say(visit, &text);
    buf_finish(&text);
}

static void say_push(struct visit *visit)
{
    uint64_t note = visit->index % NOTES;
    struct buf text = {0};
    buf_printf(&text,
               "{\"type\":\"push\",\"clientClock\":0,\"diff\":{\"note:%" PRIu64 "\":[\"put\","
               "{\"id\":\"note:%" PRIu64 "\",\"typeName\":\"note\",\"x\":%" PRIu64 ",\"y\":0,"
               "\"text\":\"\",\"props\":{\"color\":\"red\"},\"tags\":[]}]}",
               note, note, visit->index);
    if (one_of(visit->index, visit->crowd->options.presence_every)) {
        buf_printf(&text, ",\"presence\":[\"put\",{\"id\":\"x\",\"typeName\":\"presence\","
                          "\"name\":\"a visitor\",\"cursor\":{\"x\":1,\"y\":2},\"chat\":\"\"}]");
    }
    buf_printf(&text, "}");
    say(visit, &text);
    buf_finish(&text);
}

/* ---- what it hears: each returns whether there is more to read for it now ---- */

static bool leave(struct visit *visit)
{
    static const char normal[2] = {WS_CODE_NORMAL >> 8, (char)(WS_CODE_NORMAL & 0xff)};
    visit->crowd->done++;
    if (visit->index % 2) {
        end(visit);
        return false;
    }
    visit->state = VISIT_CLOSING;
    wire_write(&visit->out, WS_OP_CLOSE, (struct str){normal, sizeof(normal)});
    flush(visit);
    return true;
}

static bool stay_or_leave(struct visit *visit)
{
    const struct options *options = &visit->crowd->options;
    if (!one_of(visit->index, options->stay_every)) {
        return leave(visit);
    }
    visit->state = VISIT_STAYING;
    visit->due = loop_now_ms(visit->crowd->base) + options->stay_ms;
    return true;
}

static bool holds(struct str text, const char *part)
{
    return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static bool on_text(struct visit *visit, struct str text)
{
    if (visit->state == VISIT_JOINING && holds(text, "\"type\":\"connect\"")) {
        if (!one_of(visit->index, visit->crowd->options.push_every)) {
            return stay_or_leave(visit);
        }
        visit->state = VISIT_PUSHING;
        say_push(visit);
    } else if (visit->state == VISIT_PUSHING && holds(text, "\"type\":\"push_result\"")) {
        visit->crowd->pushed++;
        return stay_or_leave(visit);
    }
    return true; /* the rest is what others do */
}

static bool on_close(struct visit *visit, unsigned code)
{
    if (visit->state == VISIT_CLOSING) {
        end(visit);
    } else if (code == WS_CODE_RESTART || code == WS_CODE_TRY_LATER) {
        try_again(visit, "closed with", code);
    } else {
        fail(visit, "closed with", code);
    }
    return false;
}

static bool on_event(struct visit *visit, enum wire_event event, const struct wire_message *message)
{
    switch (event) {
    case WIRE_ACCEPTED:
        visit->state = VISIT_JOINING;
        say_connect(visit);
        return true;
    case WIRE_TEXT:
        return on_text(visit, message->text);
    case WIRE_OTHER:
        return true;
    case WIRE_CLOSE:
        return on_close(visit, message->code);
    case WIRE_REFUSED:
        try_again(visit, "refused with status", message->code);
        return false;
    case WIRE_NEED_MORE:
        return true;
    case WIRE_BROKEN:
        break;
    }
    fail(visit, "broken frame", 0);
    return false;
}

static bool look(struct visit *visit)
{
    while (buf_len(&visit->in) > 0) {
        struct wire_message message;
        enum wire_event event = visit->state == VISIT_UPGRADING
                                    ? wire_read_answer(&visit->in, &message)
                                    : wire_read_frame(&visit->in, &message);
        if (event == WIRE_NEED_MORE) {
            return true;
        }
        if (!on_event(visit, event, &message)) {
            return false;
        }
        buf_consume(&visit->in, message.used);
    }
    return true;
}

static void on_socket_end(struct visit *visit, int why)
{
    if (visit->state == VISIT_CLOSING) {
        end(visit);
    } else {
        try_again(visit, "socket ended with errno", (unsigned)why);
    }
}

static void on_socket(evutil_socket_t fd, short events, void *ctx)
{
    struct visit *visit = ctx;
    ssize_t n;
    (void)events;
    flush(visit);
    while ((n = recv(fd, buf_reserve(&visit->in, READ_SIZE), READ_SIZE, 0)) > 0) {
        buf_commit(&visit->in, (size_t)n);
        if (!look(visit)) {
            return;
        }
    }
    if (n == 0 || errno != EAGAIN) {
        on_socket_end(visit, n == 0 ? 0 : errno);
    }
}

/* ---- the beginning of a visit ---- */

static int open_socket(const struct options *options, uint64_t index)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(options->port)};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 0x100 + (uint32_t)(index % SOURCES));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    if (fd >= 0 &&
        (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) ||
         bind(fd, (const struct sockaddr *)&from, sizeof(from)) ||
         (connect(fd, (const struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void begin(struct visit *visit)
{
    const struct options *options = &visit->crowd->options;
    visit->fd = open_socket(options, visit->index);
    if (visit->fd < 0) {
        try_again(visit, "no socket, errno", (unsigned)errno);
        return;
    }
    struct buf path = {0};
    buf_printf(&path, "/connect/%s%" PRIu64 "?sessionId=%s%" PRIu64, options->prefix,
               visit->index % options->rooms, options->prefix, visit->index);
    buf_append_byte(&path, '\0');
    wire_write_request(&visit->out, (const char *)buf_head(&path));
    buf_finish(&path);
    visit->state = VISIT_UPGRADING;
    /* Edges: that it can be written to is news once, when it is connected. */
    event_assign(&visit->event, visit->crowd->base, visit->fd,
                 EV_READ | EV_WRITE | EV_PERSIST | EV_ET, on_socket, visit);
    event_add(&visit->event, NULL);
}

static void visit_create(struct crowd *crowd)
{
    struct visit *visit = xcalloc(1, sizeof(*visit));
    visit->crowd = crowd;
    visit->index = crowd->begun++;
    visit->stuck = loop_now_ms(crowd->base) + STUCK_MS;
    crowd->under_way++;
    list_append(&crowd->visits, &visit->link);
    begin(visit);
}

/* ---- all of them ---- */

static void fill(struct crowd *crowd)
{
    while (crowd->under_way < crowd->options.open && crowd->begun < crowd->options.visits) {
        visit_create(crowd);
    }
}

static void on_tick(evutil_socket_t fd, short events, void *ctx)
{
    struct crowd *crowd = ctx;
    (void)fd;
    (void)events;
    uint64_t now = loop_now_ms(crowd->base);
    struct visit *visit;
    list_each(visit, &crowd->visits, link, struct visit)
    {
        if (now >= visit->stuck) {
            fail(visit, "took too long; tries", visit->tries);
        } else if (visit->state == VISIT_AGAIN && now >= visit->due) {
            begin(visit);
        } else if (visit->state == VISIT_STAYING && now >= visit->due) {
            leave(visit);
        }
    }
    loop_arm(crowd->tick, TICK_MS);
}

static int run(const struct options *options)
{
    struct crowd crowd = {.options = *options};
    list_init(&crowd.visits);
    if (loop_create(&crowd.base)) {
        return EXIT_FAILURE;
    }
    crowd.tick = evtimer_new(crowd.base, on_tick, &crowd);
    loop_arm(crowd.tick, TICK_MS);
    uint64_t started = loop_now_ms(crowd.base);
    for (;;) {
        fill(&crowd);
        if (crowd.under_way == 0) {
            break;
        }
        event_base_loop(crowd.base, EVLOOP_ONCE);
    }
    printf("{\"visits\":%" PRIu64 ",\"pushed\":%" PRIu64 ",\"again\":%" PRIu64
           ",\"failed\":%" PRIu64 ",\"failure\":\"%s\",\"ms\":%" PRIu64 "}\n",
           crowd.done, crowd.pushed, crowd.again, crowd.failed, crowd.failure,
           loop_now_ms(crowd.base) - started);
    event_free(crowd.tick);
    event_base_free(crowd.base);
    return crowd.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- options ---- */

static const char usage[] =
    "usage: crowd --port N --schema JSON [--visits N] [--rooms N] [--open N] [--prefix NAME]\n"
    "             [--push-every N] [--presence-every N] [--stay-every N] [--stay-ms N]\n"
    "\n"
    "Makes that many visits (1000) to as many rooms by turns (1000), some of them (200) at a "
    "time.\n"
    "Of N visits one pushes a record (10), has a presence (0: none) with its push, stays (0) for\n"
    "some ms (1000). The result is one line of JSON; status 1 if a visit failed.\n";

static bool read_number(const char *text, uint64_t *out)
{
    char *end_of_number;
    errno = 0;
    *out = strtoull(text, &end_of_number, 10);
    return *text >= '0' && *text <= '9' && *end_of_number == '\0' && errno == 0;
}

int main(int argc, char **argv)
{
    struct options options = {.visits = 1000, .rooms = 1000, .open = 200, .push_every = 10};
    options.stay_ms = 1000;
    options.prefix = "soak";
    uint64_t port = 0;
    enum { PREFIX, SCHEMA, HELP, NUMBERS };
    static const char *const names[] = {"port",       "visits",         "rooms",      "open",
                                        "push-every", "presence-every", "stay-every", "stay-ms"};
    uint64_t *numbers[] = {&port,
                           &options.visits,
                           &options.rooms,
                           &options.open,
                           &options.push_every,
                           &options.presence_every,
                           &options.stay_every,
                           &options.stay_ms};
    enum { COUNT = sizeof(numbers) / sizeof(numbers[0]) };
    struct option table[NUMBERS + COUNT + 1] = {
        {"prefix", required_argument, NULL, PREFIX},
        {"schema", required_argument, NULL, SCHEMA},
        {"help", no_argument, NULL, HELP},
    };
    for (int i = 0; i < COUNT; i++) {
        table[NUMBERS + i] = (struct option){names[i], required_argument, NULL, NUMBERS + i};
    }
    int got;
    bool right = true;
    while (right && (got = getopt_long(argc, argv, "", table, NULL)) >= 0) {
        if (got == HELP) {
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        }
        options.prefix = got == PREFIX ? optarg : options.prefix;
        options.schema = got == SCHEMA ? optarg : options.schema;
        right = got != '?' && (got < NUMBERS || read_number(optarg, numbers[got - NUMBERS]));
    }
    if (!right || optind < argc || port == 0 || port > UINT16_MAX || !options.schema ||
        options.rooms == 0 || options.open == 0) {
        fputs(usage, stderr);
        return 2;
    }
    options.port = (uint16_t)port;
    return run(&options);
}
