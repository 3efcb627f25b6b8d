/* Clients, workers and a host for an edge. */
#include "fake_edge.h"

#include "base/alloc.h"
#include "client.h"
#include "value/check.h"
#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

/* ---- the host ---- */

static void host_find_owner(void *ctx, struct str room)
{
    struct fake *fake = ctx;
    buf_printf(&fake->asked, "find %.*s\n", STR_ARG(room));
    if (fake->refuse_finds) {
        edge_owner_found(fake->edge, room, ERR_UNAVAILABLE, NULL, fake->now);
    }
}

static void host_link_connect(void *ctx, struct edge_link *link)
{
    struct fake *fake = ctx;
    struct str id = edge_link_worker(link);
    struct fake_worker *worker = xcalloc(1, sizeof(*worker));
    worker->edge_link = link;
    memcpy(worker->id, id.ptr, id.len);
    list_append(&fake->workers, &worker->link);
    edge_link_set_user(link, worker);
    buf_printf(&fake->asked, "connect %s %.*s\n", worker->id, STR_ARG(edge_link_address(link)));
}

static void host_link_ready(void *ctx, struct edge_link *link)
{
    (void)ctx;
    cr_assert(not(zero(ptr, edge_link_user(link))));
}

static void host_link_drop(void *ctx, struct edge_link *link, enum err why)
{
    struct fake *fake = ctx;
    (void)why;
    buf_printf(&fake->asked, "drop %.*s\n", STR_ARG(edge_link_worker(link)));
}

static void host_conn_ready(void *ctx, void *user)
{
    struct fake_client *client = user;
    (void)ctx;
    cr_assert(not(client->aborted), "nothing is sent after an abort");
}

static void host_conn_read(void *ctx, void *user, bool on)
{
    struct fake *fake = ctx;
    struct fake_client *client = user;
    cr_assert(eq(int, client->paused, on), "only changes are told");
    client->paused = !on;
    buf_printf(&fake->asked, "read %s %s\n", client->session, on ? "on" : "off");
}

static void host_conn_end(void *ctx, void *user, bool abort)
{
    struct fake *fake = ctx;
    struct fake_client *client = user;
    cr_assert(not(client->aborted));
    cr_assert(abort || !client->ended, "an end is asked for once");
    client->ended = true;
    client->aborted = abort;
    buf_printf(&fake->asked, "%s %s\n", abort ? "abort" : "end", client->session);
}

static const struct edge_host host = {
    .find_owner = host_find_owner,
    .link_connect = host_link_connect,
    .link_ready = host_link_ready,
    .link_drop = host_link_drop,
    .conn_ready = host_conn_ready,
    .conn_read = host_conn_read,
    .conn_end = host_conn_end,
};

void fake_init(struct fake *fake)
{
    *fake = (struct fake){.config = {.max_message = 1 << 20}, .now = 1000};
    list_init(&fake->clients);
    list_init(&fake->workers);
    fake->edge = edge_create(&fake->config, &host, fake, STR("gateway-1"), STR("node-1"));
}

static void client_free(struct fake_client *client)
{
    list_remove(&client->link);
    buf_finish(&client->received);
    free(client);
}

void fake_finish(struct fake *fake)
{
    edge_destroy(fake->edge);
    struct fake_client *client;
    list_each(client, &fake->clients, link, struct fake_client)
    {
        client_free(client);
    }
    struct fake_worker *worker;
    list_each(worker, &fake->workers, link, struct fake_worker)
    {
        list_remove(&worker->link);
        free(worker);
    }
    buf_finish(&fake->asked);
    free(fake->taken);
}

void fake_work(struct fake *fake)
{
    while (edge_is_busy(fake->edge)) {
        edge_work(fake->edge, fake->now);
    }
}

