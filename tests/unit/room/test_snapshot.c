#include "fixture.h"

#define NOTE(n, clock)                                                                             \
    "{'state':{'id':'note:" n "','typeName':'note'},'lastChangedClock':" clock "}"

struct read_case {
    char name[64];
    char given[400];
    char want[400]; /* empty: malformed */
};

ParameterizedTestParameters(snapshot, read)
{
    static struct read_case cases[] = {
        {"SNAP-1 what was written is read",
         "{'documentClock':12,'tombstoneHistoryStartsAtClock':3,'documents':[" NOTE(
             "1", "12") "," NOTE("3", "4") "],'tombstones':{'note:2':9},'schema':" NOTES "}",
         "{'documentClock':12,'tombstoneHistoryStartsAtClock':3,'documents':[" NOTE(
             "3", "4") "," NOTE("1", "12") "],'tombstones':{'note:2':9},'schema':" NOTES "}"},
        {"SNAP-2 documents are enough", "{'documents':[]}",
         "{'documentClock':0,'tombstoneHistoryStartsAtClock':0,'documents':[],'tombstones':{}}"},
        {"SNAP-2 the clock may have its old name", "{'documents':[],'clock':7}",
         "{'documentClock':7,'tombstoneHistoryStartsAtClock':7,'documents':[],'tombstones':{}}"},
        {"SNAP-2 the new one counts", "{'documents':[],'clock':7,'documentClock':3}",
         "{'documentClock':3,'tombstoneHistoryStartsAtClock':3,'documents':[],'tombstones':{}}"},
        {"SNAP-2 it is raised to that of a document",
         "{'documents':[" NOTE("1", "9") "],'documentClock':3,"
                                         "'tombstoneHistoryStartsAtClock':0}",
         "{'documentClock':9,'tombstoneHistoryStartsAtClock':0,'documents':[" NOTE(
             "1", "9") "],'tombstones':{}}"},
        {"SNAP-2 or of a tombstone",
         "{'documents':[],'documentClock':3,'tombstoneHistoryStartsAtClock':0,"
         "'tombstones':{'a':8,'b':5}}",
         "{'documentClock':8,'tombstoneHistoryStartsAtClock':0,'documents':[],"
         "'tombstones':{'b':5,'a':8}}"},
        {"SNAP-3 history starts at the clock if nothing says",
         "{'documents':[" NOTE("1", "2") "],'documentClock':5,'tombstones':{'a':3}}",
         "{'documentClock':5,'tombstoneHistoryStartsAtClock':5,'documents':[" NOTE(
             "1", "2") "],'tombstones':{}}"},
        {"SNAP-3 and never later",
         "{'documents':[],'documentClock':5,'tombstoneHistoryStartsAtClock':30,"
         "'tombstones':{'a':3}}",
         "{'documentClock':5,'tombstoneHistoryStartsAtClock':5,'documents':[],'tombstones':{}}"},
        {"SNAP-4 tombstones without history are dropped",
         "{'documents':[],'documentClock':5,'tombstoneHistoryStartsAtClock':5,"
         "'tombstones':{'a':5}}",
         "{'documentClock':5,'tombstoneHistoryStartsAtClock':5,'documents':[],'tombstones':{}}"},
        {"SNAP-5 the last of one id wins",
         "{'documents':[{'state':{'id':'a','typeName':'t','n':1},'lastChangedClock':6},"
         "{'state':{'id':'b','typeName':'t'},'lastChangedClock':2},"
         "{'state':{'id':'a','typeName':'t','n':2},'lastChangedClock':4}],"
         "'tombstoneHistoryStartsAtClock':0,'documentClock':6}",
         "{'documentClock':6,'tombstoneHistoryStartsAtClock':0,'documents':["
         "{'state':{'id':'b','typeName':'t'},'lastChangedClock':2},"
         "{'state':{'id':'a','typeName':'t','n':2},'lastChangedClock':4}],'tombstones':{}}"},
        {"SNAP-6 a store",
         "{'store':{'note:1':{'id':'note:1','typeName':'note'}},'schema':" NOTES
         ",'documentClock':9,'tombstones':{'x':1}}",
         "{'documentClock':0,'tombstoneHistoryStartsAtClock':0,'documents':[" NOTE(
             "1", "0") "],'tombstones':{},'schema':" NOTES "}"},
        {"SNAP-6 documents come first",
         "{'store':{'note:1':{'id':'note:1','typeName':'note'}},'documents':[]}",
         "{'documentClock':0,'tombstoneHistoryStartsAtClock':0,'documents':[],'tombstones':{}}"},
        {"a document without clock is as old as can be",
         "{'documents':[{'state':{'id':'note:1','typeName':'note'}}],'documentClock':2,"
         "'tombstoneHistoryStartsAtClock':1}",
         "{'documentClock':2,'tombstoneHistoryStartsAtClock':1,'documents':[" NOTE(
             "1", "0") "],'tombstones':{}}"},
        {"a tombstone of what is there is none",
         "{'documents':[" NOTE(
             "1", "2") "],'documentClock':5,"
                       "'tombstoneHistoryStartsAtClock':1,'tombstones':{'note:1':4,'note:2':3}}",
         "{'documentClock':5,'tombstoneHistoryStartsAtClock':1,'documents':[" NOTE(
             "1", "2") "],'tombstones':{'note:2':3}}"},
        {"nothing of it", "{}", ""},
        {"text", "'x'", ""},
        {"documents that are no list", "{'documents':{}}", ""},
        {"a store that is a list", "{'store':[]}", ""},
        {"a document without state", "{'documents':[{}]}", ""},
        {"a document that is null", "{'documents':[null]}", ""},
        {"a record without type", "{'documents':[{'state':{'id':'a'}}]}", ""},
        {"a record without id", "{'store':{'a':{'typeName':'t'}}}", ""},
        {"a clock below 0", "{'documents':[],'documentClock':-1}", ""},
        {"a clock that is text", "{'documents':[],'documentClock':'1'}", ""},
        {"a fraction of a clock",
         "{'documents':[{'state':{'id':'a','typeName':'t'},'lastChangedClock':1.5}]}", ""},
        {"a tombstone that is null", "{'documents':[],'tombstones':{'a':null}}", ""},
        {"a history below 0", "{'documents':[],'tombstoneHistoryStartsAtClock':-1}", ""},
        {"a schema that is none", "{'documents':[],'schema':{}}", ""},
        {"a schema of another form", "{'documents':[],'schema':{'schemaVersion':3}}", ""},
    };
    return cr_make_param_array(struct read_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct read_case *c, snapshot, read)
{
    struct fixture f;
    struct buf given = {0};
    fixture_init(&f);
    enum err err = room_read_snapshot(f.room, parse(c->given, &given));
    cr_assert(eq(int, err, c->want[0] ? ERR_OK : ERR_MALFORMED), "%s", c->name);
    if (!err) {
        assert_snapshot(f.room, c->want);
    }
    assert_told(&f, "");
    buf_finish(&given);
    fixture_finish(&f);
}

static void copy_room(const struct fixture *f, struct fixture *copy)
{
    struct buf snapshot = {0};
    fixture_init(copy);
    room_write_snapshot(f->room, &snapshot);
    cr_assert(eq(int, room_read_snapshot(copy->room, buf_value(&snapshot)), ERR_OK));
    buf_finish(&snapshot);
}

Test(snapshot, a_room_read_from_one_goes_on_where_the_other_stood)
{
    struct fixture f;
    struct fixture copy;
    fixture_init_from(&f, "{'documents':[" NOTE("1", "1") "," NOTE(
                              "2", "2") "],'tombstoneHistoryStartsAtClock':0,'schema':" NOTES "}");
    connect_session(&f, "A");
    send_push(&f, "A", "'diff':{'note:1':['remove'],'note:2':['patch',{'a':['put',1]}]}");
    copy_room(&f, &copy);
    forget_told(&f);
    connect_session(&copy, "A");
    copy.seq = f.seq;
    const char *const push = "'diff':{'note:2':['patch',{'b':['put',2]}],"
                             "'note:1':['put',{'id':'note:1','typeName':'note'}]}";
    send_push(&f, "A", push);
    send_push(&copy, "A", push);
    cr_assert(str_eq(buf_str(&f.lines), buf_str(&copy.lines)));
    struct buf snapshot = {0};
    struct buf json = {0};
    room_write_snapshot(f.room, &snapshot);
    json_write(buf_value(&snapshot), &json);
    buf_append_byte(&json, 0);
    assert_snapshot(copy.room, (const char *)buf_head(&json));
    buf_finish(&json);
    buf_finish(&snapshot);
    fixture_finish(&copy);
    fixture_finish(&f);
}

Test(snapshot, of_a_new_room_is_empty)
{
    struct fixture f;
    fixture_init(&f);
    assert_snapshot(f.room, "{'documentClock':0,'tombstoneHistoryStartsAtClock':0,'documents':[],"
                            "'tombstones':{}}");
    fixture_finish(&f);
}
