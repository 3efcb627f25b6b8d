/* A client's connection: frames, messages, coming back. */
#include "simulator/client.h"

#include "base/alloc.h"
#include "simulator/history.h"
#include "simulator/network.h"
#include "value/check.h"
#include "value/json.h"
#include "value/pack.h"
#include "ws/frame.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PING_US = 5000000,
    SILENCE_US = 10000000, /* then it takes the connection for dead */
    AWAY_MIN_US = 50000,
    AWAY_MAX_US = 700000,
};

/* A timer of one incarnation of a client's socket. */
struct timer {
    struct client *client;
    uint64_t incarnation;
};

static void arm(struct client *client, uint64_t us, task_fn fn)
{
    struct timer *timer = world_keep(xmalloc(sizeof(*timer)));
    *timer = (struct timer){client, client->incarnation};
    world_after(us, NULL, fn, timer);
}

static bool is_void(const struct timer *timer)
{
    return timer->incarnation != timer->client->incarnation;
}

static struct str known_id(const void *entry)
{
    return ((const struct known *)entry)->id;
}

/* ---- sending ---- */

static void send_frame(struct client *client, enum ws_opcode opcode, struct str payload)
{
    enum { MASKED = 0x80, MASK_LEN = 4 };
    uint8_t header[WS_HEADER_MAX];
    uint64_t word = rnd();
    uint8_t mask[MASK_LEN];
    memcpy(mask, &word, MASK_LEN);
    size_t len = ws_frame_header(header, opcode, true, payload.len);
    header[1] |= MASKED;
    struct buf frame = {0};
    buf_append(&frame, header, len);
    buf_append(&frame, mask, MASK_LEN);
    size_t at = buf_len(&frame);
    buf_append_str(&frame, payload);
    ws_mask(buf_head(&frame) + at, payload.len, mask, 0);
    wsconn_send(client->conn, buf_str(&frame));
    buf_finish(&frame);
}

static void send_message(struct client *client, struct value message)
{
    if (!client->json) {
        send_frame(client, WS_OP_BINARY, (struct str){(const char *)message.data, message.len});
        return;
    }
    struct buf text = {0};
    json_write(message, &text);
    send_frame(client, WS_OP_TEXT, buf_str(&text));
    buf_finish(&text);
}

void client_pack_schema(struct buf *out)
{
    pack_map(out, 2);
    pack_str(out, STR("schemaVersion"));
    pack_u64(out, 2);
    pack_str(out, STR("sequences"));
    pack_map(out, 1);
    pack_str(out, STR("com.example.note"));
    pack_u64(out, 1);
}

static void send_connect(struct client *client)
{
    struct buf message = {0};
    pack_map(&message, 5);
    pack_str(&message, STR("type"));
    pack_str(&message, STR("connect"));
    pack_str(&message, STR("connectRequestId"));
    pack_u64(&message, client->incarnation);
    pack_str(&message, STR("schema"));
    client_pack_schema(&message);
    pack_str(&message, STR("protocolVersion"));
    pack_u64(&message, 8);
    pack_str(&message, STR("lastServerClock"));
    pack_number(&message, client->has_clock ? (double)client->clock : -1);
    send_message(client, buf_value(&message));
    buf_finish(&message);
}

/* A new presence, whole or as a patch. */
static void pack_presence(struct client *client, struct buf *out)
{
    bool whole = !client->presence_said || chance(40);
    client->presence_said = true;
    client->presence++;
    pack_array(out, 2);
    if (whole) {
        pack_str(out, STR("put"));
        pack_map(out, 4);
        pack_str(out, STR("id"));
        pack_str(out, STR("presence:mine"));
        pack_str(out, STR("typeName"));
        pack_str(out, STR("presence"));
        pack_str(out, STR("who"));
        pack_u64(out, (uint64_t)client->number);
        pack_str(out, STR("n"));
        pack_u64(out, client->presence);
        return;
    }
    pack_str(out, STR("patch"));
    pack_map(out, 1);
    pack_str(out, STR("n"));
    pack_array(out, 2);
    pack_str(out, STR("put"));
    pack_u64(out, client->presence);
}

