#include "edge/pace.h"
#include "fake_edge.h"

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

TestSuite(inbox, .init = setup, .fini = teardown);

static void acknowledge(uint64_t conn, uint64_t answered)
{
    struct link_frame ack = {.type = LINK_ACK, .conn = conn, .answered = answered};
    fake_say(&fake, "w1", &ack);
}

/* What the owner would get if it had to be told again. */
static const char *replayed(void)
{
    fake_down(&fake, "w1");
    fake_pass(&fake, EDGE_RETRY_MS);
    fake_owner(&fake, "demo", "w1");
    return fake_told(&fake, "w1");
}

Test(inbox, keeps_what_is_not_answered)
{
    struct fake_client *client = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    fake_text(client, "1_x"); /* the first half of a message is none yet */
    fake_text(client, "0_");
    fake_text(client, "{\"n\":2}");
    fake_text(client, "{\"n\":3}");
    fake_text(client, "{\"n\":4}");
    acknowledge(1, 2);
    fake_send(&fake, "w1", 1, 3, LINK_HOW_PONG, "{\"type\":\"pong\"}");
    acknowledge(1, 1); /* says nothing new */
    SAME_LINES(replayed(), "hello gateway-1 node-1\nopen 1 demo a 2\nmessage 1 4 {\"n\":4}\n");
}

Test(inbox, a_cast_answers_nothing)
{
    struct fake_client *client = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    fake_send(&fake, "w1", 1, 0, LINK_HOW_CONNECT, "{}");
    for (int i = 0; i < EDGE_INBOX_MESSAGES; i++) {
        fake_text(client, "{}");
    }
    fake_cast(&fake, "w1", 0, "{}");
    cr_assert(client->paused);
    fake_send(&fake, "w1", 1, 1, LINK_HOW_EVENT, "{}");
    cr_assert(not(client->paused));
}

Test(inbox, many_messages_stop_the_reading)
{
    struct fake_client *client = fake_open(&fake, "demo", "a");
    fake_asked(&fake);
    for (int i = 0; i < EDGE_INBOX_MESSAGES - 1; i++) {
        fake_text(client, "{}");
    }
    cr_assert(not(client->paused));
    fake_text(client, "{}");
    SAME_LINES(fake_asked(&fake), "read a off\n");
    fake_owner(&fake, "demo", "w1");
    fake_greet(&fake, "w1");
    cr_assert(client->paused, "handed over is not answered");
    acknowledge(1, 1);
    cr_assert(not(client->paused));
    fake_text(client, "{}");
    cr_assert(client->paused);
}

/* A JSON string of `len` bytes, as an object. */
static void send_large(struct fake_client *client, size_t len)
{
    struct buf text = {0};
    buf_append_str(&text, STR("{\"a\":\""));
    memset(buf_reserve(&text, len), 'x', len);
    buf_commit(&text, len);
    buf_append_str(&text, STR("\"}"));
    fake_frame(client, WS_OP_TEXT, buf_str(&text));
    buf_finish(&text);
}

Test(inbox, many_bytes_stop_the_reading)
{
    struct fake_client *client = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    fake_told(&fake, "w1");
    for (int i = 0; i < 8; i++) {
        cr_assert(not(client->paused));
        send_large(client, EDGE_INBOX_BYTES / 8);
        fake_told(&fake, "w1"); /* the worker reads what it gets */
    }
    cr_assert(client->paused);
    acknowledge(1, 1);
    cr_assert(not(client->paused));
}

Test(inbox, an_owner_that_is_behind_gets_one_message_of_each)
{
    struct fake_client *a = fake_open(&fake, "demo", "a");
    struct fake_client *b = fake_open(&fake, "demo", "b");
    struct fake_client *c = fake_open(&fake, "elsewhere", "c");
    fake_serve(&fake, "demo", "w1");
    fake_serve(&fake, "elsewhere", "w2");
    fake_told(&fake, "w1");
    send_large(a, EDGE_LINK_BEHIND_BYTES);
    cr_assert(a->paused);
    cr_assert(not(b->paused));
    fake_text(b, "{}");
    cr_assert(b->paused);
    fake_text(c, "{}");
    fake_text(c, "{}");
    cr_assert(not(c->paused), "its owner is another one");
    fake_told(&fake, "w1");
    cr_assert(b->paused, "until it is answered");
    acknowledge(2, 1);
    cr_assert(not(b->paused));
    fake_text(b, "{}");
    fake_text(b, "{}");
    cr_assert(not(b->paused));
}

