/* Pruning of tombstones: rule TOMB-3. */
#include "base/alloc.h"
#include "room/documents.h"
#include "vectors.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_prune(struct value one)
{
    return value_present(value_get(one, STR("maxTombstones"))) &&
           value_present(value_get(one, STR("pruneBufferSize")));
}

static uint64_t member_u64(struct value map, const char *name)
{
    uint64_t number = 0;
    value_u64(value_get(map, str_of(name)), &number);
    return number;
}

struct dead {
    uint64_t clock;
    struct str id;
};

static int by_clock(const void *a, const void *b)
{
    const struct dead *x = a;
    const struct dead *y = b;
    return (x->clock > y->clock) - (x->clock < y->clock);
}

/* `tombstones`: id to clock, in any order; documents want the oldest first. */
static void bury_listed(struct documents *documents, struct value tombstones)
{
    uint32_t count = 0;
    struct dead *dead = xcalloc(value_count(tombstones) + 1, sizeof(*dead));
    struct value_walk walk = value_members(tombstones);
    struct value clock;
    while (value_next_member(&walk, &dead[count].id, &clock)) {
        value_u64(clock, &dead[count++].clock);
    }
    qsort(dead, count, sizeof(*dead), by_clock);
    for (uint32_t i = 0; i < count; i++) {
        documents_bury(documents, dead[i].id, dead[i].clock);
    }
    free(dead);
}

/* `runs`: pairs of a count and a clock, ascending. */
static void bury_runs(struct documents *documents, struct value runs)
{
    struct value_walk walk = value_items(runs);
    struct value run;
    unsigned number = 0;
    while (value_next_item(&walk, &run)) {
        uint64_t count = 0;
        uint64_t clock = 0;
        value_u64(value_item(run, 0), &count);
        value_u64(value_item(run, 1), &clock);
        for (; count > 0; count--) {
            char id[32];
            int len = snprintf(id, sizeof(id), "t:%u", number++);
            documents_bury(documents, (struct str){id, (size_t)len}, clock);
        }
    }
}

static bool all_gone(const struct documents *documents, struct value ids, struct buf *why)
{
    struct value_walk walk = value_items(ids);
    struct value id;
    struct str text;
    while (value_next_item(&walk, &id)) {
        if (value_string(id, &text) && map_get(&documents->tombstones, text)) {
            buf_printf(why, "%.*s is still there", STR_ARG(text));
            return false;
        }
    }
    return true;
}

static bool run_prune(struct value file, struct value one, struct buf *why)
{
    (void)file;
    struct documents documents;
    documents_init(&documents);
    documents.clock = member_u64(one, "documentClock");
    bury_listed(&documents, value_get(one, STR("tombstones")));
    bury_runs(&documents, value_get(one, STR("runs")));
    uint32_t before = documents.tombstones.count;
    struct prune_limits limits = {
        .max_tombstones = (uint32_t)member_u64(one, "maxTombstones"),
        .buffer = (uint32_t)member_u64(one, "pruneBufferSize"),
    };
    uint32_t pruned = documents_prune(&documents, limits);
    struct value result = value_get(one, STR("result"));
    struct value ids = value_get(result, STR("prunedIds"));
    uint64_t wanted = value_present(ids) ? value_count(ids) : member_u64(result, "prunedCount");
    uint64_t start = member_u64(result, "newTombstoneHistoryStartsAtClock");
    bool ok = pruned == wanted && before - documents.tombstones.count == pruned &&
              documents.history_start == start;
    if (!ok) {
        buf_printf(why, "pruned %u, history from %ju; wanted %ju, from %ju", pruned,
                   (uintmax_t)documents.history_start, (uintmax_t)wanted, (uintmax_t)start);
    }
    ok = ok && all_gone(&documents, ids, why);
    documents_finish(&documents);
    return ok;
}

const struct vector_kind vector_prune = {"prune", is_prune, run_prune};
