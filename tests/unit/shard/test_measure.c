/* What rooms cost: their sessions, and their part of the CPU by messages. */
#include "fake_shard.h"

#include <criterion/new/assert.h>

static struct fake fake;
static struct gateway *gateway;

/* "hot" has a session on connection 1, "cold" one on connection 2. */
static void setup(void)
{
    fake_init(&fake);
    gateway = gateway_create(&fake, 1);
    gateway_found(gateway, 1, "hot", "a");
    gateway_found(gateway, 2, "cold", "b");
    fake_turn(&fake);
}

static void teardown(void)
{
    fake_finish(&fake);
}

TestSuite(measure, .init = setup, .fini = teardown);

static uint64_t load_of(const char *room)
{
    struct shard_room_info info;
    cr_assert(shard_find(fake.shard, str_of(room), &info));
    return info.load;
}

/* So many seconds in which the hot room handles 30 messages each, and the process uses `cpu`. */
static void work(unsigned seconds, uint64_t cpu)
{
    static uint64_t seq;
    for (unsigned i = 0; i < seconds; i++) {
        for (int k = 0; k < 30; k++) {
            gateway_message(gateway, 1, 2 + seq++, "{\"type\":\"ping\"}");
        }
        shard_measure(fake.shard, cpu);
    }
}

Test(measure, those_who_say_more_cost_more)
{
    work(20, 500);
    cr_assert(ge(u64, load_of("hot"), 1950));
    cr_assert(le(u64, load_of("hot"), 2001));
    cr_assert(le(u64, load_of("cold"), 20));
    cr_assert(ge(u64, load_of("cold"), 1));
}

Test(measure, what_nobody_asked_for_is_no_rooms_cost)
{
    for (int i = 0; i < 40; i++) {
        shard_measure(fake.shard, 800);
    }
    cr_assert(eq(u64, load_of("hot"), 1));
    cr_assert(eq(u64, load_of("cold"), 1));
}

Test(measure, what_few_messages_cost_is_theirs_too)
{
    for (uint64_t i = 0; i < 20; i++) {
        gateway_message(gateway, 1, 100000 + i, "{\"type\":\"ping\"}");
        shard_measure(fake.shard, 200);
    }
    cr_assert(ge(u64, load_of("hot"), 780));
    cr_assert(le(u64, load_of("hot"), 801));
}

Test(measure, who_falls_silent_costs_its_sessions_only)
{
    work(20, 500);
    for (int i = 0; i < 60; i++) {
        shard_measure(fake.shard, 500);
    }
    cr_assert(eq(u64, load_of("hot"), 1));
    work(20, 500);
    cr_assert(ge(u64, load_of("hot"), 1900));
}

Test(measure, figures_are_shown_when_they_have_changed_much)
{
    fake_pass(&fake, 250);
    int before = fake.shown;
    shard_measure(fake.shard, 0);
    fake_pass(&fake, 250);
    cr_assert(eq(int, fake.shown, before));
    work(20, 500);
    fake_pass(&fake, 250);
    cr_assert(gt(int, fake.shown, before));
    before = fake.shown;
    work(3, 510);
    fake_pass(&fake, 250);
    cr_assert(eq(int, fake.shown, before));
}

Test(measure, only_what_has_settled_is_moved)
{
    struct shard_room_info info;
    uint32_t pos = 0;
    cr_assert(not(shard_next_movable(fake.shard, &pos, &info)));
    fake_pass(&fake, SHARD_SETTLED_MS);
    unsigned count = 0;
    for (pos = 0; shard_next_movable(fake.shard, &pos, &info);) {
        count++;
    }
    cr_assert(eq(uint, count, 2));
    cr_assert(not(shard_find(fake.shard, STR("none"), &info)));
}
