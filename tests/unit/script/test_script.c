#include "script/script.h"

#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

enum { MEMORY = 8 << 20 };

#define CODE                                                                                       \
    "(function () {\n"                                                                             \
    "  var calls = 0\n"                                                                            \
    "  return {\n"                                                                                 \
    "    same: function (v) { return v },\n"                                                       \
    "    nothing: function (v) {},\n"                                                              \
    "    change: function (v) { v.n = v.n + 1; delete v.gone },\n"                                 \
    "    replace: function (v) { return {other: true, u: undefined, f: function () {}} },\n"       \
    "    items: function (v) { return [1, undefined, function () {}, null, NaN] },\n"              \
    "    sparse: function (v) { var a = []; a.length = 4294967295; return a },\n"                  \
    "    circle: function (v) { v.v = v; return v },\n"                                            \
    "    deep: function (v) { var d = {}; for (var i = 0; i < 5000; i++) d = {d: d}; return d "    \
    "},\n"                                                                                         \
    "    recurse: function recurse(v) { return 1 + recurse(v) },\n"                                \
    "    bomb: function (v) { var a = []; for (;;) a.push(new Array(1000).join('x') + a.length) "  \
    "},\n"                                                                                         \
    "    throws: function (v) { throw new Error('no ' + v) },\n"                                   \
    "    throwsText: function (v) { throw 'text \\u00e9' },\n"                                     \
    "    isOne: function (v) { return v === 1 && 'yes' },\n"                                       \
    "    absent: function (v) { if (v !== undefined) throw new Error('present') },\n"              \
    "    length: function (v) { return {n: v.t.length, last: v.t.charCodeAt(v.t.length - 1)} },\n" \
    "    half: function (v) { return {t: v.t.charAt(0)} },\n"                                      \
    "    join: function (v) { return {t: v.a + v.b} },\n"                                          \
    "    proto: function (v) { return {own: Object.prototype.hasOwnProperty.call(v, "              \
    "'__proto__'),\n"                                                                              \
    "      still: v instanceof Object} },\n"                                                       \
    "    pollute: function (v) { Object.prototype.polluted = 1; return v },\n"                     \
    "    count: function (v) { return {n: ++calls} },\n"                                           \
    "    globals: function (v) { return [typeof require, typeof process, typeof fetch,\n"          \
    "      typeof setTimeout] },\n"                                                                \
    "    store: function (map) { map.a.n = 2; delete map.b; map.c = null; map.e = {id: 'e'} },\n"  \
    "    storeNew: function (map) { return {z: {id: 'z'}} },\n"                                    \
    "    storage: function (s) {\n"                                                                \
    "      var a = s.get('a'); if (s.get('nope') !== undefined) throw new Error('nope')\n"         \
    "      s.set('a', {id: 'a', n: a.n}); s.delete('b'); s.set('x', {id: 'x'})\n"                  \
    "      s.set('y', {id: 'y', of: s.keys().length + s.values().length + s.entries()[0][0]})\n"   \
    "      s.delete('x'); s.delete('nope')\n"                                                      \
    "    },\n"                                                                                     \
    "    number: 5,\n"                                                                             \
    "  }\n"                                                                                        \
    "})()"

static struct script *script;

static void setup(void)
{
    struct buf why = {0};
    cr_assert(eq(int, script_create(STR(CODE), MEMORY, &script, &why), ERR_OK), "%.*s",
              STR_ARG(buf_str(&why)));
    buf_finish(&why);
}

static void teardown(void)
{
    script_destroy(script);
}

TestSuite(script, .init = setup, .fini = teardown, .timeout = 30);

static enum schema_called run(enum schema_call call, const char *function, const char *json,
                              struct buf *result)
{
    struct buf value = {0};
    struct schema_job job = {.call = call, .function = str_of(function)};
    if (json) {
        cr_assert(eq(int, json_parse(str_of(json), &value), ERR_OK));
        job.value = buf_value(&value);
    }
    script_run(script, &job);
    if (buf_len(&job.result) > 0) {
        json_write(buf_value(&job.result), result);
    }
    buf_finish(&job.result);
    buf_finish(&value);
    return job.called;
}

struct run_case {
    char name[64];
    enum schema_call call;
    char function[16];
    char value[100]; /* JSON; empty: absent */
    enum schema_called want;
    char result[120];
};

