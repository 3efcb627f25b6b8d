/* Two records and an object diff, grown from the input's bytes: what lib/value makes of them is
 * what plain_diff makes of them, and applying a difference leads to the other record (AP-11). */
#include "base/utf8.h"
#include "plain_diff.h"
#include "value/check.h"
#include "value/diff.h"
#include "value/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An assertion that names the rule and is there in every build. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            __builtin_trap();                                                                      \
        }                                                                                          \
    } while (0)

/* Zeros when it is used up, which make the shortest of everything. */
struct seed {
    const uint8_t *at;
    size_t left;
};

enum { KEYS = 12, MAX_DEPTH = 5 };

static const char *const keys[KEYS] = {"props", "meta", "a",  "b",  "0",    "1",
                                       "2",     "7",    "01", "-1", "1200", "__proto__"};

static uint8_t next(struct seed *seed)
{
    if (seed->left == 0) {
        return 0;
    }
    seed->left--;
    return *seed->at++;
}

/* Text that ends in halves of a character, and begins with them. */
static void grow_string(struct seed *seed, struct buf *out)
{
    static const uint16_t units[8] = {'x', 'y', 0xe9, 0x20ac, 0xd83d, 0xd83e, 0xde00, 0xde01};
    struct buf text = {0};
    unsigned count = next(seed) % 6;
    uint32_t high = 0;
    for (unsigned i = 0; i <= count; i++) {
        uint32_t unit = i < count ? units[next(seed) % 8] : 0;
        uint8_t bytes[4];
        if (high && unit >= 0xdc00) {
            unit = 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00);
        } else if (high) {
            buf_append(&text, bytes, wtf8_encode(high, bytes));
        }
        high = unit >= 0xd800 && unit < 0xdc00 ? unit : 0;
        if (unit && !high) {
            buf_append(&text, bytes, wtf8_encode(unit, bytes));
        }
    }
    pack_str(out, buf_str(&text));
    buf_finish(&text);
}

static void grow(struct seed *seed, int depth, struct buf *out);

static void grow_map(struct seed *seed, int depth, struct buf *out)
{
    uint32_t which = (next(seed) | (uint32_t)next(seed) << 8) & ((1u << KEYS) - 1);
    pack_map(out, (uint32_t)__builtin_popcount(which));
    for (unsigned i = 0; i < KEYS; i++) {
        if (which & (1u << i)) {
            pack_str(out, str_of(keys[i]));
            grow(seed, depth + 1, out);
        }
    }
}

static void grow_array(struct seed *seed, int depth, struct buf *out)
{
    uint32_t count = next(seed) % 13;
    pack_array(out, count);
    for (uint32_t i = 0; i < count; i++) {
        grow(seed, depth + 1, out);
    }
}

static void grow(struct seed *seed, int depth, struct buf *out)
{
    static const double numbers[8] = {0, 1, -1, 2, 1.5, 1e300, 4294967296.0, -0.0};
    uint8_t kind = next(seed);
    switch (kind % 8) {
    case 0:
        pack_nil(out);
        break;
    case 1:
        pack_bool(out, kind & 8);
        break;
    case 2:
    case 3:
        pack_number(out, numbers[kind / 8 % 8]);
        break;
    case 4:
    case 5:
        grow_string(seed, out);
        break;
    case 6:
        depth < MAX_DEPTH ? grow_array(seed, depth, out) : pack_array(out, 0);
        break;
    default:
        depth < MAX_DEPTH ? grow_map(seed, depth, out) : pack_map(out, 0);
        break;
    }
}

/* ---- the same, but for a little ---- */

static void change(struct seed *seed, struct value old, int depth, struct buf *out);

