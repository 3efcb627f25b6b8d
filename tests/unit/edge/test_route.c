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

TestSuite(route, .init = setup, .fini = teardown);

#define CONNECTED "{\"type\":\"connect\"}"

static void refuse(const char *worker, uint64_t conn, enum link_refusal why)
{
    struct link_frame frame = {
        .type = LINK_REFUSE, .conn = conn, .code = (uint64_t)why, .reason = STR("because")};
    fake_say(&fake, worker, &frame);
}

Test(route, an_owner_is_looked_up_once_for_all)
{
    fake_open(&fake, "demo", "a");
    fake_open(&fake, "demo", "b");
    fake_open(&fake, "other", "c");
    SAME_LINES(fake_asked(&fake), "find demo\nfind other\n");
    fake_owner(&fake, "demo", "w1");
    SAME_LINES(fake_asked(&fake), "connect w1 unix:w1.sock\n");
    fake_owner(&fake, "other", "w1");
    SAME_LINES(fake_asked(&fake), "");
    SAME_LINES(fake_told(&fake, "w1"),
               "hello gateway-1 node-1\nopen 1 demo a 2\nopen 2 demo b 2\nopen 3 other c 2\n");
    fake_open(&fake, "demo", "d");
    SAME_LINES(fake_asked(&fake), "");
    SAME_LINES(fake_told(&fake, "w1"), "open 4 demo d 2\n");
}

Test(route, messages_wait_for_the_owner)
{
    struct fake_client *client = fake_open(&fake, "demo", "a");
    fake_text(client, "{\"n\":1}");
    fake_text(client, "nonsense");
    fake_text(client, "{broken");
    fake_text(client, "1_{\"n\":");
    fake_text(client, "0_2}");
    fake_owner(&fake, "demo", "w1");
    SAME_LINES(fake_told(&fake, "w1"),
               "hello gateway-1 node-1\nopen 1 demo a 2\nmessage 1 1 {\"n\":1}\nbroken 1 2 0\n"
               "broken 1 3 1\nmessage 1 4 {\"n\":2}\n");
    fake_text(client, "0_{oops");
    fake_text(client, "1_a");
    fake_text(client, "{}");
    SAME_LINES(fake_told(&fake, "w1"), "broken 1 5 0\nbroken 1 6 0\n");
}

Test(route, flags_say_what_the_session_may)
{
    struct edge_conn_config config = {.room = STR("demo"), .session = STR("a"), .readonly = true};
    struct edge_conn *conn = edge_conn_create(fake.edge, &config, fake.now);
    fake_owner(&fake, "demo", "w1");
    SAME_LINES(fake_told(&fake, "w1"), "hello gateway-1 node-1\nopen 1 demo a 3\n");
    edge_conn_destroy(conn, fake.now);
    edge_conn_destroy(NULL, fake.now);
}

Test(route, numbers_are_never_used_again)
{
    struct fake_client *first = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    fake_gone(first);
    SAME_LINES(fake_told(&fake, "w1"), "gone 1\n");
    fake_open(&fake, "demo", "a");
    SAME_LINES(fake_told(&fake, "w1"), "open 2 demo a 2\n");
    cr_assert(eq(u64, edge_count(fake.edge)->conns, 1));
}

Test(route, who_waits_too_long_is_sent_away)
{
    struct fake_client *early = fake_open(&fake, "demo", "a");
    fake_pass(&fake, 1);
    struct fake_client *late = fake_open(&fake, "demo", "b");
    fake_pass(&fake, EDGE_OWNER_WAIT_MS - 2);
    SAME_LINES(fake_got(early), "");
    fake_pass(&fake, 1);
    SAME_LINES(fake_got(early), "close 1013 no worker available\n");
    SAME_LINES(fake_got(late), "");
    fake_pass(&fake, 1);
    SAME_LINES(fake_got(late), "close 1013 no worker available\n");
    cr_assert(eq(u64, edge_count(fake.edge)->closes_retry, 2));
}

Test(route, asks_again_while_there_is_no_owner)
{
    fake_open(&fake, "demo", "a");
    fake_asked(&fake);
    fake_no_owner(&fake, "demo");
    fake_pass(&fake, EDGE_RETRY_MS - 1);
    SAME_LINES(fake_asked(&fake), "");
    fake_pass(&fake, 1);
    SAME_LINES(fake_asked(&fake), "find demo\n");
    fake_no_owner(&fake, "demo");
    fake_no_owner(&fake, "demo"); /* answers to nothing that was asked */
    fake_owner(&fake, "demo", "w1");
    fake_owner(&fake, "unheard-of", "w1");
    SAME_LINES(fake_asked(&fake), "");
    fake_pass(&fake, EDGE_RETRY_MS);
    fake_owner(&fake, "demo", "w1");
    fake_owner(&fake, "demo", "w2");
    SAME_LINES(fake_asked(&fake), "find demo\nconnect w1 unix:w1.sock\n");
}

