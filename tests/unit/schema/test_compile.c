#include "helpers.h"

#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

struct error_case {
    char json[360];
    char why[200];
};

#define NO_SEQUENCES ",'sequences':[]}"
#define TYPE(validator) "{'types':{'t':{'scope':'document','validator':" validator "}}" NO_SEQUENCES
#define DEFINITIONS(definitions) "{'types':{},'definitions':" definitions NO_SEQUENCES
#define SEQUENCES(list) "{'types':{'t':{'scope':'document'}},'code':'x','sequences':[" list "]}"
#define MIGRATION(rest) "{'sequenceId':'a','migrations':[{'id':'a/1'," rest "}]}"

ParameterizedTestParameters(compile, errors)
{
    static struct error_case cases[] = {
        {"[]", "is not an object"},
        {"{'types':{}}", "sequences: is missing"},
        {"{'types':[]" NO_SEQUENCES, "types: is not an object"},
        {"{'sequences':[]}", "types: is missing"},
        {"{'types':{},'more':1" NO_SEQUENCES, "more: unknown member"},
        {"{'types':{},'code':1" NO_SEQUENCES, "code: is not a string"},
        /* types */
        {"{'types':{'t':{}}" NO_SEQUENCES, "types.t.scope: is missing"},
        {"{'types':{'t':{'scope':'room'}}" NO_SEQUENCES, "types.t.scope: \"room\" is no scope"},
        {"{'types':{'t':{'scope':'document','more':1}}" NO_SEQUENCES,
         "types.t.more: unknown member"},
        /* PRES-1 */
        {"{'types':{'a':{'scope':'presence'},'b':{'scope':'presence'}}" NO_SEQUENCES,
         "types.b: a second type of scope presence"},
        /* OBJ-3 */
        {"{'types':{},'objectTypes':['x']" NO_SEQUENCES,
         "objectTypes[0]: \"x\" is no type of scope document"},
        {"{'types':{'a':{'scope':'presence'}},'objectTypes':['a']" NO_SEQUENCES,
         "objectTypes[0]: \"a\" is no type of scope document"},
        {"{'types':{},'objectTypes':{}" NO_SEQUENCES, "objectTypes: is not an array"},
        /* validators */
        {TYPE("{'kind':'object','fields':{'x':{'kind':'strnig'}}}"),
         "types.t.validator.fields.x: unknown kind \"strnig\""},
        {TYPE("null"), "types.t.validator: is not an object"},
        {TYPE("{}"), "types.t.validator.kind: is missing"},
        {TYPE("{'kind':'string','value':1}"), "types.t.validator.value: unknown member"},
        {TYPE("{'kind':'literal'}"),
         "types.t.validator.value: is no string, number, boolean or null"},
        {TYPE("{'kind':'literal','value':[]}"),
         "types.t.validator.value: is no string, number, boolean or null"},
        {TYPE("{'kind':'enum','values':['a',{}]}"),
         "types.t.validator.values[1]: is no string, number, boolean or null"},
        {TYPE("{'kind':'enum','values':['a','a']}"), "types.t.validator.values: the same twice"},
        {TYPE("{'kind':'arrayOf'}"), "types.t.validator.item: is missing"},
        {TYPE("{'kind':'object'}"), "types.t.validator.fields: is missing"},
        {TYPE("{'kind':'object','fields':{},'allowUnknown':1}"),
         "types.t.validator.allowUnknown: is neither true nor false"},
        {TYPE("{'kind':'union','variants':{}}"), "types.t.validator.key: is missing"},
        {TYPE("{'kind':'dict','key':{'kind':'string'}}"), "types.t.validator.value: is missing"},
        {TYPE("{'kind':'or','a':{'kind':'any'}}"), "types.t.validator.b: is missing"},
        {TYPE("{'kind':'idPrefix','prefixes':[1]}"),
         "types.t.validator.prefixes[0]: is not a string"},
        {TYPE("{'kind':'ref','name':'x'}"), "types.t.validator.name: no definition \"x\""},
        {TYPE("{'kind':'code','function':'f'}"),
         "types.t.validator: calls a function, and the file has no code"},
        /* Definitions that would never come to an end. */
        {DEFINITIONS("{'x':{'kind':'ref','name':'x'}}"),
         "definitions.x: contains itself, and not below an array, object or dict"},
        {DEFINITIONS("{'x':{'kind':'optional','inner':{'kind':'ref','name':'y'}},"
                     "'y':{'kind':'or','a':{'kind':'any'},'b':{'kind':'ref','name':'x'}}}"),
         "definitions.x: contains itself, and not below an array, object or dict"},
        {DEFINITIONS("{'x':{'kind':'union','key':'k','variants':{'a':{'kind':'ref','name':'x'}}}}"),
         "definitions.x: contains itself, and not below an array, object or dict"},
        /* sequences (schema-and-migrations 1) */
        {SEQUENCES("{'migrations':[]}"), "sequences[0].sequenceId: is missing"},
        {SEQUENCES("{'sequenceId':'','migrations':[]}"), "sequences[0].sequenceId: is empty"},
        {SEQUENCES("{'sequenceId':'a/b','migrations':[]}"),
         "sequences[0].sequenceId: has a \"/\" in it"},
        {SEQUENCES("{'sequenceId':'a','migrations':[]},{'sequenceId':'a','migrations':[]}"),
         "sequences: \"a\" is there twice"},
        {SEQUENCES("{'sequenceId':'a'}"), "sequences[0].migrations: is missing"},
        {SEQUENCES("{'sequenceId':'a','migrations':[],'version':1}"),
         "sequences[0].version: unknown member"},
        {SEQUENCES("{'sequenceId':'a','migrations':[{'id':'a/2','scope':'record','up':[]}]}"),
         "sequences[0].migrations[0].id: is not \"a/1\""},
        {SEQUENCES("{'sequenceId':'a','migrations':[{'id':'b/1','scope':'record','up':[]}]}"),
         "sequences[0].migrations[0].id: is not \"a/1\""},
        {SEQUENCES(MIGRATION("'scope':'page','up':[]")),
         "sequences[0].migrations[0].scope: \"page\" is no scope"},
        {SEQUENCES(MIGRATION("'scope':'record'")), "sequences[0].migrations[0].up: is missing"},
        {SEQUENCES(MIGRATION("'scope':'record','up':null")),
         "sequences[0].migrations[0].up: is missing"},
        {SEQUENCES(MIGRATION("'scope':'record','up':'f'")),
         "sequences[0].migrations[0].up: is neither a list of steps nor {\"function\": NAME}"},
        {SEQUENCES(MIGRATION("'scope':'record','up':[],'filter':[]")),
         "sequences[0].migrations[0].filter: is not an object"},
        {SEQUENCES(MIGRATION("'scope':'store','up':[],'filter':{}")),
         "sequences[0].migrations[0].filter: only migrations of records have one"},
        {SEQUENCES(MIGRATION("'scope':'storage','up':[],'down':[]")),
         "sequences[0].migrations[0].down: only migrations of records have one"},
        {SEQUENCES(MIGRATION("'scope':'record','up':[],'dependsOn':['b/1']")),
         "a/1: depends on \"b/1\", which there is not"},
        {SEQUENCES(MIGRATION("'scope':'record','up':[],'dependsOn':'b/1'")),
         "sequences[0].migrations[0].dependsOn: is not an array"},
        {SEQUENCES(MIGRATION("'scope':'record','up':[],'dependsOn':['a/1']")),
         "sequences: \"a/1\" depends on itself, by way of others or at once"},
        /* steps */
        {SEQUENCES(MIGRATION("'scope':'record','up':[{'op':'jump'}]")),
         "sequences[0].migrations[0].up[0]: unknown op \"jump\" for a record"},
        {SEQUENCES(MIGRATION("'scope':'record','up':[{'op':'removeWhere'}]")),
         "sequences[0].migrations[0].up[0]: unknown op \"removeWhere\" for a record"},
        {SEQUENCES(MIGRATION("'scope':'store','up':[{'op':'set','path':['a'],'value':1}]")),
         "sequences[0].migrations[0].up[0]: unknown op \"set\" for a store or storage"},
        {SEQUENCES(MIGRATION("'scope':'record','up':[{'op':'set','path':['a']}]")),
         "sequences[0].migrations[0].up[0].value: is missing"},
        {SEQUENCES(MIGRATION("'scope':'record','up':[{'op':'delete','path':[]}]")),
         "sequences[0].migrations[0].up[0].path: has not 1 to 64 names"},
        {SEQUENCES(MIGRATION("'scope':'record','up':[{'op':'delete','path':['a',1]}]")),
         "sequences[0].migrations[0].up[0].path[1]: is not a string"},
        {SEQUENCES(
             MIGRATION("'scope':'record','up':[{'op':'rename','from':['a'],'to':['a','b']}]")),
         "sequences[0].migrations[0].up[0]: one of `from` and `to` is in the other"},
        {SEQUENCES(MIGRATION("'scope':'record','up':[{'op':'mapValue','path':['a'],"
                             "'pairs':[[1]]}]")),
         "sequences[0].migrations[0].up[0].pairs[0]: is not a pair"},
        {SEQUENCES(MIGRATION("'scope':'record','up':[{'op':'scale','path':['a'],'factor':'2'}]")),
         "sequences[0].migrations[0].up[0].factor: is not a number"},
        {SEQUENCES(MIGRATION("'scope':'storage','up':[{'op':'putRecord','record':{}}]")),
         "sequences[0].migrations[0].up[0].record.id: is missing"},
        /* order */
        {"{'types':{},'sequences':[],'order':['a/1']}",
         "order: names 1 migrations, and there are 0"},
        /* documents */
        {"{'types':{},'documents':[{'id':'a','typeName':'b'}]" NO_SEQUENCES,
         "documents[0]: \"b\" is no type of scope document"},
        {"{'types':{'b':{'scope':'document','validator':{'kind':'object','fields':{}}}},"
         "'documents':[{'id':'a','typeName':'b'}]" NO_SEQUENCES,
         "documents[0]: is not valid as \"b\""},
        {"{'types':{'b':{'scope':'document'}},'documents':[{'id':'a','typeName':'b'},"
         "{'id':'a','typeName':'b'}]" NO_SEQUENCES,
         "documents: the id \"a\" twice"},
    };
    return cr_make_param_array(struct error_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct error_case *c, compile, errors)
{
    struct buf why = {0};
    compile_error(c->json, &why);
    cr_assert(str_eq(buf_str(&why), str_of(c->why)), "%s\n  got  %.*s\n  want %s", c->json,
              STR_ARG(buf_str(&why)), c->why);
    buf_finish(&why);
}

#define TWO                                                                                        \
    "{'types':{},'sequences':[{'sequenceId':'a','migrations':[{'id':'a/1','scope':'record','up':"  \
    "[]},{'id':'a/2','scope':'record','up':[]}]},{'sequenceId':'b','migrations':[{'id':'b/1',"     \
    "'scope':'record','dependsOn':['a/2'],'up':[]}]}],'order':"

Test(compile, an_order_is_complete_and_keeps_to_what_depends)
{
    static const struct {
        const char *json;
        const char *why;
    } cases[] = {
        {TWO "['a/1','a/2']}", "order: names 2 migrations, and there are 3"},
        {TWO "['a/1','a/2','a/2']}", "order[2]: \"a/2\" again"},
        {TWO "['a/1','a/2','c/1']}", "order[2]: there is no \"c/1\""},
        {TWO "['a/2','a/1','b/1']}", "order: \"a/2\" comes before \"a/1\", on which it depends"},
        {TWO "['a/1','b/1','a/2']}", "order: \"b/1\" comes before \"a/2\", on which it depends"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf why = {0};
        compile_error(cases[i].json, &why);
        cr_assert(str_eq(buf_str(&why), str_of(cases[i].why)), "%.*s", STR_ARG(buf_str(&why)));
        buf_finish(&why);
    }
    schema_unref(compile(TWO "['a/1','a/2','b/1']}", NULL));
}

/* A content with `count` times `item` (in which %d is the number) between what is before and after.
 */
static void check_limit(const char *before, const char *item, const char *after, int count,
                        const char *want)
{
    struct buf json = {0};
    struct buf why = {0};
    buf_append_str(&json, str_of(before));
    for (int i = 1; i <= count; i++) {
        const char *at = strstr(item, "%d");
        buf_append_str(&json, (struct str){item, (size_t)(at - item)});
        buf_printf(&json, "%d", i);
        buf_append_str(&json, str_of(at + 2));
        buf_append_str(&json, i < count ? STR(",") : STR(""));
    }
    buf_append_str(&json, str_of(after));
    buf_append_byte(&json, 0);
    compile_error((const char *)buf_head(&json), &why);
    cr_assert(str_eq(buf_str(&why), str_of(want)), "%.*s", STR_ARG(buf_str(&why)));
    buf_finish(&json);
    buf_finish(&why);
}

Test(compile, limits)
{
    check_limit("{'types':{", "'%d':{'scope':'document'}", "}" NO_SEQUENCES, 65537,
                "types: more than 65536 types");
    check_limit("{'types':{},'sequences':[", "{'sequenceId':'%d','migrations':[]}", "]}", 1025,
                "sequences: more than 1024 sequences");
    check_limit("{'types':{},'sequences':[{'sequenceId':'a','migrations':[",
                "{'id':'a/%d','scope':'record','up':[]}", "]}]}", 65537,
                "sequences: more than 65536 migrations");
    check_limit("{'types':{},'sequences':[{'sequenceId':'a','migrations':[{'id':'a/1',"
                "'scope':'record','up':[",
                "{'op':'delete','path':['%d']}", "]}]}]}", (1 << 18) + 1,
                "sequences[0].migrations[0].up: more than 262144 steps in all");
    check_limit("{'types':{'t':{'scope':'document','validator':{'kind':'enum','values':[", "%d",
                "]}}}" NO_SEQUENCES, (1 << 21) + 1,
                "types.t.validator.values: more than 2097152 names in all");
    check_limit("{'types':{'t':{'scope':'document','validator':{'kind':'object','fields':{",
                "'%d':{'kind':'any'}", "}}}}" NO_SEQUENCES, (1 << 20) + 1,
                "types.t.validator.fields.1048577: more than 1048576 validators");
}

/* Ways through optional, or and the like are bounded, as is the stack with them. */
Test(compile, ways_through_one_value_are_bounded)
{
    for (int levels = 60; levels <= 70; levels += 10) {
        struct buf json = {0};
        struct buf why = {0};
        buf_append_str(&json, STR("{'types':{'t':{'scope':'document','validator':"));
        for (int i = 0; i < levels; i++) {
            buf_append_str(&json, STR("{'kind':'optional','inner':"));
        }
        buf_append_str(&json, STR("{'kind':'any'}"));
        for (int i = 0; i < levels; i++) {
            buf_append_byte(&json, '}');
        }
        buf_append_str(&json, STR("}},'sequences':[]}"));
        buf_append_byte(&json, 0);
        if (levels < 64) {
            schema_unref(compile((const char *)buf_head(&json), NULL));
        } else {
            compile_error((const char *)buf_head(&json), &why);
            cr_assert(str_starts(buf_str(&why), STR("types: too many validators")));
        }
        buf_finish(&json);
        buf_finish(&why);
    }
}

/* Objects within objects, as deep as JSON may be. */
Test(compile, validators_nest_as_deep_as_json_does)
{
    enum { LEVELS = (VALUE_MAX_DEPTH - 4) / 2 };
    struct buf json = {0};
    struct buf value = {0};
    buf_append_str(&json, STR("{'types':{'t':{'scope':'document','validator':"));
    for (int i = 0; i < LEVELS; i++) {
        buf_append_str(&json, STR("{'kind':'object','fields':{'a':"));
        buf_append_str(&value, STR("{'a':"));
    }
    buf_append_str(&json, STR("{'kind':'any'}"));
    buf_append_str(&value, STR("1"));
    for (int i = 0; i < LEVELS; i++) {
        buf_append_str(&json, STR("}}"));
        buf_append_byte(&value, '}');
    }
    buf_append_str(&json, STR("}},'sequences':[]}"));
    buf_append_byte(&json, 0);
    buf_append_byte(&value, 0);
    struct buf record = {0};
    struct schema *schema = compile((const char *)buf_head(&json), NULL);
    cr_assert(schema_validate(schema, STR("t"), parse((const char *)buf_head(&value), &record)));
    schema_unref(schema);
    buf_finish(&record);
    buf_finish(&json);
    buf_finish(&value);
}

/* ---- the text of a file ---- */

static enum err parse_file(const char *text, struct schema **schema, struct buf *why)
{
    return schema_parse(str_of(text), NULL, schema, why);
}

Test(file, what_is_wrong_with_a_text)
{
    static const struct {
        const char *text;
        enum err err;
        const char *why;
    } cases[] = {
        {"", ERR_MALFORMED, "line 1, column 1: the JSON ends here too early"},
        {"{\"roomdSchema\": 1,\n  \"types\": {},\n  ,}", ERR_MALFORMED,
         "line 3, column 3: this is not JSON"},
        {"{\"roomdSchema\": 1,\n  \"types\": {", ERR_MALFORMED,
         "line 2, column 13: the JSON ends here too early"},
        {"[]", ERR_MALFORMED, "is not an object"},
        {"{\"types\":{},\"sequences\":[]}", ERR_MALFORMED,
         "roomdSchema: is missing: this is no schema file of roomd"},
        {"{\"roomdSchema\":2}", ERR_VERSION, "roomdSchema: 2 is not the version that is known, 1"},
        {"{\"roomdSchema\":1,\"types\":{},\"sequences\":1}", ERR_MALFORMED,
         "sequences: is not an array"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf why = {0};
        struct schema *schema = NULL;
        cr_assert(eq(int, parse_file(cases[i].text, &schema, &why), cases[i].err), "%s",
                  cases[i].text);
        cr_assert(str_eq(buf_str(&why), str_of(cases[i].why)), "%s: %.*s", cases[i].text,
                  STR_ARG(buf_str(&why)));
        cr_assert(zero(ptr, schema));
        buf_finish(&why);
    }
}

Test(file, a_text_that_is_too_large)
{
    struct buf why = {0};
    struct schema *schema = NULL;
    cr_assert(eq(int, schema_parse((struct str){"", SCHEMA_FILE_MAX + 1}, NULL, &schema, &why),
                 ERR_TOO_LARGE));
    cr_assert(str_eq(buf_str(&why), STR("larger than 67108864 bytes")));
    buf_finish(&why);
}

static const char whole[] =
    "{\"roomdSchema\":1,\"about\":{\"any\":[1]},\"types\":{"
    "\"note\":{\"scope\":\"document\",\"validator\":{\"kind\":\"code\",\"function\":\"check\","
    "\"inner\":{\"kind\":\"unknownObject\"}}},"
    "\"sticker\":{\"scope\":\"document\"},\"cursor\":{\"scope\":\"presence\"}},"
    "\"objectTypes\":[\"sticker\"],\"documents\":[{\"id\":\"note:1\",\"typeName\":\"note\"}],"
    "\"sequences\":[{\"sequenceId\":\"a\",\"retroactive\":true,\"migrations\":["
    "{\"id\":\"a/1\",\"scope\":\"record\",\"filter\":{\"function\":\"test\"},"
    "\"up\":{\"function\":\"up\"},\"down\":{\"function\":\"down\"}},"
    "{\"id\":\"a/2\",\"scope\":\"store\",\"up\":{\"function\":\"store\"}},"
    "{\"id\":\"a/3\",\"scope\":\"storage\",\"up\":{\"function\":\"storage\"}},"
    "{\"id\":\"a/4\",\"scope\":\"record\",\"up\":[]}]}],\"code\":\"({})\"}";

Test(file, what_is_in_it)
{
    struct buf why = {0};
    struct buf code = {0};
    struct buf want = {0};
    struct schema *schema;
    struct schema_summary summary;
    cr_assert(eq(int, parse_file(whole, &schema, &why), ERR_OK), "%.*s", STR_ARG(buf_str(&why)));
    schema_summarize(schema, &summary);
    cr_assert(eq(uint, summary.types, 3));
    cr_assert(eq(uint, summary.documents, 2));
    cr_assert(eq(uint, summary.object_types, 1));
    cr_assert(eq(uint, summary.validators, 2));
    cr_assert(eq(uint, summary.code_validators, 1));
    cr_assert(eq(uint, summary.sequences, 1));
    cr_assert(eq(uint, summary.migrations, 4));
    cr_assert(eq(uint, summary.code_migrations, 3));
    cr_assert(eq(uint, summary.code_bytes, 4));
    cr_assert(eq(int, schema_find_code(str_of(whole), &code, &why), ERR_OK));
    cr_assert(str_eq(buf_str(&code), STR("({})")));
    cr_assert(value_equal(schema_serialized(schema),
                          parse("{'schemaVersion':2,'sequences':{'a':4}}", &want)));
    buf_truncate(&want, 0);
    cr_assert(value_equal(schema_earliest(schema),
                          parse("{'schemaVersion':2,'sequences':{'a':0}}", &want)));
    buf_truncate(&want, 0);
    cr_assert(value_equal(schema_default_documents(schema),
                          parse("[{'id':'note:1','typeName':'note'}]", &want)));
    schema_unref(schema);
    buf_finish(&want);
    buf_finish(&code);
    buf_finish(&why);
}

static void note_function(void *arg, struct str function, enum schema_call call)
{
    buf_printf(arg, "%.*s:%d ", STR_ARG(function), call);
}

Test(file, the_functions_that_it_calls)
{
    struct buf why = {0};
    struct buf seen = {0};
    struct buf want = {0};
    struct schema *schema;
    cr_assert(eq(int, parse_file(whole, &schema, &why), ERR_OK));
    schema_functions(schema, note_function, &seen);
    buf_printf(&want, "check:%d test:%d up:%d down:%d store:%d storage:%d ", SCHEMA_CALL_CHECK,
               SCHEMA_CALL_TEST, SCHEMA_CALL_MIGRATE, SCHEMA_CALL_MIGRATE, SCHEMA_CALL_STORE,
               SCHEMA_CALL_STORAGE);
    cr_assert(str_eq(buf_str(&seen), buf_str(&want)), "%.*s", STR_ARG(buf_str(&seen)));
    schema_unref(schema);
    buf_finish(&seen);
    buf_finish(&want);
    buf_finish(&why);
}

Test(file, code_may_be_missing)
{
    struct buf why = {0};
    struct buf code = {0};
    cr_assert(eq(int, schema_find_code(STR("{\"roomdSchema\":1}"), &code, &why), ERR_OK));
    cr_assert(eq(sz, buf_len(&code), 0));
    cr_assert(eq(int, schema_find_code(STR("{\"roomdSchema\":1,\"code\":[]}"), &code, &why),
                 ERR_MALFORMED));
    cr_assert(str_eq(buf_str(&why), STR("code: is not a string")));
    buf_finish(&why);
}
