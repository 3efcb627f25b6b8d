/* Rooms on their way to another worker. */
#include "fake_shard.h"

#include <criterion/new/assert.h>

static struct fake fake;
static struct gateway *gateway;
static const struct shard_target there = {
    {"worker-2", 8}, {"node-1", 6}, {"unix:/2", 7}, {"tcp:2", 5}};

static void setup(void)
{
    fake_init(&fake);
    gateway = gateway_create(&fake, 1);
    gateway_found(gateway, 1, "demo", "a");
}

static void teardown(void)
{
    fake_finish(&fake);
}

TestSuite(move, .init = setup, .fini = teardown);

static void told(const char *want)
{
    SAME_LINES(gateway_told(gateway), want);
}

static void asked(const char *want)
{
    SAME_LINES(fake_asked(&fake), want);
}

static void ended(const char *want)
{
    SAME_LINES(fake.moves, want);
    fake.moves[0] = '\0';
}

static void move(void)
{
    cr_assert(zero(int, shard_move(fake.shard, STR("demo"), &there, fake.now)));
}

#define RESULT                                                                                     \
    "{\"type\":\"push_result\",\"clientClock\":2,\"serverClock\":1,\"action\":\"commit\"}\n"

Test(move, what_was_handled_is_stored_and_answered_first)
{
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    move();
    gateway_put(gateway, 1, 3, "note:2", 2); /* the next owner's */
    gateway_open(gateway, 2, "demo", "b");
    fake_turn(&fake);
    asked("append demo 2-2\n");
    told("");
    fake_answer(&fake);
    asked("hand demo 2 worker-2\n");
    told("event 1 2 " RESULT);
    ended("");
    fake_answer(&fake);
    told("moved demo worker-2\n");
    ended("demo done 2\n");
    cr_assert(eq(u64, fake.store.rooms[0].epoch, 2));
    fake_pass(&fake, 250);
    cr_assert(zero(u64, shard_count(fake.shard)->rooms));
}

/* The target is of node-1, which reaches it by its Unix socket. */
Test(move, each_node_is_told_its_own_way_to_the_next_owner)
{
    struct gateway *other = gateway_create_as(&fake, 2, "node-2", LINK_VERSION_MAX);
    move();
    fake_answer(&fake);
    told("moved demo worker-2\n");
    SAME_LINES(gateway_told(other), "moved demo worker-2\n");
    cr_assert(zero(int, strcmp(gateway->moved_to, "unix:/2")));
    cr_assert(zero(int, strcmp(other->moved_to, "tcp:2")));
}

Test(move, who_is_not_told_a_way_looks_it_up)
{
    struct gateway *other = gateway_create_as(&fake, 2, "node-2", LINK_VERSION_MAX);
    struct shard_target near = {there.worker, there.node, there.address, STR("")};
    cr_assert(zero(int, shard_move(fake.shard, STR("demo"), &near, fake.now)));
    fake_answer(&fake);
    told("moved demo worker-2\n");
    SAME_LINES(gateway_told(other), "moved demo \n");
}

Test(move, of_a_room_that_is_lost_says_so)
{
    move();
    store_claim(&fake.store.rooms[0], 99);
    fake_answer(&fake);
    told("moved demo \n");
    ended("demo lost 0\n");
}

Test(move, that_nobody_knows_the_end_of_keeps_the_room)
{
    move();
    fake_fail(&fake, ERR_UNAVAILABLE, false);
    told("moved demo \n");
    ended("demo stays 0\n");
    fake_asked(&fake);
    struct resume back = {.conn = 1,
                          .room = "demo",
                          .session = "a",
                          .state = "{\"opened\":1048577,\"place\":1048577,\"legacyRejection\":"
                                   "false,\"stringAppend\":true,"
                                   "\"tenure\":\"worker-1.1\",\"token\":\"aaaaaaaaaaaaaaaaaaaaa\"}",
                          .answered = 1,
                          .seq = 2};
    gateway_resume(gateway, &back);
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    told("resumed 1 1 0\n");
    fake_answer_all(&fake);
    told("event 1 2 " RESULT);
}

Test(move, finds_out_that_the_store_has_lost_something_and_gives_it_back)
{
    move();
    fake_fail(&fake, ERR_GAP, false);
    told("");
    asked("hand demo 1 worker-2\nsnapshot demo 1\n");
    fake_answer(&fake);
    asked("hand demo 1 worker-2\n");
    fake_answer(&fake);
    told("moved demo worker-2\n");
    ended("demo done 2\n");
}

/* On the same link: what waits would reach them behind what they are told when they are back. */
Test(move, that_fails_drops_what_waits_for_its_sessions)
{
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    fake_store_changes(&fake, false, false);
    move();
    fake_pass(&fake, 10500);
    told("moved demo \n");
    fake_store_changes(&fake, true, false);
    fake_answer_all(&fake);
    told("");
}

