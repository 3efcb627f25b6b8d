/* A room gets another owner, and its clients notice nothing. */
#include "base/alloc.h"
#include "fake_edge.h"

#include <criterion/new/assert.h>
#include <stdlib.h>

static struct fake fake;
static struct fake_client *client;

#define PUSH(n) "{\"type\":\"push\",\"n\":" #n "}"
#define CURSOR(n) "[\"put\",{\"x\":" #n "}]"
#define MOVES(n) "{\"type\":\"push\",\"presence\":" CURSOR(n) "}"
#define PING "{\"type\":\"ping\"}"
#define PONG "text {\"type\":\"pong\"}\n"
#define HELLO "hello gateway-1 node-1\n"

static void join(const char *worker, uint64_t conn)
{
    fake_state(&fake, worker, conn, 0, "{\"who\":1}");
    fake_send(&fake, worker, conn, 0, LINK_HOW_CONNECT, "{\"type\":\"connect\"}");
}

static void setup(void)
{
    fake_init(&fake);
    client = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    join("w1", 1);
    fake_got(client);
}

static void teardown(void)
{
    fake_finish(&fake);
}

TestSuite(resume, .init = setup, .fini = teardown);

static void say(const char *worker, struct link_frame frame)
{
    fake_say(&fake, worker, &frame);
}

static void resumed(const char *worker, uint64_t conn, uint64_t answered)
{
    say(worker,
        (struct link_frame){
            .type = LINK_RESUMED, .conn = conn, .answered = answered, .channel = FAKE_CHANNEL});
}

Test(resume, the_next_owner_is_told_what_the_last_one_knew)
{
    fake_text(client, MOVES(1));
    fake_text(client, PUSH(2));
    fake_text(client, PUSH(3));
    struct link_frame answer = {.type = LINK_SEND,
                                .conn = 1,
                                .answered = 1,
                                .clock = 41,
                                .presence_clock = 77,
                                .presence_at = 76,
                                .how = LINK_HOW_EVENT,
                                .payload = {(const uint8_t *)"\x80", 1}};
    say("w1", answer);
    fake_got(client);
    fake_asked(&fake);
    fake_down(&fake, "w1");
    SAME_LINES(fake_asked(&fake), "find demo\n");
    fake_owner(&fake, "demo", "w2");
    fake_greet(&fake, "w2");
    SAME_LINES(fake_told(&fake, "w2"), HELLO "resume 1 demo a 2 41 77 76 1 3 {\"who\":1} [" CURSOR(
                                           1) "]\n"
                                              "message 1 2 " PUSH(2) "\nmessage 1 3 " PUSH(3) "\n");
    fake_pass(&fake, 100);
    SAME_LINES(fake_got(client), "");
    fake_cast(&fake, "w2", 0, "{\"n\":1}"); /* not for it yet */
    SAME_LINES(fake_got(client), "");
    resumed("w2", 1, 3);
    fake_cast(&fake, "w2", 0, "{\"n\":2}");
    SAME_LINES(fake_got(client), "text {\"type\":\"data\",\"data\":[{\"n\":2}]}\n");
    fake_down(&fake, "w2");
    fake_owner(&fake, "demo", "w3");
    SAME_LINES(fake_told(&fake, "w3"),
               HELLO "resume 1 demo a 2 41 77 76 3 3 {\"who\":1} [" CURSOR(1) "]\n");
}

Test(resume, what_a_session_may_do_by_now_goes_with_it)
{
    struct link_frame reads = {
        .type = LINK_FLAGS, .conn = 1, .flags = LINK_OPEN_READONLY | LINK_OPEN_OBJECT_WRITE};
    say("w1", reads);
    SAME_LINES(fake_got(client), "");
    fake_down(&fake, "w1");
    fake_owner(&fake, "demo", "w2");
    fake_greet(&fake, "w2");
    SAME_LINES(fake_told(&fake, "w2"), HELLO "resume 1 demo a 3 0 0 0 0 0 {\"who\":1} []\n");
    resumed("w2", 1, 0);
    fake_gone(client);
    say("w2", (struct link_frame){.type = LINK_FLAGS, .conn = 1, .flags = LINK_OPEN_OBJECT_WRITE});
    fake_down(&fake, "w2");
    fake_owner(&fake, "demo", "w3");
    SAME_LINES(fake_told(&fake, "w3"), HELLO "resume 1 demo a 6 0 0 0 0 0 {\"who\":1} []\n");
}

