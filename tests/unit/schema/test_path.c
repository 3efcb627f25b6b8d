#include "helpers.h"

#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#define UP_DOWN(id) "{'id':'" id "','scope':'record','up':[],'down':[]}"

/* note: 3 of which the second has no down; store: not retroactive, of other scopes; none: empty. */
#define NOTE_1 UP_DOWN("note/1")
#define NOTE_2 "{'id':'note/2','scope':'record','up':[],'down':null}"
#define NOTE_3 UP_DOWN("note/3")
#define STORE_1 "{'id':'store/1','scope':'storage','up':[]}"
#define STORE_2 "{'id':'store/2','scope':'store','up':[]}"
#define STORE_3 UP_DOWN("store/3")
#define USER_1 UP_DOWN("user/1")
static const char content[] =
    "{'types':{},'sequences':["
    "{'sequenceId':'note','retroactive':true,'migrations':[" NOTE_1 "," NOTE_2 "," NOTE_3 "]},"
    "{'sequenceId':'store','migrations':[" STORE_1 "," STORE_2 "," STORE_3 "]},"
    "{'sequenceId':'user','retroactive':true,'migrations':[" USER_1 "]},"
    "{'sequenceId':'none','retroactive':false,'migrations':[]}]}";

struct match_case {
    char name[60];
    char theirs[160];
    enum schema_match match;
    int length; /* of the path; 0: none */
};

#define V2(sequences) "{'schemaVersion':2,'sequences':{" sequences "}}"

