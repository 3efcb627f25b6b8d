/* diffRecord: what changed between two states of a record. */
#include "value/diff.h"

#include "base/utf8.h"
#include "value/change.h"
#include "value/head.h"
#include "value/members.h"
#include "value/pack.h"

#include <stdio.h>

struct differ {
    struct arena *scratch;
    struct buf *out;
    bool legacy_append;
};

static bool diff_value(const struct differ *differ, struct value a, struct value b);

/* Ops that are written before their number is known: the header goes in front afterwards. */
struct ops {
    size_t start;
    uint32_t count;
};

static struct ops ops_begin(const struct differ *differ)
{
    /* A map header of one byte fits nearly always; ops_end moves the body otherwise. */
    struct ops ops = {buf_len(differ->out), 0};
    buf_append_byte(differ->out, 0x80);
    return ops;
}

/* Whether there are any; without, nothing is left of them. */
static bool ops_end(const struct differ *differ, const struct ops *ops)
{
    if (ops->count == 0) {
        buf_truncate(differ->out, ops->start);
        return false;
    }
    if (ops->count < 16) {
        buf_head(differ->out)[ops->start] = (uint8_t)(0x80 | ops->count);
        return true;
    }
    struct buf header = {0};
    pack_map(&header, ops->count);
    size_t size = buf_len(&header);
    size_t body = buf_len(differ->out) - ops->start - 1;
    buf_reserve(differ->out, size);
    buf_commit(differ->out, size - 1);
    uint8_t *at = buf_head(differ->out) + ops->start;
    memmove(at + size, at + 1, body);
    memcpy(at, buf_head(&header), size);
    buf_finish(&header);
    return true;
}

static void op_put(const struct differ *differ, struct value value)
{
    pack_array(differ->out, 2);
    pack_str(differ->out, STR("put"));
    pack_value(differ->out, value);
}

static void op_delete(const struct differ *differ)
{
    pack_array(differ->out, 1);
    pack_str(differ->out, STR("delete"));
}

static void op_append_head(const struct differ *differ)
{
    pack_array(differ->out, 3);
    pack_str(differ->out, STR("append"));
}

static void op_patch_head(const struct differ *differ)
{
    pack_array(differ->out, 2);
    pack_str(differ->out, STR("patch"));
}

/* `b` starts with `a` on UTF-16 units: the prefix may end inside a character that `a` has only the
 * high half of. Then the rest starts with the low half. */
static bool utf16_prefix(struct str a, struct str b, struct str *rest, uint32_t *low_half)
{
    *low_half = 0;
    if (str_starts(b, a)) {
        *rest = (struct str){b.ptr + a.len, b.len - a.len};
        return true;
    }
    uint32_t high = wtf8_last_surrogate(a);
    if (high < 0xd800 || high >= 0xdc00) {
        return false;
    }
    size_t common = a.len - 3;
    if (b.len < common + 4 || memcmp(a.ptr, b.ptr, common) != 0) {
        return false;
    }
    const uint8_t *at = (const uint8_t *)b.ptr + common;
    if (at[0] < 0xf0) {
        return false;
    }
    uint32_t cp = (uint32_t)(at[0] & 7) << 18 | (uint32_t)(at[1] & 0x3f) << 12 |
                  (uint32_t)(at[2] & 0x3f) << 6 | (uint32_t)(at[3] & 0x3f);
    if (0xd800 + ((cp - 0x10000) >> 10) != high) {
        return false;
    }
    *low_half = 0xdc00 + (cp & 0x3ff);
    *rest = (struct str){b.ptr + common + 4, b.len - common - 4};
    return true;
}

/* DF-5.3, for two different strings. */
static void diff_strings(const struct differ *differ, struct value a, struct value b)
{
    struct str from = {0};
    struct str to = {0};
    struct str rest;
    uint32_t low_half;
    value_string(a, &from);
    value_string(b, &to);
    if (differ->legacy_append || !utf16_prefix(from, to, &rest, &low_half)) {
        op_put(differ, b);
        return;
    }
    op_append_head(differ);
    if (low_half) {
        uint8_t half[4];
        size_t half_len = wtf8_encode(low_half, half);
        char *tail = arena_alloc(differ->scratch, half_len + rest.len);
        memcpy(tail, half, half_len);
        memcpy(tail + half_len, rest.ptr, rest.len);
        rest = (struct str){tail, half_len + rest.len};
    }
    pack_str(differ->out, rest);
    pack_u64(differ->out, wtf8_utf16_len(from));
}

/* DF-8, for two unequal items. */
static void diff_item(const struct differ *differ, struct value a, struct value b)
{
    enum value_type type = value_type(a);
    if (type == value_type(b) && (type == VALUE_ARRAY || type == VALUE_MAP)) {
        diff_value(differ, a, b);
    } else {
        op_put(differ, b);
    }
}

