/* Pieces of long frames. */
#include "edge/piece_cache.h"

/* Spreads addresses, of which the low bits are all the same (Knuth, 6.4). */
static uint32_t hash(const struct blob *event)
{
    return (uint32_t)(((uint64_t)(uintptr_t)event * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

static bool ends_piece(const struct blob *event)
{
    enum { EVENTS = 16 }; /* on average */
    return event->len >= PIECE_EVENT_BYTES || hash(event) % EVENTS == 0;
}

uint32_t piece_length(struct blob *const *events, uint32_t count)
{
    uint32_t len = 1;
    if (ends_piece(events[0])) {
        return len;
    }
    while (len < count && len < PIECE_EVENTS_MAX && events[len]->len < PIECE_EVENT_BYTES) {
        if (ends_piece(events[len++])) {
            break;
        }
    }
    return len;
}

static struct blob *join(enum encoding encoding, struct blob *const *events, uint32_t count)
{
    struct buf bytes = {0};
    blob_begin(&bytes);
    for (uint32_t i = 0; i < count; i++) {
        buf_append(&bytes, ",", i > 0 ? envelope_gap(encoding) : 0);
        buf_append(&bytes, events[i]->data, events[i]->len);
    }
    return blob_take(&bytes);
}

struct blob *piece_cache_get(struct piece_cache *cache, enum encoding encoding,
                             struct blob *const *events, uint32_t count)
{
    if (count == 1) {
        return events[0];
    }
    struct made *piece = &cache->pieces[hash(events[0]) / 16 % PIECE_CACHE_SLOTS];
    if (!made_is_of(piece, encoding, events, count)) {
        made_put(piece, encoding, events, count, join(encoding, events, count));
        cache->used = true;
    }
    return piece->bytes;
}

void piece_cache_clear(struct piece_cache *cache)
{
    for (int i = 0; cache->used && i < PIECE_CACHE_SLOTS; i++) {
        made_forget(&cache->pieces[i]);
    }
    cache->used = false;
}
