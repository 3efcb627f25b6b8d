#include "fake_edge.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct fake fake;
static struct fake_client *client;

static void setup(void)
{
    fake_init(&fake);
    client = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
}

static void teardown(void)
{
    fake_finish(&fake);
}

TestSuite(close, .init = setup, .fini = teardown);

static void asked(const char *want)
{
    SAME_LINES(fake_asked(&fake), want);
}

static void got(struct fake_client *by, const char *want)
{
    SAME_LINES(fake_got(by), want);
}

static void worker_closes(uint64_t conn, uint16_t code, const char *reason)
{
    struct link_frame frame = {
        .type = LINK_CLOSE, .conn = conn, .code = code, .reason = str_of(reason)};
    fake_say(&fake, "w1", &frame);
}

Test(close, by_the_client_is_answered_in_kind)
{
    fake_frame(client, WS_OP_CLOSE,
               STR("\x0f\xa0"
                   "bye"));
    got(client, "close 4000 \n");
    asked("end a\n");
    SAME_LINES(fake_told(&fake, "w1"), "gone 1\n");
    fake_text(client, "{}");
    fake_gone(client);
    SAME_LINES(fake_told(&fake, "w1"), "");
}

Test(close, by_the_client_without_a_code)
{
    fake_frame(client, WS_OP_CLOSE, (struct str){"", 0});
    got(client, "close\n");
    asked("end a\n");
}

Test(close, by_the_client_is_not_counted_as_ours)
{
    fake_frame(client, WS_OP_CLOSE, STR("\x10\x03"));
    got(client, "close 4099 \n");
    cr_assert(zero(u64, edge_count(fake.edge)->closes_fatal));
}

Test(close, by_the_worker_waits_for_the_clients_answer)
{
    worker_closes(1, 4099, "INVALID_RECORD");
    got(client, "close 4099 INVALID_RECORD\n");
    asked("");
    fake_text(client, "{}"); /* was under way */
    fake_frame(client, WS_OP_PING, STR("x"));
    fake_frame(client, WS_OP_CLOSE, STR("\x10\x03"));
    got(client, "");
    asked("end a\n");
    SAME_LINES(fake_told(&fake, "w1"), "");
    cr_assert(eq(u64, edge_count(fake.edge)->closes_fatal, 1));
}

Test(close, without_an_answer_ends_all_the_same)
{
    worker_closes(1, 0, "");
    got(client, "close\n");
    fake_pass(&fake, EDGE_CLOSE_WAIT_MS - 1);
    asked("");
    fake_pass(&fake, 1);
    asked("end a\n");
}

Test(close, of_a_broken_stream)
{
    fake_frame(client, WS_OP_TEXT, STR("\xff"));
    got(client, "close 1007 \n");
    asked("end a\n");
    SAME_LINES(fake_told(&fake, "w1"), "gone 1\n");
    cr_assert(eq(u64, edge_count(fake.edge)->closes_protocol, 1));
}

Test(close, by_a_broken_stream_while_closing)
{
    worker_closes(1, 1000, "");
    fake_frame(client, WS_OP_TEXT, STR("\xff"));
    got(client, "close 1000 \n");
    asked("end a\n");
}

Test(close, of_all_when_the_server_stops)
{
    struct fake_client *waiting = fake_open(&fake, "other", "b");
    struct fake_client *closing = fake_open(&fake, "demo", "c");
    worker_closes(3, 4099, "NOT_FOUND");
    fake_asked(&fake);
    edge_stop(fake.edge, fake.now);
    got(client, "close 1012 server is restarting\n");
    got(waiting, "close 1012 server is restarting\n");
    got(closing, "close 4099 NOT_FOUND\n");
    asked("");
    fake_pass(&fake, EDGE_CLOSE_WAIT_MS);
    cr_assert(client->ended && waiting->ended && closing->ended);
    fake_gone(client);
    fake_gone(waiting);
    fake_gone(closing);
    cr_assert(zero(u64, edge_count(fake.edge)->conns));
    fake_pass(&fake, EDGE_ROOM_KEEP_MS);
    cr_assert(eq(u64, edge_deadline(fake.edge), UINT64_MAX), "nothing is left to wait for");
}

