#include "fake_shard.h"

#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct fake fake;
static struct gateway *gateway;
static struct gateway *other;

/* A room with session a on connection 1 of the first gateway. */
static void setup(void)
{
    fake_init(&fake);
    gateway = gateway_create(&fake, 1);
    other = gateway_create(&fake, 2);
    gateway_found(gateway, 1, "demo", "a");
}

static void teardown(void)
{
    fake_finish(&fake);
}

TestSuite(session, .init = setup, .fini = teardown);

static void told(struct gateway *by, const char *want)
{
    SAME_LINES(gateway_told(by), want);
}

#define CURSOR "{\"type\":\"push\",\"presence\":[\"put\",{\"typeName\":\"cursor\",\"x\":1}]}"
#define JOINED "connect 1 1 wipe_all 0 0\n"

Test(session, a_link_begins_with_a_greeting)
{
    static const enum link_type wrong[] = {LINK_SEND,   LINK_CAST,   LINK_CLOSE,
                                           LINK_DETACH, LINK_REFUSE, LINK_ACK};
    struct buf bytes = {0};
    size_t used;
    struct link_frame frame = {.type = LINK_GONE, .conn = 1};
    struct shard_link *link = shard_link_create(fake.shard);
    link_write(&bytes, &frame);
    cr_assert(eq(int, shard_link_input(link, buf_head(&bytes), buf_len(&bytes), &used, fake.now),
                 ERR_MALFORMED));
    buf_finish(&bytes);
    struct link_frame newer = {
        .type = LINK_HELLO, .version_min = LINK_VERSION_MAX + 1, .version_max = 99};
    link_write(&bytes, &newer);
    cr_assert(eq(int, shard_link_input(link, buf_head(&bytes), buf_len(&bytes), &used, fake.now),
                 ERR_VERSION));
    buf_finish(&bytes);
    shard_link_destroy(link, fake.now);
    shard_link_destroy(NULL, fake.now);
    uint8_t nil = 0xc0;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct link_frame backwards = {.type = wrong[i], .conn = 1, .payload = {&nil, 1}};
        link_write(&bytes, &backwards);
        cr_assert(eq(int,
                     shard_link_input(gateway->shard_link, buf_head(&bytes), buf_len(&bytes), &used,
                                      fake.now),
                     ERR_MALFORMED));
        buf_finish(&bytes);
    }
}

Test(session, frames_may_come_in_pieces)
{
    struct buf bytes = {0};
    struct link_frame open = {
        .type = LINK_OPEN, .conn = 2, .room = STR("demo"), .session = STR("b")};
    struct buf ping = {0};
    buf_append(&ping, "\x81\xa4type\xa4ping", 11);
    struct link_frame message = {
        .type = LINK_MESSAGE, .conn = 2, .seq = 1, .payload = {buf_head(&ping), buf_len(&ping)}};
    link_write(&bytes, &open);
    link_write(&bytes, &message);
    for (size_t len = 1; buf_len(&bytes) > 0;) {
        size_t used;
        cr_assert(zero(
            int, shard_link_input(gateway->shard_link, buf_head(&bytes), len, &used, fake.now)));
        buf_consume(&bytes, used);
        len = used > 0 ? 1 : len + 1;
        len = len < buf_len(&bytes) ? len : buf_len(&bytes);
    }
    told(gateway, "ack 2 1\n");
    buf_finish(&bytes);
    buf_finish(&ping);
}

Test(session, CONN_2_that_comes_back_leaves_the_old_connection_behind)
{
    gateway_join(gateway, 2, "demo", "a");
    told(gateway, "detach 1\nconnect 2 1 wipe_all 0 0\n");
    gateway_message(gateway, 1, 2, PING); /* is not listened to */
    gateway_gone(gateway, 1);
    told(gateway, "");
    gateway_message(gateway, 2, 2, PING);
    told(gateway, "pong 2 2\n");
}

