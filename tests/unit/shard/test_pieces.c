/* A snapshot that goes to the store in pieces, while its room goes on. */
#include "fake_shard.h"

#include "cluster/stored_snapshot.h"
#include "value/pack.h"

#include <criterion/new/assert.h>

static struct fake fake;
static struct gateway *gateway;

/* "demo" with a session a and two notes, of which the log is folded with the next entry. */
static void setup(void)
{
    fake_init(&fake);
    fake.config.slice_bytes = 40;
    gateway = gateway_create(&fake, 1);
    gateway_found(gateway, 1, "demo", "a");
    for (uint64_t i = 2; i < 4; i++) {
        gateway_put(gateway, 1, i, i == 2 ? "note:2" : "note:3", 1);
        fake_turn(&fake);
        fake_answer_all(&fake);
    }
    fake.config.fold_bytes = 1;
    gateway_told(gateway);
    fake_asked(&fake);
}

static void teardown(void)
{
    fake_finish(&fake);
}

TestSuite(pieces, .init = setup, .fini = teardown);

static void asked(const char *want)
{
    SAME_LINES(fake_asked(&fake), want);
}

static bool has(const char *lines, const char *text)
{
    return strstr(lines, text) != NULL;
}

static void put(uint64_t seq, const char *id)
{
    gateway_put(gateway, 1, seq, id, 1);
    fake_turn(&fake);
}

static void work(void)
{
    while (shard_is_busy(fake.shard)) {
        shard_work(fake.shard, fake.now);
        fake_turn(&fake);
    }
}

/* Entry 4 is appended, and the snapshot through 4 is packed but for its last slice. */
static void begin(void)
{
    put(4, "note:4");
    fake_answer(&fake);
    asked("append demo 4-4\n");
    shard_work(fake.shard, fake.now);
    cr_assert(shard_is_busy(fake.shard));
}

/* All pieces; returns what was asked behind the last of them. */
static const char *stage_all(void)
{
    const char *lines;
    work();
    do {
        fake_answer(&fake);
        lines = fake_asked(&fake);
    } while (!has(lines, "snapshot"));
    return lines;
}

static struct stored_room *stored(void)
{
    return store_room(&fake.store, STR("demo"));
}

Test(pieces, one_follows_the_other)
{
    begin();
    work();
    asked("stage demo\n");
    fake_answer(&fake);
    asked("stage demo\n");
    fake_answer_all(&fake);
    cr_assert(eq(u64, store_clock(stored()), 3));
    cr_assert(eq(sz, stored()->log_count, 0));
}

Test(pieces, changes_are_appended_and_answered_meanwhile)
{
    begin();
    put(5, "note:5");
    asked("append demo 5-5\n");
    fake_answer(&fake);
    cr_assert(has(gateway_told(gateway), "event 1 5 "));
    stage_all();
    fake_answer(&fake);
    cr_assert(eq(sz, stored()->log_count, 1));
    cr_assert(eq(u64, stored()->log[0]->number, 5));
    cr_assert(eq(u64, store_clock(stored()), 4));
}

Test(pieces, the_next_owner_reads_both_and_knows_what_was_applied)
{
    begin();
    put(5, "note:5");
    stage_all();
    fake_crash(&fake, 1);
    gateway = gateway_create(&fake, 2);
    gateway_open(gateway, 1, "demo", "b");
    fake_answer_all(&fake);
    gateway_message(gateway, 1, 1,
                    "{\"type\":\"connect\",\"connectRequestId\":\"x\",\"protocolVersion\":8,"
                    "\"lastServerClock\":-1,\"schema\":" SCHEMA "}");
    fake_turn(&fake);
    fake_answer_all(&fake);
    fake_turn(&fake);
    const char *told = gateway_told(gateway);
    cr_assert(has(told, "connect 1 1 wipe_all 4 4\n"), "clock and documents: %s", told);
}

Test(pieces, nothing_is_stored_before_the_last)
{
    begin();
    stage_all();
    cr_assert(eq(sz, buf_len(&stored()->snapshot), 0));
    fake_crash(&fake, 0);
    cr_assert(eq(u64, store_clock(stored()), 3));
    cr_assert(eq(sz, stored()->log_count, 4));
}

Test(pieces, a_piece_that_is_lost_begins_another_snapshot)
{
    begin();
    work();
    fake_answer(&fake);
    fake_fail(&fake, ERR_UNAVAILABLE, true);
    fake_asked(&fake);
    fake_pass(&fake, 500);
    work();
    fake_answer_all(&fake);
    const char *lines = fake_asked(&fake);
    cr_assert(has(lines, "snapshot demo 4 staged"), "%s", lines);
    cr_assert(eq(u64, store_clock(stored()), 3));
}

Test(pieces, a_store_that_goes_away_meanwhile_begins_another_snapshot)
{
    begin();
    fake_store_changes(&fake, false, false);
    fake_store_changes(&fake, true, false);
    fake_pass(&fake, 500);
    work();
    fake_answer_all(&fake);
    const char *lines = fake_asked(&fake);
    cr_assert(has(lines, "snapshot demo 4 staged"), "%s", lines);
}

Test(pieces, a_store_that_just_leaves_begins_another_snapshot)
{
    begin();
    fake.leaving = true;
    work();
    asked("");
    fake.leaving = false;
    fake_pass(&fake, 500);
    work();
    fake_answer_all(&fake);
    const char *lines = fake_asked(&fake);
    cr_assert(has(lines, "snapshot demo 4 staged"), "%s", lines);
}

Test(pieces, what_was_never_appended_holds_back_what_is_behind_it)
{
    fake.config.room.diff_max = 1;
    put(4, "note:4");
    asked("");
    fake.config.room.diff_max = 0;
    put(5, "note:5");
    asked("");
    work();
    fake_asked(&fake);
    const char *lines = stage_all();
    SAME_LINES(lines, "snapshot demo 4 staged\nappend demo 5-5\n");
    cr_assert(not(has(gateway_told(gateway), "event 1 4 ")));
    fake_answer_all(&fake);
    const char *told = gateway_told(gateway);
    cr_assert(has(told, "event 1 4 ") && has(told, "event 1 5 "), "%s", told);
    cr_assert(eq(u64, store_clock(stored()), 4));
}

Test(pieces, an_owner_that_lost_the_room_stops)
{
    begin();
    work();
    store_claim(stored(), 77);
    fake_answer(&fake);
    SAME_LINES(gateway_told(gateway), "event 1 4 {\"type\":\"push_result\",\"clientClock\":4,"
                                      "\"serverClock\":3,\"action\":\"commit\"}\nmoved demo \n");
    cr_assert(eq(sz, fake_pending(&fake), 0));
}

Test(pieces, a_room_is_given_up_by_them)
{
    gateway_gone(gateway, 1);
    fake_pass(&fake, 70000);
    work();
    for (int i = 0; fake_pending(&fake) > 0 && i < 100; i++) {
        fake_answer(&fake);
        work();
    }
    cr_assert(has(fake_asked(&fake), "release demo 3 staged"));
    cr_assert(eq(int, stored()->owner, 0));
    cr_assert(eq(u64, shard_count(fake.shard)->rooms, 0));
}
