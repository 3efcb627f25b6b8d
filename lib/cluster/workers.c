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

void workers_update_add(struct workers *workers, struct str id, struct str node, struct str address,
                        uint64_t load, bool draining)
{
    struct worker_info *worker = map_get(&workers->by_id, id);
    if (!worker) {
        worker = xcalloc(1, sizeof(*worker));
        worker->id = xstrndup(id.ptr, id.len);
        worker->node = xstrndup(node.ptr, node.len);
        worker->address = xstrndup(address.ptr, address.len);
        map_put(&workers->by_id, worker);
    }
    worker->load = load;
    worker->draining = draining;
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

/* The less loaded of two random candidates; with `node` set only that node's. */
static struct worker_info *pick(struct workers *workers, const struct str *node, uint64_t random)
{
    struct worker_info *worker;
    uint32_t candidates = 0;
    for (uint32_t pos = 0; (worker = map_next(&workers->by_id, &pos));) {
        candidates += !worker->draining && (!node || str_eq(str_of(worker->node), *node));
    }
    if (candidates == 0) {
        return NULL;
    }
    uint32_t first = (uint32_t)(random % candidates);
    uint32_t second = (uint32_t)((random >> 32) % candidates);
    struct worker_info *best = NULL;
    uint32_t index = 0;
    for (uint32_t pos = 0; (worker = map_next(&workers->by_id, &pos));) {
        if (worker->draining || (node && !str_eq(str_of(worker->node), *node))) {
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
    struct worker_info *own = pick(workers, &node, random);
    struct worker_info *any = pick(workers, NULL, random);
    struct worker_info *chosen = own ? own : any;
    if (own && any && own->load > 2 * any->load && own->load > any->load + WORKERS_LOAD_SLACK) {
        chosen = any;
    }
    if (chosen) {
        chosen->load++;
    }
    return chosen;
}
