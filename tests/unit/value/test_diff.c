#include "value/diff.h"

#include "value/check.h"
#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <stdio.h>
#include <stdlib.h>

/* Packs JSON text into `buf`, which the value then lives in. */
static struct value parse(const char *json, struct buf *buf)
{
    cr_assert(eq(int, json_parse(str_of(json), buf), ERR_OK), "%s", json);
    return buf_value(buf);
}

static void assert_equal(struct value found, struct value want, const char *about)
{
    struct buf text = {0};
    if (!value_equal(found, want)) {
        json_write(found, &text);
        cr_fail("%s: got %.*s", about, STR_ARG(buf_str(&text)));
    }
    buf_finish(&text);
}

struct diff_case {
    char name[80];
    char prev[160];
    char next[160];
    char want[160]; /* empty: no difference */
    bool legacy;
};

static struct diff_case diff_cases[] = {
    {"DF-1 equal records have no difference", "{\"a\":1}", "{\"a\":1}", "", false},
    {"DF-1 nor have those in another order", "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", "", false},
    {"DF-2 a member that is gone is deleted", "{\"a\":1}", "{}", "{\"a\":[\"delete\"]}", false},
    {"DF-2 a member that is null is not gone", "{\"a\":1}", "{\"a\":null}",
     "{\"a\":[\"put\",null]}", false},
    {"DF-2 a new member is put whole", "{}", "{\"props\":{\"a\":[1]}}",
     "{\"props\":[\"put\",{\"a\":[1]}]}", false},
    {"DF-3 differing objects at the top are put whole", "{\"box\":{\"a\":1,\"b\":2}}",
     "{\"box\":{\"a\":1,\"b\":3}}", "{\"box\":[\"put\",{\"a\":1,\"b\":3}]}", false},
    {"DF-3 but props are patched", "{\"props\":{\"a\":1,\"b\":2}}", "{\"props\":{\"a\":1,\"b\":3}}",
     "{\"props\":[\"patch\",{\"b\":[\"put\",3]}]}", false},
    {"DF-3 and so is meta", "{\"meta\":{\"a\":1}}", "{\"meta\":{}}",
     "{\"meta\":[\"patch\",{\"a\":[\"delete\"]}]}", false},
    {"DF-3 props of another kind are put", "{\"props\":{\"a\":1}}", "{\"props\":5}",
     "{\"props\":[\"put\",5]}", false},
    {"DF-3 arrays at the top are patched", "{\"l\":[1,2,3]}", "{\"l\":[1,9,3]}",
     "{\"l\":[\"patch\",{\"1\":[\"put\",9]}]}", false},
    {"DF-4 objects inside props are put whole", "{\"meta\":{\"a\":{\"b\":1}}}",
     "{\"meta\":{\"a\":{\"b\":2}}}", "{\"meta\":[\"patch\",{\"a\":[\"put\",{\"b\":2}]}]}", false},
    {"DF-4 an inner member named props is nothing special", "{\"props\":{\"props\":{\"b\":1}}}",
     "{\"props\":{\"props\":{\"b\":2}}}", "{\"props\":[\"patch\",{\"props\":[\"put\",{\"b\":2}]}]}",
     false},
    {"DF-5.3 a longer string is appended to", "{\"s\":\"ab\"}", "{\"s\":\"abc\"}",
     "{\"s\":[\"append\",\"c\",2]}", false},
    {"DF-5.3 everything starts with the empty string", "{\"s\":\"\"}", "{\"s\":\"x\"}",
     "{\"s\":[\"append\",\"x\",0]}", false},
    {"DF-5.3 another string is put", "{\"s\":\"ab\"}", "{\"s\":\"axc\"}",
     "{\"s\":[\"put\",\"axc\"]}", false},
    {"DF-5.3 a shorter one too", "{\"s\":\"ab\"}", "{\"s\":\"a\"}", "{\"s\":[\"put\",\"a\"]}",
     false},
    {"DF-5.3 legacy clients do not know appends", "{\"s\":\"ab\"}", "{\"s\":\"abc\"}",
     "{\"s\":[\"put\",\"abc\"]}", true},
    {"DF-5.3 the offset counts UTF-16 units", "{\"s\":\"\\ud83d\\ude00\"}",
     "{\"s\":\"\\ud83d\\ude00!\"}", "{\"s\":[\"append\",\"!\",2]}", false},
    {"DF-5.3 the prefix may cut a pair", "{\"s\":\"a\\ud83d\"}", "{\"s\":\"a\\ud83d\\ude00b\"}",
     "{\"s\":[\"append\",\"\\ude00b\",2]}", false},
    {"DF-5.3 the half must be the right one", "{\"s\":\"\\ud83c\"}", "{\"s\":\"\\ud83d\\ude00\"}",
     "{\"s\":[\"put\",\"\\ud83d\\ude00\"]}", false},
    {"DF-5.3 a low half is no prefix of a pair", "{\"s\":\"\\ude00\"}",
     "{\"s\":\"\\ud83d\\ude00\"}", "{\"s\":[\"put\",\"\\ud83d\\ude00\"]}", false},
    {"DF-5.3 a lone half stays a prefix of itself", "{\"s\":\"\\ud83d\"}", "{\"s\":\"\\ud83dx\"}",
     "{\"s\":[\"append\",\"x\",1]}", false},
    {"DF-5.4 kinds that differ are put", "{\"a\":1}", "{\"a\":\"1\"}", "{\"a\":[\"put\",\"1\"]}",
     false},
    {"DF-5.5 an array becomes an object", "{\"props\":[1]}", "{\"props\":{\"0\":2}}",
     "{\"props\":[\"put\",{\"0\":2}]}", false},
    {"DF-6 one change of four is patched", "{\"l\":[1,2,3,4]}", "{\"l\":[1,2,3,5]}",
     "{\"l\":[\"patch\",{\"3\":[\"put\",5]}]}", false},
    {"DF-6 two changes of nine are put", "{\"l\":[1,2,3,4,5,6,7,8,9]}",
     "{\"l\":[0,2,3,4,5,6,7,8,0]}", "{\"l\":[\"put\",[0,2,3,4,5,6,7,8,0]]}", false},
    {"DF-6 two changes of ten are patched", "{\"l\":[1,2,3,4,5,6,7,8,9,10]}",
     "{\"l\":[0,2,3,4,5,6,7,8,9,0]}", "{\"l\":[\"patch\",{\"0\":[\"put\",0],\"9\":[\"put\",0]}]}",
     false},
    {"DF-6 three changes of fourteen are put", "{\"l\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1]}",
     "{\"l\":[0,0,0,1,1,1,1,1,1,1,1,1,1,1]}", "{\"l\":[\"put\",[0,0,0,1,1,1,1,1,1,1,1,1,1,1]]}",
     false},
    {"DF-7 a longer array is appended to", "{\"l\":[1]}", "{\"l\":[1,2,3]}",
     "{\"l\":[\"append\",[2,3],1]}", false},
    {"DF-7 an empty one at 0", "{\"l\":[]}", "{\"l\":[[]]}", "{\"l\":[\"append\",[[]],0]}", false},
    {"DF-7 legacy clients know that", "{\"l\":[1]}", "{\"l\":[1,2]}", "{\"l\":[\"append\",[2],1]}",
     true},
    {"DF-7 a shared item that differs puts it", "{\"l\":[1]}", "{\"l\":[2,2]}",
     "{\"l\":[\"put\",[2,2]]}", false},
    {"DF-7 a shorter one is put", "{\"l\":[1,2]}", "{\"l\":[1]}", "{\"l\":[\"put\",[1]]}", false},
    {"DF-8 an object among the items is patched", "{\"l\":[{\"a\":1,\"b\":1}]}",
     "{\"l\":[{\"a\":2,\"b\":1}]}", "{\"l\":[\"patch\",{\"0\":[\"patch\",{\"a\":[\"put\",2]}]}]}",
     false},
    {"DF-8 an array among the items is appended to", "{\"l\":[[1]]}", "{\"l\":[[1,2]]}",
     "{\"l\":[\"patch\",{\"0\":[\"append\",[2],1]}]}", false},
    {"DF-8 a string among the items is put", "{\"l\":[\"a\"]}", "{\"l\":[\"ab\"]}",
     "{\"l\":[\"patch\",{\"0\":[\"put\",\"ab\"]}]}", false},
    {"DF-9 strings inside items are appended to", "{\"l\":[{\"s\":\"a\"}]}",
     "{\"l\":[{\"s\":\"ab\"}]}",
     "{\"l\":[\"patch\",{\"0\":[\"patch\",{\"s\":[\"append\",\"b\",1]}]}]}", false},
    {"DF-9 but not for legacy clients", "{\"l\":[{\"s\":\"a\"}]}", "{\"l\":[{\"s\":\"ab\"}]}",
     "{\"l\":[\"patch\",{\"0\":[\"patch\",{\"s\":[\"put\",\"ab\"]}]}]}", true},
    {"EQ-2 minus zero is zero", "{\"a\":0}", "{\"a\":-0}", "", false},
    {"AP-9 a member named __proto__ is data in a put", "{\"a\":{}}", "{\"a\":{\"__proto__\":1}}",
     "{\"a\":[\"put\",{\"__proto__\":1}]}", false},
};

