/* Output queue of one socket. */
#include "edge/outq.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>

static void count(struct outq *queue, bool more)
{
    if (queue->sum) {
        *queue->sum += more ? sizeof(struct outq_segment) : -sizeof(struct outq_segment);
    }
}

static struct outq_segment *segment_at(struct outq *queue, uint32_t i)
{
    return (queue->segments ? queue->segments : queue->few) + queue->first + i;
}

static void grow(struct outq *queue)
{
    enum { AT_FIRST = 4 * OUTQ_FEW };
    if (queue->segments) {
        queue->cap *= 2;
        queue->segments = xrealloc(queue->segments, queue->cap * sizeof(*queue->segments));
    } else {
        queue->cap = AT_FIRST;
        queue->segments = xmalloc(queue->cap * sizeof(*queue->segments));
        memcpy(queue->segments, queue->few, sizeof(queue->few));
    }
}

static void make_room(struct outq *queue)
{
    if (queue->first > queue->count) { /* moves few for many gone, so it stays amortized */
        struct outq_segment *old = segment_at(queue, 0);
        memmove(old - queue->first, old, queue->count * sizeof(*old));
        queue->first = 0;
    } else {
        grow(queue);
    }
}

void outq_push_lent(struct outq *queue, struct blob *take)
{
    if (take->len == 0) {
        blob_unref(take);
        return;
    }
    if (queue->first + queue->count == (queue->segments ? queue->cap : OUTQ_FEW)) {
        make_room(queue);
    }
    *segment_at(queue, queue->count++) = (struct outq_segment){take, queue->begins};
    queue->begins = false;
    queue->bytes += take->len;
    count(queue, true);
}

void outq_push(struct outq *queue, struct blob *take)
{
    if (queue->sum) {
        blob_count(take, queue->sum);
    }
    outq_push_lent(queue, take);
}

void outq_begin(struct outq *queue)
{
    queue->begins = true;
}

void outq_append(struct outq *queue, const void *data, size_t len)
{
    outq_push(queue, blob_create(data, len));
}

void outq_splice(struct outq *queue, struct outq *from)
{
    assert(from->offset == 0);
    for (uint32_t i = 0; i < from->count; i++) {
        struct outq_segment segment = *segment_at(from, i);
        queue->begins = segment.begins;
        outq_push_lent(queue, blob_ref(segment.blob)); /* it is counted */
    }
    outq_finish(from);
}

int outq_peek(const struct outq *queue, struct iovec *iov, int max)
{
    const struct outq_segment *segments = queue->segments ? queue->segments : queue->few;
    int n = 0;
    for (uint32_t i = 0; i < queue->count && n < max; i++, n++) {
        struct blob *blob = segments[queue->first + i].blob;
        uint32_t skip = i == 0 ? queue->offset : 0;
        iov[n] = (struct iovec){blob->data + skip, blob->len - skip};
    }
    return n;
}

void outq_sent(struct outq *queue, size_t len)
{
    assert(len <= queue->bytes);
    queue->bytes -= len;
    while (len > 0) {
        struct blob *blob = segment_at(queue, 0)->blob;
        uint32_t left = blob->len - queue->offset;
        if (len < left) {
            queue->offset += (uint32_t)len;
            return;
        }
        len -= left;
        queue->offset = 0;
        queue->first++;
        queue->count--;
        count(queue, false);
        blob_unref(blob);
    }
    if (queue->count == 0) {
        outq_finish(queue); /* an idle connection holds nothing */
    }
}

static void drop_last(struct outq *queue)
{
    struct blob *blob = segment_at(queue, --queue->count)->blob;
    queue->bytes -= blob->len;
    count(queue, false);
    blob_unref(blob);
}

void outq_cut(struct outq *queue)
{
    uint32_t keep = queue->offset > 0 ? 1 : 0;
    while (keep < queue->count && !segment_at(queue, keep)->begins) {
        keep++;
    }
    while (queue->count > keep) {
        drop_last(queue);
    }
    queue->begins = false;
    if (queue->count == 0) {
        outq_finish(queue);
    }
}

void outq_finish(struct outq *queue)
{
    while (queue->count > 0) {
        drop_last(queue);
    }
    free(queue->segments);
    *queue = (struct outq){.sum = queue->sum};
}
