/* Finds members with one name while maps are read or written, in time linear in the number of names
 * whatever they are: few are compared pairwise by a seeded hash, many through a table. Private to
 * lib/value.
 *
 * A stack: the names of the innermost open map are on top, those of the maps around it below. Each
 * map remembers the `count` at its start as its `first` and drops its names when it ends. */
#ifndef VALUE_KEYS_H
#define VALUE_KEYS_H

#include "base/map.h"

struct key {
    size_t at; /* of the name's bytes, behind a base that the caller knows */
    uint32_t len;
    uint32_t hash;
};

struct keys {
    struct key *items; /* `few`, or owned memory */
    size_t count, cap;
    uint32_t *table; /* owned; index + 1 by hash, within one map */
    size_t table_cap;
    struct key few[64]; /* ordinary messages need no allocation */
};

/* `few` is not initialized; the struct must not be moved. */
void keys_init(struct keys *keys);
void keys_finish(struct keys *keys);
void keys_grow(struct keys *keys);

static inline void keys_push(struct keys *keys, const void *name, size_t len, size_t at)
{
    if (keys->count == keys->cap) {
        keys_grow(keys);
    }
    uint32_t hash = (uint32_t)hash_bytes(name, len);
    keys->items[keys->count++] = (struct key){.at = at, .len = (uint32_t)len, .hash = hash};
}

static inline void keys_drop(struct keys *keys, size_t first)
{
    keys->count = first;
}

/* Whether no name occurs twice among those from `first` on. */
bool keys_distinct(struct keys *keys, size_t first, const uint8_t *base);

/* For each name from `first` on: which one of them (counted from 0) holds the member that counts.
 * Itself if the name is there once; the last of its name for the first of it; KEYS_LOST for the
 * others. */
#define KEYS_LOST UINT32_MAX
void keys_winners(struct keys *keys, size_t first, const uint8_t *base, uint32_t *winners);

#endif