ParameterizedTestParameters(script, calls)
{
    static struct run_case cases[] = {
        {"what it returns", SCHEMA_CALL_MIGRATE, "replace", "{}", SCHEMA_RETURNED,
         "{\"other\":true}"},
        {"or what it was given, changed", SCHEMA_CALL_MIGRATE, "change", "{\"n\":1,\"gone\":2}",
         SCHEMA_RETURNED, "{\"n\":2}"},
        {"or as it was", SCHEMA_CALL_MIGRATE, "nothing", "{\"n\":1}", SCHEMA_RETURNED, "{\"n\":1}"},
        {"all kinds of values", SCHEMA_CALL_MIGRATE, "same",
         "{\"a\":[null,true,false,-1.5,1e300,\"\",{}],\"\":[[]]}", SCHEMA_RETURNED,
         "{\"a\":[null,true,false,-1.5,1e+300,\"\",{}],\"\":[[]]}"},
        {"items that JSON has not are null", SCHEMA_CALL_MIGRATE, "items", "{}", SCHEMA_RETURNED,
         "[1,null,null,null,null]"},
        {"-0 is 0", SCHEMA_CALL_MIGRATE, "same", "{\"n\":-0}", SCHEMA_RETURNED, "{\"n\":0}"},
        {"a whole number beyond 2^53", SCHEMA_CALL_MIGRATE, "same", "{\"n\":1e18}", SCHEMA_RETURNED,
         "{\"n\":1000000000000000000}"},
        {"true", SCHEMA_CALL_TEST, "isOne", "1", SCHEMA_RETURNED, "true"},
        {"false", SCHEMA_CALL_TEST, "isOne", "2", SCHEMA_RETURNED, "false"},
        {"absent is undefined", SCHEMA_CALL_CHECK, "absent", "", SCHEMA_RETURNED, ""},
        {"null is not", SCHEMA_CALL_CHECK, "absent", "null", SCHEMA_THREW, "\"Error: present\""},
        {"an error has its text", SCHEMA_CALL_MIGRATE, "throws", "7", SCHEMA_THREW,
         "\"Error: no 7\""},
        {"whatever is thrown", SCHEMA_CALL_MIGRATE, "throwsText", "7", SCHEMA_THREW,
         "\"text \xc3\xa9\""},
        {"no such function", SCHEMA_CALL_MIGRATE, "nope", "7", SCHEMA_THREW,
         "\"ReferenceError: there is no such function in the code\""},
        {"no function", SCHEMA_CALL_MIGRATE, "number", "7", SCHEMA_THREW,
         "\"ReferenceError: there is no such function in the code\""},
        {"in circles", SCHEMA_CALL_MIGRATE, "circle", "{}", SCHEMA_THREW,
         "\"RangeError: nested too deep, or in circles\""},
        {"too deep", SCHEMA_CALL_MIGRATE, "deep", "{}", SCHEMA_THREW,
         "\"RangeError: nested too deep, or in circles\""},
        {"a long way to nothing", SCHEMA_CALL_MIGRATE, "sparse", "{}", SCHEMA_THREW,
         "\"RangeError: an array of too many items\""},
        {"astral characters are two units", SCHEMA_CALL_MIGRATE, "length",
         "{\"t\":\"a\xf0\x9f\x98\x80\"}", SCHEMA_RETURNED, "{\"n\":3,\"last\":56832}"},
        {"and can be cut", SCHEMA_CALL_MIGRATE, "half", "{\"t\":\"\xf0\x9f\x98\x80\"}",
         SCHEMA_RETURNED, "{\"t\":\"\\ud83d\"}"},
        {"and joined", SCHEMA_CALL_MIGRATE, "join", "{\"a\":\"\\ud83d\",\"b\":\"\\ude00\"}",
         SCHEMA_RETURNED, "{\"t\":\"\xf0\x9f\x98\x80\"}"},
        {"in names too", SCHEMA_CALL_MIGRATE, "same", "{\"\xf0\x9f\x98\x80\":\"\\udc00\"}",
         SCHEMA_RETURNED, "{\"\xf0\x9f\x98\x80\":\"\\udc00\"}"},
        {"__proto__ is a member", SCHEMA_CALL_MIGRATE, "proto", "{\"__proto__\":{\"x\":1}}",
         SCHEMA_RETURNED, "{\"own\":true,\"still\":true}"},
        {"and stays one", SCHEMA_CALL_MIGRATE, "same", "{\"__proto__\":1}", SCHEMA_RETURNED,
         "{\"__proto__\":1}"},
        {"there is nothing to reach out with", SCHEMA_CALL_MIGRATE, "globals", "{}",
         SCHEMA_RETURNED, "[\"undefined\",\"undefined\",\"undefined\",\"undefined\"]"},
        {"a store, changed", SCHEMA_CALL_STORE, "store",
         "{\"a\":{\"n\":1},\"b\":{},\"c\":{},\"d\":{}}", SCHEMA_RETURNED,
         "{\"puts\":{\"a\":{\"n\":2},\"e\":{\"id\":\"e\"}},\"deletes\":[\"b\",\"c\"]}"},
        {"a store, replaced", SCHEMA_CALL_STORE, "storeNew", "{\"a\":{\"n\":1}}", SCHEMA_RETURNED,
         "{\"puts\":{\"z\":{\"id\":\"z\"}},\"deletes\":[\"a\"]}"},
        {"a storage", SCHEMA_CALL_STORAGE, "storage", "{\"a\":{\"id\":\"a\",\"n\":1},\"b\":{}}",
         SCHEMA_RETURNED,
         "{\"puts\":{\"a\":{\"id\":\"a\",\"n\":1},\"y\":{\"id\":\"y\",\"of\":\"4a\"}},"
         "\"deletes\":[\"b\"]}"},
    };
    return cr_make_param_array(struct run_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct run_case *c, script, calls)
{
    struct buf result = {0};
    enum schema_called called = run(c->call, c->function, c->value[0] ? c->value : NULL, &result);
    cr_assert(eq(int, called, c->want), "%s: %.*s", c->name, STR_ARG(buf_str(&result)));
    cr_assert(str_eq(buf_str(&result), str_of(c->result)), "%s: %.*s", c->name,
              STR_ARG(buf_str(&result)));
    buf_finish(&result);
}

static void assert_well(void)
{
    struct buf result = {0};
    cr_assert(eq(int, run(SCHEMA_CALL_MIGRATE, "same", "{\"n\":1}", &result), SCHEMA_RETURNED));
    buf_finish(&result);
}

Test(script, without_end_it_is_out_of_stack_and_goes_on)
{
    struct buf result = {0};
    cr_assert(eq(int, run(SCHEMA_CALL_MIGRATE, "recurse", "{}", &result), SCHEMA_THREW));
    assert_well();
    buf_finish(&result);
}

Test(script, out_of_memory_it_begins_anew)
{
    struct buf result = {0};
    cr_assert(eq(int, run(SCHEMA_CALL_MIGRATE, "count", "{}", &result), SCHEMA_RETURNED));
    cr_assert(eq(int, run(SCHEMA_CALL_MIGRATE, "bomb", "{}", &result), SCHEMA_OVER_LIMIT));
    buf_truncate(&result, 0);
    cr_assert(eq(int, run(SCHEMA_CALL_MIGRATE, "count", "{}", &result), SCHEMA_RETURNED));
    cr_assert(str_eq(buf_str(&result), STR("{\"n\":1}")));
    buf_finish(&result);
}

Test(script, ten_thousand_calls_leave_nothing_behind)
{
    for (int i = 0; i < 10000; i++) {
        assert_well();
    }
}

Test(script, knows_what_it_has)
{
    cr_assert(script_has(script, STR("same")));
    cr_assert(not(script_has(script, STR("number"))));
    cr_assert(not(script_has(script, STR("toString2"))));
    assert_well();
}

struct code_case {
    char name[40];
    char code[60];
    char why[60];
};

ParameterizedTestParameters(script, codes)
{
    static struct code_case cases[] = {
        {"does not parse", "({", "SyntaxError"},
        {"throws", "(function () { throw new Error('hm') })()", "Error: hm"},
        {"is no object", "5", "its value is no object"},
        {"is nothing", "", "its value is no object"},
        {"fills the heap", "(function () { var a = []; for (;;) a.push([a]) })()", ""},
    };
    return cr_make_param_array(struct code_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct code_case *c, script, codes)
{
    struct script *bad = NULL;
    struct buf why = {0};
    cr_assert(eq(int, script_create(str_of(c->code), MEMORY, &bad, &why), ERR_MALFORMED), "%s",
              c->name);
    cr_assert(str_starts(buf_str(&why), str_of(c->why)), "%s: %.*s", c->name,
              STR_ARG(buf_str(&why)));
    buf_finish(&why);
}
