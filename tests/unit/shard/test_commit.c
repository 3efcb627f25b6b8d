/* The output commit: nobody hears of what could still be lost (P2). */
#include "fake_shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

static struct fake fake;
static struct gateway *gateway;

/* A room with one connection, 1, whose messages so far are answered up to 1. */
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

TestSuite(commit, .init = setup, .fini = teardown);

static void asked(const char *want)
{
    SAME_LINES(fake_asked(&fake), want);
}

static void told(const char *want)
{
    SAME_LINES(gateway_told(gateway), want);
}

#define RESULT(conn, seq, clock)                                                                   \
    "event " conn " " seq " {\"type\":\"push_result\",\"clientClock\":" seq                        \
    ",\"serverClock\":" clock ",\"action\":\"commit\"}\n"
#define PATCH(except, id, n, clock)                                                                \
    "cast " except " {\"type\":\"patch\",\"diff\":{\"" id "\":[\"put\",{\"id\":\"" id              \
    "\",\"typeName\":\"note\",\"n\":" n "}]},\"serverClock\":" clock "}\n"
#define PRESENCE "{\"type\":\"push\",\"presence\":[\"put\",{\"typeName\":\"cursor\",\"x\":%d}]}"

static void push_presence(uint64_t conn, uint64_t seq, int x)
{
    char json[128];
    snprintf(json, sizeof(json), PRESENCE, x);
    gateway_message(gateway, conn, seq, json);
}

Test(commit, nothing_of_a_push_leaves_before_it_is_stored)
{
    gateway_join(gateway, 2, "demo", "b");
    told("connect 2 1 wipe_all 0 0\n");
    gateway_put(gateway, 1, 2, "note:1", 5);                                 /* result and patch */
    gateway_join(gateway, 3, "demo", "c");                                   /* hydration */
    gateway_message(gateway, 1, 3, "{\"type\":\"push\",\"clientClock\":3}"); /* behind it */
    gateway_message(gateway, 2, 2, "{\"oops\":1}");                          /* a close */
    fake_turn(&fake);
    asked("append demo 2-2\n");
    fake_pass(&fake, 3000);
    told("");
    fake_answer(&fake);
    told(RESULT("1", "2", "1") PATCH("1", "note:1", "5", "1") "connect 3 1 wipe_all 1 1\n" RESULT(
        "1", "3", "1") "close 2 4099 UNKNOWN_ERROR\n");
}

Test(commit, what_is_answered_by_nothing_else_is_acknowledged)
{
    gateway_open(gateway, 2, "demo", "b");
    gateway_message(gateway, 2, 1, PING); /* not connected: ignored */
    told("ack 2 1\n");
    gateway_put(gateway, 1, 2, "note:1", 5);
    gateway_message(gateway, 2, 2, PING);
    fake_turn(&fake);
    told("");
    fake_answer(&fake);
    told(RESULT("1", "2", "1") "ack 2 2\n");
    gateway_message(gateway, 2, 2, PING); /* said again */
    told("");
}

Test(commit, a_turn_is_one_append_a_room)
{
    gateway_found(gateway, 2, "other", "b");
    gateway_put(gateway, 1, 2, "note:1", 1);
    gateway_put(gateway, 2, 2, "note:1", 2);
    gateway_put(gateway, 1, 3, "note:2", 3);
    fake_turn(&fake);
    asked("append demo 2-3\nappend other 2-2\n");
    gateway_put(gateway, 1, 4, "note:3", 4);
    fake_turn(&fake);
    asked("append demo 4-4\n");
    fake_answer(&fake);
    told(RESULT("1", "2", "1") RESULT("1", "3", "2"));
    fake_answer(&fake);
    told(RESULT("2", "2", "1"));
    fake_answer(&fake);
    told(RESULT("1", "4", "3"));
    fake_turn(&fake);
    asked("");
}

Test(commit, presence_does_not_wait_for_the_store)
{
    gateway_join(gateway, 2, "demo", "b");
    gateway_told(gateway);
    push_presence(1, 2, 7);
    asked("");
    const char *lines = gateway_told(gateway);
    cr_assert(not(zero(ptr, strstr(lines, "event 1 2 {"))));
    cr_assert(not(zero(ptr, strstr(lines, "cast 1 {"))));
}

