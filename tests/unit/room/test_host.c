/* What a host does to a room. */
#include "fixture.h"

#include <stdio.h>

static struct fixture f;

static void setup(void)
{
    fixture_init(&f);
    fixture_use_schema(&f, false);
    connect_session(&f, "a");
}

static void teardown(void)
{
    fixture_finish(&f);
}

TestSuite(host, .init = setup, .fini = teardown);

static enum room_edited update(const char *json)
{
    struct buf bytes = {0};
    struct buf why = {0};
    struct value value = parse(json, &bytes);
    struct room_update update = {
        .puts = value_get(value, STR("puts")),
        .deletes = value_get(value, STR("deletes")),
        .check_clock = value_u64(value_get(value, STR("clock")), &update.clock),
    };
    value_u64(value_get(value, STR("clock")), &update.clock);
    enum room_edited edited = room_update(f.room, &update, f.now_ms, &why);
    bool well = edited == ROOM_EDITED || edited == ROOM_UNCHANGED;
    cr_assert(well == (buf_len(&why) == 0), "whoever is refused is told why");
    buf_finish(&why);
    buf_finish(&bytes);
    return edited;
}

static enum room_edited load(const char *json)
{
    struct buf bytes = {0};
    struct buf why = {0};
    enum room_edited edited = room_load(f.room, parse(json, &bytes), f.now_ms, &why);
    buf_finish(&why);
    buf_finish(&bytes);
    return edited;
}

Test(host, upd_4_puts_and_deletes_are_one_transaction)
{
    cr_assert(
        eq(int, update("{'puts':[" COLORED("a", "1") "," COLORED("b", "2") "]}"), ROOM_EDITED));
    assert_told(&f, "append 1 :0 none {" PUT_COLORED("a", "1") "," PUT_COLORED(
                        "b", "2") "}\n"
                                  "all {'type':'patch','diff':{" PUT_COLORED(
                                      "a", "1") "," PUT_COLORED("b", "2") "},'serverClock':1}\n"
                                                                          "changed\n");
    cr_assert(eq(int, update("{'deletes':['a','c'],'puts':[" COLORED("b", "3") "]}"), ROOM_EDITED));
    assert_told(
        &f, "append 2 :0 none {" PUT_COLORED("b", "3") ",'a':['remove']}\n"
                                                       "all {'type':'patch','diff':{" PUT_COLORED(
                                                           "b", "3") ",'a':['remove']},"
                                                                     "'serverClock':2}\n"
                                                                     "changed\n");
}

struct update_case {
    char name[64];
    char update[200];
    enum room_edited want;
};

