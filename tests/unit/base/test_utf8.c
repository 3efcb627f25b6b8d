#include "base/utf8.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

struct text_case {
    char name[48];
    char text[24];
    bool utf8;
    bool wtf8;
    uint8_t units; /* UTF-16 length if it is WTF-8 */
};

#define HIGH "\xed\xa0\xbd" /* U+D83D */
#define LOW "\xed\xb8\x80"  /* U+DE00 */

static struct text_case cases[] = {
    {"empty", "", true, true, 0},
    {"ascii", "hello", true, true, 5},
    {"ascii longer than a word", "hello, hello, hello", true, true, 19},
    {"two bytes, least", "\xc2\x80", true, true, 1},
    {"two bytes, most", "\xdf\xbf", true, true, 1},
    {"three bytes, least", "\xe0\xa0\x80", true, true, 1},
    {"last before the surrogates", "\xed\x9f\xbf", true, true, 1},
    {"first after the surrogates", "\xee\x80\x80", true, true, 1},
    {"three bytes, most", "\xef\xbf\xbf", true, true, 1},
    {"four bytes, least", "\xf0\x90\x80\x80", true, true, 2},
    {"four bytes, most", "\xf4\x8f\xbf\xbf", true, true, 2},
    {"mixed", "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z", true, true, 6},
    {"overlong, two bytes", "\xc0\xaf", false, false, 0},
    {"overlong, c1", "\xc1\xbf", false, false, 0},
    {"overlong, three bytes", "\xe0\x9f\xbf", false, false, 0},
    {"overlong, four bytes", "\xf0\x8f\xbf\xbf", false, false, 0},
    {"above U+10FFFF", "\xf4\x90\x80\x80", false, false, 0},
    {"f5", "\xf5\x80\x80\x80", false, false, 0},
    {"ff", "a\xff", false, false, 0},
    {"a continuation alone", "\x80", false, false, 0},
    {"one continuation too many", "\xc3\xa4\xa4", false, false, 0},
    {"cut after one of two", "abcdefgh\xc3", false, false, 0},
    {"cut after two of three", "\xe2\x82", false, false, 0},
    {"cut after three of four", "\xf0\x9f\x98", false, false, 0},
    {"a letter inside a character", "\xe2\x82z", false, false, 0},
    {"a high surrogate alone", "a" HIGH "b", false, true, 3},
    {"a low surrogate alone", LOW, false, true, 1},
    {"first surrogate", "\xed\xa0\x80", false, true, 1},
    {"last surrogate", "\xed\xbf\xbf", false, true, 1},
    {"low before high", LOW HIGH, false, true, 2},
    {"two high ones", HIGH HIGH, false, true, 2},
    {"a pair in two halves", HIGH LOW, false, false, 0},
    {"high, then a pair in two halves", HIGH HIGH LOW, false, false, 0},
    {"halves with a letter between", HIGH "-" LOW, false, true, 3},
    {"halves with a character between", HIGH "\xc3\xa4" LOW, false, true, 3},
    {"half a surrogate", "\xed\xa0", false, false, 0},
    {"a surrogate with a bad third byte", "\xed\xa0z", false, false, 0},
};