Test(session, may_come_back_by_another_gateway)
{
    gateway_message(gateway, 1, 2, CURSOR);
    gateway_told(gateway);
    gateway_join(other, 1, "demo", "a"); /* numbers are each gateway's own */
    told(gateway, "detach 1\n");
    told(other, JOINED);
    gateway_destroy(gateway); /* takes nothing with it that was left behind */
    fake_pass(&fake, 10000);
    told(other, "");
    gateway_message(other, 1, 2, PING);
    told(other, "pong 1 2\n");
}

Test(session, takes_over_before_it_connects)
{
    gateway_open(other, 5, "demo", "a");
    told(gateway, "detach 1\n");
    gateway_join(gateway, 2, "demo", "b");
    gateway_put(gateway, 2, 2, "note:1", 1);
    fake_turn(&fake);
    fake_answer_all(&fake);
    told(other, "");
    gateway_message(other, 5, 1, CONNECT("-1", SCHEMA));
    told(other, "connect 5 1 wipe_all 1 1\n");
}

Test(session, casts_go_once_to_each_gateway_that_listens)
{
    gateway_join(gateway, 2, "demo", "b");
    gateway_join(other, 1, "demo", "c");
    gateway_open(other, 2, "demo", "d");
    fake_turn(&fake);
    gateway_told(gateway);
    gateway_told(other);
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    fake_answer_all(&fake);
#define PATCH                                                                                      \
    "{\"type\":\"patch\",\"diff\":{\"note:1\":[\"put\",{\"id\":\"note:1\",\"typeName\":\"note\","  \
    "\"n\":1}]},\"serverClock\":1}\n"
    told(gateway, "event 1 2 {\"type\":\"push_result\",\"clientClock\":2,\"serverClock\":1,"
                  "\"action\":\"commit\"}\ncast 1 " PATCH);
    told(other, "cast 0 " PATCH);
    gateway_gone(gateway, 2);
    gateway_gone(other, 1);
    gateway_put(gateway, 1, 3, "note:2", 1);
    fake_turn(&fake);
    fake_answer_all(&fake);
    told(gateway, "event 1 3 {\"type\":\"push_result\",\"clientClock\":3,\"serverClock\":2,"
                  "\"action\":\"commit\"}\n");
    told(other, "");
}

Test(session, waits_for_its_return_when_its_link_is_lost)
{
    gateway_message(gateway, 1, 2, CURSOR);
    gateway_join(other, 1, "demo", "b");
    told(other, "connect 1 1 wipe_all 0 1\n");
    gateway_destroy(gateway);
    fake_pass(&fake, ROOM_REMOVAL_WAIT_MS);
    told(other, "");
    fake_pass(&fake, 500);
    told(other, "cast 0 {\"type\":\"patch\",\"diff\":{\"cursor:000000000000000000001\":[\"remove\"]"
                "},\"serverClock\":0}\n");
}

Test(session, of_a_socket_that_closed_waits_likewise)
{
    gateway_message(gateway, 1, 2, CURSOR);
    gateway_join(other, 1, "demo", "b");
    gateway_told(other);
    gateway_gone(gateway, 1);
    fake_pass(&fake, 3000);
    gateway_told(gateway);
    gateway_join(gateway, 2, "demo", "a");
    told(gateway, "connect 2 1 wipe_all 0 0\n");
    fake_pass(&fake, 4000);
    told(other, "");
}

Test(session, REJ_3_that_is_rejected_is_closed_for_good)
{
    gateway_open(gateway, 2, "demo", "b");
    gateway_message(gateway, 2, 1, CONNECT("-1", OTHER_SCHEMA));
    told(gateway, "close 2 4099 SERVER_TOO_OLD\n");
    gateway_message(gateway, 2, 2, PING);
    told(gateway, "");
}

Test(session, with_broken_frames)
{
    gateway_join(gateway, 2, "demo", "b");
    gateway_told(gateway);
    struct link_frame chunk = {.type = LINK_BROKEN, .conn = 1, .seq = 2};
    gateway_say(gateway, &chunk);
    told(gateway, "close 1 0 \n");
    struct link_frame json = {.type = LINK_BROKEN, .conn = 2, .seq = 2, .flags = LINK_BROKEN_FATAL};
    gateway_say(gateway, &json);
    told(gateway, "close 2 4099 UNKNOWN_ERROR\n");
    gateway_say(gateway, &json);
    told(gateway, "");
}

