#include "value/check.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <math.h>

static void assert_bytes(struct buf *buf, const void *want, size_t len)
{
    struct value value;
    cr_assert(eq(int, value_check(buf_head(buf), buf_len(buf), &value), ERR_OK));
    cr_assert(eq(sz, buf_len(buf), len));
    cr_assert(memcmp(buf_head(buf), want, len) == 0);
    buf_finish(buf);
}

struct number_case {
    char name[40];
    double number;
    uint8_t want[9];
    uint8_t len;
};

static const struct number_case number_cases[] = {
    {"zero", 0, {0}, 1},
    {"negative zero", -0.0, {0}, 1},
    {"not a number", NAN, {0xc0}, 1},
    {"most of positive fixint", 127, {0x7f}, 1},
    {"least of uint 8", 128, {0xcc, 0x80}, 2},
    {"most of uint 8", 255, {0xcc, 0xff}, 2},
    {"least of uint 16", 256, {0xcd, 1, 0}, 3},
    {"most of uint 16", 65535, {0xcd, 0xff, 0xff}, 3},
    {"least of uint 32", 65536, {0xce, 0, 1, 0, 0}, 5},
    {"most of uint 32", 4294967295, {0xce, 0xff, 0xff, 0xff, 0xff}, 5},
    {"least of uint 64", 4294967296, {0xcf, 0, 0, 0, 1}, 9},
    {"2^53", 9007199254740992, {0xcf, 0, 0x20}, 9},
    {"beyond 2^53", 9007199254740994, {0xcb, 0x43, 0x40, 0, 0, 0, 0, 0, 1}, 9},
    {"least of negative fixint", -32, {0xe0}, 1},
    {"most of int 8", -33, {0xd0, 0xdf}, 2},
    {"least of int 8", -128, {0xd0, 0x80}, 2},
    {"most of int 16", -129, {0xd1, 0xff, 0x7f}, 3},
    {"least of int 16", -32768, {0xd1, 0x80, 0}, 3},
    {"most of int 32", -32769, {0xd2, 0xff, 0xff, 0x7f, 0xff}, 5},
    {"least of int 32", -2147483648.0, {0xd2, 0x80, 0, 0, 0}, 5},
    {"most of int 64", -2147483649.0, {0xd3, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff}, 9},
    {"-2^53", -9007199254740992, {0xd3, 0xff, 0xe0}, 9},
    {"below -2^53", -9007199254740994, {0xcb, 0xc3, 0x40, 0, 0, 0, 0, 0, 1}, 9},
    {"a half", 0.5, {0xcb, 0x3f, 0xe0}, 9},
    {"infinity", INFINITY, {0xcb, 0x7f, 0xf0}, 9},
    {"minus infinity", -INFINITY, {0xcb, 0xff, 0xf0}, 9},
    {"1e300", 1e300, {0xcb, 0x7e, 0x37, 0xe4, 0x3c, 0x88, 0x00, 0x75, 0x9c}, 9},
};

static void test_number(const struct number_case *c)
{
    struct buf out = {0};
    pack_number(&out, c->number);
    assert_bytes(&out, c->want, c->len);
}

Test(pack, number)
{
    for (size_t i = 0; i < sizeof(number_cases) / sizeof(number_cases[0]); i++) {
        test_number(&number_cases[i]);
    }
}

Test(pack, u64_takes_the_shortest_form)
{
    struct buf out = {0};
    pack_u64(&out, 127);
    assert_bytes(&out, "\x7f", 1);
    pack_u64(&out, 9007199254740992);
    assert_bytes(&out, "\xcf\x00\x20\x00\x00\x00\x00\x00\x00", 9);
}

struct header_case {
    uint32_t count;
    uint8_t str[5];
    uint8_t str_len;
    uint8_t array[5];
    uint8_t map[5];
    uint8_t container_len;
};

static const struct header_case headers_cases[] = {
    {0, {0xa0}, 1, {0x90}, {0x80}, 1},
    {15, {0xaf}, 1, {0x9f}, {0x8f}, 1},
    {16, {0xb0}, 1, {0xdc, 0, 16}, {0xde, 0, 16}, 3},
    {31, {0xbf}, 1, {0xdc, 0, 31}, {0xde, 0, 31}, 3},
    {32, {0xd9, 32}, 2, {0xdc, 0, 32}, {0xde, 0, 32}, 3},
    {255, {0xd9, 255}, 2, {0xdc, 0, 255}, {0xde, 0, 255}, 3},
    {256, {0xda, 1, 0}, 3, {0xdc, 1, 0}, {0xde, 1, 0}, 3},
    {65535, {0xda, 255, 255}, 3, {0xdc, 255, 255}, {0xde, 255, 255}, 3},
    {65536, {0xdb, 0, 1, 0, 0}, 5, {0xdd, 0, 1, 0, 0}, {0xdf, 0, 1, 0, 0}, 5},
};

static void test_headers(const struct header_case *c)
{
    char *text = calloc(1, c->count + 1);
    struct buf out = {0};
    pack_str(&out, (struct str){text, c->count});
    cr_assert(eq(sz, buf_len(&out), c->str_len + (size_t)c->count));
    cr_assert(memcmp(buf_head(&out), c->str, c->str_len) == 0);
    buf_truncate(&out, 0);
    pack_array(&out, c->count);
    cr_assert(eq(sz, buf_len(&out), c->container_len));
    cr_assert(memcmp(buf_head(&out), c->array, c->container_len) == 0);
    buf_truncate(&out, 0);
    pack_map(&out, c->count);
    cr_assert(eq(sz, buf_len(&out), c->container_len));
    cr_assert(memcmp(buf_head(&out), c->map, c->container_len) == 0);
    buf_finish(&out);
    free(text);
}

Test(pack, headers)
{
    for (size_t i = 0; i < sizeof(headers_cases) / sizeof(headers_cases[0]); i++) {
        test_headers(&headers_cases[i]);
    }
}

Test(pack, a_whole_document)
{
    struct buf inner = {0};
    pack_array(&inner, 3);
    pack_nil(&inner);
    pack_bool(&inner, false);
    pack_bool(&inner, true);

    struct buf out = {0};
    pack_map(&out, 3);
    pack_member(&out, STR("a"), buf_value(&inner));
    pack_str(&out, STR("b"));
    pack_value(&out, VALUE_NONE);
    pack_member(&out, STR(""), VALUE_NONE);
    assert_bytes(&out,
                 "\x83\xa1"
                 "a\x93\xc0\xc2\xc3\xa1"
                 "b\xc0\xa0\xc0",
                 12);
    buf_finish(&inner);
}

Test(pack, absent_text_is_empty)
{
    struct buf out = {0};
    pack_str(&out, (struct str){0});
    assert_bytes(&out, "\xa0", 1);
}