Test(resume, a_new_state_replaces_what_it_holds)
{
    for (uint64_t seq = 1; seq <= 3; seq++) {
        fake_text(client, seq == 1 ? MOVES(1) : seq == 2 ? MOVES(2) : MOVES(3));
        say("w1", (struct link_frame){.type = LINK_ACK, .conn = 1, .answered = seq});
    }
    fake_state(&fake, "w1", 1, 2, "{\"who\":2}");
    fake_state(&fake, "w1", 1, 1, "{\"who\":\"late\"}"); /* it was overtaken */
    fake_down(&fake, "w1");
    fake_owner(&fake, "demo", "w2");
    SAME_LINES(fake_told(&fake, "w2"),
               HELLO "resume 1 demo a 2 0 0 0 3 3 {\"who\":2} [" CURSOR(3) "]\n");
}

Test(resume, a_room_that_moved_is_followed_at_once)
{
    fake_text(client, PUSH(1));
    fake_told(&fake, "w1");
    say("w1", (struct link_frame){.type = LINK_MOVED,
                                  .room = STR("demo"),
                                  .id = STR("w2"),
                                  .address = STR("unix:w2.sock")});
    SAME_LINES(fake_asked(&fake), "connect w2 unix:w2.sock\n");
    SAME_LINES(fake_told(&fake, "w2"),
               HELLO "resume 1 demo a 2 0 0 0 0 1 {\"who\":1} []\nmessage 1 1 " PUSH(1) "\n");
    /* What the old owner still says means nothing. */
    fake_send(&fake, "w1", 1, 1, LINK_HOW_EVENT, "{\"late\":1}");
    fake_cast(&fake, "w1", 0, "{\"late\":2}");
    say("w1", (struct link_frame){.type = LINK_MOVED, .room = STR("demo")});
    SAME_LINES(fake_asked(&fake), "");
    SAME_LINES(fake_got(client), "");
}

/* Its open crosses the word that the room has moved, and finds it there again. What comes of that
 * is not the answer to its next open, which goes to the same worker on the same link. */
Test(resume, what_was_not_answered_is_taken_back_where_the_link_stands)
{
    enum { SECOND = 2, OPENING = 1 };
    uint64_t again = SECOND | (uint64_t)OPENING << LINK_CONN_BITS;
    struct fake_client *other = fake_open(&fake, "demo", "b");
    fake_told(&fake, "w1");
    say("w1", (struct link_frame){.type = LINK_MOVED, .room = STR("demo")});
    SAME_LINES(fake_told(&fake, "w1"), "gone 2\n");
    fake_owner(&fake, "demo", "w1");
    SAME_LINES(fake_told(&fake, "w1"), "resume 1 demo a 2 0 0 0 0 0 {\"who\":1} []\n"
                                       "open 2+1 demo b 2\n");
    join("w1", SECOND);
    SAME_LINES(fake_got(other), "");
    join("w1", again);
    SAME_LINES(fake_got(other), "text {\"type\":\"connect\"}\n");
    fake_cast(&fake, "w1", again, "{\"own\":1}");
    SAME_LINES(fake_got(other), "");
}

Test(resume, an_owner_that_has_lost_it_makes_us_look)
{
    say("w1", (struct link_frame){.type = LINK_MOVED, .room = STR("demo")});
    SAME_LINES(fake_asked(&fake), "find demo\n");
    say("w1", (struct link_frame){.type = LINK_MOVED, .room = STR("other")});
    SAME_LINES(fake_asked(&fake), "");
}

Test(resume, a_worker_whose_key_is_gone_is_left)
{
    uint32_t pos = 0;
    struct edge_link *link = edge_next_link(fake.edge, &pos);
    fake_told(&fake, "w1");
    edge_worker_listed(link, false, true, fake.now);
    edge_worker_listed(link, true, true, fake.now);
    edge_worker_listed(link, false, true, fake.now);
    SAME_LINES(fake_asked(&fake), "");
    edge_worker_listed(link, false, true, fake.now);
    SAME_LINES(fake_asked(&fake), "drop w1\n");
    fake_down(&fake, "w1");
    SAME_LINES(fake_asked(&fake), "find demo\n");
    fake_owner(&fake, "demo", "w1"); /* it was only slow */
    SAME_LINES(fake_asked(&fake), "connect w1 unix:w1.sock\n");
    SAME_LINES(fake_told(&fake, "w1"), HELLO "resume 1 demo a 2 0 0 0 0 0 {\"who\":1} []\n");
    SAME_LINES(fake_got(client), "");
}

