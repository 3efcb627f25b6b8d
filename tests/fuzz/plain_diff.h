/* Differences between records and applying them, a second time: rules EQ, DF and AP written down as
 * plainly as they read, over trees and UTF-16, and slow. What lib/value/diff.h does in one pass
 * over bytes is compared with this. Shares nothing with it but the reading of values.
 *
 * Everything made lives in the arena that is passed. */
#ifndef FUZZ_PLAIN_DIFF_H
#define FUZZ_PLAIN_DIFF_H

#include "base/arena.h"
#include "value/value.h"

struct plain_member;

struct plain {
    enum value_type type;
    bool truth;
    double number;
    uint16_t *units;              /* of a string */
    struct plain_member *members; /* of a map; items of an array, without names */
    size_t count;                 /* units, members or items */
};

struct plain_member {
    struct str key;
    const struct plain *value;
};

/* A value as a tree; NULL for an absent one. Keys are views into the value. */
const struct plain *plain_read(struct value value, struct arena *arena);

/* EQ-1..4. */
bool plain_equal(const struct plain *a, const struct plain *b);

/* The object diff prev -> next, both maps; NULL: no difference. */
const struct plain *plain_diff(const struct plain *prev, const struct plain *next, bool legacy,
                               struct arena *arena);

/* The object after the diff: the same pointer if no op wrote. NULL if an op is malformed, or a gap
 * in an array is larger than `max_gap`. Holes in arrays are nulls, and set *holes. */
const struct plain *plain_apply(const struct plain *object, const struct plain *diff,
                                size_t max_gap, bool *holes, struct arena *arena);

#endif