Test(close, of_some_when_the_server_stops_slowly)
{
    struct fake_client *second = fake_open(&fake, "other", "b");
    struct fake_client *closing = fake_open(&fake, "demo", "c");
    worker_closes(3, 4099, "NOT_FOUND");
    fake_asked(&fake);
    cr_assert(eq(u64, edge_open_count(fake.edge), 2), "one is being closed already");
    cr_assert(eq(u64, edge_stop_some(fake.edge, 0, fake.now), 0));
    cr_assert(eq(u64, edge_stop_some(fake.edge, 1, fake.now), 1));
    cr_assert(eq(u64, edge_open_count(fake.edge), 1));
    cr_assert(eq(u64, edge_stop_some(fake.edge, 5, fake.now), 1));
    cr_assert(eq(u64, edge_stop_some(fake.edge, 5, fake.now), 0));
    got(client, "close 1012 server is restarting\n");
    got(second, "close 1012 server is restarting\n");
    got(closing, "close 4099 NOT_FOUND\n");
}

Test(close, of_a_socket_that_takes_nothing)
{
    client->window = 0;
    fake_frame(client, WS_OP_PING, STR("x"));
    fake_write(client);
    fake_pass(&fake, 20000);
    fake_write(client); /* trying is not taking */
    fake_pass(&fake, EDGE_STALL_MS - 20000 - 1);
    asked("");
    fake_pass(&fake, 1);
    asked("abort a\n");
    cr_assert(eq(u64, edge_count(fake.edge)->closes_slow, 1));
    fake_gone(client);
}

Test(close, not_of_a_socket_that_takes_a_little)
{
    client->window = 0;
    fake_frame(client, WS_OP_PING, STR("x"));
    for (int i = 0; i < 3; i++) {
        client->window = 1;
        fake_write(client);
        fake_pass(&fake, EDGE_STALL_MS - 1);
    }
    asked("");
    client->window = SIZE_MAX;
    fake_write(client);
    fake_pass(&fake, 10 * EDGE_STALL_MS);
    asked("");
}

Test(close, of_a_socket_that_does_not_take_its_last_bytes)
{
    client->window = 0;
    worker_closes(1, 1012, "room moved");
    fake_write(client);
    fake_pass(&fake, EDGE_CLOSE_WAIT_MS);
    asked("end a\n");
    fake_pass(&fake, EDGE_STALL_MS);
    asked("abort a\n");
    fake_gone(client);
}

Test(close, not_of_a_superseded_connection)
{
    fake_send(&fake, "w1", 1, 0, LINK_HOW_CONNECT, "{}");
    fake_send(&fake, "w1", 1, 0, LINK_HOW_EVENT, "1");
    fake_send(&fake, "w1", 1, 0, LINK_HOW_EVENT, "2");
    fake_got(client);
    struct link_frame detach = {.type = LINK_DETACH, .conn = 1};
    fake_say(&fake, "w1", &detach);
    fake_cast(&fake, "w1", 0, "{}");
    fake_text(client, "{}");
    fake_frame(client, WS_OP_PING, STR("still there?"));
    got(client, "pong still there?\n");
    SAME_LINES(fake_told(&fake, "w1"), "");
    fake_pass(&fake, EDGE_DETACHED_MS - 1);
    got(client, "");
    fake_pass(&fake, 1);
    got(client, "close\n");
    fake_down(&fake, "w1"); /* has nothing to do with it any more */
    got(client, "");
}

Test(close, of_a_superseded_connection_by_its_client)
{
    struct link_frame detach = {.type = LINK_DETACH, .conn = 1};
    fake_say(&fake, "w1", &detach);
    fake_frame(client, WS_OP_CLOSE, STR("\x03\xe8"));
    got(client, "close 1000 \n");
    asked("end a\n");
}
