/* Memory that is there or ends the process: out of memory aborts here, so no caller has a dead
 * branch for it. Free with free(). */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *ptr, size_t size) __attribute__((returns_nonnull));
void *xmemdup(const void *data, size_t len) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((returns_nonnull));
/* NUL-terminated copy of exactly `len` bytes. */
char *xstrndup(const char *text, size_t len) __attribute__((returns_nonnull));
/* Frees each string of a NULL-terminated array, and the array. NULL is fine. */
void free_strings(char **strings);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/* Bytes that this process has allocated and not freed, the allocator's rounding included; 0 where
 * the C library does not say. What it keeps of freed memory is the rest of what is resident. */
size_t alloc_bytes(void);

/* Gives freed memory back to the system if that has become much, as when a crowd has left: an
 * eighth of what is still allocated, and ALLOC_TRIM_BYTES at least. Call it as often as you like:
 * it looks every ALLOC_TRIM_MS, and takes 0.1 ms for each MiB that it gives back. */
enum { ALLOC_TRIM_MS = 10000, ALLOC_TRIM_BYTES = 1 << 20 };
void alloc_trim(uint64_t now_ms);

#endif
