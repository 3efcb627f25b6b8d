/* Fixed tables of names. */
#include "schema/names.h"

enum { SEEDS = 32 };

static uint64_t seed_at(uint32_t i)
{
    return 0x2545f4914f6cdd1du * (2 * (uint64_t)i + 1);
}

/* Puts all names into the empty slots; returns how many places were tried in vain. */
static uint32_t fill(struct names *names, const struct name *list)
{
    uint32_t misses = 0;
    memset(names->slots, 0, (names->mask + (size_t)1) * sizeof(*names->slots));
    for (uint32_t i = 0; i < names->count; i++) {
        uint32_t at = (uint32_t)names_hash(list[i].text, names->seed) & names->mask;
        for (; names->slots[at].text.ptr; at = (at + 1) & names->mask) {
            misses++;
        }
        names->slots[at] = list[i];
    }
    return misses;
}

/* Big tables take the first seed: there is little to win, and a file may have many. */
static void choose_seed(struct names *names, const struct name *list)
{
    uint32_t best = 0;
    uint32_t least = UINT32_MAX;
    uint32_t seeds = names->count <= 256 ? SEEDS : 1;
    for (uint32_t i = 0; i < seeds && least > 0; i++) {
        names->seed = seed_at(i);
        uint32_t misses = fill(names, list);
        if (misses < least) {
            least = misses;
            best = i;
        }
    }
    if (names->seed != seed_at(best)) {
        names->seed = seed_at(best);
        fill(names, list);
    }
}

bool names_make(struct names *names, const struct name *list, uint32_t count, struct arena *arena,
                struct str *twice)
{
    *names = (struct names){.count = count};
    if (count == 0) {
        return true;
    }
    uint32_t size = 2;
    while (size < count * 2) {
        size *= 2;
    }
    names->mask = size - 1;
    names->slots = arena_alloc(arena, size * sizeof(*names->slots));
    choose_seed(names, list);
    for (uint32_t i = 0; i < count; i++) {
        if (names_find(names, list[i].text) != list[i].number) {
            *twice = list[i].text;
            return false;
        }
    }
    return true;
}
