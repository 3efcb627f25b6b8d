/* Compaction and unloading. */
#include "fake_shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

static struct fake fake;
static struct gateway *gateway;

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

TestSuite(snapshot, .init = setup, .fini = teardown);

static void asked(const char *want)
{
    SAME_LINES(fake_asked(&fake), want);
}

static void told(const char *want)
{
    SAME_LINES(gateway_told(gateway), want);
}

/* A put of `len` bytes, stored. */
static void store_text(uint64_t seq, const char *id, size_t len)
{
    struct buf json = {0};
    buf_printf(&json,
               "{\"type\":\"push\",\"diff\":{\"%s\":[\"put\",{\"id\":\"%s\",\"typeName\":\"note\","
               "\"text\":\"",
               id, id);
    memset(buf_reserve(&json, len), 'a' + (int)(seq % 26), len);
    buf_commit(&json, len);
    buf_append(&json, "\"}]}}", 6);
    gateway_message(gateway, 1, seq, (const char *)buf_head(&json));
    buf_finish(&json);
    fake_turn(&fake);
    fake_answer(&fake);
}

Test(snapshot, folds_a_log_that_outgrows_it)
{
    enum { HALF = 128 << 10 };
    store_text(2, "note:1", HALF);
    asked("append demo 2-2\n");
    store_text(3, "note:1", HALF);
    asked("append demo 3-3\nsnapshot demo 3\n");
    fake_answer(&fake);
    cr_assert(zero(sz, fake.store.rooms[0].log_count));
    store_text(4, "note:2", HALF);
    store_text(5, "note:3", HALF + 1024);
    asked("append demo 4-4\nappend demo 5-5\nsnapshot demo 5\n");
    fake_answer(&fake);
    /* The room is larger than that now, and so may its log be. */
    for (uint64_t seq = 6; seq < 9; seq++) {
        store_text(seq, "note:1", HALF);
    }
    asked("append demo 6-6\nappend demo 7-7\nappend demo 8-8\n");
    store_text(9, "note:1", HALF);
    asked("append demo 9-9\nsnapshot demo 9\n");
}

Test(snapshot, appends_go_on_behind_it)
{
    enum { LARGE = 260 << 10 };
    store_text(2, "note:1", LARGE);
    gateway_put(gateway, 1, 3, "note:2", 2);
    fake_turn(&fake);
    asked("append demo 2-2\nsnapshot demo 2\nappend demo 3-3\n");
    fake_answer_all(&fake);
    cr_assert(eq(u64, fake.store.rooms[0].appended, 3));
    cr_assert(eq(sz, fake.store.rooms[0].log_count, 1));
    fake_crash(&fake, 0);
    gateway = gateway_create(&fake, 1);
    gateway_join(gateway, 1, "demo", "a");
    fake_answer_all(&fake);
    told("connect 1 1 wipe_all 2 2\n");
}

/* Nobody draws in it, and yet the store must have it before somebody else asks whose it is. */
Test(snapshot, a_store_that_has_forgotten_the_room_is_given_it)
{
    store_text(2, "note:1", 5);
    fake_answer_all(&fake);
    asked("append demo 2-2\n");
    shard_verify(fake.shard);
    fake_turn(&fake);
    asked("");
    fake.store.rooms[0].epoch = 0;
    shard_verify(fake.shard);
    fake_turn(&fake);
    asked("snapshot demo 2\n");
}

Test(snapshot, that_fails_behind_appends_that_fail)
{
    enum { LARGE = 260 << 10 };
    store_text(2, "note:1", LARGE);
    gateway_put(gateway, 1, 3, "note:2", 2);
    fake_turn(&fake);
    gateway_told(gateway);
    fake_fail(&fake, ERR_TIMEOUT, false);
    fake_fail(&fake, ERR_TIMEOUT, true);
    told("");
    fake_asked(&fake);
    fake_pass(&fake, 250);
    asked("snapshot demo 3\n");
    fake_answer(&fake);
    cr_assert(eq(u64, store_clock(&fake.store.rooms[0]), 2));
    cr_assert(not(zero(ptr, strstr(gateway_told(gateway), "event 1 3 "))));
}

