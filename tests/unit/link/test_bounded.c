#include "link/bounded.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

struct bounded_case {
    char name[40];
    uint8_t bytes[24];
    size_t len;
    bool bounded;
};

ParameterizedTestParameters(bounded, item)
{
    static struct bounded_case cases[] = {
        {"nothing", {0}, 0, false},
        {"a number", {5}, 1, true},
        {"an empty array", {0x90}, 1, true},
        {"an array and what it holds", {0x92, 1, 2}, 3, true},
        {"an item is missing", {0x92, 1}, 2, false},
        {"a value is missing", {0x81, 0xa1, 'k'}, 3, false},
        {"a member", {0x81, 0xa1, 'k', 0xc0}, 4, true},
        {"an array that asks for gigabytes", {0xdd, 0xff, 0xff, 0xff, 0xff, 1}, 6, false},
        {"a map that does", {0xdf, 0xff, 0xff, 0xff, 0xff, 1}, 6, false},
        {"one inside another", {0x92, 0xdd, 0x7f, 0, 0, 0, 1, 2}, 8, false},
        {"a count that is cut", {0xdd, 0, 0}, 3, false},
        {"text that is cut", {0xa3, 'a', 'b'}, 3, false},
        {"bytes that are cut", {0xc6, 0xff, 0xff, 0xff, 0xff, 0}, 6, false},
        {"a float that is cut", {0xcb, 0, 0, 0, 0, 0, 0, 0}, 8, false},
        {"a float", {0xcb, 0, 0, 0, 0, 0, 0, 0, 0}, 9, true},
        {"an ext of fixed size",
         {0xd8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
         18,
         true},
        {"bytes behind it", {0x91, 1, 2}, 3, true},
        {"many share what is left", {0x93, 0x93, 0x93, 1, 2, 3, 4}, 7, false},
    };
    return cr_make_param_array(struct bounded_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct bounded_case *c, bounded, item)
{
    uint8_t *copy = malloc(c->len ? c->len : 1);
    memcpy(copy, c->bytes, c->len);
    cr_assert(eq(int, link_bounded(copy, c->len), c->bounded), "%s", c->name);
    free(copy);
}

/* Whatever msgpack-c can unpack is bounded, so nothing that was read before is refused. */
Test(bounded, agrees_with_the_unpacker)
{
    uint32_t seed = 3;
    for (int i = 0; i < 200000; i++) {
        uint8_t bytes[24];
        size_t len = 0;
        do {
            seed = seed * 1664525u + 1013904223u;
            bytes[len++] = (uint8_t)(seed >> 24);
        } while (len < sizeof(bytes) && seed >> 8 & 15);
        if (link_bounded(bytes, len)) {
            continue;
        }
        size_t offset = 0;
        msgpack_object object;
        msgpack_zone zone;
        if (memchr(bytes, 0xdd, len) || memchr(bytes, 0xdf, len)) {
            continue; /* the unpacker might take gigabytes */
        }
        msgpack_zone_init(&zone, 1024);
        cr_assert(ne(int, msgpack_unpack((const char *)bytes, len, &offset, &zone, &object),
                     MSGPACK_UNPACK_SUCCESS));
        msgpack_zone_destroy(&zone);
    }
}
