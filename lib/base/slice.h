/* How much of a long piece of work is done before others have their turn. Counted, not timed, so
 * that the same work is cut at the same places every time: in bytes that are looked at, where each
 * thing counts SLICE_THING more, whatever its size.
 *
 *      while (more && slice_left(slice)) {
 *          do one thing;
 *          slice_spend(slice, its bytes);
 *      }
 *
 * A step that finds no slice left does nothing, and every step that has some gets on. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
    size_t left;
};

enum { SLICE_THING = 256 };
/* Some milliseconds of the slowest work there is. */
enum { SLICE_BYTES = 1 << 20 };

/* For those who want all of it at once. */
#define SLICE_ALL ((struct slice){SIZE_MAX})

static inline bool slice_left(const struct slice *slice)
{
    return slice->left > 0;
}

static inline void slice_spend(struct slice *slice, size_t bytes)
{
    size_t cost = bytes + SLICE_THING;
    slice->left = cost < slice->left ? slice->left - cost : 0;
}

#endif
