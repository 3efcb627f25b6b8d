/* Plans are carried out here until there is nothing left to do, and looked at as a whole. */
#include "cluster/balance.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>

enum { WORKERS = 8, ROOMS = 400, MOVES_MAX = 2 * ROOMS };

struct world {
    struct balance_worker workers[WORKERS];
    struct balance_room rooms[ROOMS];
    struct balance_state state;
};

static struct world *world_create(uint32_t workers)
{
    struct world *world = calloc(1, sizeof(*world));
    for (uint32_t i = 0; i < workers; i++) {
        world->workers[i] = (struct balance_worker){.weight = 1, .takes = true};
    }
    world->state = (struct balance_state){world->workers, workers, world->rooms, 0};
    return world;
}

static void add_rooms(struct world *world, uint32_t worker, uint32_t count, uint64_t points)
{
    for (uint32_t i = 0; i < count; i++) {
        world->rooms[world->state.room_count++] =
            (struct balance_room){.worker = worker, .points = points};
        world->workers[worker].points += points;
    }
}

/* The more loaded of the two workers has less after it, or it is no move. */
static void do_move(struct world *world, const struct balance_move *move)
{
    struct balance_worker *from = &world->workers[move->from];
    struct balance_worker *to = &world->workers[move->to];
    uint64_t before = from->points / from->weight;
    cr_assert(from->takes && to->takes && move->from != move->to);
    cr_assert(eq(u32, world->rooms[move->room].worker, move->from));
    cr_assert(not(world->rooms[move->room].fixed));
    balance_apply(&world->state, move);
    cr_assert(lt(u64, to->points / to->weight, before));
    cr_assert(le(u64, from->points / from->weight, before));
}

/* Moves until there is nothing to do; returns how often. */
static uint32_t settle(struct world *world, const struct balance_rule *rule, enum balance_next *end)
{
    struct balance_move move;
    uint32_t moves = 0;
    while ((*end = balance_next(&world->state, rule, &move)) == BALANCE_MOVE) {
        do_move(world, &move);
        cr_assert(lt(u32, ++moves, MOVES_MAX), "it goes on and on");
    }
    return moves;
}

static const struct balance_rule rule = {.within_percent = 20, .slack = 5};

Test(balance, nothing_is_even)
{
    struct world *world = world_create(0);
    struct balance_move move;
    cr_assert(eq(int, balance_next(&world->state, &rule, &move), BALANCE_EVEN));
    world->state.worker_count = 1;
    world->workers[0] = (struct balance_worker){.weight = 1, .takes = true};
    add_rooms(world, 0, 10, 10);
    cr_assert(eq(int, balance_next(&world->state, &rule, &move), BALANCE_EVEN));
    world->workers[0].takes = false;
    cr_assert(eq(int, balance_next(&world->state, &rule, &move), BALANCE_EVEN));
    cr_assert(eq(dbl, balance_mean(&world->state), 0));
    free(world);
}

Test(balance, a_new_worker_gets_its_share)
{
    struct world *world = world_create(4);
    enum balance_next end;
    for (uint32_t i = 0; i < 3; i++) {
        add_rooms(world, i, 40, 10);
    }
    cr_assert(le(u32, settle(world, &rule, &end), 30));
    cr_assert(eq(int, end, BALANCE_EVEN));
    for (uint32_t i = 0; i < 4; i++) {
        cr_assert(ge(u64, world->workers[i].points, 240));
        cr_assert(le(u64, world->workers[i].points, 360));
    }
    free(world);
}

Test(balance, a_worker_far_below_the_mean_is_uneven_too)
{
    struct world *world = world_create(8);
    enum balance_next end;
    for (uint32_t i = 0; i < 7; i++) {
        add_rooms(world, i, 10, 10); /* all of these are within 20 % of the mean */
    }
    cr_assert(gt(u32, settle(world, &rule, &end), 0));
    cr_assert(ge(u64, world->workers[7].points, 70));
    cr_assert(eq(int, end, BALANCE_EVEN));
    free(world);
}

Test(balance, weights_say_what_a_share_is)
{
    struct world *world = world_create(2);
    enum balance_next end;
    world->workers[1].weight = 4;
    add_rooms(world, 0, 100, 10);
    settle(world, &rule, &end);
    cr_assert(eq(int, end, BALANCE_EVEN));
    cr_assert(le(u64, world->workers[0].points, 240)); /* of the mean, which is 200 */
    free(world);
}

Test(balance, a_room_that_is_all_the_load_stays)
{
    struct world *world = world_create(3);
    enum balance_next end;
    add_rooms(world, 0, 1, 5000);
    cr_assert(eq(u32, settle(world, &rule, &end), 0));
    cr_assert(eq(int, end, BALANCE_STUCK));
    add_rooms(world, 0, 10, 20); /* its neighbours go instead */
    cr_assert(eq(u32, settle(world, &rule, &end), 10));
    cr_assert(eq(int, end, BALANCE_STUCK));
    cr_assert(eq(u32, world->rooms[0].worker, 0));
    free(world);
}

