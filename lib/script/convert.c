/* Values to Duktape and back. */
#include "script/convert.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "value/pack.h"

#include <math.h>
#include <stdlib.h>

enum {
    LEAD_OF_FOUR = 0xF0,
    SURROGATE_LEAD = 0xED,
    HIGH_FROM = 0xA0, /* second byte of a high surrogate, */
    LOW_FROM = 0xB0,  /* and of a low one */
};

void convert_finish(struct convert *convert)
{
    for (size_t i = 0; i < convert->cap; i++) {
        buf_finish(convert->parts[i]);
        free(convert->parts[i]);
    }
    free(convert->parts);
    buf_finish(&convert->text);
    *convert = (struct convert){0};
}

/* ---- there ---- */

/* One four-byte sequence as the two halves that JavaScript counts. */
static void append_halves(struct buf *out, const uint8_t *at)
{
    uint32_t cp = (uint32_t)(at[0] & 0x07) << 18 | (uint32_t)(at[1] & 0x3F) << 12 |
                  (uint32_t)(at[2] & 0x3F) << 6 | (uint32_t)(at[3] & 0x3F);
    uint8_t half[4];
    cp -= 0x10000;
    buf_append(out, half, wtf8_encode(0xD800 + (cp >> 10), half));
    buf_append(out, half, wtf8_encode(0xDC00 + (cp & 0x3FF), half));
}

static bool has_astral(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((uint8_t)text.ptr[i] >= LEAD_OF_FOUR) {
            return true;
        }
    }
    return false;
}

void convert_push_str(struct convert *convert, duk_context *ctx, struct str text)
{
    if (!has_astral(text)) {
        duk_push_lstring(ctx, text.ptr, text.len);
        return;
    }
    buf_truncate(&convert->text, 0);
    for (size_t i = 0; i < text.len;) {
        const uint8_t *at = (const uint8_t *)text.ptr + i;
        if (*at >= LEAD_OF_FOUR) {
            append_halves(&convert->text, at);
            i += 4;
        } else {
            buf_append_byte(&convert->text, *at);
            i++;
        }
    }
    duk_push_lstring(ctx, (const char *)buf_head(&convert->text), buf_len(&convert->text));
}

static void push_array(struct convert *convert, duk_context *ctx, struct value value)
{
    struct value_walk walk = value_items(value);
    struct value item;
    duk_push_array(ctx);
    for (duk_uarridx_t i = 0; value_next_item(&walk, &item); i++) {
        convert_push(convert, ctx, item);
        duk_put_prop_index(ctx, -2, i);
    }
}

static void push_map(struct convert *convert, duk_context *ctx, struct value value)
{
    struct value_walk walk = value_members(value);
    struct str key;
    struct value member;
    duk_push_object(ctx);
    while (value_next_member(&walk, &key, &member)) {
        convert_push_str(convert, ctx, key);
        convert_push(convert, ctx, member);
        /* Defined, not put: "__proto__" is a member like any other. */
        duk_def_prop(ctx, -3,
                     DUK_DEFPROP_HAVE_VALUE | DUK_DEFPROP_SET_WRITABLE |
                         DUK_DEFPROP_SET_ENUMERABLE | DUK_DEFPROP_SET_CONFIGURABLE);
    }
}

void convert_push(struct convert *convert, duk_context *ctx, struct value value)
{
    bool flag = false;
    double number = 0;
    struct str text = STR("");
    duk_require_stack(ctx, 4);
    switch (value_type(value)) {
    case VALUE_ABSENT:
        duk_push_undefined(ctx);
        break;
    case VALUE_NIL:
        duk_push_null(ctx);
        break;
    case VALUE_BOOL:
        value_bool(value, &flag);
        duk_push_boolean(ctx, flag);
        break;
    case VALUE_NUMBER:
        value_number(value, &number);
        duk_push_number(ctx, number);
        break;
    case VALUE_STRING:
        value_string(value, &text);
        convert_push_str(convert, ctx, text);
        break;
    case VALUE_ARRAY:
        push_array(convert, ctx, value);
        break;
    case VALUE_MAP:
        push_map(convert, ctx, value);
        break;
    }
}

/* ---- and back ---- */

static bool is_half(const uint8_t *at, size_t left, uint8_t from)
{
    return left >= 3 && at[0] == SURROGATE_LEAD && at[1] >= from && at[1] < from + 0x10;
}

/* The ten bits that half a pair carries. */
static uint32_t bits_of(const uint8_t *half)
{
    return (uint32_t)(half[1] & 0x0F) << 6 | (uint32_t)(half[2] & 0x3F);
}