ParameterizedTestParameters(host, updates)
{
    static struct update_case cases[] = {
        {"UPD-4 nothing at all", "{}", ROOM_UNCHANGED},
        {"UPD-2 a put of what is there", "{'puts':[" COLORED("n", "1") "]}", ROOM_UNCHANGED},
        {"UPD-3 a delete of what is not there", "{'deletes':['x']}", ROOM_UNCHANGED},
        {"UPD-3 a delete cancels a put", "{'puts':[" COLORED("x", "1") "],'deletes':['x']}",
         ROOM_UNCHANGED},
        {"UPD-2 an invalid record", "{'puts':[" COLORED("x", "1") ",{'id':'y','typeName':'note'}]}",
         ROOM_EDIT_INVALID},
        {"UPD-2 an unknown type", "{'puts':[{'id':'y','typeName':'nope'}]}", ROOM_EDIT_INVALID},
        {"UPD-2 a type of another scope", "{'puts':[{'id':'y','typeName':'view'}]}",
         ROOM_EDIT_INVALID},
        {"UPD-2 no record", "{'puts':[5]}", ROOM_EDIT_INVALID},
        {"UPD-3 no id", "{'deletes':[5]}", ROOM_EDIT_INVALID},
        {"the clock is another", "{'clock':7,'deletes':['n']}", ROOM_EDIT_CLOCK},
        {"the clock is that", "{'clock':1,'deletes':['n']}", ROOM_EDITED},
    };
    return cr_make_param_array(struct update_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct update_case *c, host, updates)
{
    cr_assert(eq(int, update("{'puts':[" COLORED("n", "1") "]}"), ROOM_EDITED));
    forget_told(&f);
    cr_assert(eq(int, update(c->update), c->want), "%s", c->name);
    if (c->want != ROOM_EDITED) {
        assert_told(&f, "");
        cr_assert(eq(u64, room_documents(f.room)->clock, 1));
    }
}

Test(host, load_2_keeps_what_is_equal_and_removes_the_rest)
{
    cr_assert(
        eq(int, update("{'puts':[" COLORED("a", "1") "," COLORED("b", "2") "]}"), ROOM_EDITED));
    forget_told(&f);
    cr_assert(eq(
        int,
        load("{'store':{'a':" COLORED("a", "1") ",'c':" COLORED("c", "3") "},'schema':" NOTE_2 "}"),
        ROOM_EDITED));
    assert_told(
        &f, "append 2 :0 none {" PUT_COLORED("c", "3") ",'b':['remove']}\n"
                                                       "all {'type':'patch','diff':{" PUT_COLORED(
                                                           "c", "3") ",'b':['remove']},"
                                                                     "'serverClock':2}\n"
                                                                     "changed\n");
    cr_assert(eq(
        int,
        load("{'store':{'a':" COLORED("a", "1") ",'c':" COLORED("c", "3") "},'schema':" NOTE_2 "}"),
        ROOM_UNCHANGED)); /* LOAD-3 */
    assert_told(&f, "");
}

Test(host, load_2_migrates_what_is_older)
{
    cr_assert(eq(int,
                 load("{'documents':[{'state':{'id':'a','typeName':'note','n':1},"
                      "'lastChangedClock':9}],'schema':" NOTE_0 "}"),
                 ROOM_EDITED));
    cr_assert(was_told(&f, "append 1 :0 none {'a':['put',{'id':'a','typeName':'note','n':101,"
                           "'color':'red'}]}"));
}

Test(host, load_4_what_cannot_be_migrated_changes_nothing)
{
    cr_assert(eq(int, load("{'store':{'a':" COLORED("a", "1") "}}"), ROOM_EDIT_NO_SCHEMA));
    cr_assert(eq(int, load("{'store':{},'schema':" NOTE_3 "}"), ROOM_EDIT_MIGRATION));
    cr_assert(eq(int,
                 load("{'store':{'a':{'id':'a','typeName':'note','n':666}},'schema':" NOTE_0 "}"),
                 ROOM_EDIT_MIGRATION));
    cr_assert(eq(int, load("{'store':{'a':{'id':'a','typeName':'nope'}},'schema':" NOTE_0 "}"),
                 ROOM_EDIT_MIGRATION));
    cr_assert(eq(int, load("{'store':5,'schema':" NOTE_2 "}"), ROOM_EDIT_INVALID));
    assert_told(&f, "");
    cr_assert(eq(u64, room_documents(f.room)->clock, 0));
}

/* ---- stored under another schema ---- */

static enum err settle(const char *snapshot)
{
    struct buf bytes = {0};
    struct buf why = {0};
    room_destroy(f.room);
    struct fixture before = f;
    fixture_init_from(&f, snapshot); /* its room is made before there is a schema */
    f.config = before.config;
    f.engine = before.engine;
    enum err err = room_settle_schema(f.room, &why);
    cr_assert(eq(int, err == ERR_OK, buf_len(&why) == 0));
    buf_finish(&before.lines);
    buf_finish(&why);
    buf_finish(&bytes);
    return err;
}

Test(host, snap_8_a_stored_room_is_migrated_in_one_step)
{
    cr_assert(eq(int,
                 settle("{'documentClock':5,'documents':[{'state':{'id':'a','typeName':'note',"
                        "'n':1},'lastChangedClock':5}],'schema':" NOTE_1 "}"),
                 ERR_OK));
    assert_told(&f, "append 6 schema {'a':['put',{'id':'a','typeName':'note','n':101}]}\n");
    cr_assert(
        value_equal(schema_serialized(room_schema(f.room)), schema_serialized(f.config.schema)));
}

Test(host, snap_7_without_schema_it_is_of_the_earliest)
{
    cr_assert(eq(int,
                 settle("{'documents':[{'state':{'id':'a','typeName':'note','n':1},"
                        "'lastChangedClock':0}]}"),
                 ERR_OK));
    cr_assert(was_told(&f, "'n':101,'color':'red'}"));
}

Test(host, snap_8_only_the_schema_may_change)
{
    cr_assert(eq(int, settle("{'documentClock':5,'documents':[],'schema':" NOTE_1 "}"), ERR_OK));
    assert_told(&f, "append 5 schema {}\n");
}

Test(host, what_cannot_be_brought_over_stays_as_it_is)
{
    cr_assert(
        eq(int, settle("{'documentClock':5,'documents':[],'schema':" NOTE_3 "}"), ERR_VERSION));
    assert_told(&f, "");
    cr_assert(eq(int,
                 settle("{'documentClock':5,'documents':[{'state':{'id':'a','typeName':'note',"
                        "'n':666},'lastChangedClock':5}],'schema':" NOTE_1 "}"),
                 ERR_REFUSED));
    assert_told(&f, "");
    cr_assert(eq(u64, room_documents(f.room)->clock, 5));
}

/* ---- snapshots ---- */

Test(host, a_reader_shows_the_room_of_when_it_was_made)
{
    struct buf head = {0};
    struct buf documents = {0};
    struct buf rest = {0};
    cr_assert(
        eq(int, update("{'puts':[" COLORED("a", "1") "," COLORED("b", "2") "]}"), ROOM_EDITED));
    cr_assert(eq(int, update("{'deletes':['b']}"), ROOM_EDITED));
    struct room_reader *reader = room_reader_create(f.room);
    cr_assert(eq(int, update("{'deletes':['a']}"), ROOM_EDITED));
    cr_assert(eq(int, room_reader_next(reader, 1, &head), ROOM_PIECE_HEAD));
    cr_assert(eq(int, room_reader_next(reader, 1, &documents), ROOM_PIECE_DOCUMENTS));
    struct str id = {0};
    struct value entry = value_item(buf_value(&documents), 0);
    cr_assert(value_string(value_get(value_get(entry, STR("state")), STR("id")), &id));
    cr_assert(str_eq(id, STR("a")));
    cr_assert(eq(int, room_reader_next(reader, 1, &rest), ROOM_PIECE_TOMBSTONES));
    cr_assert(value_present(value_get(buf_value(&rest), STR("b"))));
    cr_assert(eq(int, room_reader_next(reader, 1, &rest), ROOM_PIECE_END));
    cr_assert(eq(int, room_reader_next(reader, 1, &rest), ROOM_PIECE_END));
    room_reader_destroy(reader);
    buf_finish(&rest);
    buf_finish(&documents);
    buf_finish(&head);
}

Test(host, a_reader_may_be_given_up)
{
    cr_assert(eq(int, update("{'puts':[" COLORED("a", "1") "]}"), ROOM_EDITED));
    room_reader_destroy(room_reader_create(f.room));
}

Test(host, obj_2_objects_are_not_in_the_snapshot)
{
    struct buf snapshot = {0};
    struct buf objects = {0};
    cr_assert(eq(int, update("{'puts':[{'id':'t','typeName':'thing'}," COLORED("a", "1") "]}"),
                 ROOM_EDITED));
    room_write_host_snapshot(f.room, &snapshot);
    room_write_objects(f.room, &objects);
    cr_assert(eq(u32, value_count(value_get(buf_value(&snapshot), STR("documents"))), 1));
    cr_assert(eq(u32, value_count(buf_value(&objects)), 1));
    buf_finish(&objects);
    buf_finish(&snapshot);
}

Test(host, ro_1_read_only_takes_effect_with_the_next_push)
{
    room_session_set_readonly(room_session_find(f.room, STR("a")), true);
    send_push(&f, "a", "'clientClock':1,'diff':{" PUT_COLORED("x", "1") "}");
    assert_told(&f, "a event {'type':'push_result','clientClock':1,'serverClock':0,"
                    "'action':'discard'}\n");
}

Test(host, res_2_without_access_to_objects_it_may_read_them)
{
    struct buf bytes = {0};
    struct room_session_config config = {.id = STR("b"), .conn = 7};
    cr_assert(room_session_restore(
        f.room, &config, parse("{'serializedSchema':" NOTE_2 ",'isReadonly':true}", &bytes),
        f.now_ms));
    struct room_session *session = room_session_find(f.room, STR("b"));
    cr_assert(eq(int, room_session_state(session), ROOM_CONNECTED));
    cr_assert(room_session_readonly(session));
    cr_assert(not(room_session_object_write(session)));
    assert_told(&f, "");
    buf_finish(&bytes);
}

Test(host, res_3_a_schema_that_cannot_be_served_is_rejected)
{
    struct buf bytes = {0};
    struct room_session_config config = {.id = STR("b"), .conn = 7};
    cr_assert(not(room_session_restore(
        f.room, &config, parse("{'serializedSchema':" NOTE_3 "}", &bytes), f.now_ms)));
    assert_told(&f, "b refused SERVER_TOO_OLD\n"
                    "b closed 4099 SERVER_TOO_OLD\n"
                    "b removed\n");
    buf_finish(&bytes);
}

static void note_snapshot(void *ctx, struct room_session *session)
{
    struct fixture *fixture = ctx;
    buf_append_str(&fixture->lines, room_session_id(session));
    buf_append_str(&fixture->lines, STR(" snapshot\n"));
}

/* The fixture's own room, whose host wants snapshots. */
Test(host, res_4_a_snapshot_is_due_five_seconds_after_the_last_message)
{
    f.config.session_snapshots = true;
    f.on_session_snapshot = note_snapshot;
    connect_session(&f, "b");
    uint64_t connected = f.now_ms;
    f.now_ms = connected + ROOM_SNAPSHOT_DELAY_MS - 1;
    room_tick(f.room, f.now_ms);
    assert_told(&f, "");
    send_message(&f, "b", "{'type':'ping'}");
    forget_told(&f);
    cr_assert(le(u64, room_deadline(f.room), f.now_ms + ROOM_SNAPSHOT_DELAY_MS));
    f.now_ms += ROOM_SNAPSHOT_DELAY_MS;
    room_tick(f.room, f.now_ms);
    assert_told(&f, "b snapshot\n");
    f.now_ms += ROOM_SNAPSHOT_DELAY_MS;
    room_tick(f.room, f.now_ms);
    assert_told(&f, ""); /* once */
}

Test(host, res_4_also_after_the_handshake_and_not_after_the_socket_is_gone)
{
    f.config.session_snapshots = true;
    f.on_session_snapshot = note_snapshot;
    connect_session(&f, "b");
    struct room_session *gone = connect_session(&f, "c");
    room_socket_gone(f.room, gone, f.now_ms);
    forget_told(&f);
    f.now_ms += ROOM_SNAPSHOT_DELAY_MS;
    room_tick(f.room, f.now_ms);
    assert_told(&f, "b snapshot\n");
}
