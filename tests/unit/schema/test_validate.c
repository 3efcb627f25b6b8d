#include "helpers.h"

#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

/* A schema with one type, "t", of that validator, and definitions. */
static struct schema *schema_of(const char *validator, struct schema_engine *engine)
{
    struct buf json = {0};
    buf_printf(&json,
               "{'definitions':{'list':{'kind':'object','fields':{'items':{'kind':'arrayOf',"
               "'item':{'kind':'ref','name':'list'}}}},"
               "'leaf':{'kind':'string'}},"
               "'types':{'t':{'scope':'document','validator':%s}},'sequences':[],'code':'x'}",
               validator);
    buf_append_byte(&json, 0);
    struct schema *schema = compile((const char *)buf_head(&json), engine);
    buf_finish(&json);
    return schema;
}

struct kind_case {
    char validator[240];
    char accepted[200]; /* values, between spaces; "-" is the absent one */
    char refused[200];
};

/* The table of proto/schema.md, row by row. */
ParameterizedTestParameters(validate, kinds)
{
    static struct kind_case cases[] = {
        {"{'kind':'any'}", "- null 1 'a' [] {}", ""},
        {"{'kind':'unknown'}", "- null 1e999", ""},
        {"{'kind':'string'}", "'' 'a'", "- null 1 true [] {} ['a']"},
        {"{'kind':'boolean'}", "true false", "- null 0 'true' []"},
        {"{'kind':'number'}", "0 -0 -1.5 1e300 9007199254740993",
         "- null '1' 1e999 -1e999 [] true"},
        {"{'kind':'positiveNumber'}", "0 -0 1e-9 5", "-0.1 1e999 null -"},
        {"{'kind':'nonZeroNumber'}", "1e-9 5", "0 -0 -1 1e999"},
        {"{'kind':'nonZeroFiniteNumber'}", "-1 0.5", "0 -0 1e999 -1e999"},
        {"{'kind':'unitInterval'}", "0 1 0.5 -0", "-1e-9 1.0000001 1e999"},
        {"{'kind':'integer'}", "0 -3 1e300", "0.5 1e999 '1'"},
        {"{'kind':'positiveInteger'}", "0 7", "-1 0.5 1e999"},
        {"{'kind':'nonZeroInteger'}", "1", "0 -1 1.5 1e999"},
        {"{'kind':'literal','value':'a'}", "'a'", "'ab' '' - null ['a'] {'a':1}"},
        {"{'kind':'literal','value':0}", "0 -0 0.0", "'0' false null -"},
        {"{'kind':'literal','value':null}", "null", "- 0 false"},
        {"{'kind':'literal','value':true}", "true", "false 1 'true'"},
        {"{'kind':'enum','values':['red','green',1,null,true]}", "'red' 'green' 1 1.0 null true",
         "'blue' 2 false - '1' ['red'] {}"},
        {"{'kind':'enum','values':[]}", "", "- null ''"},
        {"{'kind':'enum','values':['a'],'style':'s','note':'n','default':'a'}", "'a'", "'b'"},
        {"{'kind':'array'}", "[] [1,null]", "{} - null 'a'"},
        {"{'kind':'arrayOf','item':{'kind':'number'}}", "[] [1] [1,2]", "[null] ['1'] {} - [[1]]"},
        {"{'kind':'unknownObject'}", "{} [] {'a':1}", "- null 1 'a'"},
        {"{'kind':'object','fields':{}}", "{} []", "{'a':1} [1] - null 'a' 5"},
        {"{'kind':'object','fields':{'a':{'kind':'number'}}}", "{'a':1}",
         "{} {'a':null} {'a':1,'b':1} [] [1] {'b':1}"},
        {"{'kind':'object','fields':{'a':{'kind':'number'}},'allowUnknown':true}",
         "{'a':1} {'b':[],'a':1}", "{} {'b':1} [1]"},
        {"{'kind':'object','fields':{'a':{'kind':'optional','inner':{'kind':'number'}}}}",
         "{} {'a':1} []", "{'a':null} {'a':'1'} [1]"},
        {"{'kind':'object','fields':{'__proto__':{'kind':'number'}}}", "{'__proto__':1}",
         "{} {'__proto__':'a'}"},
        {"{'kind':'object','fields':{'a':{'kind':'any'},'b':{'kind':'jsonValue'}}}",
         "{'b':1} {'b':null,'a':1}", "{} {'a':1}"},
        {"{'kind':'dict','key':{'kind':'idPrefix','prefixes':['k']},'value':{'kind':'number'}}",
         "{} {'k':1,'k2':2} []", "{'x':1} {'k':'1'} - null [1]"},
        {"{'kind':'dict','key':{'kind':'string'},'value':{'kind':'number'}}", "{'':1} [1,2]",
         "['a'] {'a':null}"},
        {"{'kind':'dict','key':{'kind':'literal','value':'0'},'value':{'kind':'any'}}",
         "[5] {'0':1}", "[5,6] {'1':1}"},
        {"{'kind':'union','key':'k','variants':{'a':{'kind':'object','fields':{'k':{'kind':'any'},"
         "'n':{'kind':'number'}}},'b':{'kind':'unknownObject'}}}",
         "{'k':'a','n':1} {'n':1,'k':'a'} {'k':'b','x':1}",
         "{'k':'a'} {'k':'c'} {} {'k':1} [] - null 'a' {'k':null}"},
        {"{'kind':'union','key':'k','variants':{'a':{'kind':'literal','value':1}},"
         "'unknown':{'kind':'object','fields':{'k':{'kind':'string'}}}}",
         "{'k':'z'}", "{'k':'a'} {'k':'z','x':1} {'k':1} {}"},
        {"{'kind':'union','key':'v','numberKeys':true,'variants':{'1':{'kind':'any'},"
         "'2.5':{'kind':'any'}}}",
         "{'v':1} {'v':2.5} {'v':'1'}", "{'v':3} {'v':'3'} {'v':null} {'v':1e999} {}"},
        {"{'kind':'union','key':'v','numberKeys':true,'variants':{},'unknown':{'kind':'any'}}",
         "{'v':3}", "{'v':'x'} {'v':true}"},
        {"{'kind':'optional','inner':{'kind':'number'}}", "- 1", "null 'a'"},
        {"{'kind':'nullable','inner':{'kind':'number'}}", "null 1", "- 'a'"},
        {"{'kind':'nullable','inner':{'kind':'optional','inner':{'kind':'number'}}}", "- null 1",
         "'a'"},
        {"{'kind':'or','a':{'kind':'number'},'b':{'kind':'string'}}", "1 'a'", "- null true"},
        {"{'kind':'or','a':{'kind':'number'},'b':{'kind':'optional','inner':{'kind':'string'}}}",
         "1 'a' -", "null"},
        {"{'kind':'model','name':'m','inner':{'kind':'number'}}", "1", "'a' -"},
        {"{'kind':'jsonValue'}", "null 1 [] {'a':[{}]} 1e999 [1e999]", "-"},
        {"{'kind':'idPrefix','prefixes':['a:','b']}", "'a:' 'a:1' 'b' 'bc'", "'a' '' 'A:1' 1 -"},
        {"{'kind':'idPrefix','prefixes':['']}", "'' 'x'", "1 -"},
        {"{'kind':'idPrefix','prefixes':[]}", "", "'' 'x'"},
        {"{'kind':'indexKey'}", "'a0' 'a1' 'b00' 'a1V' 'Zz' 'a0\\u20ac' 'b\\ud83d\\ude00'",
         "'a' '' 'b0' 'a10' '0a' 'a\\n0' 1 - 'A00000000000000000000000000'"},
        {"{'kind':'ref','name':'leaf'}", "'a'", "1 -"},
        {"{'kind':'optional','inner':{'kind':'ref','name':'leaf'}}", "'a' -", "1"},
        {"{'kind':'ref','name':'list'}", "{'items':[]} {'items':[{'items':[{'items':[]}]}]}",
         "{} {'items':[{}]} {'items':[1]}"},
        {"{'kind':'linkUrl'}", "'' 'http://a.b' 'mailto:a@b' '/x' './x'",
         "'x' 'data:,' 'ftp://a' 1 - null"},
        {"{'kind':'srcUrl'}", "'' 'https://a' 'data:,x' 'asset:x' '/x'",
         "'mailto:a' 'javascript:1'"},
        {"{'kind':'httpUrl'}", "'' 'HTTP:a' '/'", "'mailto:a' 'data:,' 'asset:a'"},
        {"{'kind':'code','function':'ok'}", "- null 1 {}", ""},
        {"{'kind':'code','function':'throws'}", "", "- null 1"},
        {"{'kind':'code','function':'slow'}", "", "1"},
        {"{'kind':'code','function':'ok','inner':{'kind':'number'}}", "1", "'a' -"},
        {"{'kind':'dict','key':{'kind':'code','function':'ok'},'value':{'kind':'any'}}",
         "{} {'a':1} [5]", ""},
        {"{'kind':'dict','key':{'kind':'code','function':'throws'},'value':{'kind':'any'}}",
         "{} []", "{'a':1} [5]"},
        {"{'kind':'object','fields':{'a':{'kind':'code','function':'ok'}}}", "{} {'a':1} []",
         "{'b':1}"},
        {"{'kind':'object','fields':{'a':{'kind':'code','function':'throws'}}}", "",
         "{} {'a':1} []"},
        {"{'kind':'object','fields':{'a':{'kind':'or','a':{'kind':'code','function':'throws'},"
         "'b':{'kind':'nullable','inner':{'kind':'code','function':'ok'}}}}}",
         "{} {'a':1} {'a':null}", ""},
    };
    return cr_make_param_array(struct kind_case, cases, sizeof(cases) / sizeof(cases[0]));
}

