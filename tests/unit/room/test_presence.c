#include "fixture.h"

#define START "{'documents':[{'state':{'id':'note:1','typeName':'note'}}],'schema':" NOTES "}"
#define ID "presence:000000000000000000001"
#define RESULT(clock) "A event {'type':'push_result','serverClock':" clock ",'action':'commit'}\n"

static void init(struct fixture *f)
{
    fixture_init_from(f, START);
    connect_session(f, "A");
    connect_session(f, "B");
}

static void put(struct fixture *f)
{
    send_push(f, "A", "'presence':['put',{'id':'x','typeName':'presence','name':'Ann','n':1}]");
}

Test(presence, PRES_2_gets_the_identity_that_the_server_gives_it)
{
    struct fixture f;
    init(&f);
    put(&f);
    /* CLK-4: no entry, no step of the clock; PRES-5: it commits; PRES-6: others only. */
    assert_told(&f, RESULT("0") "all but A {'type':'patch','diff':{'" ID "':['put',{'id':'" ID
                                "','typeName':'presence','name':'Ann','n':1}]},'serverClock':0}\n");
    fixture_finish(&f);
}

Test(presence, PRES_2_a_second_put_is_a_patch)
{
    struct fixture f;
    init(&f);
    put(&f);
    forget_told(&f);
    send_push(&f, "A", "'presence':['put',{'id':'y','typeName':'note','name':'Anna','n':1}]");
    assert_told(&f, RESULT("0") "all but A {'type':'patch','diff':{'" ID
                                "':['patch',{'name':['append','a',3]}]},'serverClock':0}\n");
    send_push(&f, "A", "'presence':['put',{'n':1,'name':'Anna'}]");
    assert_told(&f, RESULT("0")); /* nothing if equal */
    fixture_finish(&f);
}

Test(presence, PRES_3_is_patched)
{
    struct fixture f;
    init(&f);
    send_push(&f, "A", "'presence':['patch',{'n':['put',2]}]");
    assert_told(&f, RESULT("0")); /* no record yet */
    put(&f);
    forget_told(&f);
    send_push(&f, "A",
              "'presence':['patch',{'n':['put',2],'id':['put','z'],'typeName':['delete']}]");
    assert_told(&f, RESULT("0") "all but A {'type':'patch','diff':{'" ID
                                "':['patch',{'n':['put',2]}]},'serverClock':0}\n");
    fixture_finish(&f);
}

Test(presence, PRES_6_travels_with_the_documents_of_its_push)
{
    struct fixture f;
    init(&f);
    send_push(&f, "A", "'presence':['put',{'typeName':'presence'}],'diff':{'note:1':['remove']}");
    assert_told(&f, "append 1 A:3 commit {'note:1':['remove']}\n" RESULT(
                        "1") "all but A {'type':'patch','diff':{'note:1':['remove'],'" ID
                             "':['put',{'id':'" ID "','typeName':'presence'}]},'serverClock':1}\n"
                             "changed\n");
    fixture_finish(&f);
}

struct field_case {
    char field[60];
    char outcome[40]; /* a rejection, or empty: nothing happens */
};

