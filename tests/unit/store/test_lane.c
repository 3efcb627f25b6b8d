/* Order under redirection: by hand, and against two servers between which a slot moves while
 * commands are under way. */
#include "store/lane.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

static const struct redirect moved = {.kind = REDIRECT_MOVED};
static const struct redirect ask = {.kind = REDIRECT_ASK};
static const struct redirect wait = {.kind = REDIRECT_WAIT};

Test(lane, flows_while_nothing_is_redirected)
{
    struct lane lane;
    struct lane_item items[3];
    lane_init(&lane);
    for (int i = 0; i < 3; i++) {
        cr_assert(lane_add(&lane, &items[i]));
    }
    lane_done(&lane, &items[0]);
    cr_assert(eq(ptr, lane_next(&lane, 1), NULL));
    cr_assert(eq(u64, lane_deadline(&lane), UINT64_MAX));
}

Test(lane, sends_again_in_the_first_order_when_all_are_answered)
{
    struct lane lane;
    struct lane_item items[4];
    lane_init(&lane);
    for (int i = 0; i < 3; i++) {
        cr_assert(lane_add(&lane, &items[i]));
    }
    lane_refuse(&lane, &items[0], &moved, 1);
    cr_assert(not(lane_add(&lane, &items[3])));
    cr_assert(eq(ptr, lane_next(&lane, 1), NULL)); /* two are under way */
    lane_refuse(&lane, &items[1], &moved, 1);
    lane_refuse(&lane, &items[2], &moved, 1);
    cr_assert(eq(ptr, lane_next(&lane, 1), &items[0]));
    cr_assert(eq(ptr, lane_next(&lane, 1), NULL)); /* one at a time */
    lane_done(&lane, &items[0]);
    for (int i = 1; i < 4; i++) { /* it was where the map says: the rest at once */
        cr_assert(eq(ptr, lane_next(&lane, 1), &items[i]));
    }
    cr_assert(eq(ptr, lane_next(&lane, 1), NULL));
}

Test(lane, asks_for_one_after_the_other)
{
    struct lane lane;
    struct lane_item items[2];
    lane_init(&lane);
    lane_add(&lane, &items[0]);
    lane_add(&lane, &items[1]);
    lane_refuse(&lane, &items[0], &ask, 1);
    lane_refuse(&lane, &items[1], &ask, 1);
    cr_assert(eq(ptr, lane_next(&lane, 1), &items[0]));
    cr_assert(eq(int, items[0].last.kind, REDIRECT_ASK));
    lane_done(&lane, &items[0]);
    cr_assert(eq(ptr, lane_next(&lane, 1), &items[1]));
    cr_assert(eq(ptr, lane_next(&lane, 1), NULL));
    lane_done(&lane, &items[1]);
    cr_assert(eq(ptr, lane_next(&lane, 1), NULL));
    cr_assert(lane_add(&lane, &items[0]), "it flows again");
}

Test(lane, who_is_told_to_wait_asks_the_same_again_later_and_is_given_up_in_the_end)
{
    struct lane lane;
    struct lane_item item;
    lane_init(&lane);
    lane_add(&lane, &item);
    lane_refuse(&lane, &item, &ask, 1000);
    uint64_t now = 1000, pauses = 0;
    while (!lane_is_late(&item, now)) {
        cr_assert(eq(ptr, lane_next(&lane, now), &item));
        cr_assert(eq(int, item.last.kind, REDIRECT_ASK));
        lane_refuse(&lane, &item, &wait, now);
        cr_assert(eq(ptr, lane_next(&lane, now), NULL));
        uint64_t until = lane_deadline(&lane);
        cr_assert(until > now && until <= now + LANE_PAUSE_MAX_MS);
        now = until;
        pauses++;
    }
    cr_assert(eq(u64, now - 1000 >= LANE_PATIENCE_MS, 1));
    cr_assert(le(u64, pauses, 20));
    cr_assert(eq(ptr, lane_next(&lane, now), &item));
    lane_done(&lane, &item);
    cr_assert(eq(ptr, lane_next(&lane, now), NULL));
    cr_assert(lane_add(&lane, &item));
}

Test(lane, servers_that_name_each_other_are_not_asked_without_pause)
{
    struct lane lane;
    struct lane_item item;
    lane_init(&lane);
    lane_add(&lane, &item);
    uint64_t now = 1;
    for (int i = 0; i < 5; i++) {
        lane_refuse(&lane, &item, &moved, now);
        now = lane_deadline(&lane) == UINT64_MAX ? now : lane_deadline(&lane);
        cr_assert(eq(ptr, lane_next(&lane, now), &item));
    }
    cr_assert(gt(u64, now, 1));
}

/* ---- against servers ---- */

enum { COMMANDS = 200, QUEUE = COMMANDS + 1, KEYS = 2, A = 0, B = 1, NOWHERE = -1 };

/* A script on a room's hash and log, or on its hash alone. */
struct command {
    struct lane_item item;
    int id;
    int keys; /* the first so many */
};

struct sent {
    struct command *command;
    bool asking;
};

