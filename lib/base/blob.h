/* Immutable, counted bytes: what many receivers or queues share without copying. One thread. */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include "base/buf.h"

#include <assert.h>

struct blob {
    size_t *sum; /* borrowed: what it is counted in, or NULL */
    uint32_t refs;
    uint32_t len;
    uint8_t data[];
};

/* Copies; the caller holds the one reference. `len` fits in 32 bits (limits are far below). */
struct blob *blob_create(const void *data, size_t len);
/* The same without the copy: begin in an empty buf, append the bytes, take. The buf is empty
 * afterwards. */
void blob_begin(struct buf *buf);
struct blob *blob_take(struct buf *buf);
static inline struct blob *blob_ref(struct blob *blob)
{
    assert(blob->refs > 0 && blob->refs < UINT32_MAX);
    blob->refs++;
    return blob;
}
/* What blob_unref does with the last reference. */
void blob_free(struct blob *blob);
/* Gives up one reference; the last frees. NULL is fine. */
static inline void blob_unref(struct blob *blob)
{
    if (blob && --blob->refs == 0) {
        blob_free(blob);
    }
}
/* Its memory is part of *sum from now until it is freed, however often this is said. */
void blob_count(struct blob *blob, size_t *sum);

#endif