ParameterizedTestParameters(diff, record)
{
    return cr_make_param_array(struct diff_case, diff_cases,
                               sizeof(diff_cases) / sizeof(diff_cases[0]));
}

ParameterizedTest(struct diff_case *c, diff, record)
{
    struct buf prev = {0};
    struct buf next = {0};
    struct buf want = {0};
    struct buf out = {0};
    struct arena scratch = {0};
    parse(c->prev, &prev);
    parse(c->next, &next);
    pack_str(&out, STR("what was there"));
    size_t before = buf_len(&out);
    bool differs = diff_record(buf_value(&prev), buf_value(&next), c->legacy, &scratch, &out);
    cr_assert(eq(int, differs, c->want[0] != '\0'), "%s", c->name);
    buf_consume(&out, before);
    if (differs) {
        struct value checked;
        cr_assert(eq(int, value_check(buf_head(&out), buf_len(&out), &checked), ERR_OK));
        assert_equal(checked, parse(c->want, &want), c->name);
    } else {
        cr_assert(eq(sz, buf_len(&out), 0));
    }
    buf_finish(&prev);
    buf_finish(&next);
    buf_finish(&want);
    buf_finish(&out);
    arena_finish(&scratch);
}

struct apply_case {
    char name[80];
    char object[120];
    char diff[160];
    char want[120];
    enum apply_result outcome;
    bool holes;
};

