#include "fake_shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct fake fake;
static struct gateway *gateway;

static void setup(void)
{
    fake_init(&fake);
    gateway = gateway_create(&fake, 1);
}

static void teardown(void)
{
    fake_finish(&fake);
}

TestSuite(load, .init = setup, .fini = teardown);

static void asked(const char *want)
{
    SAME_LINES(fake_asked(&fake), want);
}

static void told(const char *want)
{
    SAME_LINES(gateway_told(gateway), want);
}

Test(load, frames_wait_in_order)
{
    gateway_open(gateway, 1, "demo", "a");
    gateway_message(gateway, 1, 1, CONNECT("-1", SCHEMA));
    gateway_put(gateway, 1, 2, "note:1", 1);
    gateway_message(gateway, 1, 3, PING);
    gateway_open(gateway, 2, "demo", "b");
    fake_turn(&fake);
    asked("load demo\n");
    told("");
    fake_answer(&fake);
    asked("append demo 1-2\n");
    told("");
    fake_answer(&fake);
    told("connect 1 1 wipe_all 0 0\n"
         "event 1 2 {\"type\":\"push_result\",\"clientClock\":2,\"serverClock\":1,"
         "\"action\":\"commit\"}\n"
         "pong 1 3\n");
    gateway_message(gateway, 2, 1, CONNECT("-1", SCHEMA));
    told("connect 2 1 wipe_all 1 1\n");
}

Test(load, finds_what_was_stored)
{
    gateway_found(gateway, 1, "demo", "a");
    gateway_put(gateway, 1, 2, "note:1", 1);
    gateway_put(gateway, 1, 3, "note:2", 2);
    fake_turn(&fake);
    fake_answer_all(&fake);
    fake_crash(&fake, 0);
    gateway = gateway_create(&fake, 2);
    gateway_join(gateway, 1, "demo", "a");
    fake_answer_all(&fake);
    told("connect 1 1 wipe_all 2 2\n");
    cr_assert(eq(u64, fake.store.rooms[0].epoch, 2));
    gateway_put(gateway, 1, 2, "note:1", 3);
    fake_turn(&fake);
    asked("append demo 2-3\nload demo\nappend demo 1-1\n");
}

Test(load, is_not_even_tried_while_the_store_is_down)
{
    fake_store_changes(&fake, false, false);
    gateway_open(gateway, 1, "demo", "a");
    gateway_message(gateway, 1, 1, CONNECT("-1", SCHEMA));
    told("refuse 1 unavailable\n");
    asked("");
    fake_store_changes(&fake, true, false);
    gateway_open(gateway, 2, "demo", "a");
    asked("load demo\n");
}

Test(load, that_finds_another_owner_sends_there)
{
    store_claim(store_room(&fake.store, STR("demo")), 99);
    gateway_open(gateway, 1, "demo", "a");
    gateway_message(gateway, 1, 1, CONNECT("-1", SCHEMA));
    gateway_open(gateway, 2, "demo", "b");
    fake_answer(&fake);
    told("refuse 1 not-owner\nrefuse 2 not-owner\n");
    fake.store.rooms[0].owner = 0;
    fake_asked(&fake);
    gateway_open(gateway, 1, "demo", "a"); /* the same connection comes back */
    gateway_message(gateway, 1, 1, CONNECT("-1", SCHEMA));
    asked("load demo\n");
    fake_answer_all(&fake);
    told("connect 1 1 wipe_all 0 0\n");
}

Test(load, that_is_not_answered_sends_away_for_now)
{
    gateway_open(gateway, 1, "demo", "a");
    fake_fail(&fake, ERR_UNAVAILABLE, false);
    told("refuse 1 unavailable\n");
    fake_asked(&fake);
    gateway_open(gateway, 2, "demo", "a");
    asked("load demo\n");
}

/* Refused for a while, then tried again, and left alone all the time. */
static void is_unreadable(void)
{
    gateway_open(gateway, 1, "demo", "a");
    gateway_message(gateway, 1, 1, CONNECT("-1", SCHEMA));
    fake_answer(&fake);
    told("refuse 1 unreadable\n");
    fake_asked(&fake);
    gateway_open(gateway, 2, "demo", "b");
    told("refuse 2 unreadable\n");
    fake_pass(&fake, 4900);
    gateway_open(gateway, 3, "demo", "b");
    told("refuse 3 unreadable\n");
    fake_store_changes(&fake, false, false);
    fake_store_changes(&fake, true, false);
    asked("");
    fake_pass(&fake, 200);
    gateway_open(gateway, 4, "demo", "b");
    asked("load demo\n");
}