void fake_pass(struct fake *fake, uint64_t ms)
{
    uint64_t end = fake->now + ms;
    while (edge_deadline(fake->edge) <= end) {
        uint64_t due = edge_deadline(fake->edge);
        fake->now = due > fake->now ? due : fake->now;
        edge_tick(fake->edge, fake->now);
        cr_assert(gt(u64, edge_deadline(fake->edge), fake->now), "a tick leaves nothing due");
    }
    fake->now = end;
}

static const char *take(struct fake *fake, struct buf *lines)
{
    free(fake->taken);
    fake->taken = xstrndup((const char *)buf_head(lines), buf_len(lines));
    buf_finish(lines);
    return fake->taken;
}

const char *fake_asked(struct fake *fake)
{
    return take(fake, &fake->asked);
}

/* ---- clients ---- */

struct fake_client *fake_open(struct fake *fake, const char *room, const char *session)
{
    struct fake_client *client = xcalloc(1, sizeof(*client));
    client->fake = fake;
    client->window = SIZE_MAX;
    strncpy(client->session, session, sizeof(client->session) - 1);
    list_append(&fake->clients, &client->link);
    struct edge_conn_config config = {
        .room = str_of(room), .session = str_of(session), .user = client};
    client->conn = edge_conn_create(fake->edge, &config, fake->now);
    return client;
}

void fake_frame(struct fake_client *client, enum ws_opcode opcode, struct str payload)
{
    struct buf bytes = {0};
    client_frame(&bytes, opcode, true, mask, payload);
    edge_conn_input(client->conn, buf_head(&bytes), buf_len(&bytes), client->fake->now);
    buf_finish(&bytes);
}

void fake_text(struct fake_client *client, const char *text)
{
    fake_frame(client, WS_OP_TEXT, str_of(text));
}

void fake_lines(struct fake_client *client, const char *lines)
{
    struct buf bytes = {0};
    while (*lines) {
        size_t len = strcspn(lines, "\n");
        client_frame(&bytes, WS_OP_TEXT, true, mask, (struct str){lines, len});
        lines += len + (lines[len] != '\0');
    }
    edge_conn_input(client->conn, buf_head(&bytes), buf_len(&bytes), client->fake->now);
    buf_finish(&bytes);
}

void fake_binary(struct fake_client *client, const char *json)
{
    struct buf message = {0};
    cr_assert(zero(int, json_parse(str_of(json), &message)));
    fake_frame(client, WS_OP_BINARY, buf_str(&message));
    buf_finish(&message);
}

void fake_write(struct fake_client *client)
{
    struct outq *out = edge_conn_output(client->conn);
    while (out->bytes > 0) {
        struct iovec iov[3];
        size_t took = 0;
        int count = outq_peek(out, iov, 3);
        for (int i = 0; i < count && took < client->window; i++) {
            size_t room = client->window - took;
            size_t n = iov[i].iov_len < room ? iov[i].iov_len : room;
            buf_append(&client->received, iov[i].iov_base, n);
            took += n;
        }
        client->window -= client->window == SIZE_MAX ? 0 : took;
        edge_conn_wrote(client->conn, took, client->fake->now);
        if (took == 0) {
            return;
        }
    }
}

static void print_message(struct buf *lines, bool text, struct str payload)
{
    if (text) {
        struct buf parsed = {0};
        cr_assert(zero(int, json_parse(payload, &parsed)), "%.*s", STR_ARG(payload));
        buf_printf(lines, "text %.*s\n", STR_ARG(payload));
        buf_finish(&parsed);
        return;
    }
    struct value value;
    cr_assert(zero(int, value_check(payload.ptr, payload.len, &value)));
    buf_printf(lines, "binary ");
    json_write(value, lines);
    buf_printf(lines, "\n");
}

