/* What a worker gives away by itself, and when it lets others do. */
#include "worker/giver.h"

#include "fake_shard.h"

#include <criterion/new/assert.h>

enum { ROOMS = 4, OWN_POINTS = 400 };

static struct fake fake;
static struct giver giver;
static struct workers workers;
static const struct giver_own own = {.id = {"n1-w1", 5}, .node = {"n1", 2}, .points = OWN_POINTS};
static uint64_t beats;

static void add_worker(const char *id, const char *node, uint64_t points)
{
    struct worker_sign sign = {
        .id = str_of(id),
        .node = str_of(node),
        .address = STR("unix:/w"),
        .remote = STR("tcp:10.0.0.2:7946"),
        .version = STR("1"),
        .seen = STR("now"),
        .beat = ++beats,
        .sessions = points,
        .points = points,
        .weight = 1,
    };
    workers_update_add(&workers, &sign);
}

/* Us, with all the load there is, and one of another node without any. */
static void setup(void)
{
    fake_init(&fake);
    struct gateway *gateway = gateway_create(&fake, 1);
    for (uint64_t i = 1; i <= ROOMS; i++) {
        char room[8];
        char session[8];
        snprintf(room, sizeof(room), "r%u", (unsigned)i);
        snprintf(session, sizeof(session), "s%u", (unsigned)i);
        gateway_found(gateway, i, room, session);
    }
    fake_turn(&fake);
    fake_pass(&fake, SHARD_SETTLED_MS);
    workers_init(&workers);
    workers_update_begin(&workers);
    add_worker("n1-w1", "n1", OWN_POINTS);
    add_worker("n2-w1", "n2", 0);
    workers_update_end(&workers);
    giver = (struct giver){0};
}

static void teardown(void)
{
    giver_finish(&giver);
    workers_finish(&workers);
    fake_finish(&fake);
}

TestSuite(giver, .init = setup, .fini = teardown);

/* One look a second, from a second after `now` on, until a room is to be given; when that was. */
static uint64_t looks_until_it_gives(uint64_t now)
{
    struct shard_target to;
    for (uint64_t at = now + 1000; at <= now + 60000; at += 1000) {
        cr_assert(giver_is_due(&giver, &own, 1, at), "after %u ms", (unsigned)(at - now));
        if (giver_look(&giver, &own, &workers, fake.shard, at, &to)) {
            cr_assert(str_eq(to.worker, STR("n2-w1")));
            return at;
        }
    }
    cr_fail("it gives nothing");
    return 0;
}

Test(giver, gives_a_room_a_second_once_it_has_lasted)
{
    uint64_t now = 100000;
    uint64_t first = looks_until_it_gives(now);
    cr_assert(eq(u64, first, now + REBALANCE_LOOKS * 1000));
    cr_assert(not(giver_is_due(&giver, &own, 1, first + 1000)), "one is on its way");
    giver_ended(&giver, &workers, true);
    cr_assert(eq(u64, looks_until_it_gives(first), first + 1000));
}

Test(giver, waits_for_who_moves_rooms_and_then_looks_anew)
{
    uint64_t now = 100000;
    uint64_t first = looks_until_it_gives(now);
    giver_ended(&giver, &workers, true);
    giver_wait(&giver, first); /* somebody else has moved a room of ours */
    uint64_t next = looks_until_it_gives(first);
    cr_assert(eq(u64, next, first + 6000), "%u ms", (unsigned)(next - first));
}

Test(giver, who_waits_does_not_begin_by_what_it_saw_before)
{
    uint64_t now = 100000;
    struct shard_target to;
    for (int i = 1; i < REBALANCE_LOOKS; i++) {
        cr_assert(not(giver_look(&giver, &own, &workers, fake.shard, now, &to)));
        now += 1000;
    }
    giver_wait(&giver, now);
    cr_assert(eq(u32, giver.state.looks, 0));
    cr_assert(not(giver_look(&giver, &own, &workers, fake.shard, now + 60000, &to)),
              "one look is not enough");
}

Test(giver, a_later_wait_never_shortens_one)
{
    giver_wait(&giver, 100000);
    giver_wait(&giver, 99000);
    cr_assert(eq(u64, giver.give_at, 106000));
}
