/* Which version of the link's protocol two sides speak (proto/link.md, "Versions"). */
#ifndef LINK_VERSION_H
#define LINK_VERSION_H

#include <stdint.h>

/* What this build speaks. 2: flags, and shares. */
enum {
    LINK_VERSION_MIN = 1,
    LINK_VERSION_MAX = 2,
    LINK_VERSION_FLAGS = 2,
    LINK_VERSION_SHARES = 2,
};

/* What we speak at most, `pinned` being an operator's wish; 0: none. */
static inline uint64_t link_version_own(uint64_t pinned)
{
    return pinned >= LINK_VERSION_MIN && pinned < LINK_VERSION_MAX ? pinned : LINK_VERSION_MAX;
}

/* The highest that we, up to `own`, and a peer that speaks min..max both do; 0: there is none. */
static inline uint64_t link_version_common(uint64_t own, uint64_t min, uint64_t max)
{
    uint64_t highest = max < own ? max : own;
    return highest >= LINK_VERSION_MIN && highest >= min && min <= max ? highest : 0;
}

#endif
