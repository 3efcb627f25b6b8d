/* Another worker has the room: nothing more may be said for it here (P1). */
#include "fake_shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct fake fake;
static struct gateway *gateway;

static void setup(void)
{
    fake_init(&fake);
    gateway = gateway_create(&fake, 1);
    gateway_found(gateway, 1, "demo", "a");
    gateway_open(gateway, 2, "demo", "b");
}

static void teardown(void)
{
    fake_finish(&fake);
}

TestSuite(fence, .init = setup, .fini = teardown);

static void asked(const char *want)
{
    SAME_LINES(fake_asked(&fake), want);
}

static void told(const char *want)
{
    SAME_LINES(gateway_told(gateway), want);
}

#define MOVED "moved demo \n"

Test(fence, a_refused_append_ends_the_room)
{
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    gateway_put(gateway, 1, 3, "note:2", 2);
    fake_turn(&fake);
    store_claim(&fake.store.rooms[0], 99);
    fake_answer_all(&fake);
    told(MOVED);
    cr_assert(zero(u64, store_clock(&fake.store.rooms[0])));
    fake_asked(&fake);
    fake_pass(&fake, 70000);
    asked("");
    cr_assert(zero(u64, shard_count(fake.shard)->rooms));
}

Test(fence, a_refused_snapshot_ends_the_room)
{
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    fake_fail(&fake, ERR_TIMEOUT, false);
    store_claim(&fake.store.rooms[0], 99);
    fake_pass(&fake, 250);
    fake_answer(&fake);
    told(MOVED);
}

Test(fence, a_refused_release_ends_the_room)
{
    gateway_gone(gateway, 1);
    gateway_gone(gateway, 2);
    fake_pass(&fake, 70000);
    asked("release demo 1\n");
    gateway_open(gateway, 3, "demo", "c");
    store_claim(&fake.store.rooms[0], 99);
    fake_answer(&fake);
    told(MOVED);
    cr_assert(eq(int, fake.store.rooms[0].owner, 99));
}

Test(fence, who_comes_back_is_sent_to_the_new_owner)
{
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    store_claim(&fake.store.rooms[0], 99);
    fake_answer(&fake);
    gateway_told(gateway);
    gateway_open(gateway, 3, "demo", "a");
    fake_answer(&fake);
    told("refuse 3 not-owner\n");
}

Test(fence, late_answers_about_a_room_that_is_gone_mean_nothing)
{
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    gateway_put(gateway, 1, 3, "note:2", 2);
    fake_turn(&fake);
    fake_fail(&fake, ERR_FENCED, false);
    told(MOVED);
    fake.store.rooms[0].owner = fake.self; /* the second comes through after all */
    gateway_open(gateway, 3, "demo", "c");
    fake_answer(&fake);
    told("");
    fake_answer(&fake);
    gateway_message(gateway, 3, 1, CONNECT("-1", SCHEMA));
    fake_turn(&fake);
    told("connect 3 1 wipe_all 0 0\n");
}