/* One frame of the server off the front of what came; false if it is not all there. */
static bool read_frame(struct buf *received, struct buf *lines)
{
    const uint8_t *at = buf_head(received);
    size_t have = buf_len(received);
    if (have < 2) {
        return false;
    }
    size_t header = at[1] < 126 ? 2 : at[1] == 126 ? 4 : 10;
    if (have < header) {
        return false;
    }
    uint64_t len = header == 2 ? at[1] : 0;
    for (size_t i = 2; i < header; i++) {
        len = len << 8 | at[i];
    }
    if (have - header < len) {
        return false;
    }
    struct str payload = {(const char *)at + header, len};
    cr_assert(eq(int, at[0] & 0xf0, 0x80), "final, without extensions");
    switch (at[0] & 0x0f) {
    case WS_OP_TEXT:
    case WS_OP_BINARY:
        print_message(lines, (at[0] & 0x0f) == WS_OP_TEXT, payload);
        break;
    case WS_OP_PONG:
        buf_printf(lines, "pong %.*s\n", STR_ARG(payload));
        break;
    case WS_OP_CLOSE:
        if (len == 0) {
            buf_printf(lines, "close\n");
        } else {
            buf_printf(lines, "close %d %.*s\n", at[header] << 8 | at[header + 1], (int)len - 2,
                       payload.ptr + 2);
        }
        break;
    default:
        cr_assert(false, "unexpected opcode %d", at[0] & 0x0f);
    }
    buf_consume(received, header + len);
    return true;
}

const char *fake_got(struct fake_client *client)
{
    struct buf lines = {0};
    fake_write(client);
    while (read_frame(&client->received, &lines)) {
    }
    return take(client->fake, &lines);
}

void fake_gone(struct fake_client *client)
{
    edge_conn_destroy(client->conn, client->fake->now);
    client_free(client);
}

/* ---- workers ---- */

void fake_owner(struct fake *fake, const char *room, const char *worker)
{
    char address[64];
    snprintf(address, sizeof(address), fake->remote ? "tcp:%s:1" : "unix:%s.sock", worker);
    struct edge_owner owner = {str_of(worker), str_of(address), .lives = true};
    edge_owner_found(fake->edge, str_of(room), ERR_OK, &owner, fake->now);
}

void fake_no_owner(struct fake *fake, const char *room)
{
    edge_owner_found(fake->edge, str_of(room), ERR_NOT_FOUND, NULL, fake->now);
}

struct fake_worker *fake_worker(struct fake *fake, const char *id)
{
    struct fake_worker *worker;
    list_each(worker, &fake->workers, link, struct fake_worker)
    {
        if (worker->edge_link && strcmp(worker->id, id) == 0) {
            return worker;
        }
    }
    cr_assert(false, "no link to %s", id);
    return NULL;
}

/* " 2", and if openings of it were taken back " 2+1". */
static void print_conn(struct buf *lines, uint64_t conn)
{
    if (conn) {
        buf_printf(lines, " %d", (int)LINK_CONN_NUMBER(conn));
    }
    if (conn >> LINK_CONN_BITS) {
        buf_printf(lines, "+%d", (int)(conn >> LINK_CONN_BITS));
    }
}

static void print_frame(struct buf *lines, const struct link_frame *frame)
{
    buf_printf(lines, "%s", link_type_name(frame->type));
    print_conn(lines, frame->conn);
    switch (frame->type) {
    case LINK_HELLO:
        buf_printf(lines, " %.*s %.*s\n", STR_ARG(frame->id), STR_ARG(frame->node));
        break;
    case LINK_OPEN:
        buf_printf(lines, " %.*s %.*s %d\n", STR_ARG(frame->room), STR_ARG(frame->session),
                   (int)frame->flags);
        break;
    case LINK_MESSAGE:
        buf_printf(lines, " %d ", (int)frame->seq);
        json_write(frame->payload, lines);
        buf_printf(lines, "\n");
        break;
    case LINK_BROKEN:
        buf_printf(lines, " %d %d\n", (int)frame->seq, (int)frame->flags);
        break;
    case LINK_GONE:
        buf_printf(lines, "\n");
        break;
    case LINK_RESUME:
        buf_printf(lines, " %.*s %.*s %d %d %d %d %d %d ", STR_ARG(frame->room),
                   STR_ARG(frame->session), (int)frame->flags, (int)frame->clock,
                   (int)frame->presence_clock, (int)frame->presence_at, (int)frame->answered,
                   (int)frame->seq);
        json_write(frame->payload, lines);
        buf_printf(lines, " ");
        json_write(frame->ops, lines);
        buf_printf(lines, "\n");
        break;
    case LINK_ROSTER:
        buf_printf(lines, " %.*s ", STR_ARG(frame->room));
        json_write(frame->payload, lines);
        buf_printf(lines, "\n");
        break;
    default:
        cr_assert(false, "a frame for gateways");
    }
}

