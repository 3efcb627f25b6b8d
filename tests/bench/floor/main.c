/* bench_floor --port N [--patch-bytes N] [--result-bytes N]
 *
 * What the kernel alone costs a server of this kind. It takes WebSockets, receives each frame
 * without looking into it, and 60 times a second sends each member of a room where others have sent
 * something one frame, made before: as large as a message with one patch for each of their frames
 * since, and one push_result for each of the member's own. No room has any state but who is in it,
 * nothing is parsed but frame headers, nothing is rendered, and a frame costs one send().
 *
 * A connection's first frame is taken for a connect request and answered with a canned reply at
 * once. There are no errors to speak of: what is odd closes its connection. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "ws/frame.h"
#include "ws/handshake.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    TICK_NS = 1000000000 / 60,
    EVENTS = 256,
    READ_SIZE = 64 << 10,
    ENVELOPE_BYTES = 25, /* {"type":"data","data":[]}, less than a byte for each comma */
    PATCH_BYTES = 215,   /* a cursor's move as roomd renders it in JSON */
    RESULT_BYTES = 79,   /* a push_result */
    FRAME_MAX = 8 << 20,
};

struct room {
    char *name;          /* owned */
    struct list members; /* of struct conn.link */
    struct list busy;    /* in floor.busy while somebody has sent something since the last tick */
    uint64_t frames;     /* received since the last tick */
};

struct conn {
    struct list link; /* in room.members */
    struct room *room;
    int fd;
    bool upgraded, connected;
    bool wants_write;
    uint64_t frames; /* received since the last tick */
    uint64_t skip;   /* bytes of a frame's payload that are still to come */
    struct buf in;   /* a handshake or a header that is not whole */
    struct buf out;  /* what the socket did not take */
};

struct floor {
    int epoll, listener, timer;
    size_t patch_bytes, result_bytes;
    struct map rooms;
    struct list busy; /* of struct room.busy */
    uint8_t *frame;   /* FRAME_MAX of payload behind room for a header */
};

static struct str room_key(const void *entry)
{
    return str_of(((const struct room *)entry)->name);
}

static void watch(struct floor *floor, struct conn *conn, int how)
{
    struct epoll_event event = {.events = EPOLLIN | (conn->wants_write ? EPOLLOUT : 0u),
                                .data.ptr = conn};
    epoll_ctl(floor->epoll, how, conn->fd, &event);
}

/* ---- rooms ---- */

static struct room *room_of(struct floor *floor, struct str name)
{
    struct room *room = map_get(&floor->rooms, name);
    if (!room) {
        room = xcalloc(1, sizeof(*room));
        room->name = xstrndup(name.ptr, name.len);
        list_init(&room->members);
        list_init(&room->busy);
        map_put(&floor->rooms, room);
    }
    return room;
}

static void conn_destroy(struct conn *conn)
{
    struct room *room = conn->room;
    if (room) {
        list_remove(&conn->link);
    }
    close(conn->fd);
    buf_finish(&conn->in);
    buf_finish(&conn->out);
    free(conn);
}

/* ---- sending ---- */

static void send_bytes(struct floor *floor, struct conn *conn, const uint8_t *data, size_t len)
{
    if (!conn->wants_write) {
        ssize_t n = send(conn->fd, data, len, MSG_NOSIGNAL);
        size_t sent = n > 0 ? (size_t)n : 0;
        data += sent;
        len -= sent;
    }
    if (len > 0) {
        buf_append(&conn->out, data, len);
        conn->wants_write = true;
        watch(floor, conn, EPOLL_CTL_MOD);
    }
}

static void on_writable(struct floor *floor, struct conn *conn)
{
    ssize_t n = send(conn->fd, buf_head(&conn->out), buf_len(&conn->out), MSG_NOSIGNAL);
    buf_consume(&conn->out, n > 0 ? (size_t)n : 0);
    if (buf_len(&conn->out) == 0) {
        buf_clear(&conn->out, 0);
        conn->wants_write = false;
        watch(floor, conn, EPOLL_CTL_MOD);
    }
}

