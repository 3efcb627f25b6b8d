/* Names to numbers, fixed when they are made: which field, which variant, which type. A lookup
 * costs a hash of the name's ends and mostly one comparison. Private to lib/schema. */
#ifndef SCHEMA_NAMES_H
#define SCHEMA_NAMES_H

#include "base/arena.h"
#include "base/str.h"

#include <stdint.h>

#define NAMES_NONE UINT32_MAX

struct name {
    struct str text; /* borrowed; ptr NULL in a free slot */
    uint32_t number;
};

/* Zeroed is empty. */
struct names {
    struct name *slots; /* in an arena; mask + 1 of them */
    uint32_t mask, count;
    uint64_t seed;
};

/* The slots come from `arena`. False, and *twice set, if a text occurs twice. */
bool names_make(struct names *names, const struct name *list, uint32_t count, struct arena *arena,
                struct str *twice);

static inline uint64_t names_load(const char *at, size_t len)
{
    uint64_t word = 0;
    memcpy(&word, at, len);
    return word;
}

/* Names differ in length, at the start or at the end; those that do not are found by comparing. */
static inline uint64_t names_hash(struct str text, uint64_t seed)
{
    uint64_t a = 0;
    uint64_t b = 0;
    if (text.len >= 8) {
        a = names_load(text.ptr, 8);
        b = names_load(text.ptr + text.len - 8, 8);
    } else if (text.len >= 4) {
        a = names_load(text.ptr, 4);
        b = names_load(text.ptr + text.len - 4, 4);
    } else if (text.len > 0) {
        a = (uint8_t)text.ptr[0] | (uint64_t)(uint8_t)text.ptr[text.len / 2] << 8;
        b = (uint8_t)text.ptr[text.len - 1];
    }
    __extension__ unsigned __int128 product =
        (unsigned __int128)(a ^ seed) * (b ^ text.len * 0x9e3779b97f4a7c15u ^ 0xa0761d6478bd642fu);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The number of a name, or NAMES_NONE. */
static inline uint32_t names_find(const struct names *names, struct str text)
{
    if (names->count == 0) {
        return NAMES_NONE;
    }
    uint32_t at = (uint32_t)names_hash(text, names->seed) & names->mask;
    for (; names->slots[at].text.ptr; at = (at + 1) & names->mask) {
        if (str_eq(names->slots[at].text, text)) {
            return names->slots[at].number;
        }
    }
    return NAMES_NONE;
}

#endif
