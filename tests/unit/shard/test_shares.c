/* What is long, given to a gateway in parts: all documents of a room, once for many connect
 * replies, and the diff of a message. */
#include "fake_shard.h"

#include <criterion/new/assert.h>

static struct fake fake;
static struct gateway *gateway;

enum { KEEP_MS = 10000 };

/* "demo" with a session a and four notes, each a frame of members of its own. */
static void setup(void)
{
    fake_init(&fake);
    fake.config.slice_bytes = 1200; /* of which an eighth is members of a frame */
    gateway = gateway_create(&fake, 1);
    gateway_found(gateway, 1, "demo", "a");
    for (uint64_t i = 2; i < 6; i++) {
        char json[512];
        snprintf(json, sizeof(json),
                 "{\"type\":\"push\",\"diff\":{\"note:%d\":[\"put\",{\"id\":\"note:%d\","
                 "\"typeName\":\"note\",\"text\":\"%0300d\"}]}}",
                 (int)i, (int)i, 0);
        gateway_message(gateway, 1, i, json);
        fake_turn(&fake);
        fake_answer_all(&fake);
    }
    gateway_told(gateway);
    fake_asked(&fake);
    fake.show_shares = true;
}

static void teardown(void)
{
    fake_finish(&fake);
}

TestSuite(shares, .init = setup, .fini = teardown);

static void told(const char *want)
{
    SAME_LINES(gateway_told(gateway), want);
}

static void work_for(struct gateway *at)
{
    while (shard_is_busy(fake.shard)) {
        shard_work(fake.shard, fake.now);
        gateway_collect(at); /* else there is no room for more on the link */
    }
}

static void work(void)
{
    work_for(gateway);
}

#define MEMBERS(n) "members " n " 1\nmembers " n " 1\nmembers " n " 1\nmembers " n " 1\n"
#define SMALL(n)                                                                                   \
    "event 2 1 {\"type\":\"patch\",\"diff\":{\"n\":[\"put\",{\"id\":\"n\",\"typeName\":\"note\","  \
    "\"n\":1}]},\"serverClock\":" n "}\n"

static void put_small(uint64_t seq)
{
    gateway_put(gateway, 1, seq, "n", 1);
    fake_turn(&fake);
    fake_answer_all(&fake);
    gateway_told(gateway);
}

Test(shares, one_serves_all_who_join)
{
    gateway_join(gateway, 2, "demo", "b");
    gateway_join(gateway, 3, "demo", "c");
    told("share 1 4\njoin 2 1 wipe_all 4 0 1\njoin 3 1 wipe_all 4 0 1\n");
    work();
    told(MEMBERS("1"));
    fake_pass(&fake, KEEP_MS / 2);
    gateway_join(gateway, 4, "demo", "d");
    told("join 4 1 wipe_all 4 0 1\n");
    fake_pass(&fake, KEEP_MS - 1000);
    told("");
    fake_pass(&fake, 1500);
    told("forget 1\n");
    gateway_join(gateway, 5, "demo", "e");
    told("share 2 4\njoin 5 1 wipe_all 4 0 2\n");
}

Test(shares, members_wait_until_the_gateway_has_read)
{
    gateway_join(gateway, 2, "demo", "b");
    gateway_told(gateway);
    for (int i = 0; i < 5; i++) {
        shard_work(fake.shard, fake.now);
    }
    cr_assert(not(shard_is_busy(fake.shard)));
    told("members 1 1\n");
    cr_assert(shard_is_busy(fake.shard));
}

Test(shares, a_view_does_not_change_with_the_room)
{
    gateway_join(gateway, 2, "demo", "b");
    told("share 1 4\njoin 2 1 wipe_all 4 0 1\n");
    shard_work(fake.shard, fake.now);
    gateway_message(gateway, 1, 6, "{\"type\":\"push\",\"diff\":{\"note:5\":[\"remove\"]}}");
    fake_turn(&fake);
    fake_answer(&fake);
    told("members 1 1\nevent 1 6 {\"type\":\"push_result\",\"serverClock\":5,"
         "\"action\":\"commit\"}\n"
         "cast 1 {\"type\":\"patch\",\"diff\":{\"note:5\":[\"remove\"]},\"serverClock\":5}\n");
    work();
    told("members 1 1\nmembers 1 1\nmembers 1 1\n");
}

/* Who joins is told the room as it is. */
Test(shares, a_change_needs_another_one)
{
    gateway_join(gateway, 2, "demo", "b");
    work();
    put_small(6);
    gateway_told(gateway);
    gateway_join(gateway, 3, "demo", "c");
    told("share 2 5 of 1 [0,1,2,3]\njoin 3 1 wipe_all 5 0 2\n");
    work();
    fake_pass(&fake, 250);
    /* The one before has served. */
    told("members 2 1\nforget 1\n");
}