Test(commit, a_failed_append_is_made_good_by_a_snapshot)
{
    for (int applied = 0; applied < 2; applied++) {
        teardown();
        setup();
        gateway_put(gateway, 1, 2, "note:1", 1);
        fake_turn(&fake);
        gateway_put(gateway, 1, 3, "note:2", 2);
        fake_turn(&fake);
        asked("append demo 2-2\nappend demo 3-3\n");
        fake_fail(&fake, ERR_TIMEOUT, applied);
        fake_answer(&fake); /* whatever the second says: is there a gap before it? */
        told("");
        gateway_put(gateway, 1, 4, "note:3", 3);
        fake_turn(&fake);
        asked("");
        fake_pass(&fake, 250);
        asked("snapshot demo 4\n");
        gateway_put(gateway, 1, 5, "note:4", 4);
        fake_turn(&fake);
        told("");
        fake_answer(&fake);
        told(RESULT("1", "2", "1") RESULT("1", "3", "2") RESULT("1", "4", "3"));
        asked("append demo 5-5\n");
        fake_answer(&fake);
        told(RESULT("1", "5", "4"));
        cr_assert(eq(u64, store_clock(&fake.store.rooms[0]), 4));
        fake_pass(&fake, 1000);
        told("");
    }
}

Test(commit, a_failed_snapshot_is_tried_again)
{
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    fake_fail(&fake, ERR_TIMEOUT, false);
    fake_pass(&fake, 250);
    fake_fail(&fake, ERR_TIMEOUT, true);
    told("");
    fake_pass(&fake, 250);
    asked("append demo 2-2\nsnapshot demo 2\nsnapshot demo 2\n");
    fake_answer(&fake);
    told(RESULT("1", "2", "1"));
    fake_pass(&fake, 1000);
    asked("");
}

Test(commit, an_append_that_fails_behind_a_snapshot_is_not_forgotten)
{
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    fake_fail(&fake, ERR_TIMEOUT, false);
    fake_pass(&fake, 250);
    fake_answer(&fake); /* the snapshot */
    gateway_told(gateway);
    gateway_put(gateway, 1, 3, "note:2", 2);
    fake_turn(&fake);
    fake_fail(&fake, ERR_TIMEOUT, false);
    told("");
    fake_pass(&fake, 250);
    fake_answer(&fake);
    told(RESULT("1", "3", "2"));
}

Test(commit, while_the_store_is_down_pushes_wait)
{
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    fake_store_changes(&fake, false, false);
    gateway_put(gateway, 1, 3, "note:2", 2);
    fake_asked(&fake);
    fake_pass(&fake, 10000);
    asked("");
    told("");
    fake_store_changes(&fake, true, false);
    asked("snapshot demo 3\n");
    fake_answer(&fake);
    told(RESULT("1", "2", "1") RESULT("1", "3", "2"));
}

Test(commit, a_store_that_comes_back_is_not_bothered_for_nothing)
{
    fake_store_changes(&fake, false, false);
    fake_store_changes(&fake, true, false);
    asked("verify demo 1\n");
    fake_fail(&fake, ERR_UNAVAILABLE, false);
    fake_pass(&fake, 1000);
    asked("");
}

Test(commit, a_store_that_comes_back_with_less_gets_it_all_again)
{
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    fake_answer_all(&fake);
    fake_store_changes(&fake, false, false);
    fake.store.rooms[0].appended = 1; /* the last second is lost */
    fake_asked(&fake);
    fake_store_changes(&fake, true, false);
    asked("verify demo 2\n");
    fake_fail(&fake, ERR_GAP, false);
    fake_pass(&fake, 250);
    asked("snapshot demo 2\n");
    fake_answer(&fake);
    cr_assert(eq(u64, store_clock(&fake.store.rooms[0]), 1));
}

Test(commit, a_snapshot_that_fails_is_tried_less_and_less_often)
{
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    fake_fail(&fake, ERR_TIMEOUT, false);
    fake_asked(&fake);
    int attempts = 0;
    for (int i = 0; i < 240; i++) { /* a minute */
        fake_pass(&fake, 250);
        if (fake_pending(&fake) > 0) {
            attempts++;
            fake_fail(&fake, ERR_REFUSED, false);
        }
    }
    cr_assert(ge(int, attempts, 8));
    cr_assert(le(int, attempts, 13));
}