Test(resume, pings_are_answered_without_an_owner)
{
    fake_text(client, PING);
    fake_text(client, PUSH(2));
    fake_text(client, PING);
    fake_down(&fake, "w1");
    SAME_LINES(fake_got(client), PONG PONG);
    fake_text(client, PING);
    SAME_LINES(fake_got(client), PONG);
    fake_owner(&fake, "demo", "w2");
    SAME_LINES(fake_told(&fake, "w2"),
               HELLO "resume 1 demo a 2 0 0 0 0 2 {\"who\":1} []\nmessage 1 2 " PUSH(2) "\n");
}

Test(resume, waits_a_minute_and_not_longer)
{
    struct fake_client *newcomer = fake_open(&fake, "demo", "b");
    fake_down(&fake, "w1");
    fake_no_owner(&fake, "demo");
    fake_pass(&fake, EDGE_OWNER_WAIT_MS);
    SAME_LINES(fake_got(newcomer), "close 1013 no worker available\n");
    fake_pass(&fake, EDGE_RESUME_WAIT_MS - EDGE_OWNER_WAIT_MS - 1);
    SAME_LINES(fake_got(client), "");
    fake_pass(&fake, 1);
    SAME_LINES(fake_got(client), "close 1013 no worker available\n");
}

Test(resume, a_quarantined_room_sends_its_people_away)
{
    struct fake_client *newcomer = fake_open(&fake, "demo", "b");
    fake_down(&fake, "w1");
    edge_owner_found(fake.edge, STR("demo"), ERR_QUARANTINED, NULL, fake.now);
    SAME_LINES(fake_got(newcomer), "close 1013 room is quarantined\n");
    SAME_LINES(fake_got(client), "close 1013 room is quarantined\n");
    fake_asked(&fake);
    fake_open(&fake, "demo", "b");
    SAME_LINES(fake_asked(&fake), "find demo\n");
}

Test(resume, who_has_just_left_is_resumed_as_gone)
{
    fake_open(&fake, "demo", "b");
    fake_text(client, PUSH(1));
    fake_gone(client);
    fake_told(&fake, "w1");
    fake_pass(&fake, EDGE_LINGER_MS - 1);
    fake_down(&fake, "w1");
    fake_owner(&fake, "demo", "w2");
    SAME_LINES(fake_told(&fake, "w2"), HELLO "resume 1 demo a 6 0 0 0 0 1 {\"who\":1} []\n"
                                             "message 1 1 " PUSH(1) "\nopen 2 demo b 2\n");
    fake_greet(&fake, "w2");
    fake_pass(&fake, 1);
    fake_down(&fake, "w2");
    fake_owner(&fake, "demo", "w3");
    SAME_LINES(fake_told(&fake, "w3"), HELLO "open 2 demo b 2\n");
}

Test(resume, who_has_just_left_finds_the_next_owner_if_one_refuses)
{
    fake_text(client, PUSH(1));
    fake_gone(client);
    fake_down(&fake, "w1");
    fake_owner(&fake, "demo", "w2");
    fake_greet(&fake, "w2");
    fake_asked(&fake);
    say("w2",
        (struct link_frame){.type = LINK_REFUSE, .conn = 1, .code = LINK_REFUSED_UNAVAILABLE});
    fake_pass(&fake, EDGE_RETRY_MS);
    SAME_LINES(fake_asked(&fake), "find demo\n");
    fake_owner(&fake, "demo", "w3");
    SAME_LINES(fake_told(&fake, "w3"), HELLO "resume 1+1 demo a 6 0 0 0 0 1 {\"who\":1} []\n"
                                             "message 1+1 1 " PUSH(1) "\n");
}

static void leaves_for_good(enum link_type told_by_the_owner)
{
    fake_open(&fake, "demo", "b");
    fake_text(client, PUSH(1));
    fake_gone(client);
    fake_down(&fake, "w1");
    fake_owner(&fake, "demo", "w2");
    cr_assert(strstr(fake_told(&fake, "w2"), "resume 1 demo a") != NULL);
    fake_greet(&fake, "w2");
    say("w2", (struct link_frame){.type = told_by_the_owner, .conn = 1});
    fake_down(&fake, "w2");
    fake_owner(&fake, "demo", "w3");
    SAME_LINES(fake_told(&fake, "w3"), HELLO "open 2 demo b 2\n");
}

Test(resume, who_has_left_and_is_back_elsewhere_is_not_resumed_again)
{
    leaves_for_good(LINK_DETACH);
}

Test(resume, nor_who_has_left_and_cannot_be)
{
    leaves_for_good(LINK_CLOSE);
}

