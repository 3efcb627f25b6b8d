/* Hash map from byte strings to objects that hold their own key. The map owns its slots, never the
 * objects. Zeroed plus a key function is empty and valid; it allocates on first insert, and a small
 * map keeps nothing once it is empty again.
 *
 * Open addressing with linear probing and backward-shift deletion: 12 bytes per slot, so about 20
 * per entry. The hash is seeded (map_seed) because ids come from outside. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/str.h"

#include <stdint.h>

/* The entry's key; must not change while the entry is in the map. */
typedef struct str (*map_key_fn)(const void *entry);

struct map {
    map_key_fn key;
    void **entries; /* owned; cap of them, NULL is free, and behind them cap hashes */
    uint32_t count;
    uint32_t cap; /* 0 or a power of two */
};

/* Sets the process-wide hash seed; call once at start, before any map is used. */
void map_seed(uint64_t seed);

void map_init(struct map *map, map_key_fn key);
void *map_get(const struct map *map, struct str key);
/* Inserts, or replaces the entry with the same key and returns the old one (else NULL). */
void *map_put(struct map *map, void *entry);
/* Removes and returns the entry, or NULL. */
void *map_remove(struct map *map, struct str key);
/* Iterates in no particular order; start with *pos = 0; NULL at the end. The map must not change
 * meanwhile, except that the whole of it may be finished by the body's last act. */
void *map_next(const struct map *map, uint32_t *pos);
/* Frees the slots; the entries are the caller's. */
void map_finish(struct map *map);
/* Bytes of memory that the slots take. */
size_t map_bytes(const struct map *map);

/* Seeded hash of bytes, as used by the map. */
uint64_t hash_bytes(const void *data, size_t len);

#endif