Test(route, a_look_up_may_fail_at_once)
{
    fake.refuse_finds = true;
    struct fake_client *client = fake_open(&fake, "demo", "a");
    SAME_LINES(fake_asked(&fake), "find demo\n");
    fake_pass(&fake, EDGE_OWNER_WAIT_MS);
    SAME_LINES(fake_got(client), "close 1013 no worker available\n");
}

Test(route, a_worker_that_is_not_the_owner_is_left_for_another)
{
    struct fake_client *client = fake_open(&fake, "demo", "a");
    fake_open(&fake, "demo", "b");
    fake_serve(&fake, "demo", "w1");
    fake_text(client, "{\"n\":1}");
    refuse("w1", 1, LINK_REFUSED_NOT_OWNER);
    fake_told(&fake, "w1");
    fake_text(client, "{\"n\":2}");
    refuse("w1", 2, LINK_REFUSED_NOT_OWNER); /* the second is void by now */
    SAME_LINES(fake_told(&fake, "w1"), "");
    fake_pass(&fake, EDGE_RETRY_MS);
    SAME_LINES(fake_asked(&fake), "find demo\n");
    fake_owner(&fake, "demo", "w2");
    SAME_LINES(fake_told(&fake, "w2"),
               "hello gateway-1 node-1\nopen 1+1 demo a 2\nmessage 1+1 1 {\"n\":1}\n"
               "message 1+1 2 {\"n\":2}\nopen 2+1 demo b 2\n");
    /* Frames of the former owner are void. */
    fake_send(&fake, "w1", 1, 2, LINK_HOW_PONG, "{\"type\":\"pong\"}");
    SAME_LINES(fake_got(client), "");
}

Test(route, who_is_refused_waits_again_and_not_for_ever)
{
    struct fake_client *client = fake_open(&fake, "demo", "a");
    fake_pass(&fake, 4000);
    fake_serve(&fake, "demo", "w1");
    fake_pass(&fake, EDGE_OWNER_WAIT_MS);
    refuse("w1", 1, LINK_REFUSED_NOT_OWNER);
    fake_pass(&fake, EDGE_OWNER_WAIT_MS - 1);
    SAME_LINES(fake_got(client), "");
    fake_pass(&fake, 1);
    SAME_LINES(fake_got(client), "close 1013 no worker available\n");
}

Test(route, other_refusals_send_the_client_away_for_now)
{
    struct fake_client *unreadable = fake_open(&fake, "demo", "a");
    struct fake_client *busy = fake_open(&fake, "demo", "b");
    fake_serve(&fake, "demo", "w1");
    refuse("w1", 1, LINK_REFUSED_UNREADABLE);
    refuse("w1", 2, LINK_REFUSED_BUSY);
    SAME_LINES(fake_got(unreadable), "close 1013 because\n");
    SAME_LINES(fake_got(busy), "close 1013 because\n");
    SAME_LINES(fake_told(&fake, "w1"), "");
}

Test(route, a_lost_link_hits_only_who_had_joined)
{
    struct fake_client *joined = fake_open(&fake, "demo", "a");
    struct fake_client *waiting = fake_open(&fake, "demo", "b");
    fake_serve(&fake, "demo", "w1");
    fake_text(waiting, CONNECTED);
    fake_send(&fake, "w1", 1, 0, LINK_HOW_CONNECT, CONNECTED);
    fake_got(joined);
    fake_down(&fake, "w1");
    SAME_LINES(fake_got(joined), "close 1012 room moved\n");
    SAME_LINES(fake_got(waiting), "");
    cr_assert(zero(u64, edge_count(fake.edge)->links));
    fake_pass(&fake, EDGE_RETRY_MS);
    fake_owner(&fake, "demo", "w2");
    SAME_LINES(fake_told(&fake, "w2"),
               "hello gateway-1 node-1\nopen 2 demo b 2\nmessage 2 1 " CONNECTED "\n");
}

Test(route, a_worker_that_cannot_be_reached_is_tried_again)
{
    fake_open(&fake, "demo", "a");
    fake_owner(&fake, "demo", "w1");
    fake_down(&fake, "w1");
    fake_asked(&fake);
    fake_pass(&fake, EDGE_RETRY_MS);
    fake_owner(&fake, "demo", "w1");
    SAME_LINES(fake_asked(&fake), "find demo\nconnect w1 unix:w1.sock\n");
    SAME_LINES(fake_told(&fake, "w1"), "hello gateway-1 node-1\nopen 1 demo a 2\n");
}

