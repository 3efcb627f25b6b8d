/* Hash map with linear probing. */
#include "base/map.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <xxhash.h>

enum { MAP_MIN = 4, SMALL = 32 };

static uint64_t seed_value = 0x9e3779b97f4a7c15u;

void map_seed(uint64_t seed)
{
    seed_value = seed;
}

uint64_t hash_bytes(const void *data, size_t len)
{
    return XXH3_64bits_withSeed(data, len, seed_value);
}

static uint32_t hash_key(struct str key)
{
    return (uint32_t)hash_bytes(key.ptr, key.len);
}

void map_init(struct map *map, map_key_fn key)
{
    *map = (struct map){.key = key};
}

static uint32_t *hashes_of(const struct map *map)
{
    return (uint32_t *)(void *)(map->entries + map->cap);
}

static uint32_t find_slot(const struct map *map, struct str key, uint32_t hash)
{
    const uint32_t *hashes = hashes_of(map);
    uint32_t mask = map->cap - 1;
    uint32_t slot = hash & mask;
    while (map->entries[slot] &&
           (hashes[slot] != hash || !str_eq(map->key(map->entries[slot]), key))) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

static void set_cap(struct map *map, uint32_t cap)
{
    struct map old = *map;
    map->cap = cap;
    map->entries = xcalloc(cap, sizeof(void *) + sizeof(uint32_t));
    uint32_t *hashes = hashes_of(map);
    for (uint32_t i = 0; i < old.cap; i++) {
        if (!old.entries[i]) {
            continue;
        }
        uint32_t hash = hashes_of(&old)[i];
        uint32_t slot = hash & (cap - 1);
        while (map->entries[slot]) {
            slot = (slot + 1) & (cap - 1);
        }
        map->entries[slot] = old.entries[i];
        hashes[slot] = hash;
    }
    free(old.entries);
}

void *map_get(const struct map *map, struct str key)
{
    return map->count ? map->entries[find_slot(map, key, hash_key(key))] : NULL;
}

void *map_put(struct map *map, void *entry)
{
    /* At most 3/4 full. */
    if (map->count >= map->cap / 4 * 3) {
        set_cap(map, map->cap ? map->cap * 2 : MAP_MIN);
    }
    struct str key = map->key(entry);
    uint32_t hash = hash_key(key);
    uint32_t slot = find_slot(map, key, hash);
    void *old = map->entries[slot];
    map->entries[slot] = entry;
    hashes_of(map)[slot] = hash;
    map->count += old == NULL;
    return old;
}

void *map_remove(struct map *map, struct str key)
{
    if (map->count == 0) {
        return NULL;
    }
    uint32_t *hashes = hashes_of(map);
    uint32_t mask = map->cap - 1;
    uint32_t hole = find_slot(map, key, hash_key(key));
    void *removed = map->entries[hole];
    if (!removed) {
        return NULL;
    }
    /* Close the gap: an entry moves back if its home is not after the hole. */
    for (uint32_t i = (hole + 1) & mask; map->entries[i]; i = (i + 1) & mask) {
        uint32_t home = hashes[i] & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->entries[hole] = map->entries[i];
            hashes[hole] = hashes[i];
            hole = i;
        }
    }
    map->entries[hole] = NULL;
    map->count--;
    if (map->cap > SMALL && map->count < map->cap / 8) {
        set_cap(map, map->cap / 4);
    } else if (map->cap <= SMALL && map->count == 0) {
        map_finish(map); /* most maps of most rooms are empty for most of the time */
    }
    return removed;
}

void *map_next(const struct map *map, uint32_t *pos)
{
    while (*pos < map->cap) {
        void *entry = map->entries[(*pos)++];
        if (entry) {
            return entry;
        }
    }
    return NULL;
}

void map_finish(struct map *map)
{
    free(map->entries);
    *map = (struct map){.key = map->key};
}

size_t map_bytes(const struct map *map)
{
    return (size_t)map->cap * (sizeof(void *) + sizeof(uint32_t));
}
