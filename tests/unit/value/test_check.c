#include "value/check.h"
#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>

/* All read from memory of the exact size, so that reading beyond it is seen. */
static enum err check_form(const void *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, data, len);
    struct value value = VALUE_NONE;
    enum err err = value_check_form(copy, len, &value);
    cr_assert(err ? !value_present(value) : value.data == copy && value.len == len);
    free(copy);
    return err;
}

static enum err check(const void *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, data, len);
    struct value value = VALUE_NONE;
    enum err err = value_check(copy, len, &value);
    cr_assert(err ? !value_present(value) : value.data == copy && value.len == len);
    free(copy);
    cr_assert(err || check_form(data, len) == ERR_OK);
    return err;
}

static enum err normalize(const void *data, size_t len, struct buf *out)
{
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, data, len);
    size_t before = buf_len(out);
    enum err err = value_normalize(copy, len, out);
    cr_assert(err == ERR_OK || buf_len(out) == before);
    free(copy);
    return err;
}

struct bytes_case {
    char name[48];
    uint8_t data[32];
    uint8_t len;
    uint8_t want[32]; /* normal form */
    uint8_t want_len; /* 0: malformed */
};

#define BYTES(literal) literal, sizeof(literal) - 1

static const struct bytes_case cases[] = {
    {"nil", BYTES("\xc0"), BYTES("\xc0")},
    {"false", BYTES("\xc2"), BYTES("\xc2")},
    {"true", BYTES("\xc3"), BYTES("\xc3")},
    {"zero", BYTES("\x00"), BYTES("\x00")},
    {"uint 8", BYTES("\xcc\x80"), BYTES("\xcc\x80")},
    {"uint 8 that is a fixint", BYTES("\xcc\x7f"), BYTES("\x7f")},
    {"uint 16", BYTES("\xcd\x01\x00"), BYTES("\xcd\x01\x00")},
    {"uint 16 that is a uint 8", BYTES("\xcd\x00\xff"), BYTES("\xcc\xff")},
    {"uint 32", BYTES("\xce\x00\x01\x00\x00"), BYTES("\xce\x00\x01\x00\x00")},
    {"uint 32 that is a uint 16", BYTES("\xce\x00\x00\xff\xff"), BYTES("\xcd\xff\xff")},
    {"uint 64", BYTES("\xcf\x00\x00\x00\x01\x00\x00\x00\x00"),
     BYTES("\xcf\x00\x00\x00\x01\x00\x00\x00\x00")},
    {"uint 64 that is zero", BYTES("\xcf\x00\x00\x00\x00\x00\x00\x00\x00"), BYTES("\x00")},
    {"2^53", BYTES("\xcf\x00\x20\x00\x00\x00\x00\x00\x00"),
     BYTES("\xcf\x00\x20\x00\x00\x00\x00\x00\x00")},
    {"2^53 + 1 is 2^53", BYTES("\xcf\x00\x20\x00\x00\x00\x00\x00\x01"),
     BYTES("\xcf\x00\x20\x00\x00\x00\x00\x00\x00")},
    {"2^53 + 2 is a float", BYTES("\xcf\x00\x20\x00\x00\x00\x00\x00\x02"),
     BYTES("\xcb\x43\x40\x00\x00\x00\x00\x00\x01")},
    {"2^64 - 1 is 2^64", BYTES("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
     BYTES("\xcb\x43\xf0\x00\x00\x00\x00\x00\x00")},
    {"negative fixint", BYTES("\xe0"), BYTES("\xe0")},
    {"int 8", BYTES("\xd0\xdf"), BYTES("\xd0\xdf")},
    {"int 8 that is a fixint", BYTES("\xd0\xe0"), BYTES("\xe0")},
    {"int 8 that is positive", BYTES("\xd0\x05"), BYTES("\x05")},
    {"int 16", BYTES("\xd1\xff\x7f"), BYTES("\xd1\xff\x7f")},
    {"int 16 that is an int 8", BYTES("\xd1\xff\x80"), BYTES("\xd0\x80")},
    {"int 16 that is a uint 16", BYTES("\xd1\x7f\xff"), BYTES("\xcd\x7f\xff")},
    {"int 32", BYTES("\xd2\xff\xff\x7f\xff"), BYTES("\xd2\xff\xff\x7f\xff")},
    {"int 32 that is an int 16", BYTES("\xd2\xff\xff\x80\x00"), BYTES("\xd1\x80\x00")},
    {"int 64", BYTES("\xd3\xff\xff\xff\xff\x7f\xff\xff\xff"),
     BYTES("\xd3\xff\xff\xff\xff\x7f\xff\xff\xff")},
    {"int 64 that is an int 32", BYTES("\xd3\xff\xff\xff\xff\x80\x00\x00\x00"),
     BYTES("\xd2\x80\x00\x00\x00")},
    {"int 64 that is a uint 32", BYTES("\xd3\x00\x00\x00\x00\x80\x00\x00\x00"),
     BYTES("\xce\x80\x00\x00\x00")},
    {"-2^53", BYTES("\xd3\xff\xe0\x00\x00\x00\x00\x00\x00"),
     BYTES("\xd3\xff\xe0\x00\x00\x00\x00\x00\x00")},
    {"-2^53 - 2 is a float", BYTES("\xd3\xff\xdf\xff\xff\xff\xff\xff\xfe"),
     BYTES("\xcb\xc3\x40\x00\x00\x00\x00\x00\x01")},
    {"least int 64", BYTES("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"),
     BYTES("\xcb\xc3\xe0\x00\x00\x00\x00\x00\x00")},
    {"a half", BYTES("\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00"),
     BYTES("\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00")},
    {"a half in float 32", BYTES("\xca\x3f\x00\x00\x00"),
     BYTES("\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00")},
    {"one in float 32", BYTES("\xca\x3f\x80\x00\x00"), BYTES("\x01")},
    {"one in float 64", BYTES("\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00"), BYTES("\x01")},
    {"negative zero", BYTES("\xcb\x80\x00\x00\x00\x00\x00\x00\x00"), BYTES("\x00")},
    {"negative zero in float 32", BYTES("\xca\x80\x00\x00\x00"), BYTES("\x00")},
    {"not a number", BYTES("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"), BYTES("\xc0")},
    {"not a number, with sign", BYTES("\xcb\xff\xf8\x00\x00\x00\x00\x00\x01"), BYTES("\xc0")},
    {"not a number in float 32", BYTES("\xca\x7f\xc0\x00\x00"), BYTES("\xc0")},
    {"infinity", BYTES("\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"),
     BYTES("\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00")},
    {"minus infinity in float 32", BYTES("\xca\xff\x80\x00\x00"),
     BYTES("\xcb\xff\xf0\x00\x00\x00\x00\x00\x00")},
    {"2^53 in float 64", BYTES("\xcb\x43\x40\x00\x00\x00\x00\x00\x00"),
     BYTES("\xcf\x00\x20\x00\x00\x00\x00\x00\x00")},
    {"empty string", BYTES("\xa0"), BYTES("\xa0")},
    {"string", BYTES("\xa1x"), BYTES("\xa1x")},
    {"short str 8", BYTES("\xd9\x01x"), BYTES("\xa1x")},
    {"short str 16", BYTES("\xda\x00\x01x"), BYTES("\xa1x")},
    {"short str 32", BYTES("\xdb\x00\x00\x00\x01x"), BYTES("\xa1x")},
    {"lone surrogate", BYTES("\xa3\xed\xa0\xbd"), BYTES("\xa3\xed\xa0\xbd")},
    {"two halves of a pair", BYTES("\xa6\xed\xa0\xbd\xed\xb8\x80"), {0}, 0},
    {"overlong", BYTES("\xa2\xc0\x80"), {0}, 0},
    {"cut character", BYTES("\xa1\xc3"), {0}, 0},
    {"NUL in a string", BYTES("\xa2\x00x"), BYTES("\xa2\x00x")},
    {"empty array", BYTES("\x90"), BYTES("\x90")},
    {"empty array 16", BYTES("\xdc\x00\x00"), BYTES("\x90")},
    {"short array 16", BYTES("\xdc\x00\x01\xc0"), BYTES("\x91\xc0")},
    {"short array 32", BYTES("\xdd\x00\x00\x00\x02\xc0\x01"), BYTES("\x92\xc0\x01")},
    {"empty map", BYTES("\x80"), BYTES("\x80")},
    {"short map 16", BYTES("\xde\x00\x01\xa1k\xc0"), BYTES("\x81\xa1k\xc0")},
    {"short map 32", BYTES("\xdf\x00\x00\x00\x01\xa1k\xc0"), BYTES("\x81\xa1k\xc0")},
    {"long header of a key", BYTES("\x81\xd9\x01k\xc0"), BYTES("\x81\xa1k\xc0")},
    {"nested", BYTES("\x81\xa1k\x92\x81\xa1k\x01\x90"), BYTES("\x81\xa1k\x92\x81\xa1k\x01\x90")},
    {"repeated key", BYTES("\x83\xa1k\x01\xa1l\x02\xa1k\x03"), BYTES("\x82\xa1k\x03\xa1l\x02")},
    {"repeated key in two spellings", BYTES("\x82\xa1k\x01\xd9\x01k\x02"), BYTES("\x81\xa1k\x02")},
    {"repeated key within what moves", BYTES("\x82\xa1k\x01\xa1k\x82\xa1l\x01\xa1l\x02"),
     BYTES("\x81\xa1k\x81\xa1l\x02")},
    {"repeated empty key", BYTES("\x82\xa0\x01\xa0\x02"), BYTES("\x81\xa0\x02")},
    {"nothing", {0}, 0, {0}, 0},
    {"two values", BYTES("\xc0\xc0"), {0}, 0},
    {"something behind an array", BYTES("\x91\x01\x02"), {0}, 0},
    {"never used", BYTES("\xc1"), {0}, 0},
    {"never used, nested", BYTES("\x91\xc1"), {0}, 0},
    {"bin 8", BYTES("\xc4\x01x"), {0}, 0},
    {"bin 16", BYTES("\xc5\x00\x01x"), {0}, 0},
    {"bin 32", BYTES("\xc6\x00\x00\x00\x01x"), {0}, 0},
    {"ext 8", BYTES("\xc7\x01\x05x"), {0}, 0},
    {"ext 16", BYTES("\xc8\x00\x01\x05x"), {0}, 0},
    {"ext 32", BYTES("\xc9\x00\x00\x00\x01\x05x"), {0}, 0},
    {"fixext 1", BYTES("\xd4\x05x"), {0}, 0},
    {"timestamp", BYTES("\xd6\xff\x00\x00\x00\x00"), {0}, 0},
    {"key that is a number", BYTES("\x81\x01\x02"), {0}, 0},
    {"key that is nil", BYTES("\x81\xc0\x02"), {0}, 0},
    {"key that is an array", BYTES("\x81\x90\x02"), {0}, 0},
    {"key that is bin", BYTES("\x81\xc4\x01k\x02"), {0}, 0},
    {"array count beyond the end", BYTES("\xdd\xff\xff\xff\xff\xc0"), {0}, 0},
    {"map count beyond the end", BYTES("\xdf\x00\x00\x00\x02\xa0\xc0\xa0"), {0}, 0},
    {"string beyond the end", BYTES("\xdb\xff\xff\xff\xffx"), {0}, 0},
};

/* What is its own normal form is canonical, and nothing else is. */
static void test_forms(const struct bytes_case *c)
{
    struct str data = {(const char *)c->data, c->len};
    struct str want = {(const char *)c->want, c->want_len};
    bool canonical = c->want_len > 0 && str_eq(data, want);
    cr_assert(eq(int, check(c->data, c->len), canonical ? ERR_OK : ERR_MALFORMED), "%s", c->name);

    struct buf out = {0};
    enum err err = normalize(c->data, c->len, &out);
    cr_assert(eq(int, err, c->want_len > 0 ? ERR_OK : ERR_MALFORMED), "%s", c->name);
    cr_assert(str_eq(buf_str(&out), want), "%s", c->name);
    buf_finish(&out);
}

Test(check, forms)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_forms(&cases[i]);
    }
}

