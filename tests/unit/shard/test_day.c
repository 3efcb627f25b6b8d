/* A day in which people come and go, in virtual time: what the shard has allocated at its end is
 * what it had after two hours. */
#include "fake_shard.h"

#include "base/alloc.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

enum { HOURS = 24, HOUR_MS = 3600000, WARM_HOURS = 2, GATEWAYS = 2, VISITORS = 12, ROOMS = 6 };
/* Until the last who has left is forgotten, and the rooms are unloaded. */
enum { REST_MS = 120000, ANSWER_MS = 1000 };
/* glibc counts as allocated what it keeps of freed blocks of each size; that grows for hours, to
 * 230 KiB at most. A forgotten block of the smallest size for each visit is 700 KiB at the end. */
enum { NOISE = 128 << 10, SMALLEST = 32 };

static struct day {
    struct fake fake;
    struct gateway *gateways[GATEWAYS];
    struct visitor {
        uint64_t conn, seq; /* conn 0: is not here */
        int room;
    } visitors[VISITORS];
    uint64_t conns, visits;
    uint32_t random;
} day;

static uint32_t random_below(uint32_t bound)
{
    day.random = day.random * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(day.random >> 1) * bound) >> 31);
}

/* Somebody was sent away, for being silent or since the session came by another connection. */
static void on_frame(struct fake *fake, int gateway, const struct link_frame *frame)
{
    (void)fake;
    (void)gateway;
    bool ends = frame->type == LINK_CLOSE || frame->type == LINK_DETACH;
    for (int i = 0; ends && i < VISITORS; i++) {
        if (day.visitors[i].conn == frame->conn) {
            day.visitors[i].conn = 0;
        }
    }
}

static void pass(uint64_t ms)
{
    for (uint64_t end = day.fake.now + ms; day.fake.now < end;) {
        fake_pass(&day.fake, ANSWER_MS);
        fake_answer_all(&day.fake);
    }
    fake_asked(&day.fake);
}

static void come(struct visitor *visitor, int number)
{
    char room[16];
    char session[16];
    visitor->room = (int)random_below(ROOMS);
    visitor->conn = ++day.conns;
    visitor->seq = 1;
    snprintf(room, sizeof(room), "room %d", visitor->room);
    snprintf(session, sizeof(session), "session %d", number);
    gateway_join(day.gateways[number % GATEWAYS], visitor->conn, room, session);
    fake_answer_all(&day.fake);
    day.visits++;
}

static void act(struct visitor *visitor, struct gateway *gateway)
{
    static const char cursor[] =
        "{\"type\":\"push\",\"presence\":[\"put\",{\"typeName\":\"cursor\",\"x\":1}]}";
    char id[16];
    switch (random_below(4)) {
    case 0:
        gateway_gone(gateway, visitor->conn);
        visitor->conn = 0;
        break;
    case 1:
        snprintf(id, sizeof(id), "note:%d", (int)random_below(20));
        gateway_put(gateway, visitor->conn, ++visitor->seq, id, (int)random_below(1000));
        break;
    case 2:
        gateway_message(gateway, visitor->conn, ++visitor->seq, cursor);
        break;
    default:
        gateway_message(gateway, visitor->conn, ++visitor->seq, PING);
        break;
    }
}

static void live_for(uint64_t ms)
{
    for (uint64_t end = day.fake.now + ms; day.fake.now < end;) {
        int number = (int)random_below(VISITORS);
        struct visitor *visitor = &day.visitors[number];
        if (visitor->conn) {
            act(visitor, day.gateways[number % GATEWAYS]);
        } else {
            come(visitor, number);
        }
        if (random_below(2)) {
            pass(ANSWER_MS * (1 + random_below(4)));
        }
    }
}

static void leave_all(void)
{
    for (int i = 0; i < VISITORS; i++) {
        if (day.visitors[i].conn) {
            gateway_gone(day.gateways[i % GATEWAYS], day.visitors[i].conn);
            day.visitors[i].conn = 0;
        }
    }
    pass(REST_MS);
    cr_assert(zero(u64, shard_count(day.fake.shard)->rooms));
    cr_assert(zero(u64, shard_count(day.fake.shard)->sessions));
}

Test(day, ends_with_the_memory_that_it_began_with, .timeout = 100)
{
    if (alloc_bytes() == 0) {
        cr_skip("the C library does not say what is allocated");
    }
    day.random = 1;
    fake_init(&day.fake);
    day.fake.on_frame = on_frame;
    for (int i = 0; i < GATEWAYS; i++) {
        day.gateways[i] = gateway_create(&day.fake, i);
    }
    size_t most = 0;
    for (int hour = 1; hour <= HOURS; hour++) {
        live_for(HOUR_MS - REST_MS);
        leave_all();
        if (hour <= WARM_HOURS) {
            most = alloc_bytes() + NOISE;
        }
        cr_assert(le(sz, alloc_bytes(), most), "hour %d", hour);
    }
    cr_assert(gt(u64, day.visits * SMALLEST, 4 * NOISE), "so many that a leak shows");
    fake_finish(&day.fake);
}