/* A push whose record has a long text. */
static void push_large(uint64_t seq, size_t len)
{
    struct buf json = {0};
    buf_printf(&json, "{\"type\":\"push\",\"clientClock\":0,\"diff\":{\"note:1\":[\"put\",{\"id\":"
                      "\"note:1\",\"typeName\":\"note\",\"text\":\"");
    memset(buf_reserve(&json, len), 'a' + (int)(seq % 26), len);
    buf_commit(&json, len);
    buf_append(&json, "\"}]}}", 6);
    gateway_message(gateway, 1, seq, (const char *)buf_head(&json));
    buf_finish(&json);
}

Test(commit, what_waits_for_the_store_is_bounded)
{
    enum { LARGE = 4 << 20 };
    gateway_join(gateway, 2, "demo", "b");
    gateway_told(gateway);
    fake_store_changes(&fake, false, false);
    uint64_t seq = 2;
    /* The first is a cast, the others are that and a rebase. */
    for (; seq < 2 + SHARD_OUTBOX_MAX / (2 * LARGE); seq++) {
        push_large(seq, LARGE);
        fake_turn(&fake);
        told("");
    }
    push_large(seq, LARGE);
    fake_turn(&fake);
    told("close 1 1013 storage is unavailable\nclose 2 1013 storage is unavailable\n");
    gateway_join(gateway, 3, "demo", "c");
    fake_store_changes(&fake, true, false);
    fake_answer_all(&fake);
    char want[64];
    snprintf(want, sizeof(want), "connect 3 1 wipe_all %d 1\n", SHARD_OUTBOX_MAX / (2 * LARGE) + 1);
    const char *lines = gateway_told(gateway);
    SAME_LINES(lines, want);
}

#define CURSOR(n)                                                                                  \
    "{\"type\":\"push\",\"clientClock\":" #n ",\"presence\":[\"put\",{\"typeName\":\"cursor\","    \
    "\"x\":" #n "}]}"
#define PUT_CURSOR(id, n, clock)                                                                   \
    "{\"type\":\"patch\",\"diff\":{\"cursor:00000000000000000000" id "\":[\"put\",{\"id\":"        \
    "\"cursor:00000000000000000000" id "\",\"typeName\":\"cursor\",\"x\":" #n                      \
    "}]},\"serverClock\":" clock "}\n"
#define PATCH_CURSOR(id, n, clock)                                                                 \
    "{\"type\":\"patch\",\"diff\":{\"cursor:00000000000000000000" id                               \
    "\":[\"patch\",{\"x\":[\"put\"," #n "]}]},\"serverClock\":" clock "}\n"
#define COMMIT(client, server)                                                                     \
    "{\"type\":\"push_result\",\"clientClock\":" client ",\"serverClock\":" server                 \
    ",\"action\":\"commit\"}\n"
#define PUT_NOTE_1                                                                                 \
    "{\"type\":\"patch\",\"diff\":{\"note:1\":[\"put\",{\"id\":\"note:1\",\"typeName\":\"note\","  \
    "\"n\":1}"                                                                                     \
    "]},\"serverClock\":1}\n"

Test(commit, presence_flows_while_the_store_is_away)
{
    gateway_join(gateway, 2, "demo", "b");
    gateway_message(gateway, 2, 2, CURSOR(2));
    fake_turn(&fake);
    gateway_told(gateway);
    fake_store_changes(&fake, false, false);
    gateway_put(gateway, 1, 2, "note:1", 1); /* waits, and so does what its sender is told */
    gateway_message(gateway, 1, 3, CURSOR(3));
    gateway_message(gateway, 2, 3, CURSOR(4));
    gateway_message(gateway, 2, 4, CURSOR(5));
    fake_turn(&fake);
    told("cast 1 " PUT_CURSOR("1", 3, "0") /* */
         "event 2 3 " COMMIT("4", "0")     /* */
         "cast 2 " PUT_CURSOR("2", 4, "0") /* */
         "event 2 4 " COMMIT("5", "0")     /* */
         "cast 2 " PUT_CURSOR("2", 5, "0"));
    fake_store_changes(&fake, true, false);
    fake_answer_all(&fake);
    told("event 1 2 " COMMIT("2", "1")     /* */
         "cast 1 " PUT_NOTE_1              /* */
         "event 1 3 " COMMIT("3", "1")     /* */
         "cast 1 " PUT_CURSOR("1", 3, "1") /* */
         "cast 2 " PUT_CURSOR("2", 5, "1"));
    gateway_message(gateway, 2, 5, CURSOR(6));
    told("event 2 5 " COMMIT("6", "1") "cast 2 " PATCH_CURSOR("2", 6, "1"));
}

