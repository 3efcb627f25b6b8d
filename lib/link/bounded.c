/* Walks over msgpack items by their first bytes. */
#include "link/bounded.h"

/* What the first byte of an item says about the rest of it. */
struct lead {
    uint8_t fixed;      /* bytes behind the first one, of known number */
    uint8_t count_size; /* or a count of this many bytes */
    uint8_t nested;     /* items for each of the count; 0: it counts bytes */
    uint64_t count;     /* if it is in the first byte */
};

static struct lead lead_of(uint8_t tag)
{
    if (tag < 0x80 || tag >= 0xe0) {
        return (struct lead){0};
    }
    if (tag < 0xa0) {
        return (struct lead){.nested = tag < 0x90 ? 2 : 1, .count = tag & 0x0f};
    }
    if (tag < 0xc0) {
        return (struct lead){.count = tag & 0x1f};
    }
    if (tag < 0xc4) { /* nil, booleans */
        return (struct lead){0};
    }
    if (tag < 0xc7) { /* bin */
        return (struct lead){.count_size = (uint8_t)(1 << (tag - 0xc4))};
    }
    if (tag < 0xca) { /* ext */
        return (struct lead){.fixed = 1, .count_size = (uint8_t)(1 << (tag - 0xc7))};
    }
    if (tag < 0xcc) { /* floats */
        return (struct lead){.fixed = (uint8_t)(4 << (tag - 0xca))};
    }
    if (tag < 0xd4) { /* integers, unsigned and signed */
        return (struct lead){.fixed = (uint8_t)(1 << ((tag - 0xcc) & 3))};
    }
    if (tag < 0xd9) { /* ext of fixed size */
        return (struct lead){.fixed = (uint8_t)(1 + (1 << (tag - 0xd4)))};
    }
    if (tag < 0xdc) { /* str */
        return (struct lead){.count_size = (uint8_t)(1 << (tag - 0xd9))};
    }
    uint8_t count_size = tag & 1 ? 4 : 2; /* arrays, maps */
    return (struct lead){.count_size = count_size, .nested = tag < 0xde ? 1 : 2};
}

bool link_bounded(const uint8_t *data, size_t len)
{
    size_t at = 0;
    uint64_t items = 1; /* still to come; each takes a byte at least */
    while (items > 0) {
        if (items > len - at) {
            return false;
        }
        struct lead lead = lead_of(data[at++]);
        items--;
        if (lead.count_size > len - at) {
            return false;
        }
        for (int i = 0; i < lead.count_size; i++) {
            lead.count = lead.count << 8 | data[at++];
        }
        if (lead.nested) {
            items += lead.count * lead.nested;
        } else if (lead.count + lead.fixed > len - at) {
            return false;
        } else {
            at += lead.count + lead.fixed;
        }
    }
    return true;
}