static void test_cut(const struct bytes_case *c)
{
    for (uint8_t len = 0; c->want_len > 0 && len < c->len; len++) {
        struct buf out = {0};
        cr_assert(eq(int, check(c->data, len), ERR_MALFORMED), "%s", c->name);
        cr_assert(eq(int, normalize(c->data, len, &out), ERR_MALFORMED), "%s", c->name);
        buf_finish(&out);
    }
}

Test(check, cut)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_cut(&cases[i]);
    }
}

static void fill(struct buf *out, const char *bytes, size_t len, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        buf_append(out, bytes, len);
    }
}

static void assert_both(const struct buf *data, enum err want)
{
    struct buf out = {0};
    cr_assert(eq(int, check(buf_head(data), buf_len(data)), want));
    cr_assert(eq(int, normalize(buf_head(data), buf_len(data), &out), want));
    cr_assert(want != ERR_OK || str_eq(buf_str(data), buf_str(&out)));
    buf_finish(&out);
}

/* `levels` times `opening`, then `leaf`: what a client may send, and what may be inside. */
static void assert_depth(struct str opening, int levels, uint8_t leaf, enum err client,
                         enum err inside)
{
    struct buf data = {0};
    struct buf out = {0};
    fill(&data, opening.ptr, opening.len, levels);
    buf_append_byte(&data, leaf);
    cr_assert(eq(int, normalize(buf_head(&data), buf_len(&data), &out), client));
    cr_assert(eq(int, check(buf_head(&data), buf_len(&data)), inside));
    buf_finish(&data);
    buf_finish(&out);
}

