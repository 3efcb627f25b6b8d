#include "value/check.h"
#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>

/* In memory of its exact size, so that reading beyond it is seen. */
static enum err parse(struct str text, struct buf *out)
{
    char *copy = malloc(text.len ? text.len : 1);
    memcpy(copy, text.len ? text.ptr : "", text.len);
    enum err err = json_parse((struct str){copy, text.len}, out);
    free(copy);
    return err;
}

/* Parses, checks what came out and appends it as text. */
static void rewrite(struct str text, struct buf *out)
{
    struct buf packed = {0};
    enum err err = parse(text, &packed);
    cr_assert(eq(int, err, ERR_OK), "%.*s", STR_ARG(text));
    struct value value;
    cr_assert(eq(int, value_check(buf_head(&packed), buf_len(&packed), &value), ERR_OK));
    json_write(value, out);
    buf_finish(&packed);
}

static void assert_text(struct buf *out, struct str want)
{
    cr_assert(str_eq(buf_str(out), want), "%.*s\nis not\n%.*s", STR_ARG(buf_str(out)),
              STR_ARG(want));
    buf_finish(out);
}

static void assert_rewritten(struct str text, struct str want)
{
    struct buf out = {0};
    rewrite(text, &out);
    assert_text(&out, want);
}

static void assert_refused(struct str text, enum err want)
{
    struct buf out = {0};
    buf_append_str(&out, STR("before"));
    cr_assert(eq(int, parse(text, &out), want), "%.*s", STR_ARG(text));
    assert_text(&out, STR("before"));
}

struct text_case {
    char text[96];
    char want[96]; /* as JSON.stringify(JSON.parse(text)) */
};