const char *fake_told(struct fake *fake, const char *worker)
{
    struct buf *output = edge_link_output(fake_worker(fake, worker)->edge_link);
    struct buf lines = {0};
    struct link_reader reader;
    link_reader_init(&reader);
    while (buf_len(output) > 0) {
        struct link_frame frame;
        size_t size;
        cr_assert(zero(int, link_read(&reader, buf_head(output), buf_len(output), &frame, &size)));
        print_frame(&lines, &frame);
        buf_consume(output, size);
    }
    link_reader_finish(&reader);
    return take(fake, &lines);
}

enum err fake_try(struct fake *fake, const char *worker, const struct link_frame *frame)
{
    struct buf bytes = {0};
    link_write(&bytes, frame);
    size_t used;
    enum err err = edge_link_input(fake_worker(fake, worker)->edge_link, buf_head(&bytes),
                                   buf_len(&bytes), &used, fake->now);
    cr_assert(eq(sz, used, err ? 0 : buf_len(&bytes)));
    buf_finish(&bytes);
    return err;
}

void fake_say(struct fake *fake, const char *worker, const struct link_frame *frame)
{
    cr_assert(eq(int, fake_try(fake, worker, frame), ERR_OK));
}

void fake_greet(struct fake *fake, const char *worker)
{
    struct link_frame hello = {
        .type = LINK_HELLO,
        .version_min = LINK_VERSION_MIN,
        .version_max = LINK_VERSION_MAX,
        .id = str_of(worker),
    };
    edge_link_up(fake_worker(fake, worker)->edge_link, fake->now);
    fake_say(fake, worker, &hello);
}

void fake_serve(struct fake *fake, const char *room, const char *worker)
{
    fake_owner(fake, room, worker);
    fake_greet(fake, worker);
    fake_told(fake, worker);
    fake_asked(fake);
}

void fake_down(struct fake *fake, const char *worker)
{
    struct fake_worker *down = fake_worker(fake, worker);
    struct edge_link *link = down->edge_link;
    down->edge_link = NULL;
    edge_link_down(link, fake->now);
}

static void say_json(struct fake *fake, const char *worker, struct link_frame *frame,
                     const char *json)
{
    struct buf payload = {0};
    cr_assert(zero(int, json_parse(str_of(json), &payload)), "%s", json);
    frame->payload = buf_value(&payload);
    frame->channel = FAKE_CHANNEL;
    fake_say(fake, worker, frame);
    buf_finish(&payload);
}

void fake_send(struct fake *fake, const char *worker, uint64_t conn, uint64_t answered,
               enum link_how how, const char *json)
{
    struct link_frame frame = {
        .type = LINK_SEND, .conn = conn, .answered = answered, .how = (uint64_t)how};
    say_json(fake, worker, &frame, json);
}

void fake_state(struct fake *fake, const char *worker, uint64_t conn, uint64_t answered,
                const char *json)
{
    struct link_frame frame = {.type = LINK_STATE, .conn = conn, .answered = answered};
    say_json(fake, worker, &frame, json);
}

void fake_cast(struct fake *fake, const char *worker, uint64_t except, const char *json)
{
    struct link_frame frame = {.type = LINK_CAST, .conn = except};
    say_json(fake, worker, &frame, json);
}
