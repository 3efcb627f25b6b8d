/* The first bytes of one msgpack item: what it is and how long. For lib/value and for
 * walks that must be fast (lib/schema); elsewhere use value.h. Reads without bounds: the bytes have
 * been checked. */
#ifndef VALUE_HEAD_H
#define VALUE_HEAD_H

#include "value/value.h"

struct head {
    enum value_type type;
    uint32_t size;  /* bytes of the header, and of a number all of it */
    uint32_t count; /* items, members, or string bytes */
};

static inline uint32_t load_be16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static inline uint32_t load_be32(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, 4);
    return __builtin_bswap32(word);
}

static inline uint64_t load_be64(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return __builtin_bswap64(word);
}

static inline struct head head_read(const uint8_t *at)
{
    uint8_t tag = at[0];
    if (tag < 0x80 || tag >= 0xe0) {
        return (struct head){VALUE_NUMBER, 1, 0};
    }
    if (tag < 0x90) {
        return (struct head){VALUE_MAP, 1, tag & 0x0fu};
    }
    if (tag < 0xa0) {
        return (struct head){VALUE_ARRAY, 1, tag & 0x0fu};
    }
    if (tag < 0xc0) {
        return (struct head){VALUE_STRING, 1, tag & 0x1fu};
    }
    switch (tag) {
    case 0xc2:
    case 0xc3:
        return (struct head){VALUE_BOOL, 1, 0};
    case 0xcc:
    case 0xd0:
        return (struct head){VALUE_NUMBER, 2, 0};
    case 0xcd:
    case 0xd1:
        return (struct head){VALUE_NUMBER, 3, 0};
    case 0xce:
    case 0xd2:
        return (struct head){VALUE_NUMBER, 5, 0};
    case 0xcb:
    case 0xcf:
    case 0xd3:
        return (struct head){VALUE_NUMBER, 9, 0};
    case 0xd9:
        return (struct head){VALUE_STRING, 2, at[1]};
    case 0xda:
        return (struct head){VALUE_STRING, 3, load_be16(at + 1)};
    case 0xdb:
        return (struct head){VALUE_STRING, 5, load_be32(at + 1)};
    case 0xdc:
        return (struct head){VALUE_ARRAY, 3, load_be16(at + 1)};
    case 0xdd:
        return (struct head){VALUE_ARRAY, 5, load_be32(at + 1)};
    case 0xde:
        return (struct head){VALUE_MAP, 3, load_be16(at + 1)};
    case 0xdf:
        return (struct head){VALUE_MAP, 5, load_be32(at + 1)};
    default:
        return (struct head){VALUE_NIL, 1, 0};
    }
}

static inline double head_number(const uint8_t *at)
{
    switch (at[0]) {
    case 0xcb: {
        uint64_t bits = load_be64(at + 1);
        double number;
        memcpy(&number, &bits, 8);
        return number;
    }
    case 0xcc:
        return at[1];
    case 0xcd:
        return load_be16(at + 1);
    case 0xce:
        return load_be32(at + 1);
    case 0xcf:
        return (double)load_be64(at + 1);
    case 0xd0:
        return (int8_t)at[1];
    case 0xd1:
        return (int16_t)load_be16(at + 1);
    case 0xd2:
        return (int32_t)load_be32(at + 1);
    case 0xd3:
        return (double)(int64_t)load_be64(at + 1);
    default:
        return (int8_t)at[0];
    }
}

/* The byte behind the item that starts at `at`. */
const uint8_t *value_end(const uint8_t *at);

static inline struct str head_str(const uint8_t *at, const struct head *head)
{
    return (struct str){(const char *)at + head->size, head->count};
}

#endif