Test(check, depth_is_limited)
{
    struct str array = {"\x91", 1};
    struct str map = {"\x81\xa0", 2};
    assert_depth(array, VALUE_MAX_DEPTH, 0xc0, ERR_OK, ERR_OK);
    assert_depth(array, VALUE_MAX_DEPTH + 1, 0xc0, ERR_TOO_DEEP, ERR_OK);
    assert_depth(map, VALUE_MAX_DEPTH - 1, 0x80, ERR_OK, ERR_OK);
    assert_depth(map, VALUE_MAX_DEPTH, 0x80, ERR_TOO_DEEP, ERR_OK);
    assert_depth(array, VALUE_MAX_DEPTH_INSIDE, 0xc0, ERR_TOO_DEEP, ERR_OK);
    assert_depth(array, VALUE_MAX_DEPTH_INSIDE + 1, 0xc0, ERR_TOO_DEEP, ERR_TOO_DEEP);
}

static void assert_wide(int levels, uint32_t wide, enum err want)
{
    struct buf data = {0};
    struct buf out = {0};
    fill(&data, "\x91", 1, levels);
    pack_array(&data, wide);
    fill(&data, "\x00", 1, (int)wide);
    cr_assert(eq(int, normalize(buf_head(&data), buf_len(&data), &out), want));
    cr_assert(eq(int, check(buf_head(&data), buf_len(&data)), ERR_OK));
    cr_assert(eq(int, value_walkable(buf_value(&data)), want == ERR_OK));
    buf_finish(&data);
    buf_finish(&out);
}