static void change_map(struct seed *seed, struct value old, int depth, struct buf *out)
{
    uint32_t gone = next(seed) | (uint32_t)next(seed) << 8;
    uint8_t added = next(seed) % (2 * KEYS);
    bool adds = added < KEYS && !value_present(value_get(old, str_of(keys[added])));
    struct value_walk walk = value_members(old);
    struct buf members = {0};
    uint32_t count = 0;
    struct str key;
    struct value member;
    for (unsigned i = 0; value_next_member(&walk, &key, &member); i++) {
        if (gone >> i % 16 & gone >> (i + 7) % 16 & 1) {
            continue;
        }
        pack_str(&members, key);
        change(seed, member, depth + 1, &members);
        count++;
    }
    pack_map(out, count + adds);
    buf_append_str(out, buf_str(&members));
    if (adds) {
        pack_str(out, str_of(keys[added]));
        grow(seed, depth + 1, out);
    }
    buf_finish(&members);
}

static void change_array(struct seed *seed, struct value old, int depth, struct buf *out)
{
    uint32_t added = next(seed) % 8;
    added = added < 3 ? added : 0;
    struct value_walk walk = value_items(old);
    struct value item;
    pack_array(out, walk.left + added);
    while (value_next_item(&walk, &item)) {
        change(seed, item, depth + 1, out);
    }
    for (uint32_t i = 0; i < added; i++) {
        grow(seed, depth + 1, out);
    }
}

static void change_string(struct seed *seed, struct str old, struct buf *out)
{
    static const char *const tails[4] = {"x", "\xe2\x82\xac", "\xed\xb8\x80", "\xf0\x9f\x98\x80"};
    struct buf text = {0};
    size_t head = old.len;
    struct str tail = str_of(tails[next(seed) % 4]);
    uint32_t high = wtf8_last_surrogate(old);
    if (tail.len == 3 && (uint8_t)tail.ptr[1] == 0xb8 && high >= 0xd800 && high < 0xdc00) {
        uint8_t joined[4];
        head -= 3;
        buf_append(&text, old.ptr, head);
        buf_append(&text, joined, wtf8_encode(0x10000 + ((high - 0xd800) << 10) + 0x200, joined));
    } else {
        buf_append_str(&text, old);
        buf_append_str(&text, tail);
    }
    pack_str(out, buf_str(&text));
    buf_finish(&text);
}

static void change(struct seed *seed, struct value old, int depth, struct buf *out)
{
    uint8_t how = next(seed);
    struct str text;
    if (depth > 0 && how % 4 == 0) {
        pack_value(out, old);
    } else if (depth > 0 && how % 16 == 1) {
        grow(seed, depth, out);
    } else if (value_type(old) == VALUE_MAP) {
        change_map(seed, old, depth, out);
    } else if (value_type(old) == VALUE_ARRAY) {
        change_array(seed, old, depth, out);
    } else if (value_string(old, &text)) {
        change_string(seed, text, out);
    } else {
        pack_value(out, old);
    }
}

/* ---- a diff from somebody who need not know the record ---- */

static void grow_diff(struct seed *seed, struct value base, int depth, struct buf *out);

static void grow_op(struct seed *seed, struct value now, int depth, struct buf *out)
{
    uint8_t kind = next(seed);
    switch (kind % 8) {
    case 0:
        pack_array(out, 1);
        pack_str(out, kind & 8 ? STR("delete") : STR("put"));
        break;
    case 1:
    case 2:
        pack_array(out, 2);
        pack_str(out, STR("put"));
        kind & 8 && value_present(now) ? pack_value(out, now) : grow(seed, depth, out);
        break;
    case 3:
    case 4:
        pack_array(out, 3);
        pack_str(out, STR("append"));
        grow(seed, depth, out);
        kind & 8 ? grow(seed, depth, out) : pack_u64(out, value_length(now));
        break;
    case 5:
    case 6:
        pack_array(out, 2);
        pack_str(out, STR("patch"));
        depth < MAX_DEPTH ? grow_diff(seed, now, depth + 1, out) : pack_map(out, 0);
        break;
    default:
        grow(seed, depth, out);
    }
}

static void grow_diff(struct seed *seed, struct value base, int depth, struct buf *out)
{
    uint8_t form = next(seed);
    if (form % 32 == 31) {
        grow(seed, depth, out);
        return;
    }
    uint32_t which = (next(seed) | (uint32_t)next(seed) << 8) & ((1u << KEYS) - 1);
    bool array = value_type(base) == VALUE_ARRAY;
    pack_map(out, (uint32_t)__builtin_popcount(which));
    for (unsigned i = 0; i < KEYS; i++) {
        if (which & (1u << i)) {
            struct value now = array ? (i >= 4 && i < 7 ? value_item(base, i - 4) : VALUE_NONE)
                                     : value_get(base, str_of(keys[i]));
            pack_str(out, str_of(keys[i]));
            grow_op(seed, now, depth, out);
        }
    }
}

