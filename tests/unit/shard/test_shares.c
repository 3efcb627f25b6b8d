/* All documents of a room, given to a gateway once for many connect replies. */
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

static void work(void)
{
    while (shard_is_busy(fake.shard)) {
        shard_work(fake.shard, fake.now);
        gateway_collect(gateway); /* else there is no room for more on the link */
    }
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
    told("share 2 5\njoin 3 1 wipe_all 5 0 2\n");
    work();
    fake_pass(&fake, 250);
    /* The one before has served. */
    told(MEMBERS("2") "members 2 1\nforget 1\n");
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
    told("share 2 4\njoin 3 1 wipe_all 5 0 2\n");
    patch(7, "note:3");
    gateway_told(gateway);
    gateway_join(gateway, 4, "demo", "d");
    told("connect 4 1 wipe_all 6 4\n");
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
    told("connect 2 1 wipe_presence 4 1\n");
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
