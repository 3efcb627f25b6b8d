/* The frames of events made last. Whoever is told the same in a tick is told it by the same bytes:
 * in a large room that is nearly everybody, for a frame differs only for those who made one of its
 * events. Zeroed is empty. Pure. */
#ifndef EDGE_FRAME_CACHE_H
#define EDGE_FRAME_CACHE_H

#include "base/blob.h"
#include "edge/rendered.h"

enum {
    FRAME_CACHE_SLOTS = 4,
    FRAME_CACHE_BYTES = 64 << 10, /* longer frames are not kept */
};

/* What was made of some events. Zeroed is nothing. */
struct made {
    struct blob **events; /* owned, and a reference to each, so that none is mistaken for another */
    struct blob *bytes;   /* owned reference; NULL: nothing */
    uint32_t count;
    enum encoding encoding;
};

bool made_is_of(const struct made *made, enum encoding encoding, struct blob *const *events,
                uint32_t count);
/* Instead of what was there. Takes references of its own to the events, and over that to the bytes.
 */
void made_put(struct made *made, enum encoding encoding, struct blob *const *events, uint32_t count,
              struct blob *take);
void made_forget(struct made *made);

struct frame_cache {
    struct made made[FRAME_CACHE_SLOTS];
    uint32_t next; /* slot that is given up for the next one */
};

/* The whole WebSocket frame that holds these events, borrowed; NULL if it is not here. */
struct blob *frame_cache_get(const struct frame_cache *cache, enum encoding encoding,
                             struct blob *const *events, uint32_t count);
/* Takes references of its own. */
void frame_cache_put(struct frame_cache *cache, enum encoding encoding, struct blob *const *events,
                     uint32_t count, struct blob *frame);
void frame_cache_clear(struct frame_cache *cache);

#endif