/* ---- the comparison ---- */

static void compare_diff(struct value prev, struct value next, bool legacy, struct arena *arena)
{
    struct buf diff = {0};
    struct value result = VALUE_NONE;
    bool holes;
    bool differs = diff_record(prev, next, legacy, arena, &diff);
    const struct plain *expected =
        plain_diff(plain_read(prev, arena), plain_read(next, arena), legacy, arena);
    MUST(differs == (expected != NULL));
    MUST(differs == !value_equal(prev, next));
    if (differs) {
        struct value checked;
        MUST(value_check(buf_head(&diff), buf_len(&diff), &checked) == ERR_OK);
        MUST(plain_equal(plain_read(checked, arena), expected));
        /* A member of the record that is called __proto__ is data, but no op reaches it (AP-9). */
        if (!value_present(value_get(checked, STR("__proto__"))) &&
            !memmem(buf_head(&diff), buf_len(&diff), "__proto__", 9)) {
            MUST(apply_diff(prev, checked, arena, &result, &holes) == APPLY_CHANGED);
            MUST(value_equal(result, next) && !holes);
        }
    }
    buf_finish(&diff);
}

static void compare_apply(struct value object, struct value diff, struct arena *arena)
{
    struct value result = VALUE_NONE;
    bool holes;
    bool plain_holes;
    enum apply_result applied = apply_diff(object, diff, arena, &result, &holes);
    const struct plain *before = plain_read(object, arena);
    const struct plain *after =
        plain_apply(before, plain_read(diff, arena), APPLY_MAX_GAP, &plain_holes, arena);
    MUST((applied == APPLY_MALFORMED || applied == APPLY_TOO_LARGE) == (after == NULL));
    if (!after) {
        return;
    }
    MUST((applied == APPLY_CHANGED) == (after != before));
    if (applied == APPLY_CHANGED) {
        struct value checked;
        MUST(value_check(result.data, result.len, &checked) == ERR_OK && checked.len == result.len);
        MUST(plain_equal(plain_read(checked, arena), after));
        MUST(holes == plain_holes);
    }
}

/* Applied to a record, with the difference worked out on the way. */
static void compare_both(struct value record, struct value diff, bool legacy, struct arena *arena)
{
    struct value result = VALUE_NONE;
    struct value both = VALUE_NONE;
    bool holes;
    bool both_holes;
    struct buf expected = {0};
    struct buf effective = {0};
    enum apply_result applied = apply_diff(record, diff, arena, &result, &holes);
    MUST(apply_to_record(record, diff, legacy, arena, &both, &both_holes, &effective) == applied);
    if (applied == APPLY_CHANGED) {
        MUST(both.len == result.len && memcmp(both.data, result.data, both.len) == 0);
        MUST(both_holes == holes);
        diff_record(record, result, legacy, arena, &expected);
    }
    MUST(str_eq(buf_str(&effective), buf_str(&expected)));
    buf_finish(&expected);
    buf_finish(&effective);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seed seed = {data, size};
    struct arena arena = {0};
    struct buf prev = {0};
    struct buf changed = {0};
    struct buf diff = {0};
    bool legacy = next(&seed) & 1;
    grow_map(&seed, 0, &prev);
    change(&seed, buf_value(&prev), 0, &changed);
    grow_diff(&seed, buf_value(&prev), 0, &diff);
    compare_diff(buf_value(&prev), buf_value(&changed), legacy, &arena);
    compare_apply(buf_value(&prev), buf_value(&diff), &arena);
    compare_both(buf_value(&prev), buf_value(&diff), legacy, &arena);
    buf_finish(&prev);
    buf_finish(&changed);
    buf_finish(&diff);
    arena_finish(&arena);
    return 0;
}
