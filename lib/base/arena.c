/* Bump allocation. */
#include "base/arena.h"

#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_BLOCK 0u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_BLOCK 0u
#endif
#endif
#ifndef ARENA_BLOCK
#define ARENA_BLOCK 16384u
#endif

struct arena_block {
    struct arena_block *older;
    size_t cap;
    _Alignas(max_align_t) unsigned char data[];
};

static void add_block(struct arena *arena, size_t size)
{
    size_t cap = size > ARENA_BLOCK ? size : ARENA_BLOCK;
    struct arena_block *block = xmalloc(sizeof(*block) + cap);
    block->older = arena->blocks;
    block->cap = cap;
    arena->blocks = block;
    arena->used = 0;
    arena->cap = cap;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t align = _Alignof(max_align_t);
    size_t rounded = ARENA_BLOCK ? (size + align - 1) & ~(align - 1) : size;
    if (!arena->blocks || arena->cap - arena->used < rounded || ARENA_BLOCK == 0) {
        add_block(arena, rounded);
    }
    void *ptr = arena->blocks->data + arena->used;
    arena->used += rounded;
    return ptr;
}

void arena_reset(struct arena *arena)
{
    struct arena_block *block = arena->blocks;
    struct arena_block *kept = NULL;
    while (block) {
        struct arena_block *older = block->older;
        if (!kept && ARENA_BLOCK > 0 && block->cap == ARENA_BLOCK) {
            kept = block;
        } else {
            free(block);
        }
        block = older;
    }
    *arena = (struct arena){.blocks = kept, .cap = kept ? kept->cap : 0};
    if (kept) {
        kept->older = NULL;
    }
}

void arena_finish(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *older = arena->blocks->older;
        free(arena->blocks);
        arena->blocks = older;
    }
    *arena = (struct arena){0};
}