ParameterizedTestParameters(path, match)
{
    static struct match_case cases[] = {
        {"SCH-4 the same", V2("'note':3,'store':3,'user':1,'none':0"), SCHEMA_SERVED, 0},
        {"SCH-4 older, with downs", V2("'note':2,'store':2,'user':1,'none':0"), SCHEMA_SERVED, 2},
        {"SCH-4 unknown sequences alone", V2("'note':3,'store':3,'user':1,'other':7"),
         SCHEMA_SERVED, 0},
        {"SCH-4 a retroactive one is not named", V2("'note':3,'store':3"), SCHEMA_SERVED, 1},
        {"SCH-4 another is not named", V2("'note':3,'user':1"), SCHEMA_SERVED, 0},
        {"a version that is no number, retroactive", V2("'note':3,'store':3,'user':'x'"),
         SCHEMA_SERVED, 1},
        {"a version that is null, retroactive", V2("'note':3,'store':3,'user':null"), SCHEMA_SERVED,
         1},
        {"a version that is no number, not retroactive", V2("'note':3,'store':'x','user':1"),
         SCHEMA_CLIENT_TOO_OLD, 0},
        {"a version that is null, not retroactive", V2("'note':3,'store':null,'user':1"),
         SCHEMA_CLIENT_TOO_OLD, 0},
        {"a version that is a number's text", V2("'note':3,'store':'2','user':1"), SCHEMA_SERVED,
         1},
        {"SCH-3 one has no down", V2("'note':1,'store':3,'user':1"), SCHEMA_CLIENT_TOO_OLD, 0},
        {"SCH-3 one is of a store", V2("'note':3,'store':1,'user':1"), SCHEMA_CLIENT_TOO_OLD, 0},
        {"SCH-3 one is of the storage", V2("'note':3,'store':0,'user':1"), SCHEMA_CLIENT_TOO_OLD,
         0},
        {"SCH-2 newer", V2("'note':4,'store':3,'user':1"), SCHEMA_SERVER_TOO_OLD, 0},
        {"SCH-2 newer than an empty one", V2("'note':3,'store':3,'user':1,'none':1"),
         SCHEMA_SERVER_TOO_OLD, 0},
        {"SCH-2 newer, and without down", V2("'note':1,'store':3,'user':2"), SCHEMA_SERVER_TOO_OLD,
         0},
        {"SCH-2 a negative version", V2("'note':-1,'store':3,'user':1"), SCHEMA_CLIENT_TOO_OLD, 0},
        {"SCH-2 a negative one, and one unknown", V2("'note':-1,'x':0"), SCHEMA_SERVER_TOO_OLD, 0},
        {"SCH-2 half a version", V2("'note':2.5,'store':3,'user':1"), SCHEMA_CLIENT_TOO_OLD, 0},
        {"SCH-2 an endless version", V2("'note':1e999,'store':3,'user':1"), SCHEMA_SERVER_TOO_OLD,
         0},
        {"SCH-2 a later form", "{'schemaVersion':3,'sequences':{}}", SCHEMA_SERVER_TOO_OLD, 0},
        {"SCH-2 an earlier form", "{'schemaVersion':0,'sequences':{}}", SCHEMA_CLIENT_TOO_OLD, 0},
        {"SCH-5 none at all", "{}", SCHEMA_MALFORMED, 0},
        {"SCH-5 a number", "5", SCHEMA_MALFORMED, 0},
        {"version 1 names other sequences",
         "{'schemaVersion':1,'storeVersion':0,'recordVersions':{}}", SCHEMA_CLIENT_TOO_OLD, 0},
    };
    return cr_make_param_array(struct match_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct match_case *c, path, match)
{
    struct schema *schema = compile(content, NULL);
    struct buf theirs = {0};
    struct schema_path *path;
    cr_assert(eq(int, schema_match(schema, parse(c->theirs, &theirs), &path), c->match), "%s",
              c->name);
    cr_assert(eq(sz, schema_path_length(path), (size_t)c->length), "%s", c->name);
    cr_assert(eq(int, path == NULL, c->length == 0), "%s", c->name);
    schema_path_unref(path);
    buf_finish(&theirs);
    schema_unref(schema);
}

#define GEO_1 UP_DOWN("com.tldraw.shape.geo/1")
#define GEO_2 UP_DOWN("com.tldraw.shape.geo/2")
#define TLDRAW_STORE_1 UP_DOWN("com.tldraw.store/1")
static const char tldraw[] =
    "{'types':{},'sequences':["
    "{'sequenceId':'com.tldraw.shape.geo','migrations':[" GEO_1 "," GEO_2 "]},"
    "{'sequenceId':'com.tldraw.store','migrations':[" TLDRAW_STORE_1 "]}]}";

/* Version 1 becomes version 2 (schema-and-migrations 1), and is served then like it. */
Test(path, of_version_1)
{
    struct schema *schema = compile(tldraw, NULL);
    struct buf theirs = {0};
    struct schema_path *path;
    parse("{'schemaVersion':1,'storeVersion':0,'recordVersions':{'shape':{'version':1,"
          "'subTypeKey':'type','subTypeVersions':{'geo':1}}}}",
          &theirs);
    cr_assert(eq(int, schema_match(schema, buf_value(&theirs), &path), SCHEMA_SERVED));
    cr_assert(eq(sz, schema_path_length(path), 2));
    cr_assert(str_eq(schema_path_id(path, 0), STR("com.tldraw.shape.geo/2")));
    cr_assert(str_eq(schema_path_id(path, 1), STR("com.tldraw.store/1")));
    schema_path_unref(path);
    buf_finish(&theirs);
    schema_unref(schema);
}

/* Migrations of any scope, and without down, may be on the way of what is stored (5.). */
Test(path, of_stored_records)
{
    struct schema *schema = compile(content, NULL);
    struct schema_path *path;
    struct buf theirs = {0};
    cr_assert(eq(int, schema_path_from(schema, schema_earliest(schema), &path), SCHEMA_SERVED));
    cr_assert(eq(sz, schema_path_length(path), 7));
    schema_path_unref(path);
    cr_assert(eq(int, schema_path_from(schema, schema_serialized(schema), &path), SCHEMA_SERVED));
    cr_assert(zero(ptr, path));
    parse(V2("'note':9"), &theirs);
    cr_assert(eq(int, schema_path_from(schema, buf_value(&theirs), &path), SCHEMA_SERVER_TOO_OLD));
    cr_assert(zero(ptr, path));
    buf_finish(&theirs);
    schema_unref(schema);
}

Test(path, the_same_way_is_equal_however_it_was_named)
{
    static const char *const names[] = {V2("'note':2,'store':3,'user':1"),
                                        V2("'user':1,'note':2,'unknown':5"),
                                        V2("'note':3,'user':0")};
    struct schema *schema = compile(content, NULL);
    struct schema_path *paths[3];
    for (int i = 0; i < 3; i++) {
        struct buf theirs = {0};
        cr_assert(
            eq(int, schema_match(schema, parse(names[i], &theirs), &paths[i]), SCHEMA_SERVED));
        buf_finish(&theirs);
    }
    cr_assert(schema_path_equal(paths[0], paths[1]));
    cr_assert(not(schema_path_equal(paths[0], paths[2])));
    cr_assert(not(schema_path_equal(paths[0], NULL)));
    cr_assert(schema_path_equal(NULL, NULL));
    for (int i = 0; i < 3; i++) {
        schema_path_unref(paths[i]);
    }
    schema_unref(schema);
}

/* It holds what it needs. */
Test(path, outlives_the_schemas_owner)
{
    struct schema *schema = compile(content, NULL);
    struct buf theirs = {0};
    struct schema_path *path;
    cr_assert(eq(int, schema_match(schema, parse(V2("'note':2,'user':1"), &theirs), &path),
                 SCHEMA_SERVED));
    schema_unref(schema);
    cr_assert(eq(ptr, schema_path_ref(path), path));
    schema_path_unref(path);
    cr_assert(str_eq(schema_path_id(path, 0), STR("note/3")));
    schema_path_unref(path);
    schema_path_unref(NULL);
    buf_finish(&theirs);
}
