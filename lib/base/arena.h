/* Memory for input that dies together: freed at once by arena_reset. Zeroed is empty and valid.
 * Under AddressSanitizer every allocation is its own malloc, so overruns are seen. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; /* owned; newest first */
    size_t used, cap;           /* of the newest block */
};

/* Uninitialised memory aligned for any object, until arena_reset. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull));
/* Frees all but one small block, which the next user gets. */
void arena_reset(struct arena *arena);
void arena_finish(struct arena *arena);

#endif
