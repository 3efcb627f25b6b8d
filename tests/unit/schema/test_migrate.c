#include "helpers.h"

#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

/* A schema with one sequence "a" of these migrations, and the way from its start. */
static struct schema_path *path_of(const char *migrations, struct schema_engine *engine)
{
    struct buf json = {0};
    struct schema_path *path;
    buf_printf(&json, "{'types':{},'code':'x','sequences':[{'sequenceId':'a','migrations':[%s]}]}",
               migrations);
    buf_append_byte(&json, 0);
    struct schema *schema = compile((const char *)buf_head(&json), engine);
    cr_assert(eq(int, schema_path_from(schema, schema_earliest(schema), &path), SCHEMA_SERVED));
    schema_unref(schema);
    buf_finish(&json);
    return path;
}

/* What becomes of a record: its JSON, or the outcome if there is none. */
static void check_migrated(const struct schema_path *path, enum schema_direction direction,
                           const char *record, const char *want)
{
    static const char *const outcomes[] = {[SCHEMA_SAME] = "same",
                                           [SCHEMA_TOO_OLD] = "too old",
                                           [SCHEMA_TOO_NEW] = "too new",
                                           [SCHEMA_FAILED] = "failed"};
    struct buf buf = {0};
    struct buf other = {0};
    struct buf text = {0};
    struct schema_traveller traveller = {.record = parse(record, &buf)};
    schema_migrate(path, direction, &traveller, 1);
    if (traveller.migrated == SCHEMA_CHANGED) {
        json_write(buf_value(&traveller.out), &text);
        cr_assert(eq(int, want[0], '{'), "%s: %.*s", record, STR_ARG(buf_str(&text)));
        cr_assert(value_equal(buf_value(&traveller.out), parse(want, &other)), "%s: %.*s", record,
                  STR_ARG(buf_str(&text)));
    } else {
        cr_assert(str_eq(str_of(outcomes[traveller.migrated]), str_of(want)), "%s: %s", record,
                  outcomes[traveller.migrated]);
    }
    buf_finish(&traveller.out);
    buf_finish(&buf);
    buf_finish(&other);
    buf_finish(&text);
}

struct step_case {
    char steps[160];
    char record[100];
    char want[120];
};