static struct apply_case apply_cases[] = {
    {"AP-1 a number is returned unchanged", "5", "{\"a\":[\"put\",1]}", "5", APPLY_UNCHANGED,
     false},
    {"AP-2 no op changes nothing", "{\"a\":1}", "{}", "{\"a\":1}", APPLY_UNCHANGED, false},
    {"AP-2 ops read the original", "{\"a\":\"x\",\"b\":1}",
     "{\"a\":[\"append\",\"y\",1],\"b\":[\"delete\"],\"c\":[\"append\",\"z\",0]}", "{\"a\":\"xy\"}",
     APPLY_CHANGED, false},
    {"AP-3 a put writes", "{\"a\":1}", "{\"a\":[\"put\",2]}", "{\"a\":2}", APPLY_CHANGED, false},
    {"AP-3 a put of what is there does not", "{\"a\":{\"b\":1,\"c\":2}}",
     "{\"a\":[\"put\",{\"c\":2,\"b\":1}]}", "{\"a\":{\"b\":1,\"c\":2}}", APPLY_UNCHANGED, false},
    {"AP-3 a put adds a member", "{}", "{\"a\":[\"put\",null]}", "{\"a\":null}", APPLY_CHANGED,
     false},
    {"AP-4 an append at the end", "{\"s\":\"ab\"}", "{\"s\":[\"append\",\"c\",2]}",
     "{\"s\":\"abc\"}", APPLY_CHANGED, false},
    {"AP-4 an append elsewhere is ignored", "{\"s\":\"ab\"}", "{\"s\":[\"append\",\"c\",3]}",
     "{\"s\":\"ab\"}", APPLY_UNCHANGED, false},
    {"AP-4 the offset counts UTF-16 units", "{\"s\":\"\\ud83d\\ude00\"}",
     "{\"s\":[\"append\",\"\\ud83d\\ude00\",2]}", "{\"s\":\"\\ud83d\\ude00\\ud83d\\ude00\"}",
     APPLY_CHANGED, false},
    {"AP-4 and no code points", "{\"s\":\"\\ud83d\\ude00\"}", "{\"s\":[\"append\",\"x\",1]}",
     "{\"s\":\"\\ud83d\\ude00\"}", APPLY_UNCHANGED, false},
    {"AP-4 halves that meet are one character", "{\"s\":\"a\\ud83d\"}",
     "{\"s\":[\"append\",\"\\ude00b\",2]}", "{\"s\":\"a\\ud83d\\ude00b\"}", APPLY_CHANGED, false},
    {"AP-4 halves in the wrong order stay", "{\"s\":\"\\ude00\"}",
     "{\"s\":[\"append\",\"\\ud83d\",1]}", "{\"s\":\"\\ude00\\ud83d\"}", APPLY_CHANGED, false},
    {"AP-4 an empty tail is a change", "{\"s\":\"a\"}", "{\"s\":[\"append\",\"\",1]}",
     "{\"s\":\"a\"}", APPLY_CHANGED, false},
    {"AP-4 also of an array", "{\"l\":[]}", "{\"l\":[\"append\",[],0]}", "{\"l\":[]}",
     APPLY_CHANGED, false},
    {"AP-4 arrays grow", "{\"l\":[1]}", "{\"l\":[\"append\",[2,[3]],1]}", "{\"l\":[1,2,[3]]}",
     APPLY_CHANGED, false},
    {"AP-4 kinds must agree", "{\"l\":[1]}", "{\"l\":[\"append\",\"x\",1]}", "{\"l\":[1]}",
     APPLY_UNCHANGED, false},
    {"AP-4 an offset that is no number is ignored", "{\"s\":\"a\"}",
     "{\"s\":[\"append\",\"x\",\"1\"]}", "{\"s\":\"a\"}", APPLY_UNCHANGED, false},
    {"AP-4 a negative one too", "{\"s\":\"\"}", "{\"s\":[\"append\",\"x\",-1]}", "{\"s\":\"\"}",
     APPLY_UNCHANGED, false},
    {"AP-4 and one that is missing", "{\"s\":\"\"}", "{\"s\":[\"append\",\"x\"]}", "{\"s\":\"\"}",
     APPLY_UNCHANGED, false},
    {"AP-5 a patch goes down", "{\"a\":{\"b\":{\"c\":1}}}",
     "{\"a\":[\"patch\",{\"b\":[\"patch\",{\"c\":[\"put\",2]}]}]}", "{\"a\":{\"b\":{\"c\":2}}}",
     APPLY_CHANGED, false},
    {"AP-5 a patch without effect is no change", "{\"a\":{\"b\":1}}",
     "{\"a\":[\"patch\",{\"b\":[\"put\",1]}]}", "{\"a\":{\"b\":1}}", APPLY_UNCHANGED, false},
    {"AP-5 a string is not patched", "{\"a\":\"x\"}", "{\"a\":[\"patch\",{\"0\":[\"put\",\"y\"]}]}",
     "{\"a\":\"x\"}", APPLY_UNCHANGED, false},
    {"AP-5 nothing is not patched", "{}", "{\"a\":[\"patch\",null]}", "{}", APPLY_UNCHANGED, false},
    {"BAD a patch of something needs a diff", "{\"a\":{}}", "{\"a\":[\"patch\",null]}", "{}",
     APPLY_MALFORMED, false},
    {"BAD also when it is missing", "{\"a\":{}}", "{\"a\":[\"patch\"]}", "{}", APPLY_MALFORMED,
     false},
    {"AP-6 a delete deletes", "{\"a\":1,\"b\":2}", "{\"a\":[\"delete\"]}", "{\"b\":2}",
     APPLY_CHANGED, false},
    {"AP-6 if there is something", "{\"b\":2}", "{\"a\":[\"delete\"]}", "{\"b\":2}",
     APPLY_UNCHANGED, false},
    {"BAD a put of nothing deletes", "{\"a\":1}", "{\"a\":[\"put\"]}", "{}", APPLY_CHANGED, false},
    {"AP-7 what is no op is ignored", "{\"a\":1}",
     "{\"a\":[\"frob\",2],\"b\":\"put\",\"c\":7,\"d\":[],\"e\":{},\"f\":[1,2],\"g\":true}",
     "{\"a\":1}", APPLY_UNCHANGED, false},
    {"BAD an op that is null is malformed", "{\"a\":1}", "{\"a\":null}", "{}", APPLY_MALFORMED,
     false},
    {"BAD also further down", "{\"a\":[{\"b\":1}]}",
     "{\"a\":[\"patch\",{\"0\":[\"patch\",{\"b\":null}]}]}", "{}", APPLY_MALFORMED, false},
    {"AP-8 an item is put", "[1,2]", "{\"1\":[\"put\",3]}", "[1,3]", APPLY_CHANGED, false},
    {"AP-8 at the end it is added", "[1,2]", "{\"2\":[\"put\",3]}", "[1,2,3]", APPLY_CHANGED,
     false},
    {"AP-8 past the end leaves a hole", "[1]", "{\"3\":[\"put\",4]}", "[1,null,null,4]",
     APPLY_CHANGED, true},
    {"AP-8 ops together fill the hole", "[1]", "{\"2\":[\"put\",3],\"1\":[\"put\",2]}", "[1,2,3]",
     APPLY_CHANGED, false},
    {"AP-8 a deleted item leaves a hole", "[1,2]", "{\"0\":[\"delete\"]}", "[null,2]",
     APPLY_CHANGED, true},
    {"AP-8 names that are no index are ignored", "[1,2]",
     "{\"foo\":[\"put\",9],\"-1\":[\"put\",9],\"01\":[\"put\",9],\"length\":[\"put\",0],"
     "\"1.5\":[\"put\",9],\"\":[\"put\",9],\" 1\":[\"put\",9]}",
     "[1,2]", APPLY_UNCHANGED, false},
    {"AP-8 a huge index is refused", "[1]", "{\"4294967294\":[\"put\",1]}", "[1]", APPLY_TOO_LARGE,
     false},
    {"AP-8 one beyond any index is a name", "[1]", "{\"4294967295\":[\"put\",1]}", "[1]",
     APPLY_UNCHANGED, false},
    {"AP-8 an append far away writes nothing", "[1]", "{\"9999999\":[\"append\",\"x\",0]}", "[1]",
     APPLY_UNCHANGED, false},
    {"AP-9 the op key __proto__ is ignored", "{\"a\":1}", "{\"__proto__\":[\"put\",2]}",
     "{\"a\":1}", APPLY_UNCHANGED, false},
    {"AP-9 other names of prototypes are not", "{}",
     "{\"constructor\":[\"put\",1],\"toString\":[\"put\",2]}", "{\"constructor\":1,\"toString\":2}",
     APPLY_CHANGED, false},
    {"AP-9 neither is it inside a value", "{}", "{\"a\":[\"put\",{\"__proto__\":1}]}",
     "{\"a\":{\"__proto__\":1}}", APPLY_CHANGED, false},
};

