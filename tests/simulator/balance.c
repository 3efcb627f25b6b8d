/* Rebalancing by hand, and a watch on who gets which room. */
#include "simulator/balance.h"

#include "cluster/balance.h"
#include "cluster/load.h"
#include "simulator/node.h"
#include "simulator/redis.h"
#include "simulator/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MS = 1000,
    ROOMS_MAX = 8,
    OWNERS_MAX = 8, /* that a room may have had in a watch */
    OWNER_LEN = 24,
    /* As roomctl does it (lib/roomctl/rebalance.c). */
    WITHIN_PERCENT = 20,
    SLACK = 20,
    SETTLE_MS = 6000,
    ROUNDS_MAX = 10,
    /* Loads are smoothed over 5 s, three looks are a second apart, a room is had for 5 s before it
     * goes on, and of each node one goes a second. */
    LOAD_IS_KNOWN_MS = 15000,
    BECOME_EVEN_MS = 30000,
    STAY_EVEN_MS = 15000,
    LOOK_EVERY_MS = 100,
};

struct owners { /* of one room, in the order in which they had it */
    char names[OWNERS_MAX][OWNER_LEN];
    int count;
};

static struct {
    char (*rooms)[16];
    int room_count;
    uintptr_t turn; /* the rebalance begun last */
    int round;      /* of it */
    uint64_t pace_us;
    struct balance_worker workers[NODE_WORKERS];
    struct balance_room seen[ROOMS_MAX];
    int room_at[ROOMS_MAX];
    struct balance_state state;
    bool moved[ROOMS_MAX]; /* by this rebalance */
    int moves;             /* of this look */
    struct owners owners[ROOMS_MAX];
} balance;

void balance_begin(char (*rooms)[16], int room_count)
{
    memset(&balance, 0, sizeof(balance));
    balance.rooms = rooms;
    balance.room_count = room_count;
}

/* ---- what Redis shows ---- */

static struct str field_of(const struct data_key *key, const char *name)
{
    const struct data_field *field = key ? data_field(key, str_of(name)) : NULL;
    return field ? field->value : (struct str){0};
}

static uint64_t number_of(const struct data_key *key, const char *name)
{
    struct str text = field_of(key, name);
    char copy[24] = "";
    if (text.len < sizeof(copy)) {
        memcpy(copy, text.ptr ? text.ptr : "", text.len);
    }
    return strtoull(copy, NULL, 10);
}

static const struct data_key *find(const char *before, const char *name, const char *after)
{
    char key[64];
    snprintf(key, sizeof(key), "roomd:%s%s%s", before, name, after);
    return data_find(&redis.data, str_of(key), world_ms());
}

static void look(void)
{
    balance.state = (struct balance_state){.workers = balance.workers, .rooms = balance.seen};
    balance.moves = 0;
    for (int i = 0; i < node.worker_count; i++) {
        const struct worker *worker = node.workers[i];
        const struct data_key *key = worker ? find("worker:", worker->id, "") : NULL;
        balance.workers[balance.state.worker_count++] = (struct balance_worker){
            .points = load_points(number_of(key, "sessions"), number_of(key, "cpu")),
            .weight = 1,
            .takes = key && number_of(key, "draining") == 0,
        };
    }
    for (int i = 0; i < balance.room_count; i++) {
        const struct data_key *key = find("{", balance.rooms[i], "}");
        struct str owner = field_of(key, "owner");
        uint64_t load = number_of(key, "load");
        uint64_t sessions = number_of(key, "sessions");
        for (uint32_t w = 0; w < balance.state.worker_count; w++) {
            if (sessions && node.workers[w] && str_eq(owner, str_of(node.workers[w]->id))) {
                balance.room_at[balance.state.room_count] = i;
                balance.seen[balance.state.room_count++] =
                    (struct balance_room){w, load > sessions ? load : sessions, balance.moved[i]};
            }
        }
    }
}

/* ---- by hand ---- */

static void on_move(void *arg);

static void on_round(void *arg)
{
    if ((uintptr_t)arg == balance.turn) {
        look();
        on_move(arg);
    }
}

static void on_move(void *arg)
{
    static const struct balance_rule rule = {WITHIN_PERCENT, SLACK};
    struct balance_move move;
    if ((uintptr_t)arg != balance.turn) {
        trace("a rebalance by hand ends for another one");
    } else if (balance_next(&balance.state, &rule, &move) == BALANCE_MOVE) {
        node_move_room(str_of(balance.rooms[balance.room_at[move.room]]), (int)move.to);
        balance_apply(&balance.state, &move);
        balance.seen[move.room].fixed = true;
        balance.moved[balance.room_at[move.room]] = true;
        balance.moves++;
        world_after(balance.pace_us, NULL, on_move, arg);
    } else if (balance.moves > 0 && ++balance.round < ROUNDS_MAX) {
        world_after((uint64_t)SETTLE_MS * MS, NULL, on_round, arg);
    }
}

void balance_by_hand(void)
{
    trace("somebody rebalances");
    balance.turn++;
    balance.round = 0;
    memset(balance.moved, 0, sizeof(balance.moved));
    balance.pace_us = rnd_between(1, 1000) * MS;
    on_round((void *)balance.turn);
}

/* ---- who has what ---- */

/* False: it has the same as before, or none. */
static bool note_owner(int room)
{
    struct owners *owners = &balance.owners[room];
    struct str owner = field_of(find("{", balance.rooms[room], "}"), "owner");
    if (owner.len == 0 || owner.len >= OWNER_LEN ||
        (owners->count && str_eq(owner, str_of(owners->names[owners->count - 1])))) {
        return false;
    }
    int before = 0;
    for (int i = 0; i < owners->count; i++) {
        before += str_eq(owner, str_of(owners->names[i]));
    }
    /* Once may be chance: how much people draw is. */
    if (before > 1) {
        violated("%s goes back and forth", balance.rooms[room]);
    }
    if (owners->count == OWNERS_MAX) {
        violated("%s has been given away %d times", balance.rooms[room], OWNERS_MAX);
        return true;
    }
    memcpy(owners->names[owners->count], owner.ptr, owner.len);
    owners->names[owners->count++][owner.len] = '\0';
    return owners->count > 1;
}

/* `still`: all should have come to where they stay. One move of a room may be chance even then, as
 * above: a worker that happens to have nothing to do is given something. */
static void watch_for(uint64_t ms, bool still)
{
    int late[ROOMS_MAX] = {0};
    uint64_t end_us = world_us() + ms * MS;
    while (!violation() && world_us() < end_us) {
        world_run_until(world_us() + LOOK_EVERY_MS * MS);
        for (int i = 0; i < balance.room_count; i++) {
            if (note_owner(i) && still && ++late[i] > 1) {
                violated("%s still moves, %d ms after the last thing that was a reason",
                         balance.rooms[i], BECOME_EVEN_MS);
            }
        }
    }
}

void balance_watch(void)
{
    memset(balance.owners, 0, sizeof(balance.owners));
    balance.turn++;
    /* Whatever is moved while the load grows may have to come back. */
    world_run_until(world_us() + (uint64_t)LOAD_IS_KNOWN_MS * MS);
    watch_for(BECOME_EVEN_MS, false);
    watch_for(STAY_EVEN_MS, true);
}