/* Two servers, a slot on its way from A to B, and the client's end of both connections. */
struct world {
    uint64_t seed, now_ms;
    int key_at[KEYS];
    int owner[2];                /* whose the slot is, as each of the servers sees it */
    bool migrating;              /* keys go over to B */
    struct sent queue[2][QUEUE]; /* under way to a server */
    int first[2], last[2];
    int map; /* the client's */
    struct lane lane;
    struct command commands[COMMANDS];
    int added, executed[COMMANDS], executed_count;
};

static uint64_t rnd(struct world *world, uint64_t below)
{
    world->seed ^= world->seed << 13;
    world->seed ^= world->seed >> 7;
    world->seed ^= world->seed << 17;
    return world->seed % below;
}

static void send_to(struct world *world, int server, struct command *command, bool asking)
{
    int *last = &world->last[server];
    world->queue[server][*last % QUEUE] = (struct sent){command, asking};
    *last += 1;
}

static void dispatch(struct world *world, struct command *command)
{
    bool asking = command->item.last.kind == REDIRECT_ASK;
    send_to(world, asking ? B : world->map, command, asking);
}

static void pump(struct world *world)
{
    struct lane_item *item;
    while ((item = lane_next(&world->lane, world->now_ms))) {
        dispatch(world, list_entry(item, struct command, item));
    }
}

/* What a server of a Redis Cluster does with a command (cluster.c, getNodeByQuery). */
static enum redirect_kind judge(const struct world *world, int server, const struct sent *sent)
{
    int here = 0;
    for (int i = 0; i < sent->command->keys; i++) {
        here += world->key_at[i] == server;
    }
    bool all = here == sent->command->keys;
    if (world->owner[server] == server) {
        bool going = world->migrating && server == A;
        return all || !going ? REDIRECT_NONE : here ? REDIRECT_WAIT : REDIRECT_ASK;
    }
    if (world->migrating && server == B && sent->asking) {
        return sent->command->keys > 1 && !all ? REDIRECT_WAIT : REDIRECT_NONE;
    }
    return REDIRECT_MOVED;
}

static void execute(struct world *world, int server)
{
    if (world->first[server] == world->last[server]) {
        return;
    }
    struct sent *sent = &world->queue[server][world->first[server]++ % QUEUE];
    struct command *command = sent->command;
    struct redirect how = {.kind = judge(world, server, sent)};
    if (how.kind == REDIRECT_NONE) {
        for (int i = 0; i < command->keys; i++) {
            world->key_at[i] = server; /* what was not there is made */
        }
        world->executed[world->executed_count++] = command->id;
        lane_done(&world->lane, &command->item);
    } else {
        world->map = how.kind == REDIRECT_MOVED ? 1 - server : world->map;
        lane_refuse(&world->lane, &command->item, &how, world->now_ms);
    }
    pump(world);
}

static void add(struct world *world, int keys)
{
    if (world->added < COMMANDS) {
        struct command *command = &world->commands[world->added];
        command->id = world->added++;
        command->keys = keys;
        if (lane_add(&world->lane, &command->item)) {
            dispatch(world, command);
        }
    }
}

/* A step of what redis-cli --cluster reshard does. */
static void migrate(struct world *world)
{
    if (!world->migrating) {
        world->migrating = world->owner[A] == A;
        return;
    }
    for (int i = 0; i < KEYS; i++) {
        if (world->key_at[i] == A) {
            world->key_at[i] = B;
            return;
        }
    }
    if (world->owner[B] != B) {
        world->owner[B] = B;
    } else {
        world->owner[A] = B;
        world->migrating = false;
    }
}

static void run(struct world *world, uint64_t seed, bool mixed)
{
    memset(world, 0, sizeof(*world));
    world->seed = seed;
    lane_init(&world->lane);
    world->key_at[1] = rnd(world, 2) ? A : NOWHERE; /* a room without a log */
    int pace = 1 + (int)rnd(world, 60);
    for (int step = 0; world->executed_count < COMMANDS; step++) {
        cr_assert(lt(int, step, 100000), "seed %lu: it does not end", (unsigned long)seed);
        world->now_ms += rnd(world, 3);
        uint64_t what = rnd(world, (uint64_t)(8 + pace));
        if (what < 4) {
            add(world, mixed ? 1 + (int)rnd(world, KEYS) : KEYS);
        } else if (what == 4 && rnd(world, (uint64_t)pace) == 0) {
            migrate(world);
        } else {
            execute(world, (int)rnd(world, 2));
        }
        pump(world);
    }
}

Test(lane, keeps_the_order_of_appends_while_their_slot_moves)
{
    static struct world world;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        run(&world, seed, false);
        for (int i = 0; i < COMMANDS; i++) {
            cr_assert(eq(int, world.executed[i], i), "seed %lu", (unsigned long)seed);
        }
    }
}

Test(lane, loses_and_repeats_nothing)
{
    static struct world world;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        bool seen[COMMANDS] = {false};
        run(&world, seed, true);
        for (int i = 0; i < COMMANDS; i++) {
            cr_assert(not(seen[world.executed[i]]), "seed %lu", (unsigned long)seed);
            seen[world.executed[i]] = true;
        }
    }
}
