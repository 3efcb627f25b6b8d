/* A map's members laid out for lookup: one pass over the map, then each lookup costs O(1) - also in
 * a map of a million members, which a hostile client may send. Private to lib/value. */
#ifndef VALUE_MEMBERS_H
#define VALUE_MEMBERS_H

#include "base/arena.h"
#include "value/value.h"

struct member {
    struct str key;
    struct value value;
};

struct members {
    struct member *items; /* in the arena, in the map's order */
    uint32_t count;
    uint32_t next;    /* where the last lookup left off: records keep their order */
    uint32_t *table;  /* in the arena; index + 1 by hash, NULL for small maps */
    uint32_t mask;
};

/* Reads `map` (another type: no members). Views into it and the arena. */
void members_read(struct members *members, struct value map, struct arena *arena);
/* The member, or NULL. */
struct member *members_find(struct members *members, struct str key);

#endif