static const struct text_case accepted_cases[] = {
    {"null", "null"},
    {"true", "true"},
    {"false", "false"},
    {"0", "0"},
    {"\"\"", "\"\""},
    {"[]", "[]"},
    {"{}", "{}"},
    {" \t\r\n[ \t\r\n] \t\r\n", "[]"},
    {" { \"a\" : 1 , \"b\" : [ 2 , 3 ] } ", "{\"a\":1,\"b\":[2,3]}"},
    {"[null,true,false]", "[null,true,false]"},
    {"[[],{},[[]],[{}]]", "[[],{},[[]],[{}]]"},
    {"{\"a\":{\"b\":{\"c\":[]}}}", "{\"a\":{\"b\":{\"c\":[]}}}"},
    {"{\"\":0}", "{\"\":0}"},
    {"{\"__proto__\":{\"constructor\":1}}", "{\"__proto__\":{\"constructor\":1}}"},
    /* Numbers. */
    {"-0", "0"},
    {"-0.0", "0"},
    {"-0e5", "0"},
    {"1.0", "1"},
    {"1e2", "100"},
    {"1E2", "100"},
    {"1e+2", "100"},
    {"100e-2", "1"},
    {"1.5e1", "15"},
    {"0.1", "0.1"},
    {"0.000001", "0.000001"},
    {"0.0000001", "1e-7"},
    {"-12.5", "-12.5"},
    {"1e21", "1e+21"},
    {"1e-7", "1e-7"},
    {"5e-324", "5e-324"},
    {"1.7976931348623157e308", "1.7976931348623157e+308"},
    {"123456789012345680000", "123456789012345680000"},
    {"0.30000000000000004", "0.30000000000000004"},
    {"9007199254740993", "9007199254740992"},
    {"-9007199254740993", "-9007199254740992"},
    {"9007199254740992.5", "9007199254740992"},
    {"99999999999999999999999999", "1e+26"},
    {"0.00000000000000000000000000000001", "1e-32"},
    {"1e22", "1e+22"},
    {"1e23", "1e+23"},
    {"9007199254740992e22", "9.007199254740992e+37"},
    {"1e999", "null"},
    {"-1e999", "null"},
    {"1e-999", "0"},
    /* Strings. */
    {"\"abc\"", "\"abc\""},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
    {"\"\\u0000\\u001f\\u007f\\u000b\"", "\"\\u0000\\u001f\x7f\\u000b\""},
    {"\"\\u0041\\u00e9\\u20aC\"", "\"A\xc3\xa9\xe2\x82\xac\""},
    {"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
    {"\"\xe2\x80\xa8\xe2\x80\xa9\"", "\"\xe2\x80\xa8\xe2\x80\xa9\""},
    {"\"\\u2028\"", "\"\xe2\x80\xa8\""},
    {"\"\xed\x9f\xbf\xee\x80\x80\"", "\"\xed\x9f\xbf\xee\x80\x80\""},
    {"\"\\uD83D\\uDE00\"", "\"\xf0\x9f\x98\x80\""},
    {"\"\\ud83d\"", "\"\\ud83d\""},
    {"\"\\ude00\"", "\"\\ude00\""},
    {"\"\\uDE00\\uD83D\"", "\"\\ude00\\ud83d\""},
    {"\"\\ud83dx\\ude00\"", "\"\\ud83dx\\ude00\""},
    {"\"\\ud83d\\ud83d\\ude00\"", "\"\\ud83d\xf0\x9f\x98\x80\""},
    {"\"\\ud83d\\n\\ude00\"", "\"\\ud83d\\n\\ude00\""},
    {"\"\\ud83d\\u0041\"", "\"\\ud83d"
                           "A\""},
    {"{\"\\u0061\":1}", "{\"a\":1}"},
    /* Members with one name. */
    {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
    {"{\"a\":1,\"b\":2,\"a\":3,\"c\":4,\"a\":5}", "{\"a\":5,\"b\":2,\"c\":4}"},
    {"{\"a\":1,\"\\u0061\":[]}", "{\"a\":[]}"},
    {"{\"\":1,\"\":2}", "{\"\":2}"},
    {"{\"a\":{\"b\":1,\"b\":2},\"a\":{\"c\":3,\"c\":4}}", "{\"a\":{\"c\":4}}"},
    {"{\"a\":0,\"x\":1,\"a\":{\"a\":0,\"y\":2,\"a\":{\"z\":3}}}",
     "{\"a\":{\"a\":{\"z\":3},\"y\":2},\"x\":1}"},
    {"[{\"a\":1,\"a\":2},{\"b\":[{\"c\":3,\"c\":4}]},5]", "[{\"a\":2},{\"b\":[{\"c\":4}]},5]"},
    {"{\"__proto__\":1,\"__proto__\":2}", "{\"__proto__\":2}"},
};

static void test_accepted(const struct text_case *c)
{
    assert_rewritten(str_of(c->text), str_of(c->want));
}

Test(json, accepted)
{
    for (size_t i = 0; i < sizeof(accepted_cases) / sizeof(accepted_cases[0]); i++) {
        test_accepted(&accepted_cases[i]);
    }
}

struct bad_case {
    char text[48];
};

static const struct bad_case refused_cases[] = {
    {""},
    {" "},
    {"\xef\xbb\xbf{}"},
    {"\xc2\xa0{}"},
    {"{}\v"},
    {"\f{}"},
    {"\xe2\x80\xa8{}"},
    {"{}{}"},
    {"1 2"},
    {"nul"},
    {"nulll"},
    {"Null"},
    {"True"},
    {"undefined"},
    {"NaN"},
    {"Infinity"},
    {"-Infinity"},
    {"+1"},
    {".5"},
    {"1."},
    {"1.e5"},
    {"-.5"},
    {"-"},
    {"- 1"},
    {"01"},
    {"-01"},
    {"00"},
    {"0x10"},
    {"1e"},
    {"1e+"},
    {"1e-"},
    {"1e1.5"},
    {"1_000"},
    {"1n"},
    {"["},
    {"]"},
    {"[,]"},
    {"[1,]"},
    {"[,1]"},
    {"[1 2]"},
    {"[1}"},
    {"[1:2]"},
    {"[]]"},
    {"{"},
    {"}"},
    {"{,}"},
    {"{\"a\"}"},
    {"{\"a\":}"},
    {"{\"a\":1,}"},
    {"{\"a\":1"},
    {"{\"a\":1]"},
    {"{\"a\" 1}"},
    {"{\"a\",1}"},
    {"{a:1}"},
    {"{'a':1}"},
    {"{1:1}"},
    {"{null:1}"},
    {"{\"a\":1 \"b\":2}"},
    {"{\"a\"::1}"},
    {"'a'"},
    {"\""},
    {"\"a"},
    {"\"\\"},
    {"\"\\\""},
    {"\"\\x41\""},
    {"\"\\'\""},
    {"\"\\0\""},
    {"\"\\U0041\""},
    {"\"\\u\""},
    {"\"\\u004\""},
    {"\"\\u004g\""},
    {"\"\\u00:0\""},
    {"\"\\u00@0\""},
    {"\"\\u-041\""},
    {"\"\\ud83d\\u\""},
    {"\"\\ud83d\\ude0\""},
    {"\"\t\""},
    {"\"\n\""},
    {"\"\x1f\""},
    {"\"0123456789abcdef\x01\""},
    {"\"\\n\x1f\""},
    {"\"\x80\""},
    {"\"\xc3\""},
    {"\"\xc3\\u00a9\""},
    {"\"\xc0\xaf\""},
    {"\"\xed\xa0\xbd\""},
    {"\"\xed\xa0\xbd\xed\xb8\x80\""},
    {"\"\xf4\x90\x80\x80\""},
    {"\"\\n\xff\""},
    {"{\"\xff\":1}"},
    {"\xff"},
    {"// no\n1"},
    {"/**/1"},
    {"[1,2"},
    {"(1)"},
    {"#"},
};

static void test_refused(const struct bad_case *c)
{
    assert_refused(str_of(c->text), ERR_MALFORMED);
}

Test(json, refused)
{
    for (size_t i = 0; i < sizeof(refused_cases) / sizeof(refused_cases[0]); i++) {
        test_refused(&refused_cases[i]);
    }
}

Test(json, a_nul_is_no_blank_and_no_character)
{
    assert_refused((struct str){"\0", 1}, ERR_MALFORMED);
    assert_refused((struct str){"1\0", 2}, ERR_MALFORMED);
    assert_refused((struct str){"\"a\0b\"", 5}, ERR_MALFORMED);
    assert_refused((struct str){"[\0]", 3}, ERR_MALFORMED);
}

Test(json, absent_text_is_refused)
{
    struct buf out = {0};
    cr_assert(eq(int, json_parse((struct str){0}, &out), ERR_MALFORMED));
    buf_finish(&out);
}

/* A text with everything in it. */
static const char everything[] =
    "{\"type\":\"push\",\"clock\":-12.5e1,\"list\":[null,true,false,0.1,1e999,[],{}],"
    "\"text\":\"quote \\\" slash \\\\ \\u00e9 \xf0\x9f\x98\x80 \\ud83d\\ude00 \\ud83d\","
    "\"again\":{\"x\":1,\"x\":{\"y\":0}},\"long name of a member, over sixteen\":123456789}";

Test(json, cut_at_any_byte_is_refused)
{
    struct str text = str_of(everything);
    for (size_t len = 0; len < text.len; len++) {
        assert_refused((struct str){text.ptr, len}, ERR_MALFORMED);
    }
    struct buf out = {0};
    cr_assert(eq(int, parse(text, &out), ERR_OK));
    buf_finish(&out);
}

Test(json, any_byte_changed_is_refused_or_canonical)
{
    char text[sizeof(everything)];
    for (size_t i = 0; i + 1 < sizeof(text); i++) {
        for (int byte = 0; byte < 256; byte++) {
            memcpy(text, everything, sizeof(text));
            text[i] = (char)byte;
            struct buf out = {0};
            struct value value;
            if (parse((struct str){text, sizeof(text) - 1}, &out) == ERR_OK) {
                cr_assert(value_check(buf_head(&out), buf_len(&out), &value) == ERR_OK);
            }
            buf_finish(&out);
        }
    }
}

Test(json, appends_behind_what_is_there)
{
    struct buf out = {0};
    buf_append_str(&out, STR("xyz"));
    buf_consume(&out, 1);
    cr_assert(eq(int, parse(STR("{\"a\":1,\"a\":[2]}"), &out), ERR_OK));
    assert_text(&out, STR("yz\x81\xa1"
                          "a\x91\x02"));
}

static void repeat(struct buf *out, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        buf_append_str(out, str_of(text));
    }
}

static void nest(struct buf *out, const char *open, const char *core, const char *close,
                 size_t depth)
{
    buf_truncate(out, 0);
    repeat(out, open, depth);
    buf_append_str(out, str_of(core));
    repeat(out, close, depth);
}

Test(json, depth_is_limited)
{
    struct buf text = {0};
    nest(&text, "[", "", "]", VALUE_MAX_DEPTH);
    assert_rewritten(buf_str(&text), buf_str(&text));
    nest(&text, "{\"a\":", "1", "}", VALUE_MAX_DEPTH);
    assert_rewritten(buf_str(&text), buf_str(&text));
    nest(&text, "[", "", "]", VALUE_MAX_DEPTH + 1);
    assert_refused(buf_str(&text), ERR_TOO_DEEP);
    nest(&text, "{\"a\":", "1", "}", VALUE_MAX_DEPTH + 1);
    assert_refused(buf_str(&text), ERR_TOO_DEEP);
    nest(&text, "[", "", "", 1000000);
    assert_refused(buf_str(&text), ERR_TOO_DEEP);
    buf_finish(&text);
}

Test(json, wide_and_deep_is_limited)
{
    struct buf wide = {0};
    repeat(&wide, "0,", VALUE_MAX_WORK / VALUE_MAX_DEPTH);
    buf_append(&wide, "0", 2);
    struct buf text = {0};
    nest(&text, "[", (const char *)buf_head(&wide), "]", VALUE_MAX_DEPTH);
    assert_refused(buf_str(&text), ERR_TOO_LARGE);
    nest(&text, "[", (const char *)buf_head(&wide), "]", VALUE_MAX_DEPTH / 2);
    assert_rewritten(buf_str(&text), buf_str(&text));
    buf_finish(&wide);
    buf_finish(&text);
}

struct count_case {
    uint32_t count;
};

static const struct count_case counts_cases[] = {{1},  {15},  {16},  {17},    {31},    {32},
                                                 {33}, {255}, {256}, {65535}, {65536}, {70000}};

static void test_counts(const struct count_case *c)
{
    /* Arrays, objects and strings of that size, also inside each other. */
    struct buf text = {0};
    buf_append_str(&text, STR("[["));
    repeat(&text, "0,", c->count - 1);
    buf_append_str(&text, STR("{}],{"));
    for (uint32_t i = 0; i < c->count; i++) {
        buf_printf(&text, "%s\"k%u\":%s", i ? "," : "", i, i == c->count / 2 ? "[1,2]" : "\"\"");
    }
    buf_append_str(&text, STR("},\""));
    repeat(&text, "x", c->count);
    buf_append_str(&text, STR("\",\"\\n"));
    repeat(&text, "x", c->count - 1);
    buf_append_str(&text, STR("\"]"));
    assert_rewritten(buf_str(&text), buf_str(&text));
    buf_finish(&text);
}

Test(json, counts)
{
    for (size_t i = 0; i < sizeof(counts_cases) / sizeof(counts_cases[0]); i++) {
        test_counts(&counts_cases[i]);
    }
}

Test(json, long_headers_nest)
{
    /* Each level has 16 items and so a header that is longer than reserved. */
    struct buf text = {0};
    nest(&text, "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,", "{\"x\":1}", "]", 500);
    assert_rewritten(buf_str(&text), buf_str(&text));
    nest(&text, "[", "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14", ",[],[0,1],2]", 500);
    assert_rewritten(buf_str(&text), buf_str(&text));
    nest(&text, "[[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15],", "0",
         ",0,1,2,3,4,5,6,7,8,9,10,11,12,13]", 500);
    assert_rewritten(buf_str(&text), buf_str(&text));
    buf_finish(&text);
}

Test(json, repeated_names_nest)
{
    struct buf text = {0};
    struct buf want = {0};
    nest(&text, "{\"a\":[0],\"b\":1,\"a\":", "[2]", "}", 900);
    nest(&want, "{\"a\":", "[2]", ",\"b\":1}", 900);
    assert_rewritten(buf_str(&text), buf_str(&want));

    /* What loses holds repeats itself, and so does what wins. */
    nest(&text, "{\"a\":{\"x\":1,\"x\":2},\"a\":{\"a\":0,\"a\":", "{\"y\":1,\"y\":3}", "}}", 400);
    nest(&want, "{\"a\":{\"a\":", "{\"y\":3}", "}}", 400);
    assert_rewritten(buf_str(&text), buf_str(&want));

    /* Headers that grow around and within what moves. */
    static const char many[] = "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]";
    nest(&text, "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,{\"a\":[],\"a\":", many, "}]", 400);
    nest(&want, "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,{\"a\":", many, "}]", 400);
    assert_rewritten(buf_str(&text), buf_str(&want));
    buf_finish(&text);
    buf_finish(&want);
}

Test(json, sixteen_members_become_fifteen)
{
    struct buf text = {0};
    struct buf want = {0};
    for (int i = 0; i < 15; i++) {
        buf_printf(&text, "%s\"k%d\":%d", i ? "," : "{", i, i);
        buf_printf(&want, "%s\"k%d\":%d", i ? "," : "{", i, i == 3 ? 99 : i);
    }
    buf_append_str(&text, STR(",\"k3\":99}"));
    buf_append_str(&want, STR("}"));
    assert_rewritten(buf_str(&text), buf_str(&want));
    buf_finish(&text);
    buf_finish(&want);
}

Test(json, a_repeat_is_found_among_many_names, .timeout = 20)
{
    enum { MANY = 1000000 };
    struct buf text = {0};
    for (int i = 0; i < MANY; i++) {
        buf_printf(&text, "%s\"k%d\":%d", i ? "," : "{", i, i % 10);
    }
    struct buf want = {0};
    buf_append(&want, buf_head(&text), buf_len(&text));
    buf_append_str(&want, STR("}"));
    buf_append_str(&text, STR(",\"k500000\":0}"));
    assert_rewritten(buf_str(&text), buf_str(&want));

    /* Nothing but repeats. */
    buf_truncate(&text, 0);
    buf_append_str(&text, STR("{\"a\":0"));
    repeat(&text, ",\"a\":1", MANY);
    buf_append_str(&text, STR("}"));
    assert_rewritten(buf_str(&text), STR("{\"a\":1}"));
    buf_finish(&text);
    buf_finish(&want);
}

Test(json, specials_are_found_at_any_place_of_a_run)
{
    static const char specials[][8] = {"\\\"", "\\\\", "\\n", "\\u0001", "\xc3\xa9", "\\ud83d"};
    for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++) {
        for (size_t before = 0; before < 40; before++) {
            for (size_t after = 0; after < 40; after++) {
                struct buf text = {0};
                buf_append_str(&text, STR("\""));
                repeat(&text, "x", before);
                buf_append_str(&text, str_of(specials[i]));
                repeat(&text, "y", after);
                buf_append_str(&text, STR("\""));
                assert_rewritten(buf_str(&text), buf_str(&text));
                buf_finish(&text);
            }
        }
    }
}

Test(json, a_string_literal_alone)
{
    struct buf out = {0};
    json_write_string(STR("a\"\\/\x01\x7f\xc3\xa9\xed\xa0\xbd\xed\x95\x9c"), &out);
    assert_text(&out, STR("\"a\\\"\\\\/\\u0001\x7f\xc3\xa9\\ud83d\xed\x95\x9c\""));
    json_write_string((struct str){0}, &out);
    assert_text(&out, STR("\"\""));
}

Test(json, absent_is_written_as_null)
{
    struct buf out = {0};
    json_write(VALUE_NONE, &out);
    assert_text(&out, STR("null"));
}

Test(json, writes_deeper_than_it_reads)
{
    struct buf packed = {0};
    struct buf want = {0};
    nest(&want, "[", "0", "]", 3 * VALUE_MAX_DEPTH);
    for (int i = 0; i < 3 * VALUE_MAX_DEPTH; i++) {
        pack_array(&packed, 1);
    }
    pack_number(&packed, 0);
    struct buf out = {0};
    json_write(buf_value(&packed), &out);
    assert_text(&out, buf_str(&want));
    buf_finish(&packed);
    buf_finish(&want);
}
