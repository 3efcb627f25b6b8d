/* The live workers and the choice among them. */
#include "cluster/workers.h"

#include "base/alloc.h"

#include <stdlib.h>

static struct str worker_key(const void *entry)
{
    return str_of(((const struct worker_info *)entry)->id);
}

void workers_init(struct workers *workers)
{
    map_init(&workers->by_id, worker_key);
}

static void worker_free(struct worker_info *worker)
{
    free(worker->id);
    free(worker->node);
    free(worker->address);
    free(worker->remote);
    free(worker->version);
    free(worker->seen);
    free(worker);
}

void workers_finish(struct workers *workers)
{
    uint32_t pos = 0;
    struct worker_info *worker;
    while ((worker = map_next(&workers->by_id, &pos))) {
        worker_free(worker);
    }
    map_finish(&workers->by_id);
}

void workers_update_begin(struct workers *workers)
{
    uint32_t pos = 0;
    struct worker_info *worker;
    while ((worker = map_next(&workers->by_id, &pos))) {
        worker->in_update = false;
    }
}

static char *copy(struct str text)
{
    return xstrndup(text.ptr ? text.ptr : "", text.len);
}

/* Figures of another time: what was placed before the last ones is in them. */
static void note_figures(struct worker_info *worker, const struct worker_sign *sign)
{
    if (sign->beat == 0 || sign->beat != worker->beat) {
        worker->placing = worker->placed;
        worker->placed = 0;
        worker->given = worker->given * LOAD_SMOOTH_BEATS / (1 + LOAD_SMOOTH_BEATS);
    }
    worker->beat = sign->beat;
    if (!worker->seen || !str_eq(str_of(worker->seen), sign->seen)) {
        free(worker->seen);
        worker->seen = copy(sign->seen);
    }
}

void workers_update_add(struct workers *workers, const struct worker_sign *sign)
{
    struct worker_info *worker = map_get(&workers->by_id, sign->id);
    if (!worker) { /* and none of this ever changes */
        worker = xcalloc(1, sizeof(*worker));
        worker->id = copy(sign->id);
        worker->node = copy(sign->node);
        worker->address = copy(sign->address);
        worker->remote = copy(sign->remote);
        worker->version = copy(sign->version);
        map_put(&workers->by_id, worker);
    }
    worker->pid = sign->pid;
    worker->rooms = sign->rooms;
    worker->sessions = sign->sessions;
    worker->cpu = sign->cpu;
    worker->points = sign->points;
    worker->weight = sign->weight ? sign->weight : 1;
    worker->draining = sign->draining;
    worker->in_update = true;
    note_figures(worker, sign);
}

void workers_update_end(struct workers *workers)
{
    uint32_t pos = 0;
    struct worker_info *worker;
    while ((worker = map_next(&workers->by_id, &pos))) {
        if (!worker->in_update) {
            map_remove(&workers->by_id, worker_key(worker));
            worker_free(worker);
            pos = 0; /* removal moves entries */
        }
    }
}

void workers_forget(struct workers *workers, struct str id)
{
    struct worker_info *worker = map_remove(&workers->by_id, id);
    if (worker) {
        worker_free(worker);
    }
}

const struct worker_info *workers_find(const struct workers *workers, struct str id)
{
    return map_get(&workers->by_id, id);
}

const struct worker_info *workers_next(const struct workers *workers, uint32_t *pos)
{
    return map_next(&workers->by_id, pos);
}

struct str worker_address(const struct worker_info *worker, struct str node)
{
    /* One without another is tried by the address it has: two nodes may be on one machine. */
    bool own = str_eq(str_of(worker->node), node);
    return str_of(own || !worker->remote[0] ? worker->address : worker->remote);
}

bool worker_takes_rooms(const struct worker_info *worker, struct str node)
{
    bool own = str_eq(str_of(worker->node), node);
    return !worker->draining && (own || worker->remote[0]);
}

uint64_t worker_points(const struct worker_info *worker)
{
    return worker->points + worker->placed + worker->placing + worker->given;
}

uint64_t worker_load(const struct worker_info *worker)
{
    return load_weighted(worker_points(worker), worker->weight);
}

void workers_note_given(struct workers *workers, struct str id, uint64_t sessions, uint64_t points)
{
    struct worker_info *worker = map_get(&workers->by_id, id);
    if (worker) {
        worker->placed += sessions;
        worker->given += points > sessions ? points - sessions : 0;
    }
}

/* Among whom a room's next owner is chosen. */
enum whose { ANYBODYS, ITS_OWN, OTHERS };

static bool is_candidate(const struct worker_info *worker, struct str node, enum whose whose)
{
    bool own = str_eq(str_of(worker->node), node);
    bool wanted = whose == ANYBODYS || own == (whose == ITS_OWN);
    return wanted && worker_takes_rooms(worker, node);
}

/* The less loaded of two random candidates; the only one, if there is one. */
static struct worker_info *pick(struct workers *workers, struct str node, enum whose whose,
                                uint64_t random)
{
    struct worker_info *worker;
    uint32_t candidates = 0;
    for (uint32_t pos = 0; (worker = map_next(&workers->by_id, &pos));) {
        candidates += is_candidate(worker, node, whose);
    }
    if (candidates == 0) {
        return NULL;
    }
    uint32_t others = candidates > 1 ? candidates - 1 : 1;
    uint32_t first = (uint32_t)(random % candidates);
    uint32_t second = (uint32_t)((first + 1 + (random >> 32) % others) % candidates);
    struct worker_info *best = NULL;
    uint32_t index = 0;
    for (uint32_t pos = 0; (worker = map_next(&workers->by_id, &pos));) {
        if (!is_candidate(worker, node, whose)) {
            continue;
        }
        bool picked = index == first || index == second;
        bool less = !best || worker_load(worker) < worker_load(best) ||
                    (index == first && worker_load(worker) == worker_load(best));
        if (picked && less) {
            best = worker;
        }
        index++;
    }
    return best;
}

static bool is_clearly_more_loaded(const struct worker_info *worker, const struct worker_info *than)
{
    uint64_t load = worker_load(worker);
    uint64_t other = worker_load(than);
    return load > WORKERS_LOAD_RATIO * other && load > other + WORKERS_LOAD_SLACK;
}

const struct worker_info *workers_place(struct workers *workers, struct str node, uint64_t random)
{
    struct worker_info *own = pick(workers, node, ITS_OWN, random);
    struct worker_info *any = pick(workers, node, ANYBODYS, random);
    struct worker_info *chosen = own && !is_clearly_more_loaded(own, any) ? own : any;
    if (chosen) {
        chosen->placed += WORKERS_ROOM_POINTS;
    }
    return chosen;
}

const struct worker_info *workers_place_away(struct workers *workers, struct str node,
                                             uint64_t random)
{
    struct worker_info *chosen = pick(workers, node, OTHERS, random);
    if (chosen) {
        chosen->placed += WORKERS_ROOM_POINTS;
    }
    return chosen;
}