Test(resume, an_empty_room_looks_for_nobody)
{
    fake_gone(client);
    fake_pass(&fake, EDGE_LINGER_MS - 1);
    fake_asked(&fake);
    fake_pass(&fake, 1);
    fake_down(&fake, "w1");
    SAME_LINES(fake_asked(&fake), "");
}

Test(resume, the_busiest_room_comes_first)
{
    struct fake_client *quiet = fake_open(&fake, "quiet", "b");
    fake_owner(&fake, "quiet", "w1");
    struct fake_client *busy = fake_open(&fake, "busy", "c");
    fake_owner(&fake, "busy", "w1");
    for (int i = 0; i < 5; i++) {
        fake_text(busy, PUSH(1));
    }
    fake_text(quiet, PUSH(1));
    fake_text(client, PUSH(1));
    fake_text(client, PUSH(1));
    fake_asked(&fake);
    fake_down(&fake, "w1");
    SAME_LINES(fake_asked(&fake), "find busy\nfind demo\nfind quiet\n");
}

Test(resume, the_roster_goes_along)
{
    struct buf ids = {0};
    buf_append(&ids, "\x92\xa3one\xa3two", 9);
    say("w1", (struct link_frame){.type = LINK_ROSTER,
                                  .room = STR("demo"),
                                  .payload = {buf_head(&ids), buf_len(&ids)}});
    buf_finish(&ids);
    struct link_frame cast = {.type = LINK_CAST,
                              .channel = FAKE_CHANNEL,
                              .payload = {(const uint8_t *)"\x80", 1},
                              .presence = STR("two"),
                              .flags = LINK_CAST_REMOVES};
    say("w1", cast);
    cast.presence = STR("one"); /* a second time */
    cast.flags = LINK_CAST_ADDS;
    say("w1", cast);
    fake_down(&fake, "w1");
    fake_owner(&fake, "demo", "w2");
    SAME_LINES(fake_told(&fake, "w2"),
               HELLO "resume 1 demo a 2 0 0 0 0 0 {\"who\":1} []\nroster demo [\"one\"]\n");
}

Test(resume, a_store_that_is_away_is_asked_again)
{
    say("w1",
        (struct link_frame){.type = LINK_REFUSE, .conn = 1, .code = LINK_REFUSED_UNAVAILABLE});
    SAME_LINES(fake_asked(&fake), "");
    fake_pass(&fake, EDGE_RETRY_MS);
    SAME_LINES(fake_asked(&fake), "find demo\n");
    SAME_LINES(fake_got(client), "");
}

/* What the next owner is told of the room's presence records. */
static const char *roster_for(const char *worker, const char *before)
{
    static char *line;
    fake_down(&fake, before);
    fake_owner(&fake, "demo", worker);
    free(line);
    const char *told = strstr(fake_told(&fake, worker), "roster");
    line = xstrdup(told ? told : "");
    return line;
}

static void listed(const char *worker, const uint8_t *ids, size_t len)
{
    say(worker,
        (struct link_frame){.type = LINK_ROSTER, .room = STR("demo"), .payload = {ids, len}});
}

static void shown(const char *worker, const char *id, uint64_t flags)
{
    say(worker, (struct link_frame){.type = LINK_CAST,
                                    .channel = FAKE_CHANNEL,
                                    .presence = str_of(id),
                                    .flags = flags,
                                    .payload = {(const uint8_t *)"\x80", 1}});
}

/* Or a room that is never empty for long would remember everybody who was ever in it. */
Test(resume, the_roster_begins_anew_when_nobody_has_listened)
{
    shown("w1", "one", LINK_CAST_ADDS);
    fake_gone(client);
    shown("w1", "two", LINK_CAST_ADDS); /* was under way; that both leave nobody here is told */
    fake_open(&fake, "demo", "b");
    listed("w1", (const uint8_t *)"\x91\xa3six", 5);
    join("w1", 2);
    SAME_LINES(roster_for("w2", "w1"), "roster demo [\"six\"]\n");
}

Test(resume, the_roster_grows_while_somebody_listens)
{
    shown("w1", "one", LINK_CAST_ADDS);
    fake_open(&fake, "demo", "b");
    listed("w1", (const uint8_t *)"\x91\xa3six", 5);
    join("w1", 2);
    fake_gone(client);
    shown("w1", "two", LINK_CAST_ADDS);
    shown("w1", "one", LINK_CAST_REMOVES);
    const char *roster = roster_for("w2", "w1");
    cr_assert(strstr(roster, "\"six\"") && strstr(roster, "\"two\"") && !strstr(roster, "one"),
              "%s", roster);
}
