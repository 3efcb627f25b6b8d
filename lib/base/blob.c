/* Immutable, counted bytes. */
#include "base/blob.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>

struct blob *blob_create(const void *data, size_t len)
{
    assert(len <= UINT32_MAX);
    struct blob *blob = xmalloc(sizeof(*blob) + len);
    blob->sum = NULL;
    blob->refs = 1;
    blob->len = (uint32_t)len;
    if (len > 0) {
        memcpy(blob->data, data, len);
    }
    return blob;
}

void blob_begin(struct buf *buf)
{
    assert(buf_len(buf) == 0);
    buf_reserve(buf, sizeof(struct blob));
    buf_commit(buf, sizeof(struct blob));
}

struct blob *blob_take(struct buf *buf)
{
    size_t len;
    struct blob *blob = (struct blob *)(void *)buf_take(buf, &len);
    assert(len >= sizeof(*blob) && len - sizeof(*blob) <= UINT32_MAX);
    blob->sum = NULL;
    blob->refs = 1;
    blob->len = (uint32_t)(len - sizeof(*blob));
    return blob;
}

void blob_free(struct blob *blob)
{
    if (blob->sum) {
        *blob->sum -= sizeof(*blob) + blob->len;
    }
    free(blob);
}

void blob_count(struct blob *blob, size_t *sum)
{
    if (!blob->sum) {
        blob->sum = sum;
        *sum += sizeof(*blob) + blob->len;
    }
}
