#include "schema/serialized.h"

#include "base/utf8.h"
#include "value/json.h"
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

struct upgrade_case {
    char given[400];
    enum schema_match match;
    char want[400];
};

ParameterizedTestParameters(serialized, upgrade)
{
    static struct upgrade_case cases[] = {
        {"{\"schemaVersion\":2,\"sequences\":{\"a\":1,\"b\":0}}", SCHEMA_SERVED,
         "{\"schemaVersion\":2,\"sequences\":{\"a\":1,\"b\":0}}"},
        {"{\"schemaVersion\":2,\"sequences\":{},\"more\":1}", SCHEMA_SERVED,
         "{\"schemaVersion\":2,\"sequences\":{}}"},
        /* Junk as version is kept: it counts as all migrations missing (BAD). */
        {"{\"schemaVersion\":2,\"sequences\":{\"a\":\"x\"}}", SCHEMA_SERVED,
         "{\"schemaVersion\":2,\"sequences\":{\"a\":\"x\"}}"},
        /* Version 1 (schema-and-migrations 1). */
        {"{\"schemaVersion\":1,\"storeVersion\":4,\"recordVersions\":{\"asset\":{\"version\":1,"
         "\"subTypeKey\":\"type\",\"subTypeVersions\":{\"image\":2,\"video\":3}},"
         "\"page\":{\"version\":1}}}",
         SCHEMA_SERVED,
         "{\"schemaVersion\":2,\"sequences\":{\"com.tldraw.store\":4,\"com.tldraw.asset\":1,"
         "\"com.tldraw.asset.image\":2,\"com.tldraw.asset.video\":3,\"com.tldraw.page\":1}}"},
        {"{\"schemaVersion\":1,\"storeVersion\":0,\"recordVersions\":{\"a\":{\"version\":2,"
         "\"subTypeVersions\":{\"ignored\":2}}}}",
         SCHEMA_SERVED,
         "{\"schemaVersion\":2,\"sequences\":{\"com.tldraw.store\":0,\"com.tldraw.a\":2}}"},
        {"{\"schemaVersion\":1,\"storeVersion\":1,\"recordVersions\":{}}", SCHEMA_SERVED,
         "{\"schemaVersion\":2,\"sequences\":{\"com.tldraw.store\":1}}"},
        {"{\"schemaVersion\":1,\"storeVersion\":1}", SCHEMA_MALFORMED, ""},
        {"{\"schemaVersion\":3,\"sequences\":{}}", SCHEMA_SERVER_TOO_OLD, ""},
        {"{\"schemaVersion\":2.5,\"sequences\":{}}", SCHEMA_SERVER_TOO_OLD, ""},
        {"{\"schemaVersion\":1e999}", SCHEMA_SERVER_TOO_OLD, ""},
        {"{\"schemaVersion\":0,\"sequences\":{}}", SCHEMA_CLIENT_TOO_OLD, ""},
        {"{\"schemaVersion\":-1}", SCHEMA_CLIENT_TOO_OLD, ""},
        {"{\"schemaVersion\":2}", SCHEMA_MALFORMED, ""},
        {"{\"schemaVersion\":2,\"sequences\":[]}", SCHEMA_MALFORMED, ""},
        {"{\"schemaVersion\":2,\"sequences\":null}", SCHEMA_MALFORMED, ""},
        {"{\"schemaVersion\":\"2\",\"sequences\":{}}", SCHEMA_MALFORMED, ""},
        {"{\"sequences\":{}}", SCHEMA_MALFORMED, ""},
        {"{}", SCHEMA_MALFORMED, ""},
        {"[]", SCHEMA_MALFORMED, ""},
        {"false", SCHEMA_MALFORMED, ""},
        {"\"text\"", SCHEMA_MALFORMED, ""},
        {"5", SCHEMA_MALFORMED, ""},
        {"null", SCHEMA_MALFORMED, ""},
    };
    return cr_make_param_array(struct upgrade_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct upgrade_case *c, serialized, upgrade)
{
    struct buf given = {0};
    struct buf want = {0};
    struct buf out = {0};
    cr_assert(eq(int, serialized_upgrade(parse(c->given, &given), &out), c->match), "%s", c->given);
    if (c->match == SCHEMA_SERVED) {
        cr_assert(value_equal(buf_value(&out), parse(c->want, &want)), "%s", c->given);
    } else {
        cr_assert(eq(sz, buf_len(&out), 0), "%s", c->given);
    }
    buf_finish(&given);
    buf_finish(&want);
    buf_finish(&out);
}

struct describe_case {
    char own[200];
    char other[200];
    char want[120];
};

ParameterizedTestParameters(serialized, describe)
{
    static struct describe_case cases[] = {
        {"{\"schemaVersion\":2,\"sequences\":{\"a\":1,\"b\":2}}",
         "{\"schemaVersion\":2,\"sequences\":{\"b\":2,\"a\":1}}", ""},
        {"{\"schemaVersion\":2,\"sequences\":{\"a\":1,\"b\":2}}",
         "{\"schemaVersion\":2,\"sequences\":{\"b\":3,\"a\":1}}", "b=2"},
        {"{\"schemaVersion\":2,\"sequences\":{\"b\":2}}",
         "{\"schemaVersion\":2,\"sequences\":{\"a\":1,\"c\":1,\"b\":4}}", "b=2 a=- c=-"},
        {"{\"schemaVersion\":2,\"sequences\":{\"a\":\"junk\"}}",
         "{\"schemaVersion\":2,\"sequences\":{\"a\":1}}", "a=-"},
        {"{\"schemaVersion\":3,\"sequences\":{\"a\":1}}",
         "{\"schemaVersion\":2,\"sequences\":{\"a\":2}}", "schemaVersion=3 a=1"},
        {"{}", "{\"schemaVersion\":2,\"sequences\":{\"a\":2}}", "(not a serialized schema)"},
        {"[1]", "{\"schemaVersion\":2,\"sequences\":{\"a\":2}}", "(not a serialized schema)"},
    };
    return cr_make_param_array(struct describe_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct describe_case *c, serialized, describe)
{
    struct buf own = {0};
    struct buf other = {0};
    struct buf out = {0};
    schema_describe(parse(c->own, &own), parse(c->other, &other), &out);
    cr_assert(str_eq(buf_str(&out), str_of(c->want)), "%.*s", STR_ARG(buf_str(&out)));
    buf_finish(&own);
    buf_finish(&other);
    buf_finish(&out);
}

/* What goes to a log line comes from a client. */
Test(serialized, a_description_is_short_whatever_is_described)
{
    struct buf own = {0};
    struct buf other = {0};
    struct buf out = {0};
    parse("{\"schemaVersion\":2,\"sequences\":{}}", &other);
    pack_map(&own, 2);
    pack_str(&own, STR("schemaVersion"));
    pack_u64(&own, 2);
    pack_str(&own, STR("sequences"));
    pack_map(&own, 5000);
    for (int i = 0; i < 5000; i++) {
        struct buf name = {0};
        buf_printf(&name, "%d.", i);
        for (int n = 0; n < 60; n++) {
            buf_append_str(&name, STR("\xf0\x9f\x98\x80"));
        }
        pack_str(&own, buf_str(&name));
        pack_u64(&own, 1);
        buf_finish(&name);
    }
    schema_describe(buf_value(&own), buf_value(&other), &out);
    cr_assert(le(sz, buf_len(&out), 600));
    cr_assert(utf8_valid(buf_head(&out), buf_len(&out)));
    buf_finish(&out);
    schema_describe(buf_value(&other), buf_value(&own), &out);
    cr_assert(le(sz, buf_len(&out), 600));
    buf_finish(&own);
    buf_finish(&other);
    buf_finish(&out);
}
