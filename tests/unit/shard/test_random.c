/* Two gateways, a few rooms, many sessions, a store that fails and a worker that dies, at random
 * but repeatable. Checked all the time: nothing leaves that is not stored, answers only rise, no
 * frame is for a connection that is closed; and after every death the documents are those that were
 * acknowledged. The model knows nothing of rooms: it believes what pushes were told. */
#include "fake_shard.h"

#include "base/log.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

enum { GATEWAYS = 2, CONNS = 24, ROOMS = 3, RECORDS = 5, PUSHES = 4096, STEPS = 500, SEEDS = 120 };

static const char *const room_names[ROOMS] = {"red", "green", "blue"};

struct sim_conn {
    bool open;  /* as the gateway sees it */
    bool ended; /* the shard said so: nothing may come any more */
    bool joined;
    int room;
    uint64_t seq, answered;
};

/* One push of one record, told apart by the number that it writes. */
struct sim_push {
    int room, record;
    bool removal;
    uint64_t acked; /* the clock it was acknowledged with; 0: it was not */
};

static struct sim {
    struct fake fake;
    struct gateway *gateways[GATEWAYS];
    struct sim_conn conns[GATEWAYS][CONNS];
    int next_conn[GATEWAYS];
    struct sim_push pushes[PUSHES];
    int push_count;
    int hydrated; /* how often documents were compared */
    uint32_t random;
} sim;

static uint32_t random_below(uint32_t bound)
{
    sim.random = sim.random * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(sim.random >> 1) * bound) >> 31);
}

/* ---- what must hold ---- */

static void check_acknowledged(struct value event)
{
    uint64_t push;
    uint64_t clock;
    struct str action = {0};
    cr_assert(value_u64(value_get(event, STR("clientClock")), &push));
    cr_assert(value_u64(value_get(event, STR("serverClock")), &clock));
    value_string(value_get(event, STR("action")), &action);
    cr_assert(zero(u64, sim.pushes[push].acked), "one result for each push");
    if (!str_eq(action, STR("discard"))) {
        sim.pushes[push].acked = clock;
    }
}

/* The acknowledged push that decides about a record at some clock, or -1. */
static int last_acked(int room, int record, uint64_t clock)
{
    int last = -1;
    for (int i = 0; i < sim.push_count; i++) {
        const struct sim_push *push = &sim.pushes[i];
        if (push->room == room && push->record == record && push->acked > 0 &&
            push->acked <= clock && (last < 0 || push->acked > sim.pushes[last].acked)) {
            last = i;
        }
    }
    return last;
}

/* A push that was never answered may have come through and may not. */
static bool maybe_removed(int room, int record, int after)
{
    for (int i = after + 1; i < sim.push_count; i++) {
        const struct sim_push *push = &sim.pushes[i];
        if (push->room == room && push->record == record && push->removal && push->acked == 0) {
            return true;
        }
    }
    return false;
}

/* Gateways hear of things at different times, so it is the reply's clock that counts. */
static void check_documents(int room, struct value reply)
{
    struct value diff = value_get(reply, STR("diff"));
    uint64_t clock;
    cr_assert(value_u64(value_get(reply, STR("serverClock")), &clock));
    for (int record = 0; record < RECORDS; record++) {
        char id[16];
        snprintf(id, sizeof(id), "note:%d", record);
        struct value state = value_item(value_get(diff, str_of(id)), 1);
        int last = last_acked(room, record, clock);
        uint64_t wrote;
        if (value_u64(value_get(state, STR("n")), &wrote)) {
            const struct sim_push *push = &sim.pushes[wrote];
            cr_assert(push->room == room && push->record == record && !push->removal);
            int n = (int)wrote;
            cr_assert(n == last || (push->acked == 0 && n > last),
                      "an acknowledged change was lost");
        } else {
            cr_assert(last < 0 || sim.pushes[last].removal || maybe_removed(room, record, last),
                      "an acknowledged record is gone");
        }
    }
    sim.hydrated++;
}

static void check_stored(int room, uint64_t clock)
{
    const struct stored_room *stored = store_room(&sim.fake.store, str_of(room_names[room]));
    cr_assert(le(u64, clock, store_clock(stored)), "nobody hears of what is not stored");
}

static void on_send(struct sim_conn *conn, const struct link_frame *frame)
{
    if (frame->how == LINK_HOW_PONG && frame->answered == 0) {
        return; /* overtakes what waits for the store, and tells nothing of it */
    }
    cr_assert(ge(u64, frame->answered, conn->answered), "answers rise");
    cr_assert(le(u64, frame->answered, conn->seq), "to what was asked");
    conn->answered = frame->answered;
    check_stored(conn->room, frame->clock);
    if (frame->how == LINK_HOW_CONNECT) {
        conn->joined = true;
        check_documents(conn->room, frame->payload);
    } else if (frame->how == LINK_HOW_EVENT) {
        check_acknowledged(frame->payload);
    }
}