Test(move, that_did_happen_after_all_is_noticed)
{
    move();
    fake_fail(&fake, ERR_UNAVAILABLE, true);
    told("moved demo \n");
    gateway_join(gateway, 2, "demo", "b");
    fake_turn(&fake);
    told("moved demo \n");
}

Test(move, waits_for_a_store_that_is_away_and_not_for_ever)
{
    fake_store_changes(&fake, false, false);
    move();
    fake_pass(&fake, 9000);
    told("");
    asked("");
    fake_pass(&fake, 1500);
    told("moved demo \n");
    ended("demo stays 0\n");
}

Test(move, stores_the_room_first_where_there_is_no_log)
{
    static const enum shard_durability modes[] = {SHARD_NONE, SHARD_SNAPSHOT};
    for (int i = 0; i < 2; i++) {
        fake_finish(&fake);
        fake_init(&fake);
        fake.config.durability = modes[i];
        gateway = gateway_create(&fake, 1);
        gateway_found(gateway, 1, "demo", "a");
        gateway_put(gateway, 1, 2, "note:1", 1);
        move();
        asked("snapshot demo 0\n");
        fake_answer(&fake);
        asked("hand demo 0 worker-2\n");
        fake_answer(&fake);
        told("event 1 2 " RESULT "moved demo worker-2\n");
        cr_assert(eq(u64, store_clock(&fake.store.rooms[0]), 1));
    }
}

Test(move, needs_a_room_that_is_here)
{
    cr_assert(eq(int, shard_move(fake.shard, STR("other"), &there, fake.now), ERR_NOT_FOUND));
    gateway_open(gateway, 5, "other", "a");
    cr_assert(eq(int, shard_move(fake.shard, STR("other"), &there, fake.now), ERR_AGAIN));
    move();
    cr_assert(eq(int, shard_move(fake.shard, STR("demo"), &there, fake.now), ERR_AGAIN));
    ended("");
}

Test(move, draining_moves_all_that_is_in_use_and_lets_go_of_the_rest)
{
    gateway_found(gateway, 2, "empty", "b");
    gateway_gone(gateway, 2);
    fake_pass(&fake, ROOM_REMOVAL_WAIT_MS + 500);
    gateway_told(gateway);
    fake_asked(&fake);
    shard_drain(fake.shard, true);
    fake_pass(&fake, 500);
    asked("release empty 1\n"); /* and the other waits for a place to go */
    fake.other_worker = true;
    fake_pass(&fake, 250);
    asked("hand demo 1 worker-2\n");
    fake_answer_all(&fake);
    told("moved demo worker-2\n");
    ended("demo done 2\n");
    fake_pass(&fake, 250);
    cr_assert(zero(u64, shard_count(fake.shard)->rooms));
    cr_assert(zero(int, fake.stopped));
}

Test(move, leaving_ends_when_all_is_given_away)
{
    fake.other_worker = true;
    shard_stop(fake.shard, true, fake.now);
    asked("hand demo 1 worker-2\n");
    fake_pass(&fake, 250);
    cr_assert(zero(int, fake.stopped));
    fake_answer_all(&fake);
    fake_pass(&fake, 250);
    cr_assert(eq(int, fake.stopped, 1));
}

Test(move, of_a_room_that_a_newer_owner_takes_amid_it_has_an_end)
{
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    move();
    store_claim(&fake.store.rooms[0], 99);
    fake_answer(&fake); /* the append is refused */
    told("moved demo \n");
    ended("demo lost 0\n");
    cr_assert(zero(u64, shard_count(fake.shard)->rooms));
}

Test(move, a_stop_does_not_wait_for_it)
{
    fake_store_changes(&fake, false, false);
    move();
    shard_stop(fake.shard, false, fake.now);
    told("close 1 1012 server is stopping\n");
    ended("demo stays 0\n");
}

/* ---- is it ours? ---- */

Test(move, nobody_who_comes_is_shown_a_room_that_is_anothers)
{
    fake.hold_checks = true;
    gateway_join(gateway, 2, "demo", "b");
    told("");
    store_claim(&fake.store.rooms[0], 99);
    fake.hold_checks = false;
    fake_turn(&fake);
    told("moved demo \n");
}

Test(move, a_worker_that_was_stopped_asks_for_all_its_rooms)
{
    gateway_found(gateway, 2, "other", "a");
    store_claim(&fake.store.rooms[0], 99);
    shard_verify(fake.shard);
    fake_turn(&fake);
    told("moved demo \n");
    cr_assert(eq(u64, fake.store.rooms[1].epoch, 1));
}

Test(move, while_the_store_is_away_people_see_their_room)
{
    fake_store_changes(&fake, false, false);
    gateway_join(gateway, 2, "demo", "b");
    told("connect 2 1 wipe_all 0 0\n");
}