Test(load, of_a_damaged_snapshot_is_refused)
{
    struct stored_room *room = store_room(&fake.store, STR("demo"));
    buf_append_str(&room->snapshot, STR("damaged"));
    is_unreadable();
    cr_assert(str_eq(buf_str(&room->snapshot), STR("damaged")), "left as it is");
}

static void corrupt_log(uint64_t clock)
{
    gateway_found(gateway, 1, "demo", "a");
    for (int i = 0; i < 3; i++) {
        gateway_put(gateway, 1, 2 + (uint64_t)i, "note:1", i);
    }
    fake_turn(&fake);
    fake_answer_all(&fake);
    fake_crash(&fake, 0);
    fake_asked(&fake);
    gateway = gateway_create(&fake, 1);
    fake.store.rooms[0].log[2]->clock = clock;
}

Test(load, of_a_log_with_a_gap_is_refused)
{
    corrupt_log(17);
    is_unreadable();
    cr_assert(eq(sz, fake.store.rooms[0].log_count, 4));
}

Test(load, goes_over_entries_that_the_snapshot_has)
{
    gateway_found(gateway, 1, "demo", "a");
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    fake_fail(&fake, ERR_TIMEOUT, true); /* so a snapshot is written */
    fake_pass(&fake, 250);
    struct stored_room *room = &fake.store.rooms[0];
    struct entry *schema_entry = entry_create(room->log[0]);
    struct entry *put_entry = entry_create(room->log[1]);
    fake_answer_all(&fake);
    cr_assert(zero(sz, room->log_count));
    room->log[room->log_count++] = schema_entry;
    room->log[room->log_count++] = put_entry;
    fake_crash(&fake, 0);
    gateway = gateway_create(&fake, 1);
    gateway_join(gateway, 1, "demo", "a");
    fake_answer_all(&fake);
    told("connect 1 1 wipe_all 1 1\n");
}

Test(load, knows_who_has_left_meanwhile)
{
    gateway_open(gateway, 1, "demo", "a");
    gateway_message(gateway, 1, 1, CONNECT("-1", SCHEMA));
    gateway_open(gateway, 2, "demo", "b");
    gateway_gone(gateway, 1);
    struct gateway *other = gateway_create(&fake, 2);
    gateway_open(other, 1, "demo", "c");
    gateway_message(other, 1, 1, CONNECT("-1", SCHEMA));
    gateway_destroy(other);
    fake_answer_all(&fake);
    told("");
    gateway_message(gateway, 2, 1, CONNECT("-1", SCHEMA));
    fake_turn(&fake);
    fake_answer_all(&fake);
    told("connect 2 1 wipe_all 0 0\n");
}

Test(load, the_first_of_two_opens_counts)
{
    gateway_open(gateway, 1, "demo", "a");
    gateway_open(gateway, 1, "other", "a");
    asked("load demo\n");
    fake_answer_all(&fake);
    gateway_open(gateway, 1, "demo", "b");
    gateway_message(gateway, 1, 1, CONNECT("-1", SCHEMA));
    fake_turn(&fake);
    fake_answer_all(&fake);
    told("connect 1 1 wipe_all 0 0\n");
}

Test(load, does_not_keep_frames_without_bound)
{
    enum { LARGE = 8 << 20 };
    struct buf json = {0};
    buf_append_byte(&json, '"');
    memset(buf_reserve(&json, LARGE), 'x', LARGE);
    buf_commit(&json, LARGE);
    buf_append(&json, "\"", 2);
    gateway_open(gateway, 1, "demo", "a");
    gateway_open(gateway, 2, "demo", "b");
    uint64_t seq = 0;
    for (; seq < SHARD_DEFERRED_MAX / LARGE - 1; seq++) {
        gateway_message(gateway, 1, seq + 1, (const char *)buf_head(&json));
        told("");
    }
    gateway_message(gateway, 1, seq + 1, (const char *)buf_head(&json));
    told("refuse 1 busy\n");
    gateway_message(gateway, 2, 1, CONNECT("-1", SCHEMA));
    fake_answer_all(&fake);
    told("connect 2 1 wipe_all 0 0\n");
    buf_finish(&json);
}