ParameterizedTestParameters(presence, malformed)
{
    static struct field_case cases[] = {
        /* PRES-4, BAD */
        {"null", ""},
        {"false", ""},
        {"[]", ""},
        {"'x'", ""},
        {"['frob',{}]", ""},
        {"[5]", ""},
        {"{}", "A closed 4099 UNKNOWN_ERROR\n"},
        {"5", "A closed 4099 UNKNOWN_ERROR\n"},
        {"['put']", "A closed 4099 INVALID_RECORD\n"},
        {"['put',null]", "A closed 4099 INVALID_RECORD\n"},
        {"['put','x']", "A closed 4099 INVALID_RECORD\n"},
        {"['patch']", ""},
        {"['patch',null]", ""},
        {"['patch',{'n':null}]", "A closed 4099 UNKNOWN_ERROR\n"},
    };
    return cr_make_param_array(struct field_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct field_case *c, presence, malformed)
{
    struct fixture f;
    struct buf members = {0};
    init(&f);
    put(&f);
    forget_told(&f);
    buf_printf(&members, "'presence':%s", c->field);
    buf_append_byte(&members, 0);
    send_push(&f, "A", (const char *)buf_head(&members));
    if (c->outcome[0]) {
        cr_assert(was_told(&f, c->outcome), "%s", c->field);
        cr_assert(was_told(&f, "all {'type':'patch','diff':{'" ID "':['remove']}"));
    } else {
        assert_told(&f, RESULT("0"));
    }
    buf_finish(&members);
    fixture_finish(&f);
}

Test(presence, PRES_7_stays_until_its_session_is_removed)
{
    struct fixture f;
    init(&f);
    put(&f);
    struct room_session *a = room_session_find(f.room, STR("A"));
    room_socket_gone(f.room, a, f.now_ms);
    cr_assert(ne(ptr, (void *)(uintptr_t)room_session_presence(a), NULL));
    /* It comes back: same record, same id. */
    open_session(&f, "A");
    send_connect(&f, "A", "'protocolVersion':8,'lastServerClock':0");
    forget_told(&f);
    send_push(&f, "A", "'presence':['put',{'typeName':'presence','name':'Ann','n':2}]");
    cr_assert(was_told(&f, "{'" ID "':['patch',{'n':['put',2]}]}"));
    /* It stays away. */
    room_socket_gone(f.room, a, f.now_ms);
    forget_told(&f);
    room_tick(f.room, f.now_ms + ROOM_REMOVAL_WAIT_MS + 1);
    assert_told(&f, "all {'type':'patch','diff':{'" ID "':['remove']},'serverClock':0}\n"
                    "A removed\n");
    fixture_finish(&f);
}

Test(presence, RO_1_works_for_those_who_may_only_read)
{
    struct fixture f;
    fixture_init_from(&f, START);
    connect_session(&f, "R");
    send_push(&f, "R", "'presence':['put',{'typeName':'presence'}]");
    cr_assert(was_told(&f, "'action':'commit'"));
    cr_assert(was_told(&f, "all but R {'type':'patch','diff':{'" ID "':['put'"));
    fixture_finish(&f);
}

Test(presence, CLK_4_is_in_no_snapshot)
{
    struct fixture f;
    init(&f);
    put(&f);
    assert_snapshot(f.room, "{'documentClock':0,'tombstoneHistoryStartsAtClock':0,'documents':["
                            "{'state':{'id':'note:1','typeName':'note'},'lastChangedClock':0}],"
                            "'tombstones':{},'schema':" NOTES "}");
    fixture_finish(&f);
}

/* CLK-4: also when both come in the first push of all. */
Test(presence, its_type_is_no_type_for_documents)
{
    struct fixture f;
    init(&f);
    send_push(&f, "A",
              "'presence':['put',{'typeName':'presence'}],"
              "'diff':{'presence:1':['put',{'id':'presence:1','typeName':'presence'}]}");
    assert_told(&f, "A closed 4099 INVALID_RECORD\nA removed\n");
    fixture_finish(&f);
}

/* Where the schema does not say, a session's first record says it for that session alone: nobody
 * can take a type away from documents, or from other people's presence. */
Test(presence, its_type_is_its_sessions_own_business)
{
    struct fixture f;
    init(&f);
    send_push(&f, "A", "'presence':['put',{'typeName':'note'}]");
    forget_told(&f);
    send_push(&f, "B", "'presence':['put',{'typeName':'presence'}]");
    cr_assert(was_told(&f, "'typeName':'presence'}]}"));
    forget_told(&f);
    send_push(&f, "B", "'diff':{'note:2':['put',{'id':'note:2','typeName':'note'}]}");
    cr_assert(was_told(&f, "'action':'commit'"));
    fixture_finish(&f);
}

Test(presence, of_tldraw_has_the_type_of_its_schema)
{
    struct fixture f;
    fixture_init(&f);
    f.schema = TLDRAW;
    connect_session(&f, "A");
    send_push(&f, "A", "'presence':['put',{'typeName':'shape'}]");
    cr_assert(was_told(&f, "{'instance_presence:000000000000000000001':['put',"
                           "{'id':'instance_presence:000000000000000000001',"
                           "'typeName':'instance_presence'}]}"));
    forget_told(&f);
    send_push(&f, "A", "'diff':{'shape:1':['put',{'id':'shape:1','typeName':'shape'}]}");
    cr_assert(was_told(&f, "'action':'commit'"));
    forget_told(&f);
    send_push(&f, "A", "'diff':{'camera:1':['put',{'id':'camera:1','typeName':'camera'}]}");
    cr_assert(was_told(&f, "A closed 4099 INVALID_RECORD\n"));
    fixture_finish(&f);
}

Test(presence, of_a_room_that_was_told_no_type_cannot_be)
{
    struct fixture f;
    init(&f);
    send_push(&f, "A", "'presence':['put',{'name':'Ann'}]");
    assert_told(&f, "A closed 4099 INVALID_RECORD\nA removed\n");
    fixture_finish(&f);
}
