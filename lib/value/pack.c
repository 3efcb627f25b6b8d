/* Writing values. */
#include "value/pack.h"

#include "value/packer.h"

#include <assert.h>

void pack_nil(struct buf *out)
{
    msgpack_pack_nil(out);
}

void pack_bool(struct buf *out, bool value)
{
    if (value) {
        msgpack_pack_true(out);
    } else {
        msgpack_pack_false(out);
    }
}

void pack_number(struct buf *out, double number)
{
    packer_number(out, number);
}

void pack_u64(struct buf *out, uint64_t number)
{
    assert(number <= PACKER_MAX_WHOLE);
    msgpack_pack_uint64(out, number);
}

void pack_str(struct buf *out, struct str text)
{
    assert(text.len <= UINT32_MAX);
    msgpack_pack_str(out, text.len);
    buf_append_str(out, text);
}

void pack_array(struct buf *out, uint32_t count)
{
    msgpack_pack_array(out, count);
}

void pack_map(struct buf *out, uint32_t count)
{
    msgpack_pack_map(out, count);
}

void pack_value(struct buf *out, struct value value)
{
    if (value_present(value)) {
        buf_append(out, value.data, value.len);
    } else {
        msgpack_pack_nil(out);
    }
}

void pack_member(struct buf *out, struct str key, struct value value)
{
    pack_str(out, key);
    pack_value(out, value);
}
