/* Frames that several connections are sent. */
#include "edge/frame_cache.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

void made_forget(struct made *made)
{
    for (uint32_t i = 0; i < made->count; i++) {
        blob_unref(made->events[i]);
    }
    free(made->events);
    blob_unref(made->bytes);
    *made = (struct made){0};
}

bool made_is_of(const struct made *made, enum encoding encoding, struct blob *const *events,
                uint32_t count)
{
    return made->bytes && made->encoding == encoding && made->count == count &&
           memcmp(made->events, events, count * sizeof(struct blob *)) == 0;
}

void made_put(struct made *made, enum encoding encoding, struct blob *const *events, uint32_t count,
              struct blob *take)
{
    made_forget(made);
    made->events = xmalloc(count * sizeof(struct blob *));
    for (uint32_t i = 0; i < count; i++) {
        made->events[i] = blob_ref(events[i]);
    }
    made->count = count;
    made->encoding = encoding;
    made->bytes = take;
}

struct blob *frame_cache_get(const struct frame_cache *cache, enum encoding encoding,
                             struct blob *const *events, uint32_t count)
{
    for (int i = 0; i < FRAME_CACHE_SLOTS; i++) {
        if (made_is_of(&cache->made[i], encoding, events, count)) {
            return cache->made[i].bytes;
        }
    }
    return NULL;
}

void frame_cache_put(struct frame_cache *cache, enum encoding encoding, struct blob *const *events,
                     uint32_t count, struct blob *frame)
{
    if (frame->len > FRAME_CACHE_BYTES) {
        return;
    }
    struct made *made = &cache->made[cache->next++ % FRAME_CACHE_SLOTS];
    made_put(made, encoding, events, count, blob_ref(frame));
}

void frame_cache_clear(struct frame_cache *cache)
{
    for (int i = 0; i < FRAME_CACHE_SLOTS; i++) {
        made_forget(&cache->made[i]);
    }
}
