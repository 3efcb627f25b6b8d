/* The next move towards an even load. */
#include "cluster/balance.h"

/* A move is worth it if the target stays below what the giver had by this part of the difference
 * between the two: figures are not that exact. */
#define WORTH 0.25

static double load_of(const struct balance_worker *worker)
{
    return (double)worker->points / (worker->weight ? worker->weight : 1);
}

double balance_mean(const struct balance_state *state)
{
    double points = 0;
    double weights = 0;
    for (uint32_t i = 0; i < state->worker_count; i++) {
        if (state->workers[i].takes) {
            points += (double)state->workers[i].points;
            weights += state->workers[i].weight ? state->workers[i].weight : 1;
        }
    }
    return weights > 0 ? points / weights : 0;
}

/* Index of the least loaded one; worker_count if there is none. */
static uint32_t least_loaded(const struct balance_state *state)
{
    uint32_t least = state->worker_count;
    for (uint32_t i = 0; i < state->worker_count; i++) {
        if (state->workers[i].takes &&
            (least == state->worker_count ||
             load_of(&state->workers[i]) < load_of(&state->workers[least]))) {
            least = i;
        }
    }
    return least;
}

/* Whether one is out of bounds, above or below. */
static bool is_even(const struct balance_state *state, const struct balance_rule *rule, double mean)
{
    double bound = mean * rule->within_percent / 100;
    bound = bound > (double)rule->slack ? bound : (double)rule->slack;
    for (uint32_t i = 0; i < state->worker_count; i++) {
        double load = load_of(&state->workers[i]);
        if (state->workers[i].takes && (load > mean + bound || load < mean - bound)) {
            return false;
        }
    }
    return true;
}

/* How much the more loaded of two has after a move. */
static double after(const struct balance_state *state, const struct balance_move *move)
{
    const struct balance_worker *from = &state->workers[move->from];
    const struct balance_worker *to = &state->workers[move->to];
    uint64_t points = state->rooms[move->room].points;
    struct balance_worker left = *from;
    struct balance_worker right = *to;
    left.points -= points < left.points ? points : left.points;
    right.points += points;
    return load_of(&left) > load_of(&right) ? load_of(&left) : load_of(&right);
}

/* The best room for it, if one is worth it. `move` has the two workers. */
static bool find_room(const struct balance_state *state, struct balance_move *move)
{
    double from = load_of(&state->workers[move->from]);
    double to = load_of(&state->workers[move->to]);
    uint32_t weight = state->workers[move->to].weight ? state->workers[move->to].weight : 1;
    double best = from;
    bool found = false;
    for (uint32_t i = 0; i < state->room_count; i++) {
        const struct balance_room *room = &state->rooms[i];
        struct balance_move candidate = {i, move->from, move->to};
        if (room->worker != move->from || room->fixed || room->points == 0 ||
            to + (double)room->points / weight > from - WORTH * (from - to)) {
            continue;
        }
        double most = after(state, &candidate);
        if (most < best) {
            best = most;
            move->room = i;
            found = true;
        }
    }
    return found;
}

enum balance_next balance_next(const struct balance_state *state, const struct balance_rule *rule,
                               struct balance_move *move)
{
    double mean = balance_mean(state);
    if (is_even(state, rule, mean)) {
        return BALANCE_EVEN;
    }
    uint32_t to = least_loaded(state);
    double best = 0;
    bool found = false;
    for (uint32_t i = 0; i < state->worker_count; i++) {
        struct balance_move candidate = {.from = i, .to = to};
        double load = load_of(&state->workers[i]);
        if (i != to && state->workers[i].takes && load > mean && load > best &&
            find_room(state, &candidate)) {
            best = load;
            *move = candidate;
            found = true;
        }
    }
    return found ? BALANCE_MOVE : BALANCE_STUCK;
}

void balance_apply(struct balance_state *state, const struct balance_move *move)
{
    struct balance_room *room = &state->rooms[move->room];
    struct balance_worker *from = &state->workers[move->from];
    from->points -= room->points < from->points ? room->points : from->points;
    state->workers[move->to].points += room->points;
    room->worker = move->to;
}

/* ---- by itself ---- */

static bool is_above_mean(const struct balance_state *state, uint32_t own)
{
    double mean = balance_mean(state);
    return load_of(&state->workers[own]) > mean + mean * REBALANCE_PERCENT / 100;
}

static bool is_to_begin(const struct balance_state *state, uint32_t own)
{
    double load = load_of(&state->workers[own]);
    double least = load_of(&state->workers[least_loaded(state)]);
    return is_above_mean(state, own) && load > least * REBALANCE_RATIO / 100 &&
           load > least + REBALANCE_SLACK;
}

bool rebalance_look(struct rebalance *rebalance, const struct balance_state *state, uint32_t own)
{
    if (!state->workers[own].takes) {
        *rebalance = (struct rebalance){0}; /* it drains: all of its rooms go anyway */
    } else if (rebalance->giving) {
        rebalance->giving = is_above_mean(state, own);
    } else if (is_to_begin(state, own)) {
        rebalance->looks++;
        rebalance->giving = rebalance->looks >= REBALANCE_LOOKS;
    }
    if (!rebalance->giving && !(state->workers[own].takes && is_to_begin(state, own))) {
        rebalance->looks = 0;
    }
    return rebalance->giving;
}

enum balance_next rebalance_next(const struct balance_state *state, uint32_t own,
                                 struct balance_move *move)
{
    *move = (struct balance_move){.from = own, .to = least_loaded(state)};
    if (!is_above_mean(state, own) || move->to == own) {
        return BALANCE_EVEN;
    }
    return find_room(state, move) ? BALANCE_MOVE : BALANCE_STUCK;
}