static void send_frame(struct floor *floor, struct conn *conn, size_t len)
{
    uint8_t header[WS_HEADER_MAX];
    size_t header_len = ws_frame_header(header, WS_OP_TEXT, true, len);
    uint8_t *start = floor->frame + WS_HEADER_MAX - header_len;
    memcpy(start, header, header_len);
    send_bytes(floor, conn, start, header_len + len);
}

static void tick_room(struct floor *floor, struct room *room)
{
    struct conn *conn;
    list_each(conn, &room->members, link, struct conn)
    {
        uint64_t patches = room->frames - conn->frames;
        size_t len = patches * floor->patch_bytes + conn->frames * floor->result_bytes;
        conn->frames = 0;
        if (len > 0 && conn->connected) {
            len += ENVELOPE_BYTES;
            send_frame(floor, conn, len < FRAME_MAX ? len : FRAME_MAX);
        }
    }
    room->frames = 0;
}

static void on_tick(struct floor *floor)
{
    uint64_t ticks;
    if (read(floor->timer, &ticks, sizeof(ticks)) < 0) {
        return;
    }
    while (!list_empty(&floor->busy)) {
        struct room *room = list_entry(floor->busy.next, struct room, busy);
        list_remove(&room->busy);
        tick_room(floor, room);
    }
}

/* ---- receiving ---- */

static void on_frame(struct floor *floor, struct conn *conn)
{
    static const char reply[] =
        "{\"type\":\"connect\",\"connectRequestId\":\"bench\",\"hydrationType\":\"wipe_all\","
        "\"protocolVersion\":8,\"schema\":{},\"diff\":{},\"serverClock\":0,\"isReadonly\":false}";
    if (!conn->connected) {
        struct buf out = {0};
        conn->connected = true;
        ws_write_frame(&out, WS_OP_TEXT, true, reply, sizeof(reply) - 1);
        send_bytes(floor, conn, buf_head(&out), buf_len(&out));
        buf_finish(&out);
        return;
    }
    conn->frames++;
    if (conn->room->frames++ == 0) {
        list_append(&floor->busy, &conn->room->busy);
    }
}

/* Frames in `input`; payloads are passed over. Returns the bytes that are dealt with. */
static size_t on_frames(struct floor *floor, struct conn *conn, const uint8_t *data, size_t len)
{
    size_t at = 0;
    for (;;) {
        size_t step = conn->skip < len - at ? conn->skip : len - at;
        conn->skip -= step;
        at += step;
        if (len - at < 2) {
            return at;
        }
        unsigned short_len = data[at + 1] & 0x7f;
        size_t extra = short_len < 126 ? 0 : short_len == 126 ? 2 : 8;
        enum { MASK = 4 };
        if (len - at < 2 + extra + MASK) {
            return at;
        }
        uint64_t payload = extra ? 0 : short_len;
        for (size_t i = 0; i < extra; i++) {
            payload = payload << 8 | data[at + 2 + i];
        }
        at += 2 + extra + MASK;
        conn->skip = payload;
        on_frame(floor, conn);
    }
}

static struct str header_value(struct str head, const char *name)
{
    const char *at = memmem(head.ptr, head.len, name, strlen(name));
    if (!at) {
        return (struct str){0};
    }
    at += strlen(name);
    const char *end = memchr(at, '\r', (size_t)(head.ptr + head.len - at));
    return (struct str){at, (size_t)(end - at)};
}

/* The room is the path, up to its query. */
static size_t on_handshake(struct floor *floor, struct conn *conn, struct str input)
{
    const char *end = input.len ? memmem(input.ptr, input.len, "\r\n\r\n", 4) : NULL;
    if (!end) {
        return 0;
    }
    struct str head = {input.ptr, (size_t)(end + 2 - input.ptr)};
    struct str key = header_value(head, "Sec-WebSocket-Key: ");
    size_t name = strcspn(head.ptr + 4, "? \r");
    struct buf out = {0};
    conn->room = room_of(floor, (struct str){head.ptr + 4, name});
    list_append(&conn->room->members, &conn->link);
    conn->upgraded = true;
    ws_write_accept(&out, key);
    send_bytes(floor, conn, buf_head(&out), buf_len(&out));
    buf_finish(&out);
    return head.len + 2;
}