Test(balance, the_next_one_gives_if_the_most_loaded_cannot)
{
    struct world *world = world_create(3);
    struct balance_move move;
    add_rooms(world, 0, 1, 600);
    add_rooms(world, 1, 20, 25);
    cr_assert(eq(int, balance_next(&world->state, &rule, &move), BALANCE_MOVE));
    cr_assert(eq(u32, move.from, 1));
    cr_assert(eq(u32, move.to, 2));
    free(world);
}

Test(balance, those_that_drain_and_rooms_that_are_fixed_are_left_alone)
{
    struct world *world = world_create(3);
    enum balance_next end;
    add_rooms(world, 0, 20, 10);
    world->workers[2].takes = false;
    for (uint32_t i = 0; i < 20; i += 2) {
        world->rooms[i].fixed = true;
    }
    settle(world, &rule, &end);
    cr_assert(eq(int, end, BALANCE_EVEN));
    cr_assert(zero(u64, world->workers[2].points));
    for (uint32_t i = 0; i < 20; i += 2) {
        cr_assert(zero(u32, world->rooms[i].worker));
    }
    free(world);
}

Test(balance, differences_within_the_slack_are_none)
{
    struct world *world = world_create(2);
    struct balance_move move;
    struct balance_rule wide = {.within_percent = 20, .slack = 50};
    add_rooms(world, 0, 5, 10);
    add_rooms(world, 1, 1, 1);
    cr_assert(eq(int, balance_next(&world->state, &wide, &move), BALANCE_EVEN));
    cr_assert(eq(int, balance_next(&world->state, &rule, &move), BALANCE_MOVE));
    free(world);
}

static uint32_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 16);
}

Test(balance, it_always_comes_to_an_end)
{
    uint64_t random = 88172645463325252u;
    for (int round = 0; round < 300; round++) {
        uint32_t count = 2 + next_random(&random) % (WORKERS - 1);
        struct world *world = world_create(count);
        enum balance_next end;
        uint64_t largest = 0;
        for (uint32_t i = 0; i < count; i++) {
            world->workers[i].weight = 1 + next_random(&random) % 4;
        }
        for (uint32_t i = 0; i < 200; i++) {
            uint64_t points = next_random(&random) % (i % 10 ? 20 : 300);
            largest = points > largest ? points : largest;
            add_rooms(world, next_random(&random) % count, 1, points);
        }
        settle(world, &rule, &end);
        double mean = balance_mean(&world->state);
        for (uint32_t i = 0; i < count && end == BALANCE_EVEN; i++) {
            double load = (double)world->workers[i].points / world->workers[i].weight;
            cr_assert(le(dbl, load, mean * 1.2 + 5));
        }
        cr_assert(end == BALANCE_EVEN || (double)largest > mean / 10, "round %d", round);
        free(world);
    }
}

/* ---- by itself ---- */

Test(balance, a_worker_begins_when_it_has_lasted_and_ends_at_the_mean)
{
    struct world *world = world_create(2);
    struct rebalance rebalance = {0};
    struct balance_move move;
    add_rooms(world, 0, 40, 10);
    cr_assert(not(rebalance_look(&rebalance, &world->state, 0)));
    cr_assert(not(rebalance_look(&rebalance, &world->state, 0)));
    cr_assert(rebalance_look(&rebalance, &world->state, 0));
    cr_assert(not(rebalance_look(&(struct rebalance){0}, &world->state, 1)));
    uint32_t moves = 0;
    while (rebalance_look(&rebalance, &world->state, 0)) {
        cr_assert(eq(int, rebalance_next(&world->state, 0, &move), BALANCE_MOVE));
        do_move(world, &move);
        cr_assert(lt(u32, ++moves, ROOMS));
    }
    cr_assert(le(u64, world->workers[0].points, 220));
    cr_assert(ge(u64, world->workers[0].points, 200));
    for (int i = 0; i < 10; i++) { /* and nobody begins anew */
        cr_assert(not(rebalance_look(&rebalance, &world->state, 0)));
    }
    free(world);
}

Test(balance, a_moment_is_no_reason)
{
    struct world *world = world_create(2);
    struct rebalance rebalance = {0};
    add_rooms(world, 0, 40, 10);
    for (int i = 0; i < 10; i++) {
        cr_assert(not(rebalance_look(&rebalance, &world->state, 0)));
        cr_assert(not(rebalance_look(&rebalance, &world->state, 0)));
        world->workers[1].points = 400;
        cr_assert(not(rebalance_look(&rebalance, &world->state, 0)));
        world->workers[1].points = 0;
    }
    free(world);
}

Test(balance, little_is_no_reason_and_draining_none_either)
{
    struct world *world = world_create(2);
    struct rebalance rebalance = {0};
    add_rooms(world, 0, REBALANCE_SLACK, 1);
    for (int i = 0; i < 10; i++) {
        cr_assert(not(rebalance_look(&rebalance, &world->state, 0)));
    }
    add_rooms(world, 0, 100, 10);
    world->workers[0].takes = false;
    for (int i = 0; i < 10; i++) {
        cr_assert(not(rebalance_look(&rebalance, &world->state, 0)));
    }
    free(world);
}
