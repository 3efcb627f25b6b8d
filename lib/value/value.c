/* Reading values. */
#include "value/value.h"

#include "base/utf8.h"
#include "value/head.h"

#define FOUR_SIZES(tag, size)                                                                      \
    [(tag)] = (size), [(tag) + 1] = (size) + 1, [(tag) + 2] = (size) + 2, [(tag) + 3] = (size) + 3

/* By its first byte, how long an item is; 0: that alone does not say. */
static const uint8_t known_size[256] = {
    [0x00 ... 0x80] = 1, /* small numbers, {} */
    [0x90] = 1,          /* [] */
    FOUR_SIZES(0xa0, 1),  FOUR_SIZES(0xa4, 5),  FOUR_SIZES(0xa8, 9),
    FOUR_SIZES(0xac, 13), FOUR_SIZES(0xb0, 17), FOUR_SIZES(0xb4, 21),
    FOUR_SIZES(0xb8, 25), FOUR_SIZES(0xbc, 29), /* short strings */
    [0xc0 ... 0xc3] = 1,                        /* null, booleans */
    [0xcb] = 9,                                 /* numbers: a double, */
    [0xcc] = 2,           [0xcd] = 3,           [0xce] = 5,
    [0xcf] = 9, /* whole, */
    [0xd0] = 2,           [0xd1] = 3,           [0xd2] = 5,
    [0xd3] = 9,          /* with a sign, */
    [0xe0 ... 0xff] = 1, /* small ones below 0 */
};

const uint8_t *value_end(const uint8_t *at)
{
    uint64_t left = 1;
    do {
        left--;
        uint8_t size = known_size[*at];
        if (size > 0) {
            at += size;
            continue;
        }
        struct head head = head_read(at);
        at += head.size;
        if (head.type == VALUE_STRING) {
            at += head.count;
        } else if (head.type == VALUE_ARRAY) {
            left += head.count;
        } else if (head.type == VALUE_MAP) {
            left += 2 * (uint64_t)head.count;
        }
    } while (left > 0);
    return at;
}

struct value value_at(const uint8_t *at)
{
    return (struct value){at, (size_t)(value_end(at) - at)};
}

enum value_type value_type(struct value value)
{
    return value.data ? head_read(value.data).type : VALUE_ABSENT;
}

bool value_bool(struct value value, bool *out)
{
    if (value_type(value) != VALUE_BOOL) {
        return false;
    }
    *out = value.data[0] == 0xc3;
    return true;
}

bool value_number(struct value value, double *out)
{
    if (value_type(value) != VALUE_NUMBER) {
        return false;
    }
    *out = head_number(value.data);
    return true;
}

bool value_u64(struct value value, uint64_t *out)
{
    double number;
    if (!value_number(value, &number) || number < 0 || number > 9007199254740992.0 ||
        number != (double)(uint64_t)number) {
        return false;
    }
    *out = (uint64_t)number;
    return true;
}

bool value_string(struct value value, struct str *out)
{
    if (value_type(value) != VALUE_STRING) {
        return false;
    }
    struct head head = head_read(value.data);
    *out = head_str(value.data, &head);
    return true;
}

static struct value_walk walk_of(struct value value, enum value_type type)
{
    if (value_type(value) != type) {
        return (struct value_walk){0};
    }
    struct head head = head_read(value.data);
    return (struct value_walk){value.data + head.size, head.count};
}

struct value_walk value_items(struct value array)
{
    return walk_of(array, VALUE_ARRAY);
}

struct value_walk value_members(struct value map)
{
    return walk_of(map, VALUE_MAP);
}

bool value_next_item(struct value_walk *walk, struct value *item)
{
    if (walk->left == 0) {
        return false;
    }
    *item = value_at(walk->at);
    walk->at += item->len;
    walk->left--;
    return true;
}

bool value_next_member(struct value_walk *walk, struct str *key, struct value *member)
{
    if (walk->left == 0) {
        return false;
    }
    struct head head = head_read(walk->at);
    *key = head_str(walk->at, &head);
    *member = value_at(walk->at + head.size + head.count);
    walk->at = member->data + member->len;
    walk->left--;
    return true;
}

bool value_next_key(struct value_walk *walk, struct str *key, struct value *member)
{
    if (walk->left == 0) {
        return false;
    }
    struct head head = head_read(walk->at);
    *key = head_str(walk->at, &head);
    walk->at += head.size + head.count;
    walk->left--;
    *member = (struct value){walk->at, 0};
    return true;
}

uint32_t value_count(struct value value)
{
    if (!value.data) {
        return 0;
    }
    struct head head = head_read(value.data);
    return head.type == VALUE_ARRAY || head.type == VALUE_MAP ? head.count : 0;
}

struct value value_get(struct value map, struct str key)
{
    struct value_walk walk = value_members(map);
    struct str name;
    struct value member;
    while (value_next_member(&walk, &name, &member)) {
        if (str_eq(name, key)) {
            return member;
        }
    }
    return VALUE_NONE;
}

struct value value_item(struct value array, uint32_t index)
{
    struct value_walk walk = value_items(array);
    struct value item;
    while (value_next_item(&walk, &item)) {
        if (index-- == 0) {
            return item;
        }
    }
    return VALUE_NONE;
}

size_t value_length(struct value value)
{
    struct str text;
    return value_string(value, &text)         ? wtf8_utf16_len(text)
           : value_type(value) == VALUE_ARRAY ? value_count(value)
                                              : 0;
}
