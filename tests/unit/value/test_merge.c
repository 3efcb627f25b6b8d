#include "value/diff.h"

#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdio.h>

struct merge_case {
    char name[80];
    char first[128];
    char second[128];
    char want[160]; /* empty: they cannot be merged */
};

static struct merge_case merge_cases[] = {
    {"of two puts the later counts", "{\"x\":[\"put\",1],\"y\":[\"put\",1]}",
     "{\"y\":[\"put\",2],\"z\":[\"put\",3]}",
     "{\"x\":[\"put\",1],\"y\":[\"put\",2],\"z\":[\"put\",3]}"},
    {"a put may be taken away", "{\"x\":[\"put\",1]}", "{\"x\":[\"delete\"]}",
     "{\"x\":[\"delete\"]}"},
    {"and come back", "{\"x\":[\"delete\"]}", "{\"x\":[\"put\",1]}", "{\"x\":[\"put\",1]}"},
    {"patches are merged inside", "{\"c\":[\"patch\",{\"x\":[\"put\",1],\"y\":[\"put\",1]}]}",
     "{\"c\":[\"patch\",{\"x\":[\"put\",2]}]}",
     "{\"c\":[\"patch\",{\"x\":[\"put\",2],\"y\":[\"put\",1]}]}"},
    {"what was put is patched", "{\"c\":[\"put\",{\"x\":1,\"y\":1}]}",
     "{\"c\":[\"patch\",{\"x\":[\"put\",2]}]}", "{\"c\":[\"put\",{\"x\":2,\"y\":1}]}"},
    {"a patch of what is no object does nothing", "{\"c\":[\"put\",5]}",
     "{\"c\":[\"patch\",{\"x\":[\"put\",2]}]}", "{\"c\":[\"put\",5]}"},
    {"a put takes the place of a patch", "{\"c\":[\"patch\",{\"x\":[\"put\",1]}]}",
     "{\"c\":[\"put\",{}]}", "{\"c\":[\"put\",{}]}"},
    {"an append alone stays", "{\"t\":[\"append\",\"a\",0]}", "{\"x\":[\"put\",1]}",
     "{\"t\":[\"append\",\"a\",0],\"x\":[\"put\",1]}"},
    {"a put takes the place of an append", "{\"t\":[\"append\",\"a\",0]}", "{\"t\":[\"put\",\"\"]}",
     "{\"t\":[\"put\",\"\"]}"},
    {"two appends are not merged", "{\"t\":[\"append\",\"a\",0]}", "{\"t\":[\"append\",\"b\",1]}",
     ""},
    {"a patch of what was deleted is not", "{\"c\":[\"delete\"]}",
     "{\"c\":[\"patch\",{\"x\":[\"put\",1]}]}", ""},
    {"a gap in an array is not", "{\"l\":[\"put\",[]]}", "{\"l\":[\"patch\",{\"1\":[\"put\",1]}]}",
     ""},
    {"an op that is none is not", "{\"x\":[\"put\",1]}", "{\"y\":null}", ""},
    {"nor one with too little", "{\"x\":[\"put\"]}", "{\"x\":[\"put\",1]}", ""},
    {"nor one that would be found wrong inside", "{\"c\":[\"patch\",{\"x\":null}]}",
     "{\"c\":[\"delete\"]}", ""},
    {"nor what is no diff", "[]", "{\"x\":[\"put\",1]}", ""},
};

ParameterizedTestParameters(merge, of_two)
{
    return cr_make_param_array(struct merge_case, merge_cases,
                               sizeof(merge_cases) / sizeof(merge_cases[0]));
}

ParameterizedTest(struct merge_case *c, merge, of_two)
{
    struct buf first = {0};
    struct buf second = {0};
    struct buf merged = {0};
    struct buf text = {0};
    struct arena scratch = {0};
    cr_assert(zero(int, json_parse(str_of(c->first), &first)));
    cr_assert(zero(int, json_parse(str_of(c->second), &second)));
    buf_append_str(&merged, STR("before"));
    bool can = diff_merge(buf_value(&first), buf_value(&second), &scratch, &merged);
    cr_assert(eq(int, can, c->want[0] != '\0'), "%s", c->name);
    buf_consume(&merged, 6);
    if (can) {
        json_write(buf_value(&merged), &text);
    }
    cr_assert(str_eq(buf_str(&text), str_of(c->want)), "%s: %.*s", c->name,
              STR_ARG(buf_str(&text)));
    buf_finish(&first);
    buf_finish(&second);
    buf_finish(&merged);
    buf_finish(&text);
    arena_finish(&scratch);
}

