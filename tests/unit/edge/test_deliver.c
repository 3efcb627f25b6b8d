#include "fake_edge.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct fake fake;
static struct fake_client *client;

#define DATA(events) "{\"type\":\"data\",\"data\":[" events "]}\n"
#define CONNECTED "{\"type\":\"connect\"}"

/* Each connection may have one frame ahead of its time; that one is used up. */
static void use_credit(uint64_t conn, struct fake_client *of)
{
    fake_send(&fake, "w1", conn, 0, LINK_HOW_EVENT, "0");
    cr_assert(ne(sz, strlen(fake_got(of)), 0));
}

/* One connection that has joined, number 1, at worker w1. */
static void setup(void)
{
    fake_init(&fake);
    client = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    fake_send(&fake, "w1", 1, 0, LINK_HOW_CONNECT, CONNECTED);
    SAME_LINES(fake_got(client), "text " CONNECTED "\n");
    use_credit(1, client);
}

static void teardown(void)
{
    fake_finish(&fake);
}

TestSuite(deliver, .init = setup, .fini = teardown);

static void event(const char *json)
{
    fake_send(&fake, "w1", 1, 0, LINK_HOW_EVENT, json);
}

static void got(struct fake_client *by, const char *want)
{
    SAME_LINES(fake_got(by), want);
}

Test(deliver, MSG_1_the_first_event_goes_out_at_once)
{
    event("1");
    got(client, "text " DATA("1"));
    event("2");
    event("3");
    fake_pass(&fake, EDGE_PACE_MS - 1);
    got(client, "");
    fake_pass(&fake, 1);
    got(client, "text " DATA("2,3"));
    fake_pass(&fake, EDGE_PACE_MS);
    event("4");
    got(client, "text " DATA("4"));
}

Test(deliver, a_frame_more_goes_out_at_once_after_a_pause)
{
    event("1");
    fake_pass(&fake, 3 * EDGE_PACE_MS);
    fake_got(client);
    event("2");
    event("3");
    got(client, "text " DATA("2") "text " DATA("3"));
    event("4");
    got(client, "");
    fake_pass(&fake, EDGE_PACE_MS);
    got(client, "text " DATA("4"));
}

Test(deliver, what_waits_goes_out_with_what_comes_when_it_may)
{
    event("1");
    fake_got(client);
    fake_pass(&fake, EDGE_PACE_MS / 2);
    event("2");
    fake_pass(&fake, EDGE_PACE_MS - EDGE_PACE_MS / 2);
    got(client, "");
    event("3");
    got(client, "text " DATA("2,3"));
    fake_pass(&fake, 10 * EDGE_PACE_MS);
    got(client, "");
}

Test(deliver, MSG_2_to_one_it_is_a_steady_hundred_and_eleven)
{
    uint64_t before = edge_count(fake.edge)->frames_sent;
    for (int ms = 0; ms < 1700; ms++) {
        event("0");
        fake_pass(&fake, 1);
        fake_got(client);
    }
    cr_assert(eq(u64, edge_count(fake.edge)->frames_sent - before, 189));
}

Test(deliver, a_pong_overtakes)
{
    event("1");
    event("2");
    fake_send(&fake, "w1", 1, 0, LINK_HOW_PONG, "{\"type\":\"pong\"}");
    got(client, "text " DATA("1") "text {\"type\":\"pong\"}\n");
    fake_pass(&fake, EDGE_PACE_MS);
    got(client, "text " DATA("2"));
}

Test(deliver, MSG_3_a_custom_message_comes_behind_events)
{
    event("1");
    event("2");
    event("3");
    fake_send(&fake, "w1", 1, 0, LINK_HOW_CUSTOM, "{\"type\":\"custom\",\"data\":0}");
    got(client, "text " DATA("1") "text " DATA("2,3") "text {\"type\":\"custom\",\"data\":0}\n");
}