Test(inbox, an_edge_that_is_behind_takes_one_message_of_each)
{
    struct fake_client *client = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    fake_send(&fake, "w1", 1, 0, LINK_HOW_CONNECT, "{}");
    for (int i = 0; i < 10; i++) {
        for (int n = 0; n < 3; n++) {
            fake_cast(&fake, "w1", 0, "1");
        }
        fake.now += 60;
        edge_tick(fake.edge, fake.now); /* late with what is due */
    }
    cr_assert(gt(u64, edge_count(fake.edge)->pace_ms, PACE_MANY_MS));
    fake_lines(client, "{}\n{}");
    cr_assert(client->paused);
    acknowledge(1, 1);
    cr_assert(client->paused, "there is one more");
    acknowledge(1, 2);
    cr_assert(not(client->paused));
    fake_text(client, "{}");
    cr_assert(client->paused);
    fake_pass(&fake, EDGE_HOLD_MS);
    cr_assert(not(client->paused), "somebody who waits for the store gives signs of life");
    fake_text(client, "{}");
    cr_assert(client->paused);
}

Test(inbox, all_of_them_together_are_bounded)
{
    enum { CLIENTS = EDGE_INBOX_TOTAL / (EDGE_INBOX_BYTES / 2) };
    struct fake_client *last = NULL;
    for (int i = 0; i < CLIENTS; i++) {
        last = fake_open(&fake, "demo", "a");
        send_large(last, EDGE_INBOX_BYTES / 2);
    }
    cr_assert(last->paused, "half its own bound, but no room at all");
    struct fake_client *another = fake_open(&fake, "demo", "b");
    cr_assert(not(another->paused), "one message each");
    fake_text(another, "{}");
    cr_assert(another->paused);
}

Test(inbox, what_is_never_a_message_is_refused_by_its_length)
{
    struct fake_client *client = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    send_large(client, fake.config.max_message);
    SAME_LINES(fake_got(client), "close 1009 \n");
    SAME_LINES(fake_told(&fake, "w1"), "gone 1\n");
    cr_assert(eq(u64, edge_count(fake.edge)->closes_protocol, 1));
    struct fake_client *chunks = fake_open(&fake, "demo", "b");
    fake_told(&fake, "w1");
    struct buf chunk = {0};
    size_t half = fake.config.max_message / 2 + 1;
    buf_append_str(&chunk, STR("1_"));
    memset(buf_reserve(&chunk, half), 'x', half);
    buf_commit(&chunk, half);
    fake_frame(chunks, WS_OP_TEXT, buf_str(&chunk));
    buf_head(&chunk)[0] = '0';
    fake_frame(chunks, WS_OP_TEXT, buf_str(&chunk));
    SAME_LINES(fake_got(chunks), "close 1009 message too large\n");
    SAME_LINES(fake_told(&fake, "w1"), "gone 2\n");
    buf_finish(&chunk);
}

Test(inbox, a_closed_connection_is_read_again)
{
    struct fake_client *client = fake_open(&fake, "demo", "a");
    for (int i = 0; i < EDGE_INBOX_MESSAGES; i++) {
        fake_text(client, "{}");
    }
    cr_assert(client->paused);
    edge_stop(fake.edge, fake.now);
    cr_assert(not(client->paused), "for its close frame");
    fake_text(client, "{}");
    fake_frame(client, WS_OP_CLOSE, (struct str){0});
    cr_assert(client->ended);
}

Test(inbox, binary_frames_are_messages_too)
{
    struct fake_client *client = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    fake_binary(client, "{\"n\":[1,2.5,null]}");
    fake_frame(client, WS_OP_BINARY, STR("\xc1"));
    fake_frame(client, WS_OP_BINARY, STR("\x01\x02"));
    fake_frame(client, WS_OP_BINARY, (struct str){"", 0});
    fake_frame(client, WS_OP_BINARY, STR("\xd1\x00\x05")); /* 5, in a longer form */
    SAME_LINES(fake_told(&fake, "w1"),
               "message 1 1 {\"n\":[1,2.5,null]}\nbroken 1 2 1\nbroken 1 3 1\nbroken 1 4 1\n"
               "message 1 5 5\n");
    cr_assert(eq(u64, edge_count(fake.edge)->messages, 5));
}