Test(shares, what_has_not_changed_is_not_sent_again)
{
    gateway_join(gateway, 2, "demo", "b");
    work();
    fake_pass(&fake, 5000);
    gateway_message(gateway, 1, 6, "{\"type\":\"push\",\"diff\":{\"note:3\":[\"remove\"]}}");
    fake_turn(&fake);
    fake_answer_all(&fake);
    fake_pass(&fake, 250);
    const char *lines = gateway_told(gateway);
    cr_assert(not(strstr(lines, "forget") != NULL), "%s", lines); /* for the next */
    gateway_join(gateway, 3, "demo", "c");
    told("share 2 3 of 1 [0,2,3]\njoin 3 1 wipe_all 5 0 2\n");
    work();
    told("");
    fake_pass(&fake, KEEP_MS + 500);
    told("forget 1\nforget 2\n");
}

static void patch(uint64_t seq, const char *id)
{
    char json[128];
    snprintf(json, sizeof(json),
             "{\"type\":\"push\",\"diff\":{\"%s\":[\"patch\",{\"n\":[\"put\",1]}]}}", id);
    gateway_message(gateway, 1, seq, json);
    fake_turn(&fake);
    fake_answer(&fake); /* and no more: members are not sent */
}

Test(shares, there_are_two_of_a_room_at_most)
{
    gateway_join(gateway, 2, "demo", "b");
    told("share 1 4\njoin 2 1 wipe_all 4 0 1\n");
    patch(6, "note:2");
    gateway_told(gateway);
    gateway_join(gateway, 3, "demo", "c");
    told("share 2 4 of 1 []\njoin 3 1 wipe_all 5 0 2\n");
    patch(7, "note:3");
    gateway_told(gateway);
    gateway_join(gateway, 4, "demo", "d");
    told("share 3 4\njoin 4 1 wipe_all 6 0 3\n"); /* its reply's alone */
    gateway_join(gateway, 5, "demo", "e");
    told("share 4 4\njoin 5 1 wipe_all 6 0 4\n");
}

Test(shares, replies_wait_for_the_store_and_shares_do_not)
{
    gateway_put(gateway, 1, 6, "n", 1);
    gateway_join(gateway, 2, "demo", "b");
    work();
    told("share 1 5\n" MEMBERS("1") "members 1 1\n");
    fake_pass(&fake, KEEP_MS + 1000);
    told(""); /* nor is it forgotten: a reply will refer to it */
    fake_answer_all(&fake);
    const char *lines = gateway_told(gateway);
    cr_assert(strstr(lines, "join 2 1 wipe_all 5 0 1\n") != NULL, "%s", lines);
}

Test(shares, each_gateway_has_its_own)
{
    struct gateway *other = gateway_create(&fake, 2);
    gateway_join(gateway, 2, "demo", "b");
    gateway_join(other, 2, "demo", "c");
    told("share 1 4\njoin 2 1 wipe_all 4 0 1\n");
    SAME_LINES(gateway_told(other), "share 1 4\njoin 2 1 wipe_all 4 0 1\n");
    gateway_destroy(other);
    work();
    told(MEMBERS("1"));
}

Test(shares, a_gateway_that_does_not_know_them_is_told_all)
{
    struct gateway *older = gateway_create_as(&fake, 2, "node-1", LINK_VERSION_SHARES - 1);
    gateway_join(older, 2, "demo", "b");
    SAME_LINES(gateway_told(older), "connect 2 1 wipe_all 4 4\n");
    cr_assert(not(shard_is_busy(fake.shard)));
}

Test(shares, who_misses_some_is_told_that)
{
    gateway_open(gateway, 2, "demo", "b");
    gateway_message(gateway, 2, 1, CONNECT("3", SCHEMA));
    fake_turn(&fake);
    told("share 1 1\njoin 2 1 wipe_presence 4 0 1\n");
    work();
    fake_pass(&fake, 250);
    told("members 1 1\nforget 1\n"); /* for nobody else */
}

/* ---- long messages ---- */

#define REST(share, clock)                                                                         \
    "cast 1 of share " share " {\"type\":\"patch\",\"serverClock\":" clock ",\"diff\":{}}\n"
#define PUT_COMMITTED(seq, clock)                                                                  \
    "event 1 " seq " {\"type\":\"push_result\",\"clientClock\":" seq ",\"serverClock\":" clock     \
    ",\"action\":\"commit\"}\n"
