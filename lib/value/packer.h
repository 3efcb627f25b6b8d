/* msgpack-c's packing templates, instantiated to write straight into a struct buf: a token costs no
 * call. Private to lib/value; outside, use pack.h. Not together with <msgpack.h>, which has the
 * same names for its own packer. */
#ifndef VALUE_PACKER_H
#define VALUE_PACKER_H

#include "base/buf.h"

#include <msgpack/pack_define.h>
#include <msgpack/timestamp.h>

/* The biggest whole number up to which every whole number is a double. */
#define PACKER_MAX_WHOLE 9007199254740992

/* Like buf_reserve, without a call when there is room. */
static inline uint8_t *packer_room(struct buf *out, size_t len)
{
    return out->cap - out->end >= len ? out->data + out->end : buf_reserve(out, len);
}

static inline int packer_append(struct buf *out, const void *data, size_t len)
{
    if (len > 0) { /* nothing may come from NULL */
        memcpy(packer_room(out, len), data, len);
        buf_commit(out, len);
    }
    return 0;
}

#define msgpack_pack_inline_func(name) static inline int msgpack_pack##name
#define msgpack_pack_user struct buf *
#define msgpack_pack_append_buffer(user, data, len) return packer_append(user, data, len)
#include <msgpack/pack_template.h>

/* Appends `number` in canonical form (value.h). */
static inline void packer_number(struct buf *out, double number)
{
    /* Written so that NaN fails the first comparison. */
    if (number >= -(double)PACKER_MAX_WHOLE && number <= (double)PACKER_MAX_WHOLE) {
        int64_t whole = (int64_t)number;
        if ((double)whole == number) {
            msgpack_pack_int64(out, whole);
            return;
        }
    } else if (number != number) {
        msgpack_pack_nil(out);
        return;
    }
    msgpack_pack_double(out, number);
}

#endif
