/* Frames that are made once for many. */
#include "edge/frame_cache.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct blob *one, *two, *frame;
static struct frame_cache cache;

static void setup(void)
{
    one = blob_create("1", 1);
    two = blob_create("2", 1);
    frame = blob_create("1,2", 3);
}

static void teardown(void)
{
    frame_cache_clear(&cache);
    blob_unref(one);
    blob_unref(two);
    blob_unref(frame);
}

TestSuite(frame_cache, .init = setup, .fini = teardown);

Test(frame_cache, the_same_events_are_the_same_frame)
{
    struct blob *events[] = {one, two};
    cr_assert(eq(ptr, frame_cache_get(&cache, ENCODING_JSON, events, 2), NULL));
    frame_cache_put(&cache, ENCODING_JSON, events, 2, frame);
    struct blob *again[] = {one, two};
    cr_assert(eq(ptr, frame_cache_get(&cache, ENCODING_JSON, again, 2), frame));
}

Test(frame_cache, others_are_not)
{
    struct blob *events[] = {one, two};
    struct blob *turned[] = {two, one};
    frame_cache_put(&cache, ENCODING_JSON, events, 2, frame);
    cr_assert(eq(ptr, frame_cache_get(&cache, ENCODING_MSGPACK, events, 2), NULL));
    cr_assert(eq(ptr, frame_cache_get(&cache, ENCODING_JSON, events, 1), NULL));
    cr_assert(eq(ptr, frame_cache_get(&cache, ENCODING_JSON, turned, 2), NULL));
}

/* Else an event made where another has been would be taken for it. */
Test(frame_cache, events_live_as_long_as_the_frame_is_here)
{
    struct blob *events[] = {one};
    frame_cache_put(&cache, ENCODING_JSON, events, 1, frame);
    cr_assert(eq(u32, one->refs, 2));
    cr_assert(eq(u32, frame->refs, 2));
    frame_cache_clear(&cache);
    cr_assert(eq(u32, one->refs, 1));
    cr_assert(eq(u32, frame->refs, 1));
    cr_assert(eq(ptr, frame_cache_get(&cache, ENCODING_JSON, events, 1), NULL));
}

Test(frame_cache, the_oldest_gives_way)
{
    struct blob *events[FRAME_CACHE_SLOTS + 1];
    for (int i = 0; i <= FRAME_CACHE_SLOTS; i++) {
        events[i] = blob_create("e", 1);
        frame_cache_put(&cache, ENCODING_JSON, &events[i], 1, frame);
    }
    cr_assert(eq(ptr, frame_cache_get(&cache, ENCODING_JSON, &events[0], 1), NULL));
    for (int i = 1; i <= FRAME_CACHE_SLOTS; i++) {
        cr_assert(eq(ptr, frame_cache_get(&cache, ENCODING_JSON, &events[i], 1), frame));
    }
    frame_cache_clear(&cache);
    for (int i = 0; i <= FRAME_CACHE_SLOTS; i++) {
        cr_assert(eq(u32, events[i]->refs, 1));
        blob_unref(events[i]);
    }
}

Test(frame_cache, long_frames_are_not_kept)
{
    static char bytes[FRAME_CACHE_BYTES + 1];
    struct blob *large = blob_create(bytes, sizeof(bytes));
    struct blob *events[] = {one};
    frame_cache_put(&cache, ENCODING_JSON, events, 1, large);
    cr_assert(eq(ptr, frame_cache_get(&cache, ENCODING_JSON, events, 1), NULL));
    blob_unref(large);
}