ParameterizedTestParameters(utf8, strict_and_wtf8)
{
    return cr_make_param_array(struct text_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct text_case *c, utf8, strict_and_wtf8)
{
    struct str text = str_of(c->text);
    const uint8_t *bytes = (const uint8_t *)c->text;
    cr_assert(eq(int, utf8_valid(bytes, text.len), c->utf8), "%s", c->name);
    cr_assert(eq(int, wtf8_valid(bytes, text.len), c->wtf8), "%s", c->name);
    if (c->wtf8) {
        cr_assert(eq(sz, wtf8_utf16_len(text), c->units), "%s", c->name);
    }
    for (size_t cut = 0; cut <= text.len; cut++) {
        struct utf8_check check = {0};
        bool valid = utf8_check_feed(&check, bytes, cut) &&
                     utf8_check_feed(&check, bytes + cut, text.len - cut) &&
                     utf8_check_complete(&check);
        cr_assert(eq(int, valid, c->utf8), "%s, cut at %zu", c->name, cut);
    }
}

/* RFC 3629 4, written as the grammar says and for whole texts only. */
static bool reference_valid(const uint8_t *at, size_t len)
{
    static const uint8_t rows[][5] = {
        /* lead from, lead to, second from, second to, length */
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    while (len > 0) {
        const uint8_t *row = NULL;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            row = at[0] >= rows[i][0] && at[0] <= rows[i][1] ? rows[i] : row;
        }
        if (!row || len < row[4] || (row[4] > 1 && (at[1] < row[2] || at[1] > row[3]))) {
            return false;
        }
        for (int k = 2; k < row[4]; k++) {
            if (at[k] < 0x80 || at[k] > 0xbf) {
                return false;
            }
        }
        at += row[4];
        len -= row[4];
    }
    return true;
}

Test(utf8, agrees_with_the_grammar_on_every_two_bytes_and_many_longer_texts)
{
    uint32_t random = 3;
    for (unsigned i = 0; i < 65536; i++) {
        uint8_t two[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        cr_assert(eq(int, utf8_valid(two, 2), reference_valid(two, 2)), "%04x", i);
    }
    /* Bytes at the borders of the grammar, so that valid texts are not rare. */
    static const uint8_t borders[] = {0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2,
                                      0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff};
    for (int round = 0; round < 300000; round++) {
        uint8_t bytes[5];
        for (size_t k = 0; k < sizeof(bytes); k++) {
            random = random * 1664525u + 1013904223u;
            bytes[k] = borders[(random >> 10) % sizeof(borders)];
        }
        for (size_t len = 3; len <= sizeof(bytes); len++) {
            bool want = reference_valid(bytes, len);
            cr_assert(eq(int, utf8_valid(bytes, len), want));
            cr_assert(wtf8_valid(bytes, len) || !want, "UTF-8 is WTF-8");
        }
    }
}

Test(utf8, says_no_at_the_first_byte_that_cannot_be_part_of_a_text)
{
    static const char texts[][6] = {"\xc0",     "\x80",     "\xf5",      "\xe0\x80",     "\xed\xa0",
                                    "\xf0\x80", "\xf4\x90", "\xe2\x82q", "\xf0\x9f\x98q"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct utf8_check check = {0};
        size_t len = strlen(texts[i]);
        const uint8_t *bytes = (const uint8_t *)texts[i];
        cr_assert(utf8_check_feed(&check, bytes, len - 1), "text %zu", i);
        cr_assert(not(utf8_check_feed(&check, bytes + len - 1, 1)), "text %zu", i);
    }
}

Test(utf8, encode_writes_what_the_checks_accept)
{
    for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
        uint8_t out[4];
        size_t len = wtf8_encode(cp, out);
        bool surrogate = cp >= 0xd800 && cp <= 0xdfff;
        struct str text = {(char *)out, len};
        cr_assert(wtf8_valid(out, len), "U+%04X", cp);
        cr_assert(eq(int, utf8_valid(out, len), !surrogate), "U+%04X", cp);
        cr_assert(eq(sz, wtf8_utf16_len(text), cp > 0xffff ? 2 : 1), "U+%04X", cp);
        cr_assert(eq(u32, wtf8_first_surrogate(text), surrogate ? cp : 0), "U+%04X", cp);
        cr_assert(eq(u32, wtf8_last_surrogate(text), surrogate ? cp : 0), "U+%04X", cp);
    }
}

Test(utf8, surrogates_are_seen_at_either_end_only)
{
    cr_assert(eq(u32, wtf8_first_surrogate(STR(HIGH "a")), 0xd83d));
    cr_assert(eq(u32, wtf8_last_surrogate(STR(HIGH "a")), 0));
    cr_assert(eq(u32, wtf8_last_surrogate(STR("a" LOW)), 0xde00));
    cr_assert(eq(u32, wtf8_first_surrogate(STR("a" LOW)), 0));
    cr_assert(eq(u32, wtf8_first_surrogate(STR("\xed\xa0")), 0));
    cr_assert(eq(u32, wtf8_last_surrogate((struct str){NULL, 0}), 0));
}

Test(utf8, cut_never_splits_a_character)
{
    static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";
    static const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11, 11};
    for (size_t max = 0; max < sizeof(want) / sizeof(want[0]); max++) {
        cr_assert(eq(sz, utf8_cut(str_of(text), max), want[max]), "max %zu", max);
    }
    cr_assert(eq(sz, utf8_cut((struct str){NULL, 0}, 5), 0));
}