Test(session, that_says_nothing_is_closed)
{
    gateway_open(gateway, 2, "demo", "b");
    fake_pass(&fake, ROOM_START_WAIT_MS);
    told(gateway, "");
    fake_pass(&fake, 250);
    told(gateway, "close 2 0 \n");
    fake_pass(&fake, ROOM_IDLE_TIMEOUT_MS - ROOM_START_WAIT_MS);
    told(gateway, "close 1 0 \n");
}

Test(session, frames_of_strangers_mean_nothing)
{
    gateway_message(gateway, 77, 1, PING);
    gateway_gone(gateway, 77);
    struct link_frame broken = {.type = LINK_BROKEN, .conn = 77, .seq = 1};
    gateway_say(gateway, &broken);
    told(gateway, "");
}

Test(session, counts_are_kept)
{
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    fake_answer_all(&fake);
    fake_pass(&fake, 250);
    const struct shard_counts *counts = shard_count(fake.shard);
    cr_assert(eq(u64, counts->rooms, 1));
    cr_assert(eq(u64, counts->sessions, 1));
    cr_assert(eq(u64, counts->messages, 2));
    cr_assert(eq(u64, counts->pushes, 1));
    cr_assert(gt(u64, counts->room_bytes, 0));
}

static size_t frames_before(const struct buf *bytes, size_t used)
{
    size_t frames = 0;
    for (size_t at = 0; at < used; frames++) {
        uint32_t length;
        memcpy(&length, buf_head(bytes) + at, sizeof(length));
        at += sizeof(length) + __builtin_bswap32(length);
    }
    return frames;
}

/* A small message may ask for a whole room: a gateway that asks and does not read must not make the
 * worker hold the answers to all of it. */
Test(session, a_gateway_that_does_not_read_is_not_listened_to)
{
    enum { LARGE = 8 << 20, ASKED = 64 };
    gateway_gone(gateway, 1);
    gateway = gateway_create_as(&fake, 2, "node-1", LINK_VERSION_SHARES - 1);
    gateway_join(gateway, 1, "demo", "a");
    gateway_told(gateway);
    struct buf json = {0};
    buf_printf(&json, "{\"type\":\"push\",\"diff\":{\"note:1\":[\"put\",{\"id\":\"note:1\","
                      "\"typeName\":\"note\",\"text\":\"");
    memset(buf_reserve(&json, LARGE), 'a', LARGE);
    buf_commit(&json, LARGE);
    buf_append(&json, "\"}]}}", 6);
    gateway_message(gateway, 1, 2, (const char *)buf_head(&json));
    buf_finish(&json);
    fake_turn(&fake);
    fake_answer_all(&fake);
    gateway_told(gateway);

    struct buf message = {0};
    struct buf bytes = {0};
    cr_assert(zero(int, json_parse(str_of(CONNECT("-1", SCHEMA)), &message)));
    for (uint64_t seq = 3; seq < 3 + ASKED; seq++) {
        struct link_frame frame = {
            .type = LINK_MESSAGE, .conn = 1, .seq = seq, .payload = buf_value(&message)};
        link_write(&bytes, &frame);
    }
    size_t done = 0;
    while (buf_len(&bytes) > 0) {
        size_t used;
        cr_assert(zero(int, shard_link_input(gateway->shard_link, buf_head(&bytes), buf_len(&bytes),
                                             &used, fake.now)));
        size_t taken = frames_before(&bytes, used);
        cr_assert(gt(sz, taken, 0));
        cr_assert(le(sz, taken, SHARD_LINK_PAUSE / LARGE + 1));
        buf_consume(&bytes, used);
        done += taken;
        gateway_told(gateway); /* reads, so the rest may follow */
    }
    cr_assert(eq(sz, done, ASKED));
    buf_finish(&message);
    buf_finish(&bytes);
}