static void send_push(struct client *client, bool documents, bool presence)
{
    struct push *push = xcalloc(1, sizeof(*push));
    push->clock = client->push_clock++;
    push->sent_us = world_us();
    if (documents) {
        client_choose_change(client, &push->diff);
    }
    struct buf message = {0};
    pack_map(&message, 2u + documents + presence);
    pack_str(&message, STR("type"));
    pack_str(&message, STR("push"));
    pack_str(&message, STR("clientClock"));
    pack_u64(&message, push->clock);
    if (documents) {
        pack_member(&message, STR("diff"), buf_value(&push->diff));
    }
    if (presence) {
        pack_str(&message, STR("presence"));
        pack_presence(client, &message);
    }
    list_append(&client->pushes, &push->link);
    if (tracing()) {
        struct buf text = {0};
        json_write(buf_value(&message), &text);
        trace("%s pushes %.*s", client->session, STR_ARG(buf_str(&text)));
        buf_finish(&text);
    }
    send_message(client, buf_value(&message));
    buf_finish(&message);
}

void client_change(struct client *client)
{
    if (client->state == CLIENT_ONLINE) {
        bool presence = chance(50);
        send_push(client, !presence || chance(50), presence);
    }
}

void client_say_presence(struct client *client)
{
    if (client->state == CLIENT_ONLINE) {
        send_push(client, false, true);
    }
}

/* ---- coming and going ---- */

static void drop_pushes(struct client *client)
{
    struct push *push;
    list_each(push, &client->pushes, link, struct push)
    {
        list_remove(&push->link);
        buf_finish(&push->diff);
        free(push);
    }
}

static void leave(struct client *client)
{
    if (client->conn) {
        wsconn_close(client->conn);
    }
    client->conn = NULL;
    client->state = CLIENT_AWAY;
    client->incarnation++;
    buf_finish(&client->input);
    drop_pushes(client); /* nobody knows what became of them */
    client->presence_said = false;
}

static void try_to_come(struct client *client);

static void on_come(void *arg)
{
    struct timer *timer = arg;
    if (!is_void(timer)) {
        try_to_come(timer->client);
    }
}

static void come_back(struct client *client)
{
    if (client->wants) {
        arm(client, rnd_between(AWAY_MIN_US, AWAY_MAX_US), on_come);
    }
}

static void on_ping(void *arg)
{
    struct timer *timer = arg;
    struct client *client = timer->client;
    if (is_void(timer)) {
        return;
    }
    if (world_us() - client->heard_us > SILENCE_US) {
        trace("%s hears nothing and leaves", client->session);
        leave(client);
        come_back(client);
        return;
    }
    if (client->state == CLIENT_ONLINE) {
        struct buf message = {0};
        pack_map(&message, 1);
        pack_str(&message, STR("type"));
        pack_str(&message, STR("ping"));
        send_message(client, buf_value(&message));
        buf_finish(&message);
    }
    arm(client, PING_US, on_ping);
}

static void on_draw(void *arg)
{
    struct timer *timer = arg;
    struct client *client = timer->client;
    if (is_void(timer)) {
        return;
    }
    if (client->draws) {
        bool moves = chance(20); /* and does nothing else: the gateway may make one of them */
        for (uint64_t i = chance(15) ? rnd_between(2, 5) : 1; i > 0; i--) {
            if (moves) {
                client_say_presence(client);
            } else {
                client_change(client);
            }
        }
    }
    arm(client, rnd_between(client->rate_us / 4, client->rate_us * 2), on_draw);
}

static void on_closed(void *ctx)
{
    struct client *client = ctx;
    /* Where nodes do not reach each other people are sent to another one (proto/cluster.md). */
    bool had_cause = wsconn_gateway_died(client->conn) || !network_is_calm();
    if (!had_cause && client->state == CLIENT_ONLINE) {
        client->closes++;
    }
    trace("%s: its socket is closed%s", client->session, had_cause ? ", for a reason" : "");
    leave(client);
    come_back(client);
}

static void on_bytes(void *ctx, struct str bytes);

static const struct wsconn_handlers handlers = {on_bytes, on_closed};