ParameterizedTestParameters(diff, apply)
{
    return cr_make_param_array(struct apply_case, apply_cases,
                               sizeof(apply_cases) / sizeof(apply_cases[0]));
}

ParameterizedTest(struct apply_case *c, diff, apply)
{
    struct buf object = {0};
    struct buf diff = {0};
    struct buf want = {0};
    struct arena scratch = {0};
    parse(c->object, &object);
    parse(c->diff, &diff);
    struct value result;
    bool holes;
    enum apply_result outcome =
        apply_diff(buf_value(&object), buf_value(&diff), &scratch, &result, &holes);
    cr_assert(eq(int, outcome, c->outcome), "%s", c->name);
    if (outcome == APPLY_CHANGED || outcome == APPLY_UNCHANGED) {
        struct value checked;
        cr_assert(eq(int, value_check(result.data, result.len, &checked), ERR_OK), "%s", c->name);
        assert_equal(checked, parse(c->want, &want), c->name);
        cr_assert(eq(int, holes, c->holes), "%s", c->name);
    }
    if (outcome == APPLY_UNCHANGED) {
        cr_assert(eq(ptr, (void *)(uintptr_t)result.data, buf_head(&object)), "%s", c->name);
    }
    buf_finish(&object);
    buf_finish(&diff);
    buf_finish(&want);
    arena_finish(&scratch);
}

