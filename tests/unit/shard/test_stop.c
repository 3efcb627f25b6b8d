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

TestSuite(stop, .init = setup, .fini = teardown);

static void asked(const char *want)
{
    SAME_LINES(fake_asked(&fake), want);
}

static void told(const char *want)
{
    SAME_LINES(gateway_told(gateway), want);
}

Test(stop, of_an_idle_worker)
{
    shard_stop(fake.shard, false, fake.now);
    cr_assert(eq(int, fake.stopped, 1));
    fake_pass(&fake, 2000);
    cr_assert(eq(int, fake.stopped, 1), "said once");
}

Test(stop, gives_up_every_room)
{
    gateway_found(gateway, 1, "demo", "a");
    gateway_found(gateway, 2, "other", "b");
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    fake_asked(&fake);
    shard_stop(fake.shard, false, fake.now);
    const char *lines = gateway_told(gateway);
    cr_assert(not(zero(ptr, strstr(lines, "close 1 1012 server is stopping\n"))));
    cr_assert(not(zero(ptr, strstr(lines, "close 2 1012 server is stopping\n"))));
    cr_assert(zero(ptr, strstr(lines, "push_result")));
    cr_assert(eq(sz, fake_pending(&fake), 3), "an append and two releases");
    gateway_open(gateway, 3, "third", "c");
    told("refuse 3 not-owner\n");
    fake_answer_all(&fake);
    cr_assert(zero(int, fake.stopped));
    fake_pass(&fake, 250);
    cr_assert(eq(int, fake.stopped, 1));
    fake_pass(&fake, 1000);
    cr_assert(eq(int, fake.stopped, 1));
    cr_assert(zero(int, fake.store.rooms[0].owner));
    cr_assert(zero(int, fake.store.rooms[1].owner));
    cr_assert(eq(u64, store_clock(&fake.store.rooms[0]), 1));
}

Test(stop, waits_for_the_store)
{
    gateway_found(gateway, 1, "demo", "a");
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    fake_store_changes(&fake, false, false);
    fake_asked(&fake);
    shard_stop(fake.shard, false, fake.now);
    told("close 1 1012 server is stopping\n");
    gateway_open(gateway, 2, "demo", "a"); /* nobody moves in any more */
    gateway_message(gateway, 2, 1, CONNECT("-1", SCHEMA));
    told("refuse 2 not-owner\n");
    fake_pass(&fake, 1000);
    asked("");
    fake_store_changes(&fake, true, false);
    fake_pass(&fake, 250);
    fake_answer_all(&fake);
    fake_pass(&fake, 250);
    fake_answer_all(&fake);
    fake_pass(&fake, 250);
    cr_assert(eq(int, fake.stopped, 1));
    cr_assert(eq(u64, store_clock(&fake.store.rooms[0]), 1));
}

Test(stop, does_not_wait_for_rooms_that_load)
{
    gateway_open(gateway, 1, "demo", "a");
    shard_stop(fake.shard, false, fake.now);
    told("close 1 1012 server is stopping\n");
    cr_assert(eq(int, fake.stopped, 1));
    fake_answer_all(&fake);
    told("");
}

Test(stop, does_not_wait_for_rooms_that_cannot_be_read)
{
    struct stored_room *room = store_room(&fake.store, STR("demo"));
    buf_append_str(&room->snapshot, STR("damaged"));
    gateway_open(gateway, 1, "demo", "a");
    fake_answer(&fake);
    told("refuse 1 unreadable\n");
    shard_stop(fake.shard, false, fake.now);
    cr_assert(eq(int, fake.stopped, 1));
}

Test(stop, sends_on_who_waits_for_a_room_being_given_up)
{
    gateway_found(gateway, 1, "demo", "a");
    gateway_gone(gateway, 1);
    fake_pass(&fake, 70000);
    gateway_open(gateway, 2, "demo", "b");
    shard_stop(fake.shard, false, fake.now);
    told("");
    fake_answer_all(&fake);
    told("refuse 2 not-owner\n");
    fake_pass(&fake, 250);
    cr_assert(eq(int, fake.stopped, 1));
}