static void try_to_come(struct client *client)
{
    client->conn = wsconn_open(str_of(client->room), str_of(client->session), &handlers, client);
    client->incarnation++;
    if (!client->conn) {
        come_back(client);
        return;
    }
    client->state = CLIENT_CONNECTING;
    client->heard_us = world_us();
    /* A page that is loaded again is told everything; where all of a room was lost, only that helps
     * for sure who was away meanwhile (proto/redis.md, "What can be lost"). */
    if (chance(30) || client->restarts != history_restarts(client->room)) {
        client->has_clock = false;
    }
    trace("%s connects, at clock %" PRIu64, client->session, client->clock);
    send_connect(client);
    arm(client, PING_US, on_ping);
}

void client_come(struct client *client)
{
    client->wants = true;
    if (client->state == CLIENT_AWAY) {
        client->incarnation++;
        arm(client, rnd_below(AWAY_MAX_US), on_come);
    }
}

void client_go(struct client *client)
{
    client->wants = false;
    trace("%s goes", client->session);
    leave(client);
}

/* ---- messages ---- */

/* Clocks never go back for a client, unless it is given everything anew. */
static void check_clock(struct client *client, struct value message, const char *what)
{
    uint64_t clock;
    if (!value_u64(value_get(message, STR("serverClock")), &clock)) {
        violated("%s gets a %s without a clock", client->session, what);
    } else if (clock < client->clock) {
        violated("%s is at clock %" PRIu64 " and gets a %s of %" PRIu64, client->session,
                 client->clock, what, clock);
    } else {
        client->clock = clock;
    }
}

static void on_connected(struct client *client, struct value message)
{
    struct str how = {0};
    value_string(value_get(message, STR("hydrationType")), &how);
    bool all = str_eq(how, STR("wipe_all"));
    trace("%s is connected, %.*s", client->session, STR_ARG(how));
    if (client->state != CLIENT_CONNECTING) {
        violated("%s gets a connect reply that it did not ask for", client->session);
        return;
    }
    client_wipe(client, all);
    if (all) {
        client->clock = 0;
    }
    client->has_clock = true;
    client->restarts = history_restarts(client->room);
    check_clock(client, message, "connect reply");
    client_apply(client, value_get(message, STR("diff")), false);
    client->state = CLIENT_ONLINE;
    client_say_presence(client);
    arm(client, rnd_below(client->rate_us), on_draw);
}

static void take_answer(struct client *client, struct push *push, struct value action,
                        uint64_t clock)
{
    struct str word;
    struct value rebased = value_get(action, STR("rebaseWithDiff"));
    if (value_present(rebased)) {
        client_note_acked(client, rebased, clock);
        client_apply(client, rebased, true);
    } else if (value_string(action, &word) && str_eq(word, STR("commit"))) {
        if (buf_len(&push->diff) > 0) {
            client_note_acked(client, buf_value(&push->diff), clock);
            client_apply(client, buf_value(&push->diff), true);
        }
    } else if (!value_string(action, &word) || !str_eq(word, STR("discard"))) {
        violated("%s gets an answer that is none", client->session);
    }
}

static void on_push_result(struct client *client, struct value event)
{
    uint64_t number = 0;
    value_u64(value_get(event, STR("clientClock")), &number);
    if (list_empty(&client->pushes)) {
        violated("%s gets an answer to %" PRIu64 ", and waits for none", client->session, number);
        return;
    }
    struct push *push = list_entry(client->pushes.next, struct push, link);
    if (push->clock != number) {
        violated("%s gets an answer to %" PRIu64 ", and waits for that to %" PRIu64,
                 client->session, number, push->clock);
        return;
    }
    uint64_t waited = world_us() - push->sent_us;
    client->longest_wait_us = waited > client->longest_wait_us ? waited : client->longest_wait_us;
    check_clock(client, event, "push result");
    take_answer(client, push, value_get(event, STR("action")), client->clock);
    list_remove(&push->link);
    buf_finish(&push->diff);
    free(push);
}

static void on_event(struct client *client, struct value event)
{
    struct str type = {0};
    value_string(value_get(event, STR("type")), &type);
    if (client->state != CLIENT_ONLINE) {
        violated("%s gets an event before its connect reply", client->session);
    } else if (str_eq(type, STR("patch"))) {
        check_clock(client, event, "patch");
        client_apply(client, value_get(event, STR("diff")), false);
    } else if (str_eq(type, STR("push_result"))) {
        on_push_result(client, event);
    } else {
        violated("%s gets an event that is none", client->session);
    }
}