static void check_values(const struct schema *schema, const char *validator, const char *values,
                         bool accepted)
{
    while (*values) {
        char json[200];
        size_t len = strcspn(values, " ");
        memcpy(json, values, len);
        json[len] = '\0';
        values += len + (values[len] == ' ');
        struct buf buf = {0};
        struct value value = strcmp(json, "-") == 0 ? VALUE_NONE : parse(json, &buf);
        cr_assert(eq(int, schema_validate(schema, STR("t"), value), accepted), "%s of %s", json,
                  validator);
        buf_finish(&buf);
    }
}

ParameterizedTest(struct kind_case *c, validate, kinds)
{
    struct fake_engine fake;
    fake_engine_init(&fake);
    struct schema *schema = schema_of(c->validator, &fake.engine);
    check_values(schema, c->validator, c->accepted, true);
    check_values(schema, c->validator, c->refused, false);
    schema_unref(schema);
}

Test(validate, code_without_an_engine_refuses)
{
    struct fake_engine fake;
    fake_engine_init(&fake);
    fake.down = true;
    struct schema *none = schema_of("{'kind':'code','function':'ok'}", NULL);
    struct schema *down = schema_of("{'kind':'code','function':'ok'}", &fake.engine);
    check_values(none, "no engine", "1 -", false);
    check_values(down, "an engine that does not run", "1 -", false);
    schema_unref(none);
    schema_unref(down);
}