/* Gateways would look for its owner; these clients have had enough. */
static void leave_room(int gateway, struct str room)
{
    for (int number = 1; number <= sim.next_conn[gateway]; number++) {
        struct sim_conn *conn = &sim.conns[gateway][number];
        if (conn->open && str_eq(str_of(room_names[conn->room]), room)) {
            conn->ended = true;
            conn->open = false;
        }
    }
}

static void on_frame(struct fake *fake, int gateway, const struct link_frame *frame)
{
    (void)fake;
    if (frame->type == LINK_HELLO) {
        return;
    }
    if (frame->type == LINK_CAST) {
        for (int room = 0; room < ROOMS; room++) {
            uint64_t clock = store_clock(store_room(&sim.fake.store, str_of(room_names[room])));
            if (frame->clock <= clock) {
                return;
            }
        }
        cr_assert(false, "no room has come that far");
    }
    if (frame->type == LINK_ROSTER) {
        return;
    }
    if (frame->type == LINK_MOVED) {
        leave_room(gateway, frame->room);
        return;
    }
    cr_assert(frame->conn > 0 && frame->conn < CONNS);
    struct sim_conn *conn = &sim.conns[gateway][frame->conn];
    cr_assert(not(conn->ended), "it was closed before");
    cr_assert(frame->conn <= (uint64_t)sim.next_conn[gateway], "it was never opened");
    if (frame->type == LINK_SEND) {
        on_send(conn, frame);
    } else if (frame->type == LINK_ACK) {
        cr_assert(gt(u64, frame->answered, conn->answered));
        conn->answered = frame->answered;
    } else if (frame->type == LINK_STATE) {
        cr_assert(le(u64, frame->answered, conn->seq));
    } else {
        conn->ended = true;
        conn->open = false;
    }
}

/* ---- what happens ---- */

static void start_gateway(int gateway)
{
    memset(sim.conns[gateway], 0, sizeof(sim.conns[gateway]));
    sim.next_conn[gateway] = 0;
    sim.gateways[gateway] = gateway_create(&sim.fake, gateway);
}

static void open_conn(int gateway)
{
    if (sim.next_conn[gateway] + 1 == CONNS) {
        gateway_destroy(sim.gateways[gateway]);
        start_gateway(gateway);
    }
    int number = ++sim.next_conn[gateway];
    char session[16];
    snprintf(session, sizeof(session), "s%d", (int)random_below(8));
    struct sim_conn *conn = &sim.conns[gateway][number];
    conn->open = true;
    conn->room = (int)random_below(ROOMS);
    gateway_open(sim.gateways[gateway], (uint64_t)number, room_names[conn->room], session);
    if (conn->open && random_below(8)) {
        gateway_message(sim.gateways[gateway], (uint64_t)number, ++conn->seq,
                        CONNECT("-1", SCHEMA));
    }
}

static void push(int gateway, int number, struct sim_conn *conn)
{
    if (sim.push_count == PUSHES) {
        return;
    }
    int n = sim.push_count++;
    struct sim_push *made = &sim.pushes[n];
    *made = (struct sim_push){conn->room, (int)random_below(RECORDS), random_below(4) == 0, 0};
    char json[256];
    if (made->removal) {
        snprintf(json, sizeof(json),
                 "{\"type\":\"push\",\"clientClock\":%d,\"diff\":{\"note:%d\":[\"remove\"]}}", n,
                 made->record);
    } else {
        snprintf(json, sizeof(json),
                 "{\"type\":\"push\",\"clientClock\":%d,\"diff\":{\"note:%d\":[\"put\",{\"id\":"
                 "\"note:%d\",\"typeName\":\"note\",\"n\":%d}]}}",
                 n, made->record, made->record, n);
    }
    gateway_message(sim.gateways[gateway], (uint64_t)number, ++conn->seq, json);
}

static void conn_step(int gateway, int number)
{
    struct gateway *by = sim.gateways[gateway];
    struct sim_conn *conn = &sim.conns[gateway][number];
    uint64_t id = (uint64_t)number;
    if (!conn->open) {
        return;
    }
    switch (random_below(12)) {
    case 0:
        conn->open = false;
        gateway_gone(by, id);
        break;
    case 1:
        gateway_say(
            by, &(struct link_frame){
                    .type = LINK_BROKEN, .conn = id, .seq = ++conn->seq, .flags = random_below(2)});
        break;
    case 2:
        gateway_message(by, id, ++conn->seq, "{\"type\":\"nonsense\"}");
        break;
    case 3:
        gateway_message(by, id, ++conn->seq, CONNECT("-1", SCHEMA));
        break;
    case 4:
        gateway_message(by, id, ++conn->seq, PING);
        break;
    case 5:
        gateway_message(by, id, ++conn->seq,
                        "{\"type\":\"push\",\"clientClock\":0,\"presence\":[\"put\",{"
                        "\"typeName\":\"cursor\"}],\"diff\":{}}");
        sim.pushes[0].acked = 0; /* discarded, whoever asks */
        break;
    default:
        push(gateway, number, conn);
        break;
    }
}