#define COMMITTED(seq, clock)                                                                      \
    "event 1 " seq " {\"type\":\"push_result\",\"serverClock\":" clock ",\"action\":\"commit\"}\n"

/* A push of three notes, which session b is to be told of. */
static void push_long(uint64_t seq)
{
    char json[1200];
    snprintf(json, sizeof(json),
             "{\"type\":\"push\",\"diff\":{\"a\":[\"put\",{\"id\":\"a\",\"typeName\":\"note\","
             "\"text\":\"%0200d\"}],\"b\":[\"put\",{\"id\":\"b\",\"typeName\":\"note\",\"text\":"
             "\"%0200d\"}],\"c\":[\"put\",{\"id\":\"c\",\"typeName\":\"note\"}]}}",
             0, 0);
    gateway_message(gateway, 1, seq, json);
    fake_turn(&fake);
}

static void join_b(struct gateway *at)
{
    gateway_join(at, 2, "demo", "b");
    work_for(at);
    fake_pass(&fake, KEEP_MS + 1000);
    gateway_told(at);
}

Test(shares, a_long_event_comes_behind_its_members)
{
    join_b(gateway);
    push_long(6);
    told("share 2 3\n");
    fake_answer(&fake); /* it is durable */
    told(COMMITTED("6", "5"));
    shard_work(fake.shard, fake.now);
    told("members 2 1\n");
    shard_work(fake.shard, fake.now);
    told("members 2 1\n");
    shard_work(fake.shard, fake.now);
    told("members 2 1\n");
    shard_work(fake.shard, fake.now);
    told(REST("2", "5"));
    fake_pass(&fake, 250);
    told("forget 2\n");
}

Test(shares, a_long_event_waits_for_the_store)
{
    join_b(gateway);
    push_long(6);
    work();
    told("share 2 3\nmembers 2 1\nmembers 2 1\nmembers 2 1\n");
    fake_pass(&fake, 250);
    told("");
    fake_answer(&fake);
    told(COMMITTED("6", "5") REST("2", "5"));
}

Test(shares, the_room_waits_for_a_long_event_and_others_do_not)
{
    gateway_found(gateway, 3, "other", "c");
    join_b(gateway);
    gateway_join(gateway, 4, "other", "d");
    fake_asked(&fake);
    gateway_told(gateway);
    push_long(6);
    fake_answer(&fake);
    gateway_put(gateway, 1, 7, "n", 1);
    fake_turn(&fake);
    fake_answer(&fake);
    told("share 2 3\n" COMMITTED("6", "5"));
    gateway_put(gateway, 3, 2, "n", 1);
    fake_turn(&fake);
    fake_answer(&fake);
    told("event 3 2 "
         "{\"type\":\"push_result\",\"clientClock\":2,\"serverClock\":1,\"action\":\"commit\"}\n"
         "cast 3 {\"type\":\"patch\",\"diff\":{\"n\":[\"put\",{\"id\":\"n\",\"typeName\":\"note\","
         "\"n\":1}]},\"serverClock\":1}\n");
    work();
    told("members 2 1\nmembers 2 1\nmembers 2 1\n" REST("2", "5")
             PUT_COMMITTED("7", "6") "cast 1 {\"type\":\"patch\",\"diff\":{\"n\":[\"put\",{\"id\":"
                                     "\"n\",\"typeName\":\"note\",\"n\":1}]},\"serverClock\":6}\n");
}

/* Who made the change has been told its clock, and those who wait for the members have not: who
 * heard that clock with somebody's cursor would not ask for the change when it comes back. */
Test(shares, presence_does_not_overtake_a_long_event_that_one_has_been_told)
{
    join_b(gateway);
    push_long(6);
    fake_answer(&fake);
    told("share 2 3\n" COMMITTED("6", "5"));
    fake.now += 300;
    gateway_message(gateway, 1, 7,
                    "{\"type\":\"push\",\"presence\":[\"put\",{\"typeName\":\"cursor\",\"x\":1}]}");
    fake_turn(&fake);
    told("");
    work();
    const char *lines = gateway_told(gateway);
    const char *want = "members 2 1\nmembers 2 1\nmembers 2 1\n" REST("2", "5") COMMITTED("7", "5");
    cr_assert(strncmp(lines, want, strlen(want)) == 0, "%s", lines);
}

/* The answer that lets its author be told was asked for before; that for the others comes later,
 * when the members have long been sent. */