Test(diff, gaps_are_refused_beyond_the_limit)
{
    struct {
        unsigned index;
        enum apply_result want;
    } cases[] = {{APPLY_MAX_GAP, APPLY_CHANGED},
                 {APPLY_MAX_GAP + 1, APPLY_TOO_LARGE},
                 {UINT32_MAX - 1, APPLY_TOO_LARGE}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char json[64];
        snprintf(json, sizeof(json), "{\"l\":[\"patch\",{\"%u\":[\"put\",1]}]}", cases[i].index);
        struct buf object = {0};
        struct buf diff = {0};
        struct arena scratch = {0};
        struct value result;
        bool holes;
        enum apply_result outcome =
            apply_diff(parse("{\"l\":[]}", &object), parse(json, &diff), &scratch, &result, &holes);
        cr_assert(eq(int, outcome, cases[i].want), "%s", json);
        buf_finish(&object);
        buf_finish(&diff);
        arena_finish(&scratch);
    }
}

/* A small language of values, so that two random ones are often alike. */
static uint32_t seed = 1;

static uint32_t any(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static void pack_any_string(struct buf *out)
{
    static const char *const parts[] = {
        "", "a", "b", "\xc3\xa9", "\xf0\x9f\x98\x80", "\xe2\x82\xac"};
    struct buf text = {0};
    for (uint32_t n = any(4); n > 0; n--) {
        buf_append_str(&text, str_of(parts[any(6)]));
    }
    if (any(4) == 0) {
        buf_append_str(&text, STR("\xed\xa0\xbd")); /* the high half of U+1F600 */
    }
    pack_str(out, buf_str(&text));
    buf_finish(&text);
}

static void pack_any(struct buf *out, int depth)
{
    static const char names[][8] = {"props", "meta", "a", "b", "text"};
    uint32_t kind = any(depth > 0 ? 8 : 5);
    if (kind < 2) {
        pack_any_string(out);
    } else if (kind == 2) {
        pack_u64(out, any(3));
    } else if (kind == 3) {
        pack_nil(out);
    } else if (kind == 4) {
        pack_bool(out, any(2));
    } else if (kind == 5) {
        uint32_t count = any(12);
        pack_array(out, count);
        while (count-- > 0) {
            pack_any(out, any(3) ? 0 : depth - 1);
        }
    } else {
        uint32_t first = any(5);
        uint32_t count = any(5 - first + 1);
        pack_map(out, count);
        for (uint32_t i = 0; i < count; i++) {
            pack_str(out, str_of(names[first + i]));
            pack_any(out, depth - 1);
        }
    }
}

static void pack_any_record(struct buf *out)
{
    static const char names[][8] = {"props", "meta", "a", "b", "text"};
    uint32_t present = any(32);
    pack_map(out, (uint32_t)__builtin_popcount(present));
    for (uint32_t i = 0; i < 5; i++) {
        if (present & 1u << i) {
            pack_str(out, str_of(names[i]));
            pack_any(out, 3);
        }
    }
}

/* Copies a value with some changes: appended strings and arrays, other items, dropped members. */
static void pack_changed(struct buf *out, struct value value)
{
    struct str text;
    enum value_type type = value_type(value);
    if (any(8) == 0) {
        pack_any(out, 1);
    } else if (value_string(value, &text) && any(2)) {
        struct buf longer = {0};
        buf_append_str(&longer, text);
        bool half = text.len >= 3 && memcmp(text.ptr + text.len - 3, "\xed\xa0\xbd", 3) == 0;
        if (half) {
            buf_truncate(&longer, text.len - 3); /* its other half comes: one character */
        }
        buf_append_str(&longer, half ? STR("\xf0\x9f\x98\x80z") : STR("z"));
        pack_str(out, buf_str(&longer));
        buf_finish(&longer);
    } else if (type == VALUE_ARRAY) {
        uint32_t more = any(2);
        struct value_walk walk = value_items(value);
        struct value item;
        pack_array(out, walk.left + more);
        while (value_next_item(&walk, &item)) {
            if (any(6) == 0) {
                pack_changed(out, item);
            } else {
                pack_value(out, item);
            }
        }
        if (more) {
            pack_any(out, 1);
        }
    } else if (type == VALUE_MAP) {
        struct value_walk walk = value_members(value);
        struct str key;
        struct value member;
        pack_map(out, walk.left);
        while (value_next_member(&walk, &key, &member)) {
            pack_str(out, key);
            pack_changed(out, member);
        }
    } else {
        pack_value(out, value);
    }
}

Test(diff, applied_to_the_one_it_gives_the_other)
{
    for (int i = 0; i < 20000; i++) {
        struct buf prev = {0};
        struct buf next = {0};
        struct buf diff = {0};
        struct arena scratch = {0};
        pack_any_record(&prev);
        do {
            buf_finish(&next);
            if (i % 2) {
                pack_changed(&next, buf_value(&prev));
            } else {
                pack_any_record(&next);
            }
        } while (value_type(buf_value(&next)) != VALUE_MAP);
        struct buf copy = {0};
        pack_value(&copy, buf_value(&prev));
        bool differs = diff_record(buf_value(&prev), buf_value(&next), i % 3 == 0, &scratch, &diff);
        cr_assert(eq(int, differs, !value_equal(buf_value(&prev), buf_value(&next))));
        if (differs) {
            struct value result;
            bool holes;
            cr_assert(eq(int,
                         apply_diff(buf_value(&prev), buf_value(&diff), &scratch, &result, &holes),
                         APPLY_CHANGED));
            assert_equal(result, buf_value(&next), "AP-11");
            cr_assert(not(holes));
        }
        cr_assert(str_eq(buf_str(&copy), buf_str(&prev)), "AP-10: the input was modified");
        buf_finish(&copy);
        buf_finish(&prev);
        buf_finish(&next);
        buf_finish(&diff);
        arena_finish(&scratch);
    }
}

/* A diff between two others than the one it is applied to, so that not all of it can be done. */
Test(diff, worked_out_while_it_is_applied_is_the_same)
{
    for (int i = 0; i < 20000; i++) {
        struct buf record = {0};
        struct buf from = {0};
        struct buf to = {0};
        struct buf diff = {0};
        struct buf expected = {0};
        struct buf effective = {0};
        struct arena scratch = {0};
        struct value want;
        struct value result;
        bool holes[2];
        bool legacy = i % 3 == 0;
        pack_any_record(&record);
        pack_any_record(&from);
        pack_any_record(&to);
        if (!diff_record(buf_value(&from), buf_value(&to), i % 2, &scratch, &diff)) {
            pack_map(&diff, 0);
        }
        enum apply_result applied =
            apply_diff(buf_value(&record), buf_value(&diff), &scratch, &want, &holes[0]);
        cr_assert(eq(int,
                     apply_to_record(buf_value(&record), buf_value(&diff), legacy, &scratch,
                                     &result, &holes[1], &effective),
                     applied));
        if (applied == APPLY_CHANGED) {
            assert_equal(result, want, "applied");
            cr_assert(eq(int, holes[0], holes[1]));
            diff_record(buf_value(&record), want, legacy, &scratch, &expected);
        }
        cr_assert(str_eq(buf_str(&effective), buf_str(&expected)));
        buf_finish(&record);
        buf_finish(&from);
        buf_finish(&to);
        buf_finish(&diff);
        buf_finish(&expected);
        buf_finish(&effective);
        arena_finish(&scratch);
    }
}

enum { MANY = 100000 };

/* A map of many members, in order or in reverse; `except` has another value. */
static void pack_many(struct buf *out, bool reverse, uint32_t except)
{
    pack_map(out, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t number = reverse ? MANY - 1 - i : i;
        char name[16];
        int len = snprintf(name, sizeof(name), "m%u", number);
        pack_str(out, (struct str){name, (size_t)len});
        pack_u64(out, number == except ? MANY : number);
    }
}

Test(diff, many_members_take_linear_time, .timeout = 60)
{
    struct buf prev = {0};
    struct buf next = {0};
    struct buf diff = {0};
    struct buf want = {0};
    struct arena scratch = {0};
    pack_many(&prev, false, MANY);
    pack_many(&next, true, 4711);
    cr_assert(diff_record(buf_value(&prev), buf_value(&next), false, &scratch, &diff));
    parse("{\"m4711\":[\"put\",100000]}", &want);
    assert_equal(buf_value(&diff), buf_value(&want), "one of many");
    struct value result;
    bool holes;
    cr_assert(eq(int, apply_diff(buf_value(&prev), buf_value(&diff), &scratch, &result, &holes),
                 APPLY_CHANGED));
    assert_equal(result, buf_value(&next), "one of many");
    buf_finish(&prev);
    buf_finish(&next);
    buf_finish(&diff);
    buf_finish(&want);
    arena_finish(&scratch);
}

Test(diff, many_new_members_take_linear_time, .timeout = 60)
{
    struct buf prev = {0};
    struct buf next = {0};
    struct buf diff = {0};
    struct arena scratch = {0};
    pack_map(&prev, 0);
    pack_many(&next, true, MANY);
    cr_assert(diff_record(buf_value(&prev), buf_value(&next), false, &scratch, &diff));
    cr_assert(eq(uint, value_count(buf_value(&diff)), MANY));
    struct value result;
    bool holes;
    cr_assert(eq(int, apply_diff(buf_value(&prev), buf_value(&diff), &scratch, &result, &holes),
                 APPLY_CHANGED));
    assert_equal(result, buf_value(&next), "all new");
    buf_finish(&prev);
    buf_finish(&next);
    buf_finish(&diff);
    arena_finish(&scratch);
}

Test(diff, many_items_take_linear_time, .timeout = 60)
{
    struct buf prev = {0};
    struct buf next = {0};
    struct buf diff = {0};
    struct arena scratch = {0};
    pack_map(&prev, 1);
    pack_str(&prev, STR("l"));
    pack_array(&prev, MANY);
    pack_map(&next, 1);
    pack_str(&next, STR("l"));
    pack_array(&next, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        pack_u64(&prev, i);
        pack_u64(&next, i % 7 ? i : i + 1);
    }
    cr_assert(diff_record(buf_value(&prev), buf_value(&next), false, &scratch, &diff));
    struct value result;
    bool holes;
    cr_assert(eq(int, apply_diff(buf_value(&prev), buf_value(&diff), &scratch, &result, &holes),
                 APPLY_CHANGED));
    assert_equal(result, buf_value(&next), "one item in seven");
    buf_finish(&prev);
    buf_finish(&next);
    buf_finish(&diff);
    arena_finish(&scratch);
}