Test(commit, presence_overtakes_a_store_that_is_slow)
{
    gateway_join(gateway, 2, "demo", "b");
    gateway_told(gateway);
    gateway_put(gateway, 1, 2, "note:1", 1);
    gateway_message(gateway, 2, 2, CURSOR(1)); /* in its place, for the store will answer soon */
    fake_turn(&fake);
    told("");
    fake_pass(&fake, 250);
    gateway_message(gateway, 2, 3, CURSOR(2)); /* told, and not answered: its last answer waits */
    told("cast 2 " PUT_CURSOR("2", 2, "0"));
    fake_answer_all(&fake);
    told("event 1 2 " COMMIT("2", "1")     /* */
         "cast 1 " PUT_NOTE_1              /* */
         "event 2 2 " COMMIT("1", "1")     /* */
         "cast 2 " PUT_CURSOR("2", 1, "1") /* */
         "event 2 3 " COMMIT("2", "1")     /* */
         "cast 2 " PUT_CURSOR("2", 2, "1"));
}

/* What is durable may still wait for the answer whose room it is. */
Test(commit, presence_that_overtakes_says_nothing_of_what_is_not_told)
{
    gateway_join(gateway, 2, "demo", "b");
    gateway_told(gateway);
    fake.hold_checks = true;
    shard_verify(fake.shard);
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    fake_answer_all(&fake);
    told("");
    fake_pass(&fake, 250);
    gateway_message(gateway, 2, 2, CURSOR(1));
    told("event 2 2 " COMMIT("1", "0") "cast 2 " PUT_CURSOR("2", 1, "0"));
    fake.hold_checks = false;
    fake_answer_checks(&fake);
    fake_turn(&fake);
    told("event 1 2 " COMMIT("2", "1") "cast 1 " PUT_NOTE_1 "cast 2 " PUT_CURSOR("2", 1, "1"));
}

static int shown; /* casts that say that a presence record is there now */

static void count_shown(struct fake *of, int number, const struct link_frame *frame)
{
    (void)of, (void)number;
    shown += frame->type == LINK_CAST && frame->flags & LINK_CAST_ADDS;
}

/* Who was not listening yet when it was told ahead is told with the rest. */
Test(commit, presence_that_overtook_is_shown_to_all_gateways_in_the_end)
{
    gateway_join(gateway, 2, "demo", "b");
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_store_changes(&fake, false, false);
    gateway_message(gateway, 2, 2, CURSOR(1));
    fake.on_frame = count_shown;
    gateway_told(gateway);
    cr_assert(eq(int, shown, 1));
    fake_store_changes(&fake, true, false);
    fake_answer_all(&fake);
    gateway_told(gateway);
    cr_assert(eq(int, shown, 2));
}

Test(commit, who_leaves_meanwhile_does_not_come_back)
{
    gateway_join(gateway, 2, "demo", "b");
    gateway_told(gateway);
    gateway_put(gateway, 1, 2, "note:1", 1);
    gateway_message(gateway, 2, 2, CURSOR(1));
    fake_store_changes(&fake, false, false);
    gateway_gone(gateway, 2);
    fake_pass(&fake, ROOM_REMOVAL_WAIT_MS + 500);
    gateway_told(gateway);
    fake_store_changes(&fake, true, false);
    fake_answer_all(&fake);
    const char *lines = gateway_told(gateway);
    const char *put = strstr(lines, "\"x\":1");
    cr_assert(put && strstr(put, "[\"remove\"]") != NULL, "%s", lines);
}

static int taken_away; /* casts that take a presence record off the roster, and */
static int removals;   /* those that say anything about a record that is gone */

static void count_taken_away(struct fake *of, int number, const struct link_frame *frame)
{
    (void)of, (void)number;
    if (frame->type == LINK_CAST) {
        struct value diff = value_get(frame->payload, STR("diff"));
        removals += value_count(diff) == 1 &&
                    value_present(value_get(diff, STR("cursor:000000000000000000002")));
        taken_away += (frame->flags & LINK_CAST_REMOVES) != 0;
    }
}