static void read_text(struct convert *convert, const char *bytes, size_t len, struct buf *out)
{
    const uint8_t *at = (const uint8_t *)bytes;
    const uint8_t *end = at + len;
    buf_truncate(&convert->text, 0);
    while (at < end) {
        if (is_half(at, (size_t)(end - at), HIGH_FROM) &&
            is_half(at + 3, (size_t)(end - at) - 3, LOW_FROM)) {
            uint8_t whole[4];
            uint32_t cp = 0x10000 + (bits_of(at) << 10 | bits_of(at + 3));
            buf_append(&convert->text, whole, wtf8_encode(cp, whole));
            at += 6;
        } else {
            buf_append_byte(&convert->text, *at++);
        }
    }
    if (wtf8_valid(buf_head(&convert->text), buf_len(&convert->text))) {
        pack_str(out, buf_str(&convert->text));
    } else {
        pack_str(out, STR("")); /* a symbol's bytes; no text */
    }
}

static void read_string(struct convert *convert, duk_context *ctx, duk_idx_t index, struct buf *out)
{
    duk_size_t len;
    const char *bytes = duk_get_lstring(ctx, index, &len);
    read_text(convert, bytes, len, out);
}

/* What one value may come to, and one array: a script can ask for a length of 2^32 for nothing. */
enum { BYTES_MAX = 512 << 20, ITEMS_MAX = 4 << 20 };

/* A buf for the members at this depth; it stays where it is, and its owner is `convert`. */
static struct buf *part_begin(struct convert *convert, duk_context *ctx)
{
    if (convert->depth >= VALUE_MAX_DEPTH) {
        duk_error(ctx, DUK_ERR_RANGE_ERROR, "nested too deep, or in circles");
    }
    if (convert->depth == convert->cap) {
        convert->parts = xrealloc(convert->parts, (convert->cap + 1) * sizeof(struct buf *));
        convert->parts[convert->cap++] = xcalloc(1, sizeof(struct buf));
    }
    struct buf *part = convert->parts[convert->depth++];
    buf_truncate(part, 0);
    return part;
}

static void part_end(struct convert *convert, duk_context *ctx, struct buf *part, struct buf *out)
{
    if (buf_len(out) + buf_len(part) > BYTES_MAX) {
        duk_error(ctx, DUK_ERR_RANGE_ERROR, "too large");
    }
    buf_append_str(out, buf_str(part));
    convert->depth--;
}

static void read_array(struct convert *convert, duk_context *ctx, duk_idx_t index, struct buf *out)
{
    duk_size_t count = duk_get_length(ctx, index);
    if (count > ITEMS_MAX) {
        duk_error(ctx, DUK_ERR_RANGE_ERROR, "an array of too many items");
    }
    struct buf *items = part_begin(convert, ctx);
    for (duk_uarridx_t i = 0; i < count; i++) {
        duk_get_prop_index(ctx, index, i);
        if (!convert_read(convert, ctx, duk_get_top_index(ctx), items)) {
            pack_nil(items);
        }
        duk_pop(ctx);
    }
    pack_array(out, (uint32_t)count);
    part_end(convert, ctx, items, out);
}

static void read_object(struct convert *convert, duk_context *ctx, duk_idx_t index, struct buf *out)
{
    uint32_t count = 0;
    struct buf *members = part_begin(convert, ctx);
    duk_enum(ctx, index, DUK_ENUM_OWN_PROPERTIES_ONLY);
    while (duk_next(ctx, -1, 1)) {
        size_t before = buf_len(members);
        read_string(convert, ctx, -2, members);
        if (convert_read(convert, ctx, duk_get_top_index(ctx), members)) {
            count++;
        } else {
            buf_truncate(members, before);
        }
        duk_pop_2(ctx);
    }
    duk_pop(ctx);
    pack_map(out, count);
    part_end(convert, ctx, members, out);
}

bool convert_read(struct convert *convert, duk_context *ctx, duk_idx_t index, struct buf *out)
{
    duk_require_stack(ctx, 8);
    switch (duk_get_type(ctx, index)) {
    case DUK_TYPE_NULL:
        pack_nil(out);
        return true;
    case DUK_TYPE_BOOLEAN:
        pack_bool(out, duk_get_boolean(ctx, index));
        return true;
    case DUK_TYPE_NUMBER:
        pack_number(out, duk_get_number(ctx, index));
        return true;
    case DUK_TYPE_STRING:
        if (duk_is_symbol(ctx, index)) {
            return false;
        }
        read_string(convert, ctx, index, out);
        return true;
    case DUK_TYPE_OBJECT:
        if (duk_is_function(ctx, index)) {
            return false;
        }
        if (duk_is_array(ctx, index)) {
            read_array(convert, ctx, index, out);
        } else {
            read_object(convert, ctx, index, out);
        }
        return true;
    default:
        return false; /* undefined, and what only C code can make */
    }
}