static void crash(void)
{
    fake_crash(&sim.fake, random_below(16));
    for (int i = 0; i < GATEWAYS; i++) {
        start_gateway(i);
    }
}

static void store_step(void)
{
    struct fake *fake = &sim.fake;
    struct stored_room *room = &fake->store.rooms[random_below(ROOMS)];
    switch (random_below(24)) {
    case 0:
        fake_store_changes(fake, false, random_below(2));
        fake_pass(fake, random_below(3000));
        fake_store_changes(fake, true, false);
        break;
    case 1:
        crash();
        break;
    case 2: /* another worker takes a room, and gives it back */
        store_claim(room, 99);
        break;
    case 3:
        room->owner = room->owner == 99 ? 0 : room->owner;
        break;
    case 4:
    case 5:
        if (fake_pending(fake) > 0) {
            fake_fail(fake, ERR_TIMEOUT, random_below(2));
        }
        break;
    default:
        if (fake_pending(fake) > 0) {
            fake_answer(fake);
        }
        break;
    }
}

static void step(void)
{
    int gateway = (int)random_below(GATEWAYS);
    switch (random_below(16)) {
    case 0:
        open_conn(gateway);
        break;
    case 1:
        fake_pass(&sim.fake, random_below(20) ? random_below(600) : random_below(30000));
        break;
    case 2:
        if (random_below(10) == 0) {
            gateway_destroy(sim.gateways[gateway]);
            start_gateway(gateway);
        }
        break;
    case 3:
    case 4:
    case 5:
    case 6:
        store_step();
        break;
    case 7:
    case 8:
        fake_turn(&sim.fake);
        break;
    default:
        if (sim.next_conn[gateway] > 0) {
            conn_step(gateway, 1 + (int)random_below((uint32_t)sim.next_conn[gateway]));
        }
        break;
    }
    fake_turn(&sim.fake);
}

/* A last look at every room by a worker that has seen nothing of all this. */
static void read_everything(void)
{
    crash();
    for (int room = 0; room < ROOMS; room++) {
        sim.fake.store.rooms[room].owner = 0;
        sim.next_conn[0] = room + 1;
        sim.conns[0][room + 1] = (struct sim_conn){.open = true, .room = room, .seq = 1};
        gateway_open(sim.gateways[0], (uint64_t)room + 1, room_names[room], "last");
        gateway_message(sim.gateways[0], (uint64_t)room + 1, 1, CONNECT("-1", SCHEMA));
    }
    fake_answer_all(&sim.fake);
    fake_turn(&sim.fake);
    fake_answer_all(&sim.fake);
    for (int room = 0; room < ROOMS; room++) {
        cr_assert(sim.conns[0][room + 1].joined, "every room can be read");
    }
}

static void stop(void)
{
    shard_stop(sim.fake.shard, false, sim.fake.now);
    for (int i = 0; i < 8 && !sim.fake.stopped; i++) {
        fake_answer_all(&sim.fake);
        fake_pass(&sim.fake, 250);
    }
    fake_pass(&sim.fake, 1000);
    cr_assert(eq(int, sim.fake.stopped, 1));
    for (int room = 0; room < ROOMS; room++) {
        cr_assert(not(eq(int, sim.fake.store.rooms[room].owner, sim.fake.self)));
    }
}

Test(random, keeps_every_promise, .timeout = 110)
{
    log_setup("test", LOG_OFF, LOG_TEXT); /* that the store fails is no news here */
    int hydrated = 0;
    int acked = 0;
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        sim = (struct sim){.random = seed * 2654435761u, .push_count = 1};
        fake_init(&sim.fake);
        sim.fake.on_frame = on_frame;
        sim.fake.config.unload_after_ms = 2000;
        for (int room = 0; room < ROOMS; room++) {
            store_room(&sim.fake.store, str_of(room_names[room]));
        }
        for (int i = 0; i < GATEWAYS; i++) {
            start_gateway(i);
        }
        for (int i = 0; i < STEPS; i++) {
            step();
        }
        read_everything();
        stop();
        hydrated += sim.hydrated;
        for (int i = 1; i < sim.push_count; i++) {
            acked += sim.pushes[i].acked > 0;
        }
        fake_finish(&sim.fake);
    }
    /* Else it has proved nothing. */
    cr_assert(gt(int, acked, SEEDS * 5));
    cr_assert(gt(int, hydrated, SEEDS * 5));
}
