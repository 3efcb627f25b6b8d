#include "value/value.h"

#include "value/json.h"
#include "value/members.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <stdio.h>

static struct value parse(const char *json, struct buf *buf)
{
    cr_assert(eq(int, json_parse(str_of(json), buf), ERR_OK), "%s", json);
    return buf_value(buf);
}

struct type_case {
    char json[40];
    enum value_type type;
    uint32_t count;
    size_t length;
};

ParameterizedTestParameters(value, type)
{
    static struct type_case cases[] = {
        {"null", VALUE_NIL, 0, 0},
        {"true", VALUE_BOOL, 0, 0},
        {"false", VALUE_BOOL, 0, 0},
        {"0", VALUE_NUMBER, 0, 0},
        {"-1", VALUE_NUMBER, 0, 0},
        {"1e300", VALUE_NUMBER, 0, 0},
        {"\"\"", VALUE_STRING, 0, 0},
        {"\"abc\"", VALUE_STRING, 0, 3},
        {"\"\\ud83d\\ude00\"", VALUE_STRING, 0, 2},
        {"\"\\ud83d\"", VALUE_STRING, 0, 1},
        {"\"\\u20ac\\u00e9\"", VALUE_STRING, 0, 2},
        {"[]", VALUE_ARRAY, 0, 0},
        {"[1,[2,3]]", VALUE_ARRAY, 2, 2},
        {"{}", VALUE_MAP, 0, 0},
        {"{\"a\":{\"b\":1},\"c\":2}", VALUE_MAP, 2, 0},
    };
    return cr_make_param_array(struct type_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct type_case *c, value, type)
{
    struct buf buf = {0};
    struct value value = parse(c->json, &buf);
    cr_assert(eq(int, value_type(value), c->type), "%s", c->json);
    cr_assert(eq(uint, value_count(value), c->count), "%s", c->json);
    cr_assert(eq(sz, value_length(value), c->length), "%s", c->json);
    cr_assert(eq(sz, value_at(value.data).len, value.len), "%s", c->json);
    buf_finish(&buf);
}

Test(value, what_is_absent_has_nothing)
{
    struct value none = VALUE_NONE;
    struct value_walk items = value_items(none);
    struct value_walk members = value_members(none);
    struct value item;
    struct str key;
    cr_assert(not(value_present(none)));
    cr_assert(eq(int, value_type(none), VALUE_ABSENT));
    cr_assert(eq(uint, value_count(none), 0));
    cr_assert(eq(sz, value_length(none), 0));
    cr_assert(not(value_next_item(&items, &item)));
    cr_assert(not(value_next_member(&members, &key, &item)));
    cr_assert(not(value_present(value_get(none, STR("a")))));
    cr_assert(not(value_present(value_item(none, 0))));
}

Test(value, a_reader_of_another_type_leaves_the_result_alone)
{
    struct buf buf = {0};
    struct value list = parse("[\"text\",1,true,1.5,-1]", &buf);
    bool flag = false;
    double number = 7;
    uint64_t whole = 7;
    struct str text = STR("kept");
    cr_assert(not(value_bool(value_item(list, 1), &flag)));
    cr_assert(not(value_number(value_item(list, 0), &number)));
    cr_assert(not(value_u64(value_item(list, 3), &whole)));
    cr_assert(not(value_u64(value_item(list, 4), &whole)));
    cr_assert(not(value_string(value_item(list, 2), &text)));
    cr_assert(eq(dbl, number, 7));
    cr_assert(eq(u64, whole, 7));
    cr_assert(str_eq(text, STR("kept")));
    cr_assert(value_bool(value_item(list, 2), &flag) && flag);
    cr_assert(value_number(value_item(list, 3), &number) && number == 1.5);
    buf_finish(&buf);
}

struct whole_case {
    char json[32];
    bool whole;
    uint64_t want;
};

ParameterizedTestParameters(value, u64)
{
    static struct whole_case cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"127", true, 127},
        {"128", true, 128},
        {"65536", true, 65536},
        {"4294967296", true, 4294967296},
        {"9007199254740992", true, 9007199254740992},
        {"9007199254740994", false, 0},
        {"1e300", false, 0},
        {"1e999", false, 0},
        {"-1", false, 0},
        {"0.5", false, 0},
    };
    return cr_make_param_array(struct whole_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct whole_case *c, value, u64)
{
    struct buf buf = {0};
    uint64_t found = 0;
    cr_assert(eq(int, value_u64(parse(c->json, &buf), &found), c->whole), "%s", c->json);
    cr_assert(eq(u64, found, c->want), "%s", c->json);
    buf_finish(&buf);
}

Test(value, walks_see_members_and_items_in_order)
{
    struct buf buf = {0};
    struct value map = parse("{\"a\":[1,2],\"\":{},\"b\":null}", &buf);
    struct value_walk walk = value_members(map);
    const struct str want[] = {STR("a"), STR(""), STR("b")};
    struct str key;
    struct value member;
    for (int i = 0; i < 3; i++) {
        cr_assert(value_next_member(&walk, &key, &member));
        cr_assert(str_eq(key, want[i]));
    }
    cr_assert(not(value_next_member(&walk, &key, &member)));
    cr_assert(eq(int, value_type(value_get(map, STR("b"))), VALUE_NIL));
    cr_assert(eq(int, value_type(value_get(map, STR("c"))), VALUE_ABSENT));
    uint64_t number;
    cr_assert(value_u64(value_item(value_get(map, STR("a")), 1), &number) && number == 2);
    cr_assert(not(value_present(value_item(value_get(map, STR("a")), 2))));
    buf_finish(&buf);
}

