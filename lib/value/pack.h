/* JSON's data model in msgpack: writing, always canonical (value.h), through msgpack-c's packer.
 * The caller writes what it announced: a map header of n is followed by n keys and values. */
#ifndef VALUE_PACK_H
#define VALUE_PACK_H

#include "base/buf.h"
#include "value/value.h"

void pack_nil(struct buf *out);
void pack_bool(struct buf *out, bool value);
/* NaN becomes nil, -0 becomes 0, whole numbers up to 2^53 integers. */
void pack_number(struct buf *out, double number);
void pack_u64(struct buf *out, uint64_t number); /* <= 2^53 */
void pack_str(struct buf *out, struct str text);
void pack_array(struct buf *out, uint32_t count);
void pack_map(struct buf *out, uint32_t count);
/* Copies; absent is written as nil. */
void pack_value(struct buf *out, struct value value);
/* A key and its value. */
void pack_member(struct buf *out, struct str key, struct value value);

/* What a buf holds, as one value. */
static inline struct value buf_value(const struct buf *buf)
{
    return (struct value){buf_head(buf), buf_len(buf)};
}

#endif
