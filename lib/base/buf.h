/* Growable bytes: written at the end, consumed from the front. Zeroed is empty and valid.
 *
 *      data ..... start ......... end ......... cap
 *             consumed | readable | free
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

#include <stdint.h>
#include <string.h>

struct buf {
    uint8_t *data; /* owned */
    size_t start, end, cap;
};

static inline size_t buf_len(const struct buf *buf)
{
    return buf->end - buf->start;
}

/* First readable byte; valid until the next call that is not const. NULL if it has no memory. */
static inline uint8_t *buf_head(const struct buf *buf)
{
    return buf->data ? buf->data + buf->start : NULL;
}

static inline struct str buf_str(const struct buf *buf)
{
    return (struct str){(const char *)buf_head(buf), buf->end - buf->start};
}

/* What buf_reserve does if there is no room yet. */
void buf_make_room(struct buf *buf, size_t len);

/* Room for `len` more bytes; returns where to write them. Follow with buf_commit. */
static inline uint8_t *buf_reserve(struct buf *buf, size_t len)
{
    if (buf->cap - buf->end < len) {
        buf_make_room(buf, len);
    }
    return buf->data ? buf->data + buf->end : NULL; /* NULL: no room was asked for */
}

static inline void buf_commit(struct buf *buf, size_t len)
{
    buf->end += len;
}

static inline void buf_append(struct buf *buf, const void *data, size_t len)
{
    if (len > 0) {
        memcpy(buf_reserve(buf, len), data, len);
        buf->end += len;
    }
}

static inline void buf_append_str(struct buf *buf, struct str text)
{
    buf_append(buf, text.ptr, text.len);
}

static inline void buf_append_byte(struct buf *buf, uint8_t byte)
{
    *buf_reserve(buf, 1) = byte;
    buf->end++;
}

void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drops `len` readable bytes from the front. */
void buf_consume(struct buf *buf, size_t len);
/* Cuts the readable part to its first `len` bytes. */
void buf_truncate(struct buf *buf, size_t len);
/* Empties it and keeps the memory, up to `keep` bytes of it. */
void buf_clear(struct buf *buf, size_t keep);
/* Moves the content out; the caller frees *data. The buf is empty afterwards. */
uint8_t *buf_take(struct buf *buf, size_t *len);
void buf_finish(struct buf *buf);

#endif
