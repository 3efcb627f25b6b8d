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
        worker->seen = false;
    }
}

static char *copy(struct str text)
{
    return xstrndup(text.ptr ? text.ptr : "", text.len);
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
        map_put(&workers->by_id, worker);
    }
    worker->load = sign->load;
    worker->draining = sign->draining;
    worker->seen = true;
}

void workers_update_end(struct workers *workers)
{
    uint32_t pos = 0;
    struct worker_info *worker;
    while ((worker = map_next(&workers->by_id, &pos))) {
        if (!worker->seen) {
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

struct str worker_address(const struct worker_info *worker, struct str node)
{
    /* One without another is tried by the address it has: two nodes may be on one machine. */
    bool own = str_eq(str_of(worker->node), node);
    return str_of(own || !worker->remote[0] ? worker->address : worker->remote);
}

/* Among whom a room's next owner is chosen. */
enum whose { ANYBODYS, ITS_OWN, OTHERS };

/* Whether the worker may get a room from a gateway, or a worker, of `node`. */
static bool is_candidate(const struct worker_info *worker, struct str node, enum whose whose)
{
    bool own = str_eq(str_of(worker->node), node);
    bool wanted = whose == ANYBODYS || own == (whose == ITS_OWN);
    return !worker->draining && wanted && (own || worker->remote[0]);
}

/* The less loaded of two random candidates. */
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
    uint32_t first = (uint32_t)(random % candidates);
    uint32_t second = (uint32_t)((random >> 32) % candidates);
    struct worker_info *best = NULL;
    uint32_t index = 0;
    for (uint32_t pos = 0; (worker = map_next(&workers->by_id, &pos));) {
        if (!is_candidate(worker, node, whose)) {
            continue;
        }
        if ((index == first || index == second) && (!best || worker->load < best->load)) {
            best = worker;
        }
        index++;
    }
    return best;
}

const struct worker_info *workers_place(struct workers *workers, struct str node, uint64_t random)
{
    struct worker_info *own = pick(workers, node, ITS_OWN, random);
    struct worker_info *any = pick(workers, node, ANYBODYS, random);
    struct worker_info *chosen = own ? own : any;
    if (own && any && own->load > 2 * any->load && own->load > any->load + WORKERS_LOAD_SLACK) {
        chosen = any;
    }
    if (chosen) {
        chosen->load++;
    }
    return chosen;
}

const struct worker_info *workers_place_away(struct workers *workers, struct str node,
                                             uint64_t random)
{
    struct worker_info *chosen = pick(workers, node, OTHERS, random);
    if (chosen) {
        chosen->load++;
    }
    return chosen;
}