/* DF-6. */
static bool diff_same_length(const struct differ *differ, struct value a, struct value b)
{
    uint32_t length = value_count(a);
    uint32_t allowed = length / 5 > 1 ? length / 5 : 1; /* whole, so the same as n/5 */
    uint32_t *changed = arena_alloc(differ->scratch, (allowed + 1) * sizeof(*changed));
    struct value *pairs = arena_alloc(differ->scratch, (allowed + 1) * 2 * sizeof(*pairs));
    uint32_t count = 0;
    struct value_walk walk_a = value_items(a);
    struct value_walk walk_b = value_items(b);
    struct value item_a;
    struct value item_b;
    for (uint32_t i = 0; value_next_item(&walk_a, &item_a) && value_next_item(&walk_b, &item_b);
         i++) {
        if (value_equal(item_a, item_b)) {
            continue;
        }
        if (count == allowed) {
            op_put(differ, b);
            return true;
        }
        pairs[2 * count] = item_a;
        pairs[2 * count + 1] = item_b;
        changed[count++] = i;
    }
    if (count == 0) {
        return false;
    }
    op_patch_head(differ);
    pack_map(differ->out, count);
    for (uint32_t i = 0; i < count; i++) {
        char name[16];
        int len = snprintf(name, sizeof(name), "%u", changed[i]);
        pack_str(differ->out, (struct str){name, (size_t)len});
        diff_item(differ, pairs[2 * i], pairs[2 * i + 1]);
    }
    return true;
}

/* DF-7. */
static void diff_other_length(const struct differ *differ, struct value a, struct value b)
{
    struct value_walk walk_a = value_items(a);
    struct value_walk walk_b = value_items(b);
    uint32_t shared = walk_a.left;
    bool grows = walk_b.left > walk_a.left;
    struct value item_a;
    struct value item_b;
    while (grows && value_next_item(&walk_a, &item_a) && value_next_item(&walk_b, &item_b)) {
        grows = value_equal(item_a, item_b);
    }
    if (!grows) {
        op_put(differ, b);
        return;
    }
    op_append_head(differ);
    pack_array(differ->out, walk_b.left);
    const uint8_t *end = b.data + b.len;
    buf_append(differ->out, walk_b.at, (size_t)(end - walk_b.at));
    pack_u64(differ->out, shared);
}

/* One member that both sides have, by DF-4. */
static bool diff_inner(const struct differ *differ, struct value a, struct value b)
{
    enum value_type type = value_type(a);
    if (type == value_type(b) && (type == VALUE_ARRAY || type == VALUE_STRING)) {
        return diff_value(differ, a, b);
    }
    if (value_equal(a, b)) {
        return false;
    }
    op_put(differ, b);
    return true;
}

/* DF-1, DF-2 and, by `top`, DF-3 or DF-4: the op of one member with its name, or nothing. */
static bool diff_member(const struct differ *differ, const struct change *change, bool top)
{
    size_t undo = buf_len(differ->out);
    bool differs = true;
    pack_str(differ->out, change->key);
    if (!value_present(change->after)) {
        op_delete(differ);
    } else if (!value_present(change->before)) {
        op_put(differ, change->after);
    } else if (top && (str_eq(change->key, STR("props")) || str_eq(change->key, STR("meta")))) {
        differs = diff_value(differ, change->before, change->after);
    } else {
        differs = diff_inner(differ, change->before, change->after);
    }
    if (!differs) {
        buf_truncate(differ->out, undo);
    }
    return differs;
}

/* Appends the whole map, or nothing. */
static bool diff_members(const struct differ *differ, struct value a, struct value b, bool top)
{
    struct members before;
    struct members after;
    members_read(&before, a, differ->scratch);
    members_read(&after, b, differ->scratch);
    struct ops ops = ops_begin(differ);
    for (uint32_t i = 0; i < before.count; i++) {
        struct member *from = &before.items[i];
        struct member *to = members_find(&after, from->key);
        struct change change = {from->key, from->value, to ? to->value : VALUE_NONE};
        ops.count += diff_member(differ, &change, top);
    }
    for (uint32_t i = 0; i < after.count; i++) {
        struct member *to = &after.items[i];
        if (!members_find(&before, to->key)) {
            ops.count += diff_member(differ, &(struct change){to->key, VALUE_NONE, to->value}, top);
        }
    }
    return ops_end(differ, &ops);
}

/* DF-5: appends the op that turns `a` into `b`, or nothing. */
static bool diff_value(const struct differ *differ, struct value a, struct value b)
{
    if (a.len == b.len && memcmp(a.data, b.data, a.len) == 0) {
        return false;
    }
    enum value_type type = value_type(a);
    if (type == value_type(b)) {
        if (type == VALUE_ARRAY && value_count(a) == value_count(b)) {
            return diff_same_length(differ, a, b);
        }
        if (type == VALUE_ARRAY) {
            diff_other_length(differ, a, b);
            return true;
        }
        if (type == VALUE_STRING) {
            diff_strings(differ, a, b);
            return true;
        }
        if (type == VALUE_MAP) {
            size_t undo = buf_len(differ->out);
            op_patch_head(differ);
            if (diff_members(differ, a, b, false)) {
                return true;
            }
            buf_truncate(differ->out, undo);
            return false;
        }
    }
    op_put(differ, b); /* scalars are equal only byte for byte; other kinds never */
    return true;
}

bool diff_record(struct value prev, struct value next, bool legacy_append, struct arena *scratch,
                 struct buf *out)
{
    if (prev.len == next.len && memcmp(prev.data, next.data, prev.len) == 0) {
        return false;
    }
    struct differ differ = {scratch, out, legacy_append};
    return diff_members(&differ, prev, next, true);
}

bool diff_changes(const struct change *changes, uint32_t count, bool legacy_append,
                  struct arena *scratch, struct buf *out)
{
    struct differ differ = {scratch, out, legacy_append};
    struct ops ops = ops_begin(&differ);
    for (uint32_t i = 0; i < count; i++) {
        ops.count += diff_member(&differ, &changes[i], true);
    }
    return ops_end(&differ, &ops);
}