/* What the data refuses needs no call, which costs more. */
Test(validate, code_is_called_for_what_inner_accepts_only)
{
    struct fake_engine fake;
    fake_engine_init(&fake);
    struct schema *schema =
        schema_of("{'kind':'code','function':'ok','inner':{'kind':'number'}}", &fake.engine);
    check_values(schema, "", "'a' null", false);
    cr_assert(eq(uint, fake.runs, 0));
    check_values(schema, "", "1", true);
    cr_assert(eq(uint, fake.runs, 1));
    schema_unref(schema);
}

/* A call of the engine costs more than all the rest; only alternatives cannot wait. */
Test(validate, code_is_called_once_for_all_of_a_record)
{
    struct fake_engine fake;
    fake_engine_init(&fake);
    struct schema *schema =
        schema_of("{'kind':'arrayOf','item':{'kind':'code','function':'ok'}}", &fake.engine);
    check_values(schema, "", "[1,2,3,4,5,6,7,8,9,10]", true);
    cr_assert(eq(uint, fake.runs, 1));
    cr_assert(eq(uint, fake.jobs, 10));
    schema_unref(schema);
    schema = schema_of("{'kind':'arrayOf','item':{'kind':'or','a':{'kind':'code','function':"
                       "'throws'},'b':{'kind':'code','function':'ok'}}}",
                       &fake.engine);
    check_values(schema, "", "[1,2]", true);
    cr_assert(eq(uint, fake.runs, 4));
    schema_unref(schema);
}

/* As deep as values come, and as wide as objects do. */
Test(validate, deep_and_wide_values)
{
    struct schema *deep = schema_of("{'kind':'ref','name':'list'}", NULL);
    struct buf value = {0};
    for (int i = 0; i < 499; i++) {
        pack_map(&value, 1);
        pack_str(&value, STR("items"));
        pack_array(&value, 1);
    }
    size_t inner = buf_len(&value);
    pack_map(&value, 1);
    pack_str(&value, STR("items"));
    pack_array(&value, 0);
    cr_assert(schema_validate(deep, STR("t"), buf_value(&value)));
    buf_truncate(&value, inner);
    pack_nil(&value);
    cr_assert(not(schema_validate(deep, STR("t"), buf_value(&value))));
    schema_unref(deep);
    buf_finish(&value);
}