Test(snapshot, gives_an_empty_room_up)
{
    gateway_gone(gateway, 1);
    fake_pass(&fake, ROOM_REMOVAL_WAIT_MS + 500);
    fake_pass(&fake, 59000);
    asked("");
    fake_pass(&fake, 1000);
    asked("release demo 1\n");
    cr_assert(eq(int, fake.store.rooms[0].owner, fake.self));
    fake_answer(&fake);
    cr_assert(zero(int, fake.store.rooms[0].owner));
    fake_pass(&fake, 250);
    cr_assert(zero(u64, shard_count(fake.shard)->rooms));
    gateway_join(gateway, 2, "demo", "a");
    asked("load demo\n");
    fake_answer_all(&fake);
    told("connect 2 1 wipe_all 0 0\n");
    gateway_gone(gateway, 2);
    fake_pass(&fake, 70000);
    asked("release demo 0 keep\n");
    fake_answer(&fake);
}

Test(snapshot, not_a_room_that_somebody_opens)
{
    gateway_gone(gateway, 1);
    fake_pass(&fake, 60000);
    gateway_join(gateway, 2, "demo", "b");
    told("connect 2 1 wipe_all 0 0\n");
    gateway_message(gateway, 2, 2, PING);
    fake_pass(&fake, 19000);
    gateway_message(gateway, 2, 3, PING);
    fake_pass(&fake, 19000);
    asked("");
}

Test(snapshot, who_opens_a_room_that_is_being_given_up_looks_again)
{
    gateway_gone(gateway, 1);
    fake_pass(&fake, 70000);
    asked("release demo 1\n");
    gateway_open(gateway, 2, "demo", "b");
    gateway_message(gateway, 2, 1, CONNECT("-1", SCHEMA));
    gateway_open(gateway, 3, "demo", "c");
    gateway_gone(gateway, 3);
    told("");
    fake_answer(&fake);
    told("refuse 2 not-owner\n");
    gateway_open(gateway, 2, "demo", "b");
    gateway_message(gateway, 2, 1, CONNECT("-1", SCHEMA));
    fake_answer_all(&fake);
    told("connect 2 1 wipe_all 0 0\n");
}

Test(snapshot, that_gives_up_is_tried_again)
{
    gateway_gone(gateway, 1);
    fake_pass(&fake, 70000);
    gateway_open(gateway, 2, "demo", "b");
    fake_fail(&fake, ERR_TIMEOUT, false);
    told("");
    fake_asked(&fake);
    fake_pass(&fake, 250);
    asked("release demo 1\n");
    fake_store_changes(&fake, false, false);
    fake_pass(&fake, 10000);
    asked("");
    fake_store_changes(&fake, true, false);
    fake_pass(&fake, 250);
    asked("release demo 1\n");
    fake_answer(&fake);
    told("refuse 2 not-owner\n");
}

Test(snapshot, that_gives_up_lets_out_what_waited)
{
    fake.config.unload_after_ms = 500; /* shorter than the store takes */
    gateway_put(gateway, 1, 2, "note:1", 1);
    gateway_message(gateway, 1, 3, "{\"oops\":1}");
    fake_turn(&fake);
    fake_pass(&fake, 1000);
    asked("append demo 2-2\nrelease demo 2\n");
    fake_fail(&fake, ERR_TIMEOUT, false);
    told("");
    fake_answer(&fake);
    told("event 1 2 {\"type\":\"push_result\",\"clientClock\":2,\"serverClock\":1,\"action\":"
         "\"commit\"}\nclose 1 4099 UNKNOWN_ERROR\n");
}

Test(snapshot, figures_are_shown_once)
{
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    fake_answer_all(&fake);
    int before = fake.shown;
    fake_pass(&fake, 3000);
    cr_assert(eq(int, fake.shown, before), "the append did");
    fake_crash(&fake, 0);
    gateway = gateway_create(&fake, 1);
    gateway_join(gateway, 1, "demo", "a");
    fake_answer_all(&fake);
    before = fake.shown;
    fake_pass(&fake, 3000);
    cr_assert(eq(int, fake.shown, before + 1));
}