Test(route, an_empty_room_remembers_its_owner_for_a_moment)
{
    struct fake_client *client = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    fake_gone(client);
    fake_pass(&fake, EDGE_ROOM_KEEP_MS - 1);
    client = fake_open(&fake, "demo", "a");
    SAME_LINES(fake_asked(&fake), "");
    fake_gone(client);
    fake_pass(&fake, EDGE_ROOM_KEEP_MS);
    fake_open(&fake, "demo", "a");
    SAME_LINES(fake_asked(&fake), "find demo\n");
}

/* Fails to reach w1 every so often for a while. */
static void fail_to_reach(uint64_t ms)
{
    for (uint64_t until = fake.now + ms; fake.now < until;) {
        fake_owner(&fake, "demo", "w1");
        fake_pass(&fake, 1000);
        fake_down(&fake, "w1");
        fake_pass(&fake, EDGE_RETRY_MS);
    }
}

/* proto/cluster.md, "When a link breaks": it is alive, says the store, and only not for us. */
Test(route, an_owner_out_of_reach_is_given_up_and_its_clients_go_elsewhere)
{
    fake.remote = true;
    struct fake_client *client = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    fake_state(&fake, "w1", 1, 0, "{}");
    fake_send(&fake, "w1", 1, 0, LINK_HOW_CONNECT, "{\"type\":\"connect\"}");
    fake_down(&fake, "w1");
    fake_got(client);
    fail_to_reach(EDGE_UNREACHABLE_MS - 1000);
    SAME_LINES(fake_got(client), "");
    fake_owner(&fake, "demo", "w1"); /* and once it is there, all is well again */
    fake_greet(&fake, "w1");
    fake_down(&fake, "w1");
    fail_to_reach(EDGE_UNREACHABLE_MS - 1000);
    SAME_LINES(fake_got(client), "");
    fail_to_reach(3000);
    SAME_LINES(fake_got(client), "close 1013 the room's worker cannot be reached from here\n");
}

Test(route, a_try_that_takes_long_counts_from_its_beginning)
{
    fake.remote = true;
    struct fake_client *client = fake_open(&fake, "demo", "a");
    fake_owner(&fake, "demo", "w1");
    fake_pass(&fake, EDGE_UNREACHABLE_MS);
    fake_down(&fake, "w1");
    SAME_LINES(fake_got(client), "close 1013 the room's worker cannot be reached from here\n");
}

/* Each try may take seconds; that must not add up to more than clients are told. */
Test(route, a_try_ends_when_the_room_has_no_more_time_for_it)
{
    fake.remote = true;
    struct fake_client *client = fake_open(&fake, "demo", "a");
    fake_owner(&fake, "demo", "w1");
    fake_pass(&fake, EDGE_UNREACHABLE_MS - 1000);
    fake_down(&fake, "w1");
    fake_pass(&fake, EDGE_RETRY_MS);
    fake_owner(&fake, "demo", "w1");
    fake_asked(&fake);
    fake_pass(&fake, 1000 - EDGE_RETRY_MS - 1);
    SAME_LINES(fake_asked(&fake), "");
    fake_pass(&fake, 1);
    SAME_LINES(fake_asked(&fake), "drop w1\n");
    fake_down(&fake, "w1");
    SAME_LINES(fake_got(client), "close 1013 the room's worker cannot be reached from here\n");
}

Test(route, who_is_greeted_in_time_is_not_given_up)
{
    fake.remote = true;
    fake_open(&fake, "demo", "a");
    fake_owner(&fake, "demo", "w1");
    fake_pass(&fake, EDGE_UNREACHABLE_MS - 1);
    fake_greet(&fake, "w1");
    fake_asked(&fake);
    fake_pass(&fake, 1);
    SAME_LINES(fake_asked(&fake), "");
}

/* The store was away, and has not given its rooms to another one yet: nobody reaches it. */
Test(route, an_owner_that_is_not_among_the_living_is_not_given_up)
{
    fake.remote = true;
    struct fake_client *client = fake_open(&fake, "demo", "a");
    fake_owner(&fake, "demo", "w1");
    uint32_t pos = 0;
    edge_worker_listed(edge_next_link(fake.edge, &pos), false, false, fake.now);
    fake_pass(&fake, EDGE_UNREACHABLE_MS);
    fake_down(&fake, "w1");
    SAME_LINES(fake_got(client), "");
    cr_assert(not(edge_is_elsewhere(fake.edge, STR("demo"), fake.now)));
}