/* The table of steps in proto/schema.md. */
ParameterizedTestParameters(migrate, steps)
{
    static struct step_case cases[] = {
        {"", "{'a':1}", "{'a':1}"},
        {"{'op':'set','path':['a'],'value':2}", "{'a':1,'b':1}", "{'a':2,'b':1}"},
        {"{'op':'set','path':['a'],'value':null}", "{}", "{'a':null}"},
        {"{'op':'set','path':['p','q','r'],'value':[1]}", "{'z':1}", "{'z':1,'p':{'q':{'r':[1]}}}"},
        {"{'op':'set','path':['p','q'],'value':1}", "{'p':{'a':2,'q':3}}", "{'p':{'a':2,'q':1}}"},
        {"{'op':'set','path':['p','q'],'value':1}", "{'p':null}", "{'p':null}"},
        {"{'op':'set','path':['p','0'],'value':1}", "{'p':[5]}", "{'p':[5]}"},
        {"{'op':'set','path':['p','q'],'value':1}", "{'p':'text'}", "{'p':'text'}"},
        {"{'op':'set','path':['__proto__'],'value':1}", "{}", "{'__proto__':1}"},
        {"{'op':'default','path':['a'],'value':2}", "{}", "{'a':2}"},
        {"{'op':'default','path':['a'],'value':2}", "{'a':null}", "{'a':null}"},
        {"{'op':'default','path':['p','q'],'value':2}", "{}", "{'p':{'q':2}}"},
        {"{'op':'delete','path':['a']}", "{'a':1,'b':2}", "{'b':2}"},
        {"{'op':'delete','path':['a']}", "{'b':2}", "{'b':2}"},
        {"{'op':'delete','path':['p','q']}", "{'p':{'q':1}}", "{'p':{}}"},
        {"{'op':'delete','path':['p','q']}", "{}", "{}"},
        {"{'op':'rename','from':['a'],'to':['b']}", "{'a':1,'c':2}", "{'b':1,'c':2}"},
        {"{'op':'rename','from':['a'],'to':['b']}", "{'a':{'x':[1]},'b':2}", "{'b':{'x':[1]}}"},
        {"{'op':'rename','from':['a'],'to':['b']}", "{'b':2}", "{'b':2}"},
        {"{'op':'rename','from':['p','a'],'to':['p','b']}", "{'p':{'a':1}}", "{'p':{'b':1}}"},
        {"{'op':'rename','from':['a'],'to':['p','b']}", "{'a':1,'p':{}}", "{'p':{'b':1}}"},
        {"{'op':'rename','from':['a'],'to':['p','b']}", "{'a':1}", "{'a':1}"},
        {"{'op':'mapValue','path':['a'],'pairs':[['x','y'],['y','z'],[{'k':1},null]]}", "{'a':'x'}",
         "{'a':'y'}"},
        {"{'op':'mapValue','path':['a'],'pairs':[['x','y'],['y','z'],[{'k':1},null]]}",
         "{'a':{'k':1}}", "{'a':null}"},
        {"{'op':'mapValue','path':['a'],'pairs':[['x','y']]}", "{'a':'q'}", "{'a':'q'}"},
        {"{'op':'mapValue','path':['a'],'pairs':[['x','y']]}", "{}", "{}"},
        {"{'op':'scale','path':['a'],'factor':2.5}", "{'a':3}", "{'a':7.5}"},
        {"{'op':'scale','path':['a'],'factor':2}", "{'a':'3'}", "{'a':'3'}"},
        {"{'op':'scale','path':['p','a'],'factor':0}", "{'p':{'a':-3}}", "{'p':{'a':0}}"},
        {"{'op':'fail'}", "{}", "failed"},
        {"{'op':'set','path':['a'],'value':1},{'op':'rename','from':['a'],'to':['b']},"
         "{'op':'scale','path':['b'],'factor':4}",
         "{}", "{'b':4}"},
    };
    return cr_make_param_array(struct step_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct step_case *c, migrate, steps)
{
    struct buf json = {0};
    buf_printf(&json, "{'id':'a/1','scope':'record','up':[%s]}", c->steps);
    buf_append_byte(&json, 0);
    struct schema_path *path = path_of((const char *)buf_head(&json), NULL);
    check_migrated(path, SCHEMA_UP, c->record, c->want);
    schema_path_unref(path);
    buf_finish(&json);
}

/* An object gets more members than its short header can count. */
Test(migrate, objects_grow_beyond_their_header)
{
    struct schema_path *path = path_of(
        "{'id':'a/1','scope':'record','up':[{'op':'set','path':['p','new'],'value':1}]}", NULL);
    struct buf record = {0};
    pack_map(&record, 1);
    pack_str(&record, STR("p"));
    pack_map(&record, 15);
    for (int i = 0; i < 15; i++) {
        char name = (char)('a' + i);
        pack_str(&record, (struct str){&name, 1});
        pack_nil(&record);
    }
    struct schema_traveller traveller = {.record = buf_value(&record)};
    schema_migrate(path, SCHEMA_UP, &traveller, 1);
    cr_assert(eq(int, traveller.migrated, SCHEMA_CHANGED));
    cr_assert(eq(uint, value_count(value_get(buf_value(&traveller.out), STR("p"))), 16));
    buf_finish(&traveller.out);
    buf_finish(&record);
    schema_path_unref(path);
}

#define SET(id, name, rest)                                                                        \
    "{'id':'" id "','scope':'record'," rest "'up':[{'op':'set','path':['" name "'],'value':1}],"   \
    "'down':[{'op':'delete','path':['" name "']}]}"

Test(migrate, filters_choose_the_records)
{
    struct schema_path *path =
        path_of(SET("a/1", "x", "'filter':{'typeName':'note','kind':{'k':1}},"), NULL);
    check_migrated(path, SCHEMA_UP, "{'typeName':'note','kind':{'k':1}}",
                   "{'typeName':'note','kind':{'k':1},'x':1}");
    check_migrated(path, SCHEMA_UP, "{'typeName':'note','kind':{'k':2}}", "same");
    check_migrated(path, SCHEMA_UP, "{'typeName':'note'}", "same");
    check_migrated(path, SCHEMA_UP, "{}", "same");
    check_migrated(path, SCHEMA_UP, "[]", "same");
    schema_path_unref(path);
}

/* A filter sees what the migrations before have made of the record. */
Test(migrate, one_after_the_other_and_back)
{
    struct schema_path *path =
        path_of(SET("a/1", "x", "") "," SET("a/2", "y", "'filter':{'x':1},"), NULL);
    check_migrated(path, SCHEMA_UP, "{}", "{'x':1,'y':1}");
    check_migrated(path, SCHEMA_DOWN, "{'x':1,'y':1}", "{}");
    check_migrated(path, SCHEMA_DOWN, "{'y':1}", "{'y':1}");
    schema_path_unref(path);
}

/* 4.3 and 4.4. All of the list counts, also what is not for this record. */
Test(migrate, what_cannot_be_done_at_all)
{
    struct schema_path *no_down =
        path_of("{'id':'a/1','scope':'record','filter':{'typeName':'x'},'up':[]}", NULL);
    struct schema_path *store = path_of("{'id':'a/1','scope':'store','up':[]}", NULL);
    check_migrated(no_down, SCHEMA_UP, "{}", "same");
    check_migrated(no_down, SCHEMA_DOWN, "{}", "too old");
    check_migrated(store, SCHEMA_UP, "{}", "too new");
    check_migrated(store, SCHEMA_DOWN, "{}", "too old");
    schema_path_unref(no_down);
    schema_path_unref(store);
}

#define CODE(id, name) "{'id':'" id "','scope':'record','up':{'function':'" name "'}}"

Test(migrate, by_code)
{
    static const struct {
        const char *function;
        const char *want;
    } cases[] = {
        {"ok", "{'id':'n','typeName':'t'}"},
        {"stamp", "{'id':'n','typeName':'t','stamp':true}"},
        {"replace", "{'id':'n','typeName':'t','replaced':true}"},
        {"throws", "failed"},
        {"slow", "failed"},
        {"junk", "failed"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fake_engine fake;
        struct buf json = {0};
        fake_engine_init(&fake);
        buf_printf(&json, CODE("a/1", "%s"), cases[i].function);
        buf_append_byte(&json, 0);
        struct schema_path *path = path_of((const char *)buf_head(&json), &fake.engine);
        check_migrated(path, SCHEMA_UP, "{'id':'n','typeName':'t'}", cases[i].want);
        fake.down = true;
        check_migrated(path, SCHEMA_UP, "{'id':'n','typeName':'t'}", "failed");
        schema_path_unref(path);
        path = path_of((const char *)buf_head(&json), NULL);
        check_migrated(path, SCHEMA_UP, "{'id':'n','typeName':'t'}", "failed");
        schema_path_unref(path);
        buf_finish(&json);
    }
}

Test(migrate, filters_by_code)
{
    struct fake_engine fake;
    fake_engine_init(&fake);
    struct schema_path *path =
        path_of(SET("a/1", "x", "'filter':{'function':'isBlue'},"), &fake.engine);
    struct schema_path *throws =
        path_of(SET("a/1", "x", "'filter':{'function':'throws'},"), &fake.engine);
    check_migrated(path, SCHEMA_UP, "{'color':'blue'}", "{'color':'blue','x':1}");
    check_migrated(path, SCHEMA_UP, "{'color':'red'}", "same");
    check_migrated(throws, SCHEMA_UP, "{'color':'red'}", "failed");
    schema_path_unref(path);
    schema_path_unref(throws);
}

#define STAMP_2 CODE("a/2", "stamp")
#define SET_3 SET("a/3", "x", "")
static const char fail_stamp_set[] =
    "{'id':'a/1','scope':'record','filter':{'bad':true},'up':[{'op':'fail'}]}," STAMP_2 "," SET_3;

/* One call of the engine per migration; a record that fails is out, and the others go on. */
Test(migrate, many_at_once)
{
    enum { COUNT = 20 };
    struct fake_engine fake;
    fake_engine_init(&fake);
    struct schema_path *path = path_of(fail_stamp_set, &fake.engine);
    struct buf good = {0};
    struct buf bad = {0};
    parse("{'id':'n'}", &good);
    parse("{'id':'n','bad':true}", &bad);
    struct schema_traveller travellers[COUNT] = {0};
    for (int i = 0; i < COUNT; i++) {
        travellers[i].record = buf_value(i % 4 == 3 ? &bad : &good);
    }
    schema_migrate(path, SCHEMA_UP, travellers, COUNT);
    cr_assert(eq(uint, fake.runs, 1));
    cr_assert(eq(uint, fake.jobs, 15));
    for (int i = 0; i < COUNT; i++) {
        cr_assert(eq(int, travellers[i].migrated, i % 4 == 3 ? SCHEMA_FAILED : SCHEMA_CHANGED));
        if (i % 4 != 3) {
            cr_assert(eq(uint, value_count(buf_value(&travellers[i].out)), 3));
        }
        buf_finish(&travellers[i].out);
    }
    schema_path_unref(path);
    buf_finish(&good);
    buf_finish(&bad);
}

static const char some_code[] =
    "{'id':'a/1','scope':'record','filter':{'typeName':'a'},'up':[{'op':'set','path':['x'],"
    "'value':1}],'down':[{'op':'delete','path':['x']}]},"
    "{'id':'a/2','scope':'record','filter':{'typeName':'b'},'up':{'function':'ok'},'down':[]},"
    "{'id':'a/3','scope':'record','filter':{'typeName':'a','x':1},'up':{'function':'ok'},"
    "'down':[]},"
    "{'id':'a/4','scope':'record','filter':{'typeName':'a','y':1},'up':[],"
    "'down':{'function':'ok'}}";

Test(migrate, what_may_need_the_engine)
{
    struct fake_engine fake;
    fake_engine_init(&fake);
    struct schema_path *path = path_of(some_code, &fake.engine);
    struct schema_path *filter =
        path_of(SET("a/1", "x", "'filter':{'function':'isBlue'},"), &fake.engine);
    struct buf a = {0};
    struct buf b = {0};
    struct buf c = {0};
    struct buf d = {0};
    parse("{'typeName':'a','y':1}", &d);
    parse("{'typeName':'a'}", &a);
    parse("{'typeName':'b'}", &b);
    parse("{'typeName':'c'}", &c);
    cr_assert(schema_path_needs_engine(path, SCHEMA_UP, buf_value(&a)), "a/1 may set x");
    cr_assert(schema_path_needs_engine(path, SCHEMA_UP, buf_value(&b)));
    cr_assert(not(schema_path_needs_engine(path, SCHEMA_UP, buf_value(&c))));
    cr_assert(not(schema_path_needs_engine(path, SCHEMA_DOWN, buf_value(&a))), "none sets y");
    cr_assert(schema_path_needs_engine(path, SCHEMA_DOWN, buf_value(&d)));
    cr_assert(schema_path_needs_engine(filter, SCHEMA_DOWN, buf_value(&c)));
    cr_assert(not(schema_path_needs_engine(NULL, SCHEMA_UP, buf_value(&a))));
    buf_finish(&a);
    buf_finish(&b);
    buf_finish(&c);
    buf_finish(&d);
    schema_path_unref(path);
    schema_path_unref(filter);
}