/* {a: 1, a: 2}, and the same cut short, as bin, and with a longer header than it needs. */
Test(check, the_form_alone_may_have_a_name_twice)
{
    cr_assert(eq(int,
                 check("\x82\xa1"
                       "a\x01\xa1"
                       "a\x02",
                       7),
                 ERR_MALFORMED));
    cr_assert(eq(int,
                 check_form("\x82\xa1"
                            "a\x01\xa1"
                            "a\x02",
                            7),
                 ERR_OK));
    cr_assert(eq(int,
                 check_form("\x82\xa1"
                            "a\x01\xa1"
                            "a",
                            6),
                 ERR_MALFORMED));
    cr_assert(eq(int,
                 check_form("\xc4\x01"
                            "a",
                            3),
                 ERR_MALFORMED));
    cr_assert(eq(int, check_form("\xcc\x01", 2), ERR_MALFORMED));
    cr_assert(eq(int, check_form("\xa1\xff", 2), ERR_MALFORMED));
}

Test(check, wide_and_deep_is_limited)
{
    uint32_t wide = VALUE_MAX_WORK / VALUE_MAX_DEPTH + 1;
    assert_wide(VALUE_MAX_DEPTH - 1, wide, ERR_TOO_LARGE);
    assert_wide(VALUE_MAX_DEPTH / 2, wide, ERR_OK);
}