/* A balancer that sends clients to whoever has the fewest would send them here again. */
Test(route, who_comes_for_an_owner_out_of_reach_is_better_off_elsewhere_for_a_while)
{
    fake.remote = true;
    struct fake_client *client = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    fake_state(&fake, "w1", 1, 0, "{}");
    fake_send(&fake, "w1", 1, 0, LINK_HOW_CONNECT, "{\"type\":\"connect\"}");
    fake_down(&fake, "w1");
    fake_owner(&fake, "demo", "w1");
    cr_assert(not(edge_is_elsewhere(fake.edge, STR("demo"), fake.now)));
    fake_pass(&fake, EDGE_UNREACHABLE_MS);
    fake_down(&fake, "w1");
    fake_gone(client);
    fake_pass(&fake, EDGE_RETRY_MS); /* for the sake of the session that has just gone */
    fake_owner(&fake, "demo", "w1");
    cr_assert(edge_is_elsewhere(fake.edge, STR("demo"), fake.now));
    cr_assert(not(edge_is_elsewhere(fake.edge, STR("other"), fake.now)));
    fake_pass(&fake, EDGE_ROOM_KEEP_MS);
    fake_down(&fake, "w1");
    fake_pass(&fake, EDGE_ROOM_KEEP_MS);
    cr_assert(edge_is_elsewhere(fake.edge, STR("demo"), fake.now), "longer than rooms are kept");
    fake_pass(&fake, EDGE_ELSEWHERE_MS);
    cr_assert(not(edge_is_elsewhere(fake.edge, STR("demo"), fake.now)));
}

Test(route, one_of_this_machine_that_does_not_answer_is_waited_for)
{
    struct fake_client *client = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    fake_state(&fake, "w1", 1, 0, "{}");
    fake_send(&fake, "w1", 1, 0, LINK_HOW_CONNECT, "{\"type\":\"connect\"}");
    fake_got(client);
    fake_down(&fake, "w1");
    fail_to_reach(3 * EDGE_UNREACHABLE_MS);
    SAME_LINES(fake_got(client), "");
}

Test(route, an_owner_that_is_dead_is_another_matter)
{
    struct fake_client *client = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    fake_down(&fake, "w1");
    fail_to_reach(4000);
    fake_serve(&fake, "demo", "w2");
    fake_down(&fake, "w2");
    fake_serve(&fake, "demo", "w2");
    fake_pass(&fake, 2 * EDGE_UNREACHABLE_MS);
    SAME_LINES(fake_got(client), "");
    cr_assert(not(client->ended));
}

Test(route, what_breaks_the_link_protocol_is_reported)
{
    static const enum link_type wrong[] = {LINK_HELLO, LINK_OPEN, LINK_MESSAGE, LINK_BROKEN,
                                           LINK_GONE};
    fake_open(&fake, "demo", "a");
    fake_owner(&fake, "demo", "w1");
    struct link_frame early = {.type = LINK_ACK, .conn = 1};
    cr_assert(eq(int, fake_try(&fake, "w1", &early), ERR_MALFORMED), "a greeting comes first");
    struct link_frame newer = {.type = LINK_HELLO,
                               .version_min = LINK_VERSION_MAX + 1,
                               .version_max = 99,
                               .id = STR("w1")};
    cr_assert(eq(int, fake_try(&fake, "w1", &newer), ERR_VERSION));
    struct link_frame stranger = {
        .type = LINK_HELLO, .version_min = 1, .version_max = LINK_VERSION_MAX, .id = STR("w2")};
    fake_down(&fake, "w1");
    fake_pass(&fake, EDGE_RETRY_MS);
    fake_owner(&fake, "demo", "w1");
    cr_assert(eq(int, fake_try(&fake, "w1", &stranger), ERR_REFUSED));
    fake_down(&fake, "w1");
    fake_pass(&fake, EDGE_RETRY_MS);
    fake_serve(&fake, "demo", "w1");
    struct buf nil = {0};
    buf_append_byte(&nil, 0xc0);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct link_frame frame = {
            .type = wrong[i], .conn = 1, .payload = {buf_head(&nil), buf_len(&nil)}};
        cr_assert(eq(int, fake_try(&fake, "w1", &frame), ERR_MALFORMED));
    }
    buf_finish(&nil);
    struct link_frame close = {.type = LINK_CLOSE, .conn = 1, .code = 1005};
    cr_assert(eq(int, fake_try(&fake, "w1", &close), ERR_MALFORMED), "no close frame can say that");
    close.code = 65536 + 1000;
    cr_assert(eq(int, fake_try(&fake, "w1", &close), ERR_MALFORMED));
    close.code = 0;
    close.reason = STR("why");
    cr_assert(eq(int, fake_try(&fake, "w1", &close), ERR_MALFORMED));
}
