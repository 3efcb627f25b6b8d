/* Allocation that aborts when memory is out. */
#include "base/alloc.h"

#include "base/procfs.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A sanitizer's allocator is another one. */
#if defined(HAVE_MALLINFO2) && !defined(__SANITIZE_ADDRESS__)
#define ALLOC_KNOWN
#endif

static void *must(void *ptr)
{
    if (!ptr) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return ptr;
}

void *xmalloc(size_t size)
{
    return must(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return must(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *ptr, size_t size)
{
    return must(realloc(ptr, size ? size : 1));
}

void *xmemdup(const void *data, size_t len)
{
    void *copy = xmalloc(len);
    if (len > 0) {
        memcpy(copy, data, len);
    }
    return copy;
}

char *xstrdup(const char *text)
{
    return xstrndup(text, strlen(text));
}

char *xstrndup(const char *text, size_t len)
{
    char *copy = xmalloc(len + 1);
    if (len > 0) {
        memcpy(copy, text, len);
    }
    copy[len] = '\0';
    return copy;
}

void free_strings(char **strings)
{
    for (char **at = strings; at && *at; at++) {
        free(*at);
    }
    free(strings);
}

char *xasprintf(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    return must(len < 0 ? NULL : text);
}

size_t alloc_bytes(void)
{
#ifdef ALLOC_KNOWN
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd; /* from the heap, and mapped on their own */
#else
    return 0;
#endif
}

#ifdef ALLOC_KNOWN
/* Of what is resident; the program itself is in it. */
static uint64_t unused_bytes(uint64_t allocated)
{
    uint64_t resident = process_resident_bytes();
    return resident > allocated ? resident - allocated : 0;
}
#endif

void alloc_trim(uint64_t now_ms)
{
#ifdef ALLOC_KNOWN
    static uint64_t due_ms;
    static uint64_t least; /* of what was not allocated, since the last trim, */
    static uint64_t kept;  /* and what was then: it may have stood in the trim's way */
    if (now_ms < due_ms) {
        return;
    }
    due_ms = now_ms + ALLOC_TRIM_MS;
    uint64_t allocated = alloc_bytes();
    uint64_t unused = unused_bytes(allocated);
    uint64_t worth = allocated / 8 > ALLOC_TRIM_BYTES ? allocated / 8 : ALLOC_TRIM_BYTES;
    if (unused >= least + worth || allocated < kept - kept / 8) {
        malloc_trim(0);
        least = unused_bytes(allocated);
        kept = allocated;
    } else if (unused < least) {
        least = unused;
    }
#else
    (void)now_ms;
#endif
}