Test(check, a_repeat_is_found_among_many_names, .timeout = 20)
{
    enum { MANY = 300000 };
    struct buf data = {0};
    pack_map(&data, MANY + 1);
    size_t header = buf_len(&data);
    for (int i = 0; i < MANY; i++) {
        char name[16];
        snprintf(name, sizeof(name), "k%d", i);
        pack_str(&data, str_of(name));
        pack_nil(&data);
    }
    struct buf distinct = {0};
    pack_map(&distinct, MANY);
    buf_append(&distinct, buf_head(&data) + header, buf_len(&data) - header);
    assert_both(&distinct, ERR_OK);

    pack_str(&data, STR("k77777"));
    pack_nil(&data);
    cr_assert(eq(int, check(buf_head(&data), buf_len(&data)), ERR_MALFORMED));
    struct buf out = {0};
    cr_assert(eq(int, normalize(buf_head(&data), buf_len(&data), &out), ERR_OK));
    cr_assert(str_eq(buf_str(&out), buf_str(&distinct)));
    buf_finish(&out);
    buf_finish(&distinct);
    buf_finish(&data);
}

Test(check, a_header_shrinks_with_its_repeats)
{
    struct buf data = {0};
    struct buf want = {0};
    buf_append(&data, BYTES("\x91\xde\x00\x12"));
    buf_append(&want, BYTES("\x91\x8f"));
    for (char c = 'a'; c < 'a' + 18; c++) {
        struct str name = {c < 'p' ? &c : "a", 1};
        pack_str(&data, name);
        pack_array(&data, 1);
        pack_number(&data, c);
        if (c < 'p') {
            pack_str(&want, name);
            pack_array(&want, 1);
            pack_number(&want, c == 'a' ? 'a' + 17 : c);
        }
    }
    struct buf out = {0};
    cr_assert(eq(int, normalize(buf_head(&data), buf_len(&data), &out), ERR_OK));
    cr_assert(str_eq(buf_str(&out), buf_str(&want)));
    buf_finish(&data);
    buf_finish(&want);
    buf_finish(&out);
}

/* The next of a fixed sequence of random numbers below `bound`. */
static uint32_t random_below(uint64_t *state, uint32_t bound)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % bound;
}

static void append_be(struct buf *out, uint64_t number, int bytes)
{
    while (bytes-- > 0) {
        buf_append_byte(out, (uint8_t)(number >> 8 * bytes));
    }
}

/* A header with any of the sizes that can hold `count`: tags for 8, 16 and 32 bits. */
static void append_header(struct buf *out, uint64_t *state, uint32_t count, const uint8_t tags[3])
{
    uint32_t form = random_below(state, 3);
    form = form == 0 && tags[0] == 0 ? 1 : form;
    buf_append_byte(out, tags[form]);
    append_be(out, count, 1 << form);
}

