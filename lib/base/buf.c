/* Growable bytes. */
#include "base/buf.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_MIN = 64 };

void buf_make_room(struct buf *buf, size_t len)
{
    size_t used = buf_len(buf);
    /* Sliding is free of charge once most of the buffer is consumed, so it stays amortized. */
    if (buf->start > used && buf->cap - used >= len) {
        memmove(buf->data, buf->data + buf->start, used);
    } else {
        assert(len < SIZE_MAX / 4 && used < SIZE_MAX / 4);
        size_t cap = buf->cap > BUF_MIN ? buf->cap : BUF_MIN;
        while (cap < used + len) {
            cap *= 2;
        }
        if (buf->start == 0) {
            buf->data = xrealloc(buf->data, cap);
        } else {
            uint8_t *data = xmalloc(cap);
            memcpy(data, buf->data + buf->start, used);
            free(buf->data);
            buf->data = data;
        }
        buf->cap = cap;
    }
    buf->start = 0;
    buf->end = used;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    assert(format); /* tells gcc so, too: with sanitizers it would warn of a branch without one */
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    vsnprintf((char *)buf_reserve(buf, (size_t)len + 1), (size_t)len + 1, format, again);
    va_end(again);
    buf->end += (size_t)len;
}

void buf_consume(struct buf *buf, size_t len)
{
    assert(len <= buf_len(buf));
    buf->start += len;
    if (buf->start == buf->end) {
        buf->start = buf->end = 0;
    }
}

void buf_truncate(struct buf *buf, size_t len)
{
    assert(len <= buf_len(buf));
    buf->end = buf->start + len;
}

void buf_clear(struct buf *buf, size_t keep)
{
    buf->start = buf->end = 0;
    if (buf->cap > keep) {
        free(buf->data);
        *buf = (struct buf){0};
    }
}

uint8_t *buf_take(struct buf *buf, size_t *len)
{
    *len = buf_len(buf);
    if (buf->start > 0) {
        memmove(buf->data, buf->data + buf->start, *len);
    }
    uint8_t *data = buf->data ? buf->data : xmalloc(1);
    *buf = (struct buf){0};
    return data;
}

void buf_finish(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}