Test(deliver, a_legacy_message_flushes_nothing)
{
    event("1");
    event("2");
    fake_send(&fake, "w1", 1, 0, LINK_HOW_LEGACY, "{\"type\":\"incompatibility_error\"}");
    struct link_frame close = {.type = LINK_CLOSE, .conn = 1};
    fake_say(&fake, "w1", &close);
    got(client, "text " DATA("1") "text {\"type\":\"incompatibility_error\"}\nclose\n");
}

Test(deliver, MSG_6_a_connect_reply_supersedes_events)
{
    event("1");
    event("2");
    fake_send(&fake, "w1", 1, 0, LINK_HOW_CONNECT, CONNECTED);
    got(client, "text " DATA("1") "text " CONNECTED "\n");
    fake_pass(&fake, 100);
    got(client, "");
}

Test(deliver, casts_are_for_the_others_that_have_joined)
{
    struct fake_client *other = fake_open(&fake, "demo", "b");
    struct fake_client *newcomer = fake_open(&fake, "demo", "c");
    struct fake_client *elsewhere = fake_open(&fake, "more", "d");
    fake_owner(&fake, "more", "w1");
    fake_send(&fake, "w1", 2, 0, LINK_HOW_CONNECT, CONNECTED);
    fake_got(other);
    fake_cast(&fake, "w1", 1, "{\"n\":1}");
    got(client, "");
    got(other, "text " DATA("{\"n\":1}"));
    got(newcomer, "");
    got(elsewhere, "");
    fake_pass(&fake, 100);
    fake_cast(&fake, "w1", 0, "{\"n\":2}");
    got(client, "text " DATA("{\"n\":2}"));
    got(other, "text " DATA("{\"n\":2}"));
    struct link_frame stray = {.type = LINK_CAST, .channel = 99};
    uint8_t nil = 0xc0;
    stray.payload = (struct value){&nil, 1};
    fake_say(&fake, "w1", &stray); /* nobody listens there */
}

Test(deliver, each_client_is_answered_in_its_encoding)
{
    struct fake_client *binary = fake_open(&fake, "demo", "b");
    fake_binary(binary, "{}");
    fake_send(&fake, "w1", 2, 1, LINK_HOW_CONNECT, CONNECTED);
    got(binary, "binary " CONNECTED "\n");
    use_credit(2, binary);
    fake_cast(&fake, "w1", 0, "{\"n\":1}");
    fake_cast(&fake, "w1", 0, "{\"n\":2}");
    fake_cast(&fake, "w1", 0, "{\"n\":3}");
    fake_pass(&fake, EDGE_PACE_MS);
    got(client, "text " DATA("{\"n\":1}") "text " DATA("{\"n\":2},{\"n\":3}"));
    got(binary, "binary " DATA("{\"n\":1}") "binary " DATA("{\"n\":2},{\"n\":3}"));
}

Test(deliver, an_encoding_may_change)
{
    event("1");
    event("2");
    fake_binary(client, "{}");
    event("3");
    fake_pass(&fake, EDGE_PACE_MS);
    got(client, "text " DATA("1") "text " DATA("2") "binary " DATA("3"));
    event("4");
    fake_text(client, "{}");
    fake_pass(&fake, EDGE_PACE_MS);
    got(client, "binary " DATA("4"));
}

/* An event with a string of `len` bytes. */
static void large_event(size_t len, enum link_how how)
{
    struct buf json = {0};
    buf_append_byte(&json, '"');
    memset(buf_reserve(&json, len), 'x', len);
    buf_commit(&json, len);
    buf_append(&json, "\"", 2);
    fake_send(&fake, "w1", 1, 0, how, (const char *)buf_head(&json));
    buf_finish(&json);
}

Test(deliver, large_events_are_shared_and_whole)
{
    event("1");
    large_event(100, LINK_HOW_EVENT);
    large_event(5000, LINK_HOW_EVENT);
    large_event(70000, LINK_HOW_EVENT);
    event("2");
    got(client, "text " DATA("1"));
    fake_pass(&fake, EDGE_PACE_MS);
    size_t want = strlen("text " DATA("")) + 102 + 5002 + 70002 + 1 + 3;
    cr_assert(eq(sz, strlen(fake_got(client)), want));
}

