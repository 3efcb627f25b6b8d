#include "base/blob.h"
#include "edge/piece_cache.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

enum { EVENTS = 300 };

static struct piece_cache cache;
static struct blob *events[EVENTS];

static void setup(void)
{
    for (int i = 0; i < EVENTS; i++) {
        char text[32];
        int len = snprintf(text, sizeof(text), "\"event %d\"", i);
        events[i] = blob_create(text, (size_t)len);
    }
}

static void teardown(void)
{
    piece_cache_clear(&cache);
    for (int i = 0; i < EVENTS; i++) {
        blob_unref(events[i]);
    }
}

TestSuite(piece_cache, .init = setup, .fini = teardown);

/* The pieces of a frame, references. */
static uint32_t cut(struct blob *const *from, uint32_t count, struct blob **out)
{
    uint32_t pieces = 0;
    for (uint32_t i = 0; i < count;) {
        uint32_t length = piece_length(from + i, count - i);
        out[pieces++] = blob_ref(piece_cache_get(&cache, ENCODING_JSON, from + i, length));
        i += length;
    }
    return pieces;
}

Test(piece_cache, pieces_are_the_events_in_order)
{
    struct buf got = {0};
    struct buf want = {0};
    for (uint32_t i = 0; i < EVENTS;) {
        uint32_t length = piece_length(events + i, EVENTS - i);
        cr_assert(ge(u32, length, 1));
        cr_assert(le(u32, length, PIECE_EVENTS_MAX));
        struct blob *piece = piece_cache_get(&cache, ENCODING_JSON, events + i, length);
        buf_append(&got, ",", i > 0);
        buf_append(&got, piece->data, piece->len);
        i += length;
    }
    for (uint32_t i = 0; i < EVENTS; i++) {
        buf_append(&want, ",", i > 0);
        buf_append(&want, events[i]->data, events[i]->len);
    }
    cr_assert(eq(sz, buf_len(&got), buf_len(&want)));
    cr_assert(zero(int, memcmp(buf_head(&got), buf_head(&want), buf_len(&want))));
    buf_finish(&got);
    buf_finish(&want);
}

Test(piece_cache, msgpack_has_nothing_between_events)
{
    struct blob *piece = piece_cache_get(&cache, ENCODING_MSGPACK, events, 2);
    cr_assert(eq(sz, piece->len, events[0]->len + events[1]->len));
    piece = piece_cache_get(&cache, ENCODING_JSON, events, 2);
    cr_assert(eq(sz, piece->len, events[0]->len + 1 + events[1]->len));
}

/* Two receivers, of whom one is told from the second event on, and has something of his own in
 * between. */
Test(piece_cache, frames_that_differ_a_little_share_most)
{
    struct blob *own = blob_create("\"own\"", 5);
    struct blob *other[EVENTS];
    struct blob *first[EVENTS];
    struct blob *second[EVENTS];
    memcpy(other, events + 1, 150 * sizeof(*other));
    other[150] = own;
    memcpy(other + 151, events + 151, (EVENTS - 151) * sizeof(*other));
    uint32_t first_count = cut(events, EVENTS, first);
    uint32_t second_count = cut(other, EVENTS, second);
    uint32_t shared = 0;
    for (uint32_t i = 0; i < first_count; i++) {
        for (uint32_t j = 0; j < second_count; j++) {
            shared += first[i] == second[j];
        }
    }
    cr_assert(le(u32, first_count, EVENTS / 4), "%u", first_count);
    cr_assert(ge(u32, shared, first_count / 3), "%u of %u", shared, first_count);
    for (uint32_t i = 0; i < first_count; i++) {
        blob_unref(first[i]);
    }
    for (uint32_t i = 0; i < second_count; i++) {
        blob_unref(second[i]);
    }
    blob_unref(own);
}

Test(piece_cache, a_long_event_is_a_piece_and_is_not_copied)
{
    static char bytes[PIECE_EVENT_BYTES];
    struct blob *some[3] = {events[0], blob_create(bytes, sizeof(bytes)), events[1]};
    uint32_t before = piece_length(some, 3);
    cr_assert(eq(u32, before, 1));
    cr_assert(eq(u32, piece_length(some + 1, 2), 1));
    cr_assert(eq(ptr, piece_cache_get(&cache, ENCODING_JSON, some + 1, 1), some[1]));
    blob_unref(some[1]);
}

/* It keeps references, so an event that comes later cannot be at the same address. */
Test(piece_cache, events_of_a_piece_live_as_long_as_it_does)
{
    struct blob *pair[2] = {blob_create("\"a\"", 3), blob_create("\"b\"", 3)};
    struct blob *piece = piece_cache_get(&cache, ENCODING_JSON, pair, 2);
    blob_unref(pair[0]);
    blob_unref(pair[1]);
    cr_assert(eq(ptr, piece_cache_get(&cache, ENCODING_JSON, pair, 2), piece));
    piece_cache_clear(&cache);
}
