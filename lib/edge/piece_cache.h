/* Runs of events, each as one piece of memory that many long frames share. Where frames are long -
 * many people in a room, and this process late - each of them has something of its receiver's own
 * in it, so none is like another; but what is between is the same, and to copy it for everybody
 * takes longer, and more memory, than all else that is done for them.
 *
 * Where a piece ends is a property of the event that it ends with, so that frames which begin at
 * different events come to the same pieces. Zeroed is empty. Pure. */
#ifndef EDGE_PIECE_CACHE_H
#define EDGE_PIECE_CACHE_H

#include "edge/frame_cache.h"

enum {
    PIECE_CACHE_SLOTS = 128,
    PIECE_EVENTS_MAX = 64,
    PIECE_EVENT_BYTES = 2048, /* longer events are pieces by themselves */
};

struct piece_cache {
    struct made pieces[PIECE_CACHE_SLOTS];
    bool used; /* something is there: it is emptied often, and rarely used */
};

/* Of how many events from the first on the first piece of a frame is; `count` is at least 1. */
uint32_t piece_length(struct blob *const *events, uint32_t count);
/* Those events, with what stands between them in a frame; borrowed until the next call. */
struct blob *piece_cache_get(struct piece_cache *cache, enum encoding encoding,
                             struct blob *const *events, uint32_t count);
void piece_cache_clear(struct piece_cache *cache);

#endif