static size_t on_input(struct floor *floor, struct conn *conn, const uint8_t *data, size_t len)
{
    size_t used = 0;
    if (!conn->upgraded) {
        used = on_handshake(floor, conn, (struct str){(const char *)data, len});
    }
    return conn->upgraded ? used + on_frames(floor, conn, data + used, len - used) : used;
}

static void on_readable(struct floor *floor, struct conn *conn)
{
    static uint8_t shared[READ_SIZE];
    size_t kept = buf_len(&conn->in);
    if (kept) {
        memcpy(shared, buf_head(&conn->in), kept);
        buf_clear(&conn->in, 0);
    }
    ssize_t n = recv(conn->fd, shared + kept, sizeof(shared) - kept, 0);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) {
            conn_destroy(conn);
        }
        return;
    }
    size_t len = kept + (size_t)n;
    size_t used = on_input(floor, conn, shared, len);
    if (used < len) {
        buf_append(&conn->in, shared + used, len - used);
    }
}

static void on_accept(struct floor *floor)
{
    int on = 1;
    int fd;
    while ((fd = accept4(floor->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *conn = xcalloc(1, sizeof(*conn));
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        conn->fd = fd;
        list_init(&conn->link);
        watch(floor, conn, EPOLL_CTL_ADD);
    }
}

/* ---- the program ---- */

static void serve(struct floor *floor)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(floor->epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct conn *conn = events[i].data.ptr;
            if (events[i].data.ptr == &floor->listener) {
                on_accept(floor);
            } else if (events[i].data.ptr == &floor->timer) {
                on_tick(floor);
            } else {
                if (events[i].events & EPOLLOUT) {
                    on_writable(floor, conn);
                }
                if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                    on_readable(floor, conn);
                }
            }
        }
    }
}

static bool set_up(struct floor *floor, uint16_t port)
{
    int on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct itimerspec tick = {{0, TICK_NS}, {0, TICK_NS}};
    socklen_t len = sizeof(at);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    list_init(&floor->busy);
    map_init(&floor->rooms, room_key);
    floor->frame = xmalloc(WS_HEADER_MAX + FRAME_MAX);
    memset(floor->frame, 'o', WS_HEADER_MAX + FRAME_MAX);
    floor->epoll = epoll_create1(EPOLL_CLOEXEC);
    floor->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    floor->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    setsockopt(floor->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(floor->listener, (const struct sockaddr *)&at, sizeof(at)) ||
        listen(floor->listener, SOMAXCONN) ||
        getsockname(floor->listener, (struct sockaddr *)&at, &len) ||
        timerfd_settime(floor->timer, 0, &tick, NULL)) {
        perror("bench_floor");
        return false;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &floor->listener};
    epoll_ctl(floor->epoll, EPOLL_CTL_ADD, floor->listener, &event);
    event.data.ptr = &floor->timer;
    epoll_ctl(floor->epoll, EPOLL_CTL_ADD, floor->timer, &event);
    printf("ready on 127.0.0.1:%u\n", ntohs(at.sin_port));
    fflush(stdout);
    return true;
}

int main(int argc, char **argv)
{
    static const struct option table[] = {{"port", required_argument, NULL, 'p'},
                                          {"patch-bytes", required_argument, NULL, 'b'},
                                          {"result-bytes", required_argument, NULL, 'r'},
                                          {0}};
    struct floor floor = {.patch_bytes = PATCH_BYTES, .result_bytes = RESULT_BYTES};
    uint16_t port = 0;
    int got;
    while ((got = getopt_long(argc, argv, "", table, NULL)) >= 0) {
        unsigned long number = got == '?' ? 0 : strtoul(optarg, NULL, 10);
        if (got == '?' || number > UINT16_MAX) {
            fprintf(stderr, "usage: bench_floor [--port N] [--patch-bytes N] [--result-bytes N]\n");
            return 2;
        }
        port = got == 'p' ? (uint16_t)number : port;
        floor.patch_bytes = got == 'b' ? number : floor.patch_bytes;
        floor.result_bytes = got == 'r' ? number : floor.result_bytes;
    }
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (!set_up(&floor, port)) {
        return EXIT_FAILURE;
    }
    serve(&floor);
}
