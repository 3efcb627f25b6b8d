#include "schema/path.h"

#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <stdio.h>

#define NOTES "{\"schemaVersion\":2,\"sequences\":{\"com.example.note\":4,\"com.example.user\":2}}"
#define TLDRAW                                                                                     \
    "{\"schemaVersion\":2,\"sequences\":{\"com.tldraw.document\":2,\"com.tldraw.page\":1,"         \
    "\"com.tldraw.shape\":4}}"

static struct value parse(const char *json, struct buf *buf)
{
    cr_assert(eq(int, json_parse(str_of(json), buf), ERR_OK), "%s", json);
    return buf_value(buf);
}

static struct schema *adopt(const char *json)
{
    struct buf buf = {0};
    struct schema *schema = NULL;
    cr_assert(eq(int, schema_adopt(parse(json, &buf), &schema), SCHEMA_SERVED), "%s", json);
    buf_finish(&buf);
    return schema;
}

struct match_case {
    char name[60];
    char theirs[200];
    enum schema_match match;
};

ParameterizedTestParameters(schema, match)
{
    static struct match_case cases[] = {
        {"SCH-4 an equal one is served", NOTES, SCHEMA_SERVED},
        {"whatever the order",
         "{\"sequences\":{\"com.example.user\":2,\"com.example.note\":4},\"schemaVersion\":2}",
         SCHEMA_SERVED},
        {"SCH-2 a newer sequence",
         "{\"schemaVersion\":2,\"sequences\":{\"com.example.note\":5,\"com.example.user\":2}}",
         SCHEMA_SERVER_TOO_OLD},
        {"an older one",
         "{\"schemaVersion\":2,\"sequences\":{\"com.example.note\":3,\"com.example.user\":2}}",
         SCHEMA_CLIENT_TOO_OLD},
        {"SCH-2 newer here and older there",
         "{\"schemaVersion\":2,\"sequences\":{\"com.example.note\":3,\"com.example.user\":3}}",
         SCHEMA_SERVER_TOO_OLD},
        {"a sequence missing", "{\"schemaVersion\":2,\"sequences\":{\"com.example.note\":4}}",
         SCHEMA_CLIENT_TOO_OLD},
        {"SCH-2 an unknown sequence",
         "{\"schemaVersion\":2,\"sequences\":{\"com.example.note\":4,\"com.example.user\":2,"
         "\"x\":0}}",
         SCHEMA_SERVER_TOO_OLD},
        {"a version that is no number",
         "{\"schemaVersion\":2,\"sequences\":{\"com.example.note\":\"4\",\"com.example.user\":2}}",
         SCHEMA_CLIENT_TOO_OLD},
        {"SCH-2 a later form", "{\"schemaVersion\":3,\"sequences\":{}}", SCHEMA_SERVER_TOO_OLD},
        {"an earlier form", "{\"schemaVersion\":0,\"sequences\":{}}", SCHEMA_CLIENT_TOO_OLD},
        {"SCH-5 none at all", "{}", SCHEMA_MALFORMED},
        {"SCH-5 a list", "[]", SCHEMA_MALFORMED},
    };
    return cr_make_param_array(struct match_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct match_case *c, schema, match)
{
    struct schema *schema = adopt(NOTES);
    struct buf theirs = {0};
    struct schema_path *path;
    cr_assert(eq(int, schema_match(schema, parse(c->theirs, &theirs), &path), c->match), "%s",
              c->name);
    buf_finish(&theirs);
    schema_unref(schema);
}

Test(schema, what_is_adopted_is_what_is_sent)
{
    struct schema *schema = adopt(NOTES);
    struct buf want = {0};
    struct schema_path *path;
    cr_assert(value_equal(schema_serialized(schema), parse(NOTES, &want)));
    cr_assert(eq(int, schema_match(schema, schema_serialized(schema), &path), SCHEMA_SERVED));
    buf_finish(&want);
    schema_unref(schema);
}

Test(schema, version_1_is_adopted_as_version_2)
{
    struct schema *schema = adopt("{\"schemaVersion\":1,\"storeVersion\":4,\"recordVersions\":"
                                  "{\"note\":{\"version\":2}}}");
    struct buf want = {0};
    parse("{\"schemaVersion\":2,\"sequences\":{\"com.tldraw.store\":4,\"com.tldraw.note\":2}}",
          &want);
    cr_assert(value_equal(schema_serialized(schema), buf_value(&want)));
    buf_finish(&want);
    schema_unref(schema);
}

Test(schema, what_cannot_be_adopted_leaves_the_result_alone)
{
    static const struct {
        const char *json;
        enum schema_match match;
    } cases[] = {{"{}", SCHEMA_MALFORMED},
                 {"{\"schemaVersion\":9}", SCHEMA_SERVER_TOO_OLD},
                 {"{\"schemaVersion\":0}", SCHEMA_CLIENT_TOO_OLD}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf buf = {0};
        struct schema *schema = NULL;
        cr_assert(eq(int, schema_adopt(parse(cases[i].json, &buf), &schema), cases[i].match));
        cr_assert(zero(ptr, schema));
        buf_finish(&buf);
    }
}

Test(schema, sequences_are_bounded)
{
    for (uint32_t extra = 0; extra < 2; extra++) {
        uint32_t count = SCHEMA_MAX_SEQUENCES + extra;
        struct buf buf = {0};
        struct schema *schema = NULL;
        pack_map(&buf, 2);
        pack_str(&buf, STR("schemaVersion"));
        pack_u64(&buf, 2);
        pack_str(&buf, STR("sequences"));
        pack_map(&buf, count);
        for (uint32_t i = 0; i < count; i++) {
            char name[16];
            int len = snprintf(name, sizeof(name), "s%u", i);
            pack_str(&buf, (struct str){name, (size_t)len});
            pack_u64(&buf, 1);
        }
        cr_assert(eq(int, schema_adopt(buf_value(&buf), &schema),
                     extra ? SCHEMA_MALFORMED : SCHEMA_SERVED));
        schema_unref(schema);
        buf_finish(&buf);
    }
}

Test(schema, who_adopts_the_same_has_the_same)
{
    struct schema *one = adopt(NOTES);
    struct schema *same = adopt(NOTES);
    struct schema *other = adopt("{\"schemaVersion\":2,\"sequences\":{}}");
    cr_assert(eq(ptr, one, same));
    cr_assert(ne(ptr, one, other));
    schema_unref(one);
    struct schema *again = adopt(NOTES);
    cr_assert(eq(ptr, again, same), "one of two who had it is still there");
    schema_unref(same);
    schema_unref(again);
    schema_unref(other);
    struct schema *anew = adopt(NOTES);
    cr_assert(value_present(schema_serialized(anew)));
    schema_unref(anew);
}

Test(schema, references_are_counted)
{
    struct schema *schema = adopt(NOTES);
    cr_assert(eq(ptr, schema_ref(schema), schema));
    schema_unref(schema);
    cr_assert(value_present(schema_serialized(schema)));
    schema_unref(schema);
    schema_unref(NULL);
}

Test(schema, of_tldraw_knows_which_types_are_no_documents)
{
    static const struct {
        const char *type;
        enum schema_scope scope;
    } cases[] = {
        {"shape", SCHEMA_DOCUMENT},  {"page", SCHEMA_DOCUMENT},
        {"my-own", SCHEMA_DOCUMENT}, {"instance_presence", SCHEMA_PRESENCE},
        {"camera", SCHEMA_SESSION},  {"instance", SCHEMA_SESSION},
        {"pointer", SCHEMA_SESSION}, {"instance_page_state", SCHEMA_SESSION},
    };
    struct schema *tldraw = adopt(TLDRAW);
    struct schema *notes = adopt(NOTES);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str type = str_of(cases[i].type);
        cr_assert(eq(int, schema_scope_of(tldraw, type), cases[i].scope), "%s", cases[i].type);
        cr_assert(eq(int, schema_scope_of(notes, type), SCHEMA_DOCUMENT), "%s", cases[i].type);
        cr_assert(not(schema_is_object_type(tldraw, type)));
    }
    cr_assert(str_eq(schema_presence_type(tldraw), STR("instance_presence")));
    cr_assert(zero(ptr, (void *)(uintptr_t)schema_presence_type(notes).ptr));
    schema_unref(tldraw);
    schema_unref(notes);
}

