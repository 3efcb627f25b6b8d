/* Outside msgpack, one item at a time: the reader that trusts nothing. Private to lib/value. */
#ifndef VALUE_TOKEN_H
#define VALUE_TOKEN_H

#include "base/utf8.h"
#include "value/head.h"
#include "value/packer.h"

struct token {
    enum value_type type; /* never VALUE_ABSENT */
    bool canonical;       /* spelled as value.h wants it */
    bool boolean;
    double number;
    struct str text;
    uint32_t count; /* of items or members, of which each has at least its bytes */
};

/* The text of a str: mostly short and ASCII, which needs no look at each character. */
static inline bool token_text(struct token *token, const uint8_t *at, size_t len, size_t left)
{
    if (len > left) {
        return false;
    }
    token->type = VALUE_STRING;
    token->text = (struct str){(const char *)at, len};
    uint8_t high = 0;
    for (size_t i = 0; i < len; i++) {
        high |= at[i];
    }
    return high < 0x80 || wtf8_valid(at, len);
}

static inline bool token_container(struct token *token, bool map, uint32_t count, size_t left)
{
    token->type = map ? VALUE_MAP : VALUE_ARRAY;
    token->count = count;
    return count <= (map ? left / 2 : left);
}

static inline void token_number(struct token *token, double number, bool canonical)
{
    token->type = VALUE_NUMBER;
    token->number = number;
    token->canonical = canonical;
}

static inline bool token_is_whole(double number)
{
    return number >= -(double)PACKER_MAX_WHOLE && number <= (double)PACKER_MAX_WHOLE &&
           (double)(int64_t)number == number;
}

static inline void token_float(struct token *token, const uint8_t *at, size_t size)
{
    if (size == 5) {
        uint32_t bits = load_be32(at + 1);
        float number;
        memcpy(&number, &bits, sizeof(number));
        token_number(token, (double)number, false);
    } else {
        double number = head_number(at);
        token_number(token, number, number == number && !token_is_whole(number));
    }
}

/* A header of 2 to 9 bytes that are there. */
static inline bool token_long(struct token *token, const uint8_t *at, size_t size, size_t left)
{
    const uint8_t *body = at + size;
    uint32_t count;
    switch (*at) {
    case 0xca:
    case 0xcb:
        token_float(token, at, size);
        return true;
    case 0xcc:
        token_number(token, at[1], at[1] >= 0x80);
        return true;
    case 0xcd:
        token_number(token, load_be16(at + 1), load_be16(at + 1) > UINT8_MAX);
        return true;
    case 0xce:
        token_number(token, load_be32(at + 1), load_be32(at + 1) > UINT16_MAX);
        return true;
    case 0xcf: {
        uint64_t number = load_be64(at + 1);
        token_number(token, (double)number, number > UINT32_MAX && number <= PACKER_MAX_WHOLE);
        return true;
    }
    case 0xd0:
        token_number(token, head_number(at), (int8_t)at[1] < -32);
        return true;
    case 0xd1:
        token_number(token, head_number(at), head_number(at) < INT8_MIN);
        return true;
    case 0xd2:
        token_number(token, head_number(at), head_number(at) < INT16_MIN);
        return true;
    case 0xd3: {
        int64_t number = (int64_t)load_be64(at + 1);
        token_number(token, (double)number, number < INT32_MIN && number >= -PACKER_MAX_WHOLE);
        return true;
    }
    case 0xd9:
        token->canonical = at[1] >= 32;
        return token_text(token, body, at[1], left);
    case 0xda:
        count = load_be16(at + 1);
        token->canonical = count > UINT8_MAX;
        return token_text(token, body, count, left);
    case 0xdb:
        count = load_be32(at + 1);
        token->canonical = count > UINT16_MAX;
        return token_text(token, body, count, left);
    case 0xdc:
    case 0xde:
        count = load_be16(at + 1);
        token->canonical = count >= 16;
        return token_container(token, *at == 0xde, count, left);
    case 0xdd:
    case 0xdf:
        count = load_be32(at + 1);
        token->canonical = count > UINT16_MAX;
        return token_container(token, *at == 0xdf, count, left);
    default:
        return false;
    }
}

/* Reads the item at *at, without what a container holds, and steps over it. False if there is none:
 * cut short, a type that JSON has not, text that is not WTF-8, a count that the rest cannot hold.
 */
static inline bool token_read(const uint8_t **at, const uint8_t *end, struct token *token)
{
    /* Header sizes of 0xc0..0xdf; 0 is refused: bin, ext, and 0xc1, which msgpack never uses. */
    static const uint8_t sizes[32] = {1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 5, 9, 2, 3, 5, 9,
                                      2, 3, 5, 9, 0, 0, 0, 0, 0, 2, 3, 5, 3, 5, 3, 5};
    size_t left = (size_t)(end - *at);
    if (left == 0) {
        return false;
    }
    const uint8_t *start = *at;
    uint8_t tag = *start;
    *token = (struct token){.canonical = true};
    if (tag < 0x80 || tag >= 0xe0) {
        token_number(token, (int8_t)tag, true);
        *at = start + 1;
        return true;
    }
    if (tag < 0xa0) {
        *at = start + 1;
        return token_container(token, tag < 0x90, tag & 0x0fu, left - 1);
    }
    if (tag < 0xc0) {
        *at = start + 1 + (tag & 0x1fu);
        return token_text(token, start + 1, tag & 0x1fu, left - 1);
    }
    size_t size = sizes[tag - 0xc0];
    if (size == 0 || left < size) {
        return false;
    }
    if (size == 1) {
        token->type = tag == 0xc0 ? VALUE_NIL : VALUE_BOOL;
        token->boolean = tag == 0xc3;
    } else if (!token_long(token, start, size, left - size)) {
        return false;
    }
    *at = start + size + (token->type == VALUE_STRING ? token->text.len : 0);
    return true;
}

#endif