Test(merge, is_not_tried_with_very_many_members)
{
    struct buf first = {0};
    struct buf second = {0};
    struct buf merged = {0};
    struct arena scratch = {0};
    enum { MANY = 65 };
    pack_map(&first, MANY);
    for (int i = 0; i < MANY; i++) {
        char key[8];
        snprintf(key, sizeof(key), "%d", i);
        pack_str(&first, str_of(key));
        pack_array(&first, 1);
        pack_str(&first, STR("delete"));
    }
    pack_map(&second, 0);
    cr_assert(not(diff_merge(buf_value(&first), buf_value(&second), &scratch, &merged)));
    cr_assert(not(diff_merge(buf_value(&second), buf_value(&first), &scratch, &merged)));
    buf_finish(&first);
    buf_finish(&second);
    buf_finish(&merged);
}

/* ---- at random ---- */

static uint32_t seed = 1;

static uint32_t any(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

static void pack_any(struct buf *out, int depth)
{
    static const char names[][2] = {"a", "b", "c"};
    uint32_t kind = any(depth > 0 ? 5 : 3);
    if (kind == 0) {
        pack_u64(out, any(3));
    } else if (kind == 1) {
        pack_str(out, any(2) ? STR("x") : STR("xy"));
    } else if (kind == 2) {
        pack_nil(out);
    } else if (kind == 3) {
        uint32_t count = any(3);
        pack_array(out, count);
        while (count-- > 0) {
            pack_any(out, depth - 1);
        }
    } else {
        uint32_t present = any(8);
        pack_map(out, (uint32_t)__builtin_popcount(present));
        for (uint32_t i = 0; i < 3; i++) {
            if (present & 1u << i) {
                pack_str(out, str_of(names[i]));
                pack_any(out, depth - 1);
            }
        }
    }
}

static void pack_any_diff(struct buf *out, int depth)
{
    static const char names[][2] = {"a", "b", "0", "1"};
    uint32_t present = any(16);
    pack_map(out, (uint32_t)__builtin_popcount(present));
    for (uint32_t i = 0; i < 4; i++) {
        if (!(present & 1u << i)) {
            continue;
        }
        pack_str(out, str_of(names[i]));
        uint32_t kind = any(depth > 0 ? 4 : 3);
        pack_array(out, kind == 0 ? 1 : kind == 1 ? 3 : 2);
        pack_str(out, str_of((const char *[]){"delete", "append", "put", "patch"}[kind]));
        if (kind == 1) {
            pack_str(out, STR("z"));
            pack_u64(out, any(3));
        } else if (kind == 2) {
            pack_any(out, 2);
        } else if (kind == 3) {
            pack_any_diff(out, depth - 1);
        }
    }
}

/* Whatever the object, but where one of the two would have been refused. */
Test(merge, does_what_both_do)
{
    int compared = 0;
    for (int i = 0; i < 50000; i++) {
        struct buf object = {0};
        struct buf first = {0};
        struct buf second = {0};
        struct buf merged = {0};
        struct arena scratch = {0};
        do {
            buf_finish(&object);
            pack_any(&object, 3);
        } while (value_type(buf_value(&object)) != VALUE_MAP);
        pack_any_diff(&first, 2);
        pack_any_diff(&second, 2);
        struct value between;
        struct value after;
        struct value at_once;
        bool holes[3] = {false};
        if (diff_merge(buf_value(&first), buf_value(&second), &scratch, &merged) &&
            apply_diff(buf_value(&object), buf_value(&first), &scratch, &between, &holes[0]) <=
                APPLY_CHANGED &&
            apply_diff(between, buf_value(&second), &scratch, &after, &holes[1]) <= APPLY_CHANGED &&
            !holes[0] && !holes[1]) {
            compared++;
            enum apply_result result =
                apply_diff(buf_value(&object), buf_value(&merged), &scratch, &at_once, &holes[2]);
            cr_assert(le(int, result, APPLY_CHANGED));
            cr_assert(not(holes[2]));
            cr_assert(value_equal(after, at_once), "seed %u, turn %d", seed, i);
        }
        buf_finish(&object);
        buf_finish(&first);
        buf_finish(&second);
        buf_finish(&merged);
        arena_finish(&scratch);
    }
    cr_assert(gt(int, compared, 10000));
}