/* SNAP-9. */
Test(schema, of_tldraw_starts_with_a_document_and_a_page)
{
    struct schema *tldraw = adopt(TLDRAW);
    struct schema *notes = adopt(NOTES);
    struct buf want = {0};
    parse("[{\"id\":\"document:document\",\"typeName\":\"document\",\"gridSize\":10,\"name\":\"\","
          "\"meta\":{}},{\"id\":\"page:page\",\"typeName\":\"page\",\"name\":\"Page 1\","
          "\"index\":\"a1\",\"meta\":{}}]",
          &want);
    cr_assert(value_equal(schema_default_documents(tldraw), buf_value(&want)));
    cr_assert(eq(uint, value_count(schema_default_documents(notes)), 0));
    buf_finish(&want);
    schema_unref(tldraw);
    schema_unref(notes);
}

struct validate_case {
    char record[60];
    bool valid;
};

ParameterizedTestParameters(schema, validate)
{
    static struct validate_case cases[] = {
        {"{\"id\":\"note:1\",\"typeName\":\"note\",\"any\":[1]}", true},
        {"{\"id\":\"\",\"typeName\":\"note\"}", true},
        {"{\"id\":\"note:1\",\"typeName\":\"user\"}", false},
        {"{\"id\":\"note:1\"}", false},
        {"{\"typeName\":\"note\"}", false},
        {"{\"id\":1,\"typeName\":\"note\"}", false},
        {"{\"id\":\"note:1\",\"typeName\":null}", false},
        {"[\"note:1\",\"note\"]", false},
        {"\"note\"", false},
        {"null", false},
    };
    return cr_make_param_array(struct validate_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct validate_case *c, schema, validate)
{
    struct schema *schema = adopt(NOTES);
    struct buf record = {0};
    cr_assert(eq(int, schema_validate(schema, STR("note"), parse(c->record, &record)), c->valid),
              "%s", c->record);
    buf_finish(&record);
    schema_unref(schema);
}