/* A whole number below 2^31 in one of msgpack's forms. */
static void append_whole(struct buf *out, uint64_t *state, uint32_t number)
{
    double wide = number;
    uint64_t bits;
    memcpy(&bits, &wide, sizeof(bits));
    switch (random_below(state, 5)) {
    case 0:
        buf_append_byte(out, 0xce);
        append_be(out, number, 4);
        break;
    case 1:
        buf_append_byte(out, 0xcf);
        append_be(out, number, 8);
        break;
    case 2:
        buf_append_byte(out, 0xd2);
        append_be(out, number, 4);
        break;
    case 3:
        buf_append_byte(out, 0xd3);
        append_be(out, number, 8);
        break;
    default:
        buf_append_byte(out, 0xcb);
        append_be(out, bits, 8);
        break;
    }
}

/* One random value in any encoding, and the same in canonical form. */
static void append_both(struct buf *any, struct buf *canonical, uint64_t *state, int depth)
{
    static const uint8_t str_tags[3] = {0xd9, 0xda, 0xdb};
    static const uint8_t array_tags[3] = {0, 0xdc, 0xdd};
    static const uint8_t map_tags[3] = {0, 0xde, 0xdf};
    uint32_t kind = random_below(state, depth > 0 ? 4 : 2);
    uint32_t number = random_below(state, 1u << random_below(state, 31));
    uint32_t count = random_below(state, random_below(state, 4) == 0 ? 40 : 5);
    char name[16];
    snprintf(name, sizeof(name), "%u", number);
    if (kind == 0) {
        append_whole(any, state, number);
        pack_number(canonical, number);
    } else if (kind == 1) {
        append_header(any, state, (uint32_t)strlen(name), str_tags);
        buf_append_str(any, str_of(name));
        pack_str(canonical, str_of(name));
    } else {
        append_header(any, state, count, kind == 2 ? array_tags : map_tags);
        kind == 2 ? pack_array(canonical, count) : pack_map(canonical, count);
        for (uint32_t i = 0; i < count; i++) {
            snprintf(name, sizeof(name), "%u/%u", i, number);
            if (kind == 3) {
                append_header(any, state, (uint32_t)strlen(name), str_tags);
                buf_append_str(any, str_of(name));
                pack_str(canonical, str_of(name));
            }
            append_both(any, canonical, state, depth - 1);
        }
    }
}

Test(check, any_encoding_has_the_same_normal_form)
{
    uint64_t state = 1;
    for (int i = 0; i < 2000; i++) {
        struct buf any = {0};
        struct buf canonical = {0};
        struct buf out = {0};
        append_both(&any, &canonical, &state, (int)random_below(&state, 6));
        cr_assert(eq(int, normalize(buf_head(&any), buf_len(&any), &out), ERR_OK));
        cr_assert(str_eq(buf_str(&out), buf_str(&canonical)), "round %d", i);
        assert_both(&canonical, ERR_OK);
        buf_finish(&any);
        buf_finish(&canonical);
        buf_finish(&out);
    }
}

/* Every kind of value, and every way of being none, byte by byte. */
Test(check, in_slices_it_finds_the_same)
{
    static const char *const texts[] = {
        "\x93\x01\xa3"
        "abc\x82\xa1"
        "a\xc0\xa1"
        "b\x90",
        "\x82\xa1"
        "a\x01\xa1"
        "a\x02",
        "\x92\x01",
        "\xc1",
        "\x01\x01",
        "",
        "\x80",
        "\x91\x91\x91\x91\xc3",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct value value;
        size_t len = strlen(texts[i]);
        enum err whole = value_check(texts[i], len, &value);
        struct value_checking *checking = value_checking_create(texts[i], len);
        enum err err = ERR_AGAIN;
        while (err == ERR_AGAIN) {
            struct slice slice = {1};
            err = value_checking_step(checking, &slice);
        }
        cr_assert(eq(int, err, whole), "%zu", i);
        value_checking_destroy(checking);
    }
}
