#include "base/arena.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdint.h>
#include <string.h>

Test(arena, allocations_are_aligned_and_do_not_overlap)
{
    enum { COUNT = 500 };
    struct arena arena = {0};
    unsigned char *parts[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        parts[i] = arena_alloc(&arena, i);
        cr_assert(eq(sz, (uintptr_t)parts[i] % _Alignof(max_align_t), 0));
        memset(parts[i], (int)(i & 0xff), i);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < i; k++) {
            cr_assert(eq(u8, parts[i][k], (uint8_t)i));
        }
    }
    arena_finish(&arena);
}

Test(arena, serves_what_is_larger_than_a_block)
{
    struct arena arena = {0};
    char *small = arena_alloc(&arena, 10);
    memset(small, 's', 10);
    char *large = arena_alloc(&arena, 1000000);
    memset(large, 'l', 1000000);
    char *next = arena_alloc(&arena, 10);
    memset(next, 'n', 10);
    cr_assert(eq(chr, small[9], 's'));
    cr_assert(eq(chr, large[999999], 'l'));
    arena_finish(&arena);
}

Test(arena, can_be_used_again_after_a_reset)
{
    struct arena arena = {0};
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 100; i++) {
            memset(arena_alloc(&arena, 1000), round, 1000);
        }
        memset(arena_alloc(&arena, 100000), round, 100000);
        arena_reset(&arena);
        cr_assert(eq(sz, arena.used, 0));
        cr_assert(le(sz, arena.cap, 16384), "at most one small block is kept");
    }
    arena_finish(&arena);
    cr_assert(zero(ptr, arena.blocks));
}

Test(arena, an_unused_one_may_be_reset_and_finished)
{
    struct arena arena = {0};
    arena_reset(&arena);
    arena_finish(&arena);
    arena_finish(&arena);
}
