/* Members with one name. */
#include "value/keys.h"

#include "base/alloc.h"

#include <stdlib.h>

/* Up to here a table costs more than it saves. */
enum { KEYS_FEW = 32 };

void keys_init(struct keys *keys)
{
    keys->items = keys->few;
    keys->count = 0;
    keys->cap = sizeof(keys->few) / sizeof(keys->few[0]);
    keys->table = NULL;
    keys->table_cap = 0;
}

void keys_finish(struct keys *keys)
{
    if (keys->items != keys->few) {
        free(keys->items);
    }
    free(keys->table);
    keys_init(keys);
}

void keys_grow(struct keys *keys)
{
    size_t cap = keys->cap * 2;
    struct key *old = keys->items == keys->few ? NULL : keys->items;
    keys->items = xrealloc(old, cap * sizeof(*keys->items));
    if (!old) {
        memcpy(keys->items, keys->few, sizeof(keys->few));
    }
    keys->cap = cap;
}

static bool same_name(const struct key *a, const struct key *b, const uint8_t *base)
{
    return a->hash == b->hash && a->len == b->len &&
           memcmp(base + a->at, base + b->at, a->len) == 0;
}

static bool few_distinct(const struct key *names, size_t count, const uint8_t *base)
{
    /* One bit per six bits of hash: only names that share a bit are compared. */
    uint64_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t bit = (uint64_t)1 << (names[i].hash & 63);
        for (size_t j = 0; (seen & bit) && j < i; j++) {
            if (same_name(&names[i], &names[j], base)) {
                return false;
            }
        }
        seen |= bit;
    }
    return true;
}

/* Empties the table for `count` names; returns the mask for their hashes. */
static uint32_t table_clear(struct keys *keys, size_t count)
{
    size_t slots = 64;
    while (slots < count * 2) {
        slots *= 2;
    }
    if (slots > keys->table_cap) {
        free(keys->table);
        keys->table = xmalloc(slots * sizeof(*keys->table));
        keys->table_cap = slots;
    }
    memset(keys->table, 0, slots * sizeof(*keys->table));
    return (uint32_t)(slots - 1);
}

/* The first of names[0..i] that is the same as names[i]; adds names[i] if there is none. */
static uint32_t find_or_add(struct keys *keys, const struct key *names, uint32_t i, uint32_t mask,
                            const uint8_t *base)
{
    uint32_t slot = names[i].hash & mask;
    for (; keys->table[slot]; slot = (slot + 1) & mask) {
        uint32_t other = keys->table[slot] - 1;
        if (same_name(&names[i], &names[other], base)) {
            return other;
        }
    }
    keys->table[slot] = i + 1;
    return i;
}

bool keys_distinct(struct keys *keys, size_t first, const uint8_t *base)
{
    const struct key *names = keys->items + first;
    size_t count = keys->count - first;
    if (count <= KEYS_FEW) {
        return few_distinct(names, count, base);
    }
    uint32_t mask = table_clear(keys, count);
    for (uint32_t i = 0; i < count; i++) {
        if (find_or_add(keys, names, i, mask, base) != i) {
            return false;
        }
    }
    return true;
}

void keys_winners(struct keys *keys, size_t first, const uint8_t *base, uint32_t *winners)
{
    const struct key *names = keys->items + first;
    size_t count = keys->count - first;
    uint32_t mask = table_clear(keys, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t same = find_or_add(keys, names, i, mask, base);
        winners[i] = KEYS_LOST;
        winners[same] = i;
    }
}