Test(shares, presence_does_not_overtake_a_long_event_whose_gate_is_asked_for)
{
    join_b(gateway);
    fake.hold_checks = true;
    shard_verify(fake.shard);
    push_long(6);
    fake_answer(&fake);
    work();
    told("share 2 3\nmembers 2 1\nmembers 2 1\nmembers 2 1\n");
    fake.now += 300;
    fake_answer_check(&fake);
    told(COMMITTED("6", "5"));
    gateway_message(gateway, 1, 7,
                    "{\"type\":\"push\",\"presence\":[\"put\",{\"typeName\":\"cursor\",\"x\":1}]}");
    fake_turn(&fake);
    told("");
    fake_answer_check(&fake);
    const char *lines = gateway_told(gateway);
    const char *want = REST("2", "5") COMMITTED("7", "5");
    cr_assert(strncmp(lines, want, strlen(want)) == 0, "%s", lines);
}

#define EVENT_OF_2                                                                                 \
    "share 2 3\nmembers 2 1\nmembers 2 1\nmembers 2 1\ncast 0 of share 2 {\"type\":\"patch\","     \
    "\"serverClock\":5,\"diff\":{}}\n"

/* Its gateway reads nothing, and the room goes on for the others. */
Test(shares, a_gateway_that_does_not_read_does_not_hold_the_room_for_long)
{
    struct gateway *other = gateway_create(&fake, 2);
    join_b(other);
    push_long(6);
    fake_answer(&fake);
    gateway_put(gateway, 1, 7, "n", 1);
    fake_turn(&fake);
    fake_answer(&fake);
    told(COMMITTED("6", "5"));
    for (int i = 0; i < 10; i++) {
        shard_work(fake.shard, fake.now);
    }
    cr_assert(not(shard_is_busy(fake.shard)));
    fake.now += 1100;
    shard_tick(fake.shard, fake.now);
    while (shard_is_busy(fake.shard)) {
        shard_work(fake.shard, fake.now);
    }
    told(PUT_COMMITTED("7", "6"));
    const char *lines = gateway_told(other);
    cr_assert(strncmp(lines, EVENT_OF_2, strlen(EVENT_OF_2)) == 0, "%s", lines);
}

Test(shares, a_gateway_that_goes_away_does_not_hold_the_room)
{
    struct gateway *other = gateway_create(&fake, 2);
    join_b(other);
    push_long(6);
    fake_answer(&fake);
    gateway_put(gateway, 1, 7, "n", 1);
    fake_turn(&fake);
    fake_answer(&fake);
    told(COMMITTED("6", "5"));
    gateway_destroy(other);
    told(PUT_COMMITTED("7", "6"));
}

Test(shares, a_long_event_goes_whole_to_a_gateway_that_does_not_know_them)
{
    struct gateway *older = gateway_create_as(&fake, 2, "node-1", LINK_VERSION_SHARES - 1);
    join_b(older);
    push_long(6);
    fake_answer(&fake);
    const char *lines = gateway_told(older);
    const char *whole = "cast 0 {\"type\":\"patch\",\"diff\":{\"a\":";
    cr_assert(strncmp(lines, whole, strlen(whole)) == 0, "%s", lines);
    told(COMMITTED("6", "5"));
}

/* Nobody is told of it who is sent away, and those who come are told all. */
Test(shares, a_long_event_may_never_be_told)
{
    join_b(gateway);
    gateway_message(gateway, 2, 2, "{\"type\":\"ping\"}");
    gateway_told(gateway);
    push_long(6);
    shard_work(fake.shard, fake.now);
    told("share 2 3\nmembers 2 1\n");
    struct shard_target to = {STR("worker-2"), STR("node-1"), STR("unix:w2"), STR("")};
    cr_assert(zero(int, shard_move(fake.shard, STR("demo"), &to, fake.now)));
    fake_pass(&fake, 12000); /* the store says nothing: the room stays, and all come back */
    told("forget 2\nmoved demo \n");
    gateway_join(gateway, 3, "demo", "c");
    fake_answer_all(&fake);
    work();
    const char *lines = gateway_told(gateway);
    cr_assert(strstr(lines, "join 3 1 wipe_all 5 ") != NULL, "%s", lines);
}

Test(shares, end_with_the_room)
{
    gateway_join(gateway, 2, "demo", "b");
    shard_work(fake.shard, fake.now);
    gateway_told(gateway);
    struct shard_target to = {STR("worker-2"), STR("node-1"), STR("unix:w2"), STR("")};
    cr_assert(zero(int, shard_move(fake.shard, STR("demo"), &to, fake.now)));
    fake_turn(&fake);
    fake_answer_all(&fake);
    const char *lines = gateway_told(gateway);
    const char *moved = strstr(lines, "moved demo worker-2\n");
    cr_assert(moved && strstr(moved, "forget 1\n") != NULL, "%s", lines);
    cr_assert(not(shard_is_busy(fake.shard)));
}