struct equal_case {
    char a[60];
    char b[60];
    bool equal;
};

ParameterizedTestParameters(value, equal)
{
    static struct equal_case cases[] = {
        /* EQ-1 */
        {"null", "null", true},
        {"null", "false", false},
        {"null", "0", false},
        {"true", "true", true},
        {"true", "false", false},
        {"\"\"", "null", false},
        {"\"a\"", "\"a\"", true},
        {"\"a\"", "\"b\"", false},
        {"\"\\u00e9\"", "\"e\\u0301\"", false},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"", true},
        {"\"\\ud83d\"", "\"\\ude00\"", false},
        /* EQ-2 */
        {"0", "-0", true},
        {"1", "1.0", true},
        {"1", "\"1\"", false},
        {"9007199254740992", "9007199254740993", true},
        {"0.1", "0.10000000000000001", true},
        {"1e999", "1e998", true},
        {"1e999", "-1e999", false},
        {"1", "1.0000000000000002", false},
        /* EQ-3 */
        {"[]", "[]", true},
        {"[]", "{}", false},
        {"[1,2]", "[2,1]", false},
        {"[1,2]", "[1,2,3]", false},
        {"[{\"a\":1,\"b\":2}]", "[{\"b\":2,\"a\":1}]", true},
        /* EQ-4 */
        {"{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"a\":1}", true},
        {"{\"a\":null}", "{}", false},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}", false},
        {"{\"a\":{\"x\":1,\"y\":{}}}", "{\"a\":{\"y\":{},\"x\":1}}", true},
        {"{\"__proto__\":1}", "{\"__proto__\":1}", true},
    };
    return cr_make_param_array(struct equal_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct equal_case *c, value, equal)
{
    struct buf a = {0};
    struct buf b = {0};
    parse(c->a, &a);
    parse(c->b, &b);
    cr_assert(eq(int, value_equal(buf_value(&a), buf_value(&b)), c->equal), "%s %s", c->a, c->b);
    cr_assert(eq(int, value_equal(buf_value(&b), buf_value(&a)), c->equal), "%s %s", c->b, c->a);
    buf_finish(&a);
    buf_finish(&b);
}

Test(value, absent_equals_absent_and_nothing_else)
{
    struct buf nil = {0};
    pack_nil(&nil);
    cr_assert(value_equal(VALUE_NONE, VALUE_NONE));
    cr_assert(not(value_equal(VALUE_NONE, buf_value(&nil))));
    cr_assert(not(value_equal(buf_value(&nil), VALUE_NONE)));
    buf_finish(&nil);
}

/* `count` members in steps of `step`, which has no common factor with it. */
static void pack_members(struct buf *out, uint32_t count, uint32_t step)
{
    pack_map(out, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = (uint32_t)((uint64_t)i * step % count);
        char name[16];
        int len = snprintf(name, sizeof(name), "m%u", number);
        pack_str(out, (struct str){name, (size_t)len});
        pack_u64(out, number);
    }
}

Test(value, big_maps_compare_in_linear_time, .timeout = 60)
{
    struct buf a = {0};
    struct buf b = {0};
    pack_members(&a, 100000, 1);
    pack_members(&b, 100000, 77777);
    cr_assert(value_equal(buf_value(&a), buf_value(&b)));
    buf_finish(&a);
    buf_finish(&b);
}

/* One size below and several above where a table is used; names in order, reversed, scattered. */
Test(members, are_found_by_name_in_maps_of_any_size)
{
    for (uint32_t count = 0; count < 70; count++) {
        struct buf map = {0};
        struct arena arena = {0};
        struct members members;
        pack_members(&map, count, 1);
        members_read(&members, buf_value(&map), &arena);
        cr_assert(eq(uint, members.count, count));
        for (uint32_t turn = 0; turn < 3 * count; turn++) {
            uint32_t number = turn < count       ? turn
                              : turn < 2 * count ? 2 * count - 1 - turn
                                                 : turn * 31 % count;
            char name[16];
            int len = snprintf(name, sizeof(name), "m%u", number);
            struct member *found = members_find(&members, (struct str){name, (size_t)len});
            uint64_t value = UINT64_MAX;
            cr_assert(found && value_u64(found->value, &value));
            cr_assert(eq(u64, value, number));
            cr_assert(zero(ptr, members_find(&members, STR("another"))));
        }
        cr_assert(zero(ptr, members_find(&members, STR(""))));
        buf_finish(&map);
        arena_finish(&arena);
    }
}

Test(members, of_something_else_are_none)
{
    struct buf list = {0};
    struct arena arena = {0};
    struct members members;
    members_read(&members, parse("[1,2]", &list), &arena);
    cr_assert(eq(uint, members.count, 0));
    cr_assert(zero(ptr, members_find(&members, STR("0"))));
    buf_finish(&list);
    arena_finish(&arena);
}