/* The stack holds as many alternatives as a schema may have, at every level of the value. */
Test(validate, alternatives_all_the_way_down)
{
    struct buf json = {0};
    struct buf value = {0};
    buf_append_str(&json, STR("{'definitions':{'x':"));
    for (int i = 0; i < 7; i++) {
        buf_append_str(&json, STR("{'kind':'or','b':{'kind':'string'},'a':"));
    }
    buf_append_str(&json, STR("{'kind':'arrayOf','item':{'kind':'ref','name':'x'}}}}}}}}}},"
                              "'types':{'t':{'scope':'document','validator':{'kind':'ref',"
                              "'name':'x'}}},'sequences':[]}"));
    buf_append_byte(&json, 0);
    struct schema *schema = compile((const char *)buf_head(&json), NULL);
    for (int i = 0; i < VALUE_MAX_DEPTH; i++) {
        pack_array(&value, 1);
    }
    pack_str(&value, STR("leaf"));
    cr_assert(schema_validate(schema, STR("t"), buf_value(&value)));
    schema_unref(schema);
    buf_finish(&json);
    buf_finish(&value);
}

/* Each level tries both, and each of them all below it: without a bound this would not end. */
Test(validate, work_is_bounded)
{
    struct schema *schema =
        compile("{'definitions':{'x':{'kind':'or','a':{'kind':'arrayOf','item':{'kind':'ref',"
                "'name':'x'}},'b':{'kind':'arrayOf','item':{'kind':'ref','name':'x'}}}},"
                "'types':{'t':{'scope':'document','validator':{'kind':'ref','name':'x'}}},"
                "'sequences':[]}",
                NULL);
    struct buf value = {0};
    for (int i = 0; i < 900; i++) {
        pack_array(&value, 1);
    }
    pack_nil(&value);
    cr_assert(not(schema_validate(schema, STR("t"), buf_value(&value))));
    schema_unref(schema);
    buf_finish(&value);
}

/* Nobody is turned away for good because code does not run just now. */
Test(validate, without_the_engine_it_is_undecided)
{
    struct fake_engine fake;
    fake_engine_init(&fake);
    struct schema *schema = schema_of("{'kind':'object','fields':{'x':{'kind':'code','function':"
                                      "'ok'},'n':{'kind':'number'}}}",
                                      &fake.engine);
    struct buf good = {0};
    struct buf bad = {0};
    parse("{'x':1,'n':1}", &good);
    parse("{'x':1,'n':'one'}", &bad);
    cr_assert(eq(int, schema_check(schema, STR("t"), buf_value(&good)), SCHEMA_VALID));
    fake.down = true;
    cr_assert(eq(int, schema_check(schema, STR("t"), buf_value(&good)), SCHEMA_UNDECIDED));
    cr_assert(not(schema_validate(schema, STR("t"), buf_value(&good))));
    cr_assert(eq(int, schema_check(schema, STR("t"), buf_value(&bad)), SCHEMA_INVALID),
              "whatever code would say");
    buf_finish(&good);
    buf_finish(&bad);
    schema_unref(schema);
}

Test(validate, types)
{
    struct schema *schema = compile(
        "{'types':{'note':{'scope':'document'},'user':{'scope':'document','validator':{'kind':"
        "'object','fields':{'id':{'kind':'string'},'typeName':{'kind':'string'}}}},"
        "'cursor':{'scope':'presence'},'camera':{'scope':'session'}},'objectTypes':['user'],"
        "'sequences':[]}",
        NULL);
    struct buf record = {0};
    parse("{'id':'a','typeName':'b','more':1}", &record);
    cr_assert(schema_validate(schema, STR("note"), buf_value(&record)), "no validator");
    cr_assert(not(schema_validate(schema, STR("user"), buf_value(&record))));
    cr_assert(not(schema_validate(schema, STR("other"), buf_value(&record))), "no such type");
    cr_assert(eq(int, schema_scope_of(schema, STR("note")), SCHEMA_DOCUMENT));
    cr_assert(eq(int, schema_scope_of(schema, STR("cursor")), SCHEMA_PRESENCE));
    cr_assert(eq(int, schema_scope_of(schema, STR("camera")), SCHEMA_SESSION));
    cr_assert(eq(int, schema_scope_of(schema, STR("other")), SCHEMA_UNKNOWN));
    cr_assert(str_eq(schema_presence_type(schema), STR("cursor")));
    cr_assert(schema_is_object_type(schema, STR("user")));
    cr_assert(not(schema_is_object_type(schema, STR("note"))));
    cr_assert(not(schema_is_open(schema)));
    buf_finish(&record);
    schema_unref(schema);
}