Test(deliver, events_wait_while_the_socket_is_full)
{
    client->window = 0;
    large_event(EDGE_OUTQ_BYTES, LINK_HOW_EVENT);
    fake_write(client);
    event("1");
    fake_pass(&fake, 10 * EDGE_PACE_MS);
    event("2");
    fake_send(&fake, "w1", 1, 0, LINK_HOW_PONG, "{\"type\":\"pong\"}");
    size_t first = EDGE_OUTQ_BYTES + 2 + strlen("text " DATA(""));
    client->window = SIZE_MAX;
    cr_assert(eq(sz, strlen(fake_got(client)), first), "it hears enough without a pong");
    fake_pass(&fake, EDGE_PACE_MS);
    got(client, "text " DATA("1,2"));
}

Test(deliver, who_does_not_keep_up_is_closed)
{
    client->window = 0;
    for (int i = 0; i < 1 + 7; i++) { /* one in its queue, the others waiting */
        large_event(1 << 20, LINK_HOW_EVENT);
        fake_write(client);
        cr_assert(not(client->aborted));
    }
    fake_asked(&fake);
    large_event(1 << 20, LINK_HOW_EVENT);
    SAME_LINES(fake_asked(&fake), "abort a\n");
    SAME_LINES(fake_told(&fake, "w1"), "gone 1\n");
    event("1");
    fake_gone(client);
}

Test(deliver, what_cannot_wait_is_bounded_too)
{
    static const enum link_how hows[] = {LINK_HOW_CONNECT, LINK_HOW_CUSTOM, LINK_HOW_LEGACY};
    for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
        fake_gone(client);
        fake_finish(&fake);
        setup();
        client->window = 0;
        for (int n = 0; n < 8; n++) {
            large_event(1 << 20, hows[i]);
            fake_write(client);
            cr_assert(not(client->aborted), "one message may exceed the bound");
        }
        large_event(1, hows[i]);
        cr_assert(client->aborted);
    }
    fake_gone(client);
}

Test(deliver, changing_encodings_does_not_go_around_the_bound)
{
    client->window = 0;
    fake_write(client);
    int rounds = 0;
    for (; !client->aborted && rounds < 100; rounds++) {
        large_event(1 << 20, LINK_HOW_EVENT);
        fake_write(client);
        if (rounds % 2 == 0) {
            fake_binary(client, "{}");
        } else {
            fake_text(client, "{}");
        }
    }
    cr_assert(lt(int, rounds, 12));
    fake_gone(client);
}

Test(deliver, pongs_do_not_pile_up)
{
    client->window = 0;
    for (int i = 0; i < 20000; i++) {
        fake_send(&fake, "w1", 1, 0, LINK_HOW_PONG, "{\"type\":\"pong\"}");
        fake_frame(client, WS_OP_PING, STR("0123456789012345678901234567890123456789"));
    }
    fake_write(client);
    cr_assert(le(sz, edge_conn_output(client->conn)->bytes, EDGE_OUTQ_BYTES + 100));
}

/* What is due is looked at so late again and again that the loop has too much to do. */
Test(deliver, events_come_less_often_while_it_falls_behind)
{
    for (int i = 0; i < 40; i++) {
        event("1");
        event("2");
        fake.now += 60;
        edge_tick(fake.edge, fake.now);
    }
    cr_assert(gt(u64, edge_count(fake.edge)->pace_ms, 3 * EDGE_PACE_MS));
    fake_pass(&fake, 150);
    fake_got(client);
    event("3");
    event("4");
    got(client, "text " DATA("3") "text " DATA("4")); /* it has been quiet */
    event("5");
    event("6");
    fake_pass(&fake, 2 * EDGE_PACE_MS);
    got(client, "");
    fake_pass(&fake, 100);
    got(client, "text " DATA("5,6"));
}