/* A reply that waits may show the record still, and nothing come behind it from this owner. */
Test(commit, who_leaves_meanwhile_is_on_the_roster_until_it_is_told_in_its_place)
{
    gateway_join(gateway, 2, "demo", "b");
    gateway_message(gateway, 2, 2, CURSOR(1));
    gateway_told(gateway);
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_store_changes(&fake, false, false);
    gateway_join(gateway, 3, "demo", "c");
    gateway_gone(gateway, 2);
    gateway_told(gateway);
    fake.on_frame = count_taken_away;
    fake_pass(&fake, ROOM_REMOVAL_WAIT_MS + 500);
    gateway_told(gateway);
    cr_assert(eq(int, removals, 1));
    cr_assert(eq(int, taken_away, 0));
    fake_store_changes(&fake, true, false);
    fake_answer_all(&fake);
    gateway_told(gateway);
    cr_assert(eq(int, removals, 2));
    cr_assert(eq(int, taken_away, 1));
}

/* The next owner comes to the same conclusions: it gets all of their messages. */
Test(commit, a_close_that_waits_is_the_next_owners)
{
    gateway_join(gateway, 2, "demo", "b");
    gateway_join(gateway, 3, "demo", "c");
    gateway_told(gateway);
    gateway_put(gateway, 1, 2, "note:1", 1);
    gateway_message(gateway, 2, 2, "{\"oops\":1}");
    gateway_join(gateway, 4, "demo", "c"); /* takes over from 3 */
    fake_turn(&fake);
    told("");
    store_claim(&fake.store.rooms[0], 99);
    fake_answer(&fake);
    told("moved demo \n");
}

/* Whoever the room has let go of must not stay open at the gateway for good. */
Test(commit, a_close_that_waits_is_not_lost_with_the_rest)
{
    gateway_join(gateway, 2, "demo", "b");
    gateway_join(gateway, 3, "demo", "c");
    gateway_told(gateway);
    gateway_put(gateway, 1, 2, "note:1", 1);
    gateway_message(gateway, 2, 2, "{\"oops\":1}");
    gateway_join(gateway, 4, "demo", "c"); /* takes over from 3 */
    fake_turn(&fake);
    told("");
    shard_stop(fake.shard, false, fake.now);
    told("close 2 1012 server is stopping\ndetach 3\nclose 1 1012 server is stopping\n"
         "close 4 1012 server is stopping\n");
}

Test(commit, without_a_log_nothing_waits)
{
    static const enum shard_durability modes[] = {SHARD_NONE, SHARD_SNAPSHOT};
    for (int i = 0; i < 2; i++) {
        fake_finish(&fake);
        fake_init(&fake);
        fake.config.durability = modes[i];
        gateway = gateway_create(&fake, 1);
        gateway_found(gateway, 1, "demo", "a");
        gateway_put(gateway, 1, 2, "note:1", 1);
        fake_turn(&fake);
        told(RESULT("1", "2", "1"));
        asked("");
        fake_pass(&fake, 4750);
        asked("");
        fake_pass(&fake, 500);
        asked(modes[i] == SHARD_NONE ? "" : "snapshot demo 0\n");
        fake_answer_all(&fake);
        gateway_gone(gateway, 1);
        fake_pass(&fake, 70000);
        asked("release demo 0 keep\n");
        fake_answer_all(&fake);
        cr_assert(eq(u64, store_clock(&fake.store.rooms[0]), modes[i] == SHARD_NONE ? 0 : 1));
    }
}

/* MSG-4: clients give up a connection that answers no ping, so pongs do not wait for the store. */
Test(commit, a_pong_overtakes_what_waits_and_answers_nothing_of_it)
{
    gateway_put(gateway, 1, 2, "note:1", 1);
    gateway_message(gateway, 1, 3, "{\"type\":\"ping\"}");
    fake_turn(&fake);
    told("pong 1 0\n");
    fake_answer_all(&fake);
    told(RESULT("1", "2", "1") "ack 1 3\n");
    gateway_message(gateway, 1, 4, "{\"type\":\"ping\"}");
    fake_turn(&fake);
    told("pong 1 4\n");
}
