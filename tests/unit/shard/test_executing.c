/* Whose work it is: the host hears of every room that the shard turns to. */
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

TestSuite(executing, .init = setup, .fini = teardown);

static void worked_on(const char *room)
{
    SAME_LINES(fake.at_work, room);
    fake.at_work[0] = '\0';
}

Test(executing, frames_answers_and_time)
{
    gateway_open(gateway, 1, "demo", "a");
    worked_on("demo");
    fake_answer(&fake); /* the load */
    worked_on("demo");
    gateway_found(gateway, 2, "other", "b");
    worked_on("other");

    gateway_message(gateway, 1, 1, CONNECT("-1", SCHEMA));
    worked_on("demo");
    shard_flush(fake.shard);
    worked_on("demo");
    fake_answer(&fake); /* the append */
    worked_on("demo");
    gateway_message(gateway, 2, 2, PING);
    worked_on("other");
    gateway_gone(gateway, 1);
    worked_on("demo");

    shard_tick(fake.shard, fake.now);
    cr_assert(ne(int, fake.at_work[0], 0));
    fake.at_work[0] = '\0';
    shard_stop(fake.shard, false, fake.now);
    cr_assert(ne(int, fake.at_work[0], 0));
}

Test(executing, the_end_of_a_link_is_work_of_its_rooms)
{
    gateway_found(gateway, 1, "demo", "a");
    fake.at_work[0] = '\0';
    gateway_destroy(gateway);
    worked_on("demo");
}

/* P8: an idle room costs memory, and no time. */
Test(executing, a_room_in_which_nothing_is_due_is_not_looked_at)
{
    gateway_found(gateway, 1, "demo", "a");
    fake_pass(&fake, 3000);
    fake_answer_all(&fake);
    fake.at_work[0] = '\0';
    fake_pass(&fake, 1000);
    worked_on("");
    gateway_message(gateway, 1, 2, "{\"type\":\"ping\"}");
    worked_on("demo");
    fake_pass(&fake, 250);
    worked_on("demo");
    fake_pass(&fake, 1000);
    fake.at_work[0] = '\0';
    fake_pass(&fake, 1000);
    worked_on("");
    /* Something is due at last. */
    gateway_gone(gateway, 1);
    for (int i = 0; i < 80; i++) {
        fake_pass(&fake, 1000);
        fake_answer_all(&fake);
    }
    gateway_told(gateway);
    cr_assert(eq(u64, shard_count(fake.shard)->rooms, 0));
    cr_assert(eq(u64, shard_count(fake.shard)->sessions, 0));
}