static void on_message(struct client *client, struct value message)
{
    struct str type = {0};
    value_string(value_get(message, STR("type")), &type);
    client->heard_us = world_us();
    if (tracing()) {
        struct buf text = {0};
        json_write(message, &text);
        trace("%s hears %.*s", client->session, STR_ARG(buf_str(&text)));
        buf_finish(&text);
    }
    if (str_eq(type, STR("connect"))) {
        on_connected(client, message);
    } else if (str_eq(type, STR("data"))) {
        struct value_walk walk = value_items(value_get(message, STR("data")));
        struct value event;
        while (value_next_item(&walk, &event) && !violation()) {
            on_event(client, event);
        }
    } else if (!str_eq(type, STR("pong"))) {
        violated("%s gets a message that is none", client->session);
    }
}

/* ---- frames ---- */

/* A server's frames are whole and without masks. */
static bool take_frame(struct client *client, uint8_t *opcode, struct str *payload, size_t *size)
{
    const uint8_t *at = buf_head(&client->input);
    size_t have = buf_len(&client->input);
    size_t header = 2;
    if (have < header) {
        return false;
    }
    uint64_t len = at[1] & 0x7f;
    int extra = len == 126 ? 2 : len == 127 ? 8 : 0;
    header += (size_t)extra;
    if (have < header) {
        return false;
    }
    if (extra) {
        len = 0;
        for (int i = 0; i < extra; i++) {
            len = len << 8 | at[2 + i];
        }
    }
    *opcode = at[0] & 0x0f;
    *payload = (struct str){(const char *)at + header, len};
    *size = header + len;
    return have >= *size;
}

static void on_close_frame(struct client *client, struct str payload)
{
    enum { CODE_LEN = 2 };
    unsigned code = 0;
    if (payload.len >= CODE_LEN) {
        code = (unsigned)((uint8_t)payload.ptr[0] << 8 | (uint8_t)payload.ptr[1]);
        payload = (struct str){payload.ptr + CODE_LEN, payload.len - CODE_LEN};
    }
    trace("%s is closed with %u %.*s", client->session, code, STR_ARG(payload));
    if (code == 4099) {
        violated("%s is closed for good: %.*s", client->session, STR_ARG(payload));
    }
    send_frame(client, WS_OP_CLOSE, (struct str){0});
}

static void on_payload(struct client *client, uint8_t opcode, struct str payload)
{
    struct buf parsed = {0};
    struct value message;
    bool read = false;
    if (opcode == WS_OP_CLOSE) {
        on_close_frame(client, payload);
        return;
    }
    if (opcode == WS_OP_TEXT) {
        read = !json_parse(payload, &parsed);
        message = buf_value(&parsed);
    } else if (opcode == WS_OP_BINARY) {
        read = !value_check(payload.ptr, payload.len, &message);
    }
    if (read) {
        on_message(client, message);
    } else {
        violated("%s gets a frame that cannot be read", client->session);
    }
    buf_finish(&parsed);
}

static void on_bytes(void *ctx, struct str bytes)
{
    struct client *client = ctx;
    buf_append_str(&client->input, bytes);
    uint8_t opcode;
    struct str payload;
    size_t size;
    while (client->conn && !violation() && take_frame(client, &opcode, &payload, &size)) {
        on_payload(client, opcode, payload);
        buf_consume(&client->input, size);
    }
}

/* ---- beginning and end ---- */

void client_begin(struct client *client, int number, const char *room)
{
    *client = (struct client){.number = number, .json = chance(30)};
    snprintf(client->session, sizeof(client->session), "c%d", number);
    snprintf(client->room, sizeof(client->room), "%s", room);
    map_init(&client->documents, known_id);
    map_init(&client->presences, known_id);
    list_init(&client->pushes);
    list_init(&client->acked);
    client->rate_us = rnd_between(10000, 400000);
    client->draws = true;
}

void client_end(struct client *client)
{
    drop_pushes(client);
    client_wipe(client, true);
    map_finish(&client->documents);
    map_finish(&client->presences);
    buf_finish(&client->input);
    arena_finish(&client->memory);
}

void client_draw(struct client *client, bool on)
{
    client->draws = on;
}

bool client_is_calm(const struct client *client)
{
    return client->state == CLIENT_ONLINE && list_empty(&client->pushes);
}
