#include "fake_edge.h"

#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct fake fake;

static void setup(void)
{
    fake_init(&fake);
}

static void teardown(void)
{
    fake_finish(&fake);
}

TestSuite(channel, .init = setup, .fini = teardown);

#define DATA(events) "text {\"type\":\"data\",\"data\":[" events "]}\n"
#define CONNECTED "{\"type\":\"connect\"}"

static void say(enum link_type type, uint64_t conn, uint64_t channel, const char *json)
{
    struct buf payload = {0};
    cr_assert(zero(int, json_parse(str_of(json), &payload)));
    struct link_frame frame = {.type = type,
                               .conn = conn,
                               .channel = channel,
                               .how = LINK_HOW_CONNECT,
                               .payload = buf_value(&payload)};
    fake_say(&fake, "w1", &frame);
    buf_finish(&payload);
}

static void join(struct fake_client *client, uint64_t conn, uint64_t channel)
{
    say(LINK_SEND, conn, channel, CONNECTED);
    SAME_LINES(fake_got(client), "text " CONNECTED "\n");
}

static void cast(uint64_t channel, const char *json)
{
    say(LINK_CAST, 0, channel, json);
}

Test(channel, of_one_room_hear_each_its_own)
{
    struct fake_client *a = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    struct fake_client *b = fake_open(&fake, "demo", "b");
    join(a, 1, 7);
    join(b, 2, 8);
    cast(7, "1");
    cast(8, "2");
    SAME_LINES(fake_got(a), DATA("1"));
    SAME_LINES(fake_got(b), DATA("2"));
}

Test(channel, are_left_by_who_joins_another)
{
    struct fake_client *a = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    join(a, 1, 7);
    join(a, 1, 8);
    cast(7, "1");
    SAME_LINES(fake_got(a), "");
    cast(8, "2");
    SAME_LINES(fake_got(a), DATA("2"));
}

Test(channel, end_with_their_last_listener)
{
    struct fake_client *a = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    join(a, 1, 7);
    for (uint64_t i = 0; i < 1000; i++) {
        struct fake_client *b = fake_open(&fake, "demo", "b");
        join(b, 2 + i, 100 + i);
        fake_gone(b);
        cast(100 + i, "1"); /* still on its way when the last one left */
    }
    cast(7, "2");
    SAME_LINES(fake_got(a), DATA("2"));
}

Test(channel, a_worker_that_gives_one_number_to_two_rooms_does_no_harm)
{
    struct fake_client *a = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    struct fake_client *b = fake_open(&fake, "other", "b");
    fake_owner(&fake, "other", "w1");
    fake_told(&fake, "w1");
    join(a, 1, 7);
    join(b, 2, 7);
    cast(7, "1");
    SAME_LINES(fake_got(a), DATA("1"));
    SAME_LINES(fake_got(b), "");
}

Test(channel, a_room_of_a_newer_schema_is_refused_for_good_before_the_first_reply_only)
{
    struct fake_client *a = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    struct fake_client *b = fake_open(&fake, "demo", "b");
    join(a, 1, 7);
    struct link_frame frame = {
        .type = LINK_REFUSE, .code = LINK_REFUSED_VERSION, .reason = STR("newer")};
    frame.conn = 2;
    fake_say(&fake, "w1", &frame);
    SAME_LINES(fake_got(b), "close 4099 SERVER_TOO_OLD\n");
    frame.conn = 1;
    fake_say(&fake, "w1", &frame);
    SAME_LINES(fake_got(a), "close 1013 newer\n");
}
