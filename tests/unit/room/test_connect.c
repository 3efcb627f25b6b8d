#include "fixture.h"

/* Three documents and a tombstone: history starts at 4, clock is 10. */
#define HISTORY                                                                                    \
    "{'documentClock':10,'tombstoneHistoryStartsAtClock':4,'documents':["                          \
    "{'state':{'id':'note:1','typeName':'note'},'lastChangedClock':2},"                            \
    "{'state':{'id':'note:2','typeName':'note'},'lastChangedClock':6},"                            \
    "{'state':{'id':'note:3','typeName':'note'},'lastChangedClock':10}],"                          \
    "'tombstones':{'note:4':7},'schema':" NOTES "}"
#define NOTE(n) "'note:" n "':['put',{'id':'note:" n "','typeName':'note'}]"

struct refusal_case {
    char members[80];
    char told[120];
};

ParameterizedTestParameters(connect, protocol)
{
    static struct refusal_case cases[] = {
        /* NEG-1 */
        {"'protocolVersion':8", ""},
        {"'protocolVersion':7", ""},
        {"'protocolVersion':6", ""},
        {"'protocolVersion':5", ""},
        {"'protocolVersion':8.0", ""},
        {"'protocolVersion':4", "A closed 4099 CLIENT_TOO_OLD\nA removed\nempty\n"},
        {"'protocolVersion':7.5", "A closed 4099 CLIENT_TOO_OLD\nA removed\nempty\n"},
        {"'protocolVersion':9", "A closed 4099 SERVER_TOO_OLD\nA removed\nempty\n"},
        {"'protocolVersion':8.5", "A closed 4099 SERVER_TOO_OLD\nA removed\nempty\n"},
        {"'protocolVersion':1e999", "A closed 4099 SERVER_TOO_OLD\nA removed\nempty\n"},
        {"'protocolVersion':-1", "A closed 4099 CLIENT_TOO_OLD\nA removed\nempty\n"},
        {"'protocolVersion':null", "A closed 4099 CLIENT_TOO_OLD\nA removed\nempty\n"},
        {"'lastServerClock':0", "A closed 4099 CLIENT_TOO_OLD\nA removed\nempty\n"},
        /* BAD */
        {"'protocolVersion':'8'", "A closed 4099 CLIENT_TOO_OLD\nA removed\nempty\n"},
        {"'protocolVersion':true", "A closed 4099 CLIENT_TOO_OLD\nA removed\nempty\n"},
        {"'protocolVersion':{}", "A closed 4099 CLIENT_TOO_OLD\nA removed\nempty\n"},
    };
    return cr_make_param_array(struct refusal_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct refusal_case *c, connect, protocol)
{
    struct fixture f;
    fixture_init_from(&f, HISTORY);
    open_session(&f, "A");
    send_connect(&f, "A", c->members);
    if (c->told[0]) {
        assert_told(&f, c->told);
    } else {
        cr_assert(was_told(&f, "A connect {"), "%s", c->members);
        cr_assert(was_told(&f, "'protocolVersion':8"), "%s", c->members);
    }
    fixture_finish(&f);
}

struct schema_case {
    char schema[100];
    char told[160];
};

ParameterizedTestParameters(connect, schema)
{
#define REJECTED(reason) "A closed 4099 " reason "\nA removed\nempty\n"
    static struct schema_case cases[] = {
        {"null", REJECTED("CLIENT_TOO_OLD")}, /* SCH-1 */
        {"{'schemaVersion':2,'sequences':{'note':2}}",
         "A refused SERVER_TOO_OLD\n" REJECTED("SERVER_TOO_OLD")}, /* SCH-2 */
        {"{'schemaVersion':2,'sequences':{'note':0}}",
         "A refused CLIENT_TOO_OLD\n" REJECTED("CLIENT_TOO_OLD")},
        {"{'schemaVersion':3,'sequences':{}}",
         "A refused SERVER_TOO_OLD\n" REJECTED("SERVER_TOO_OLD")},
        {"{'schemaVersion':0}", "A refused CLIENT_TOO_OLD\n" REJECTED("CLIENT_TOO_OLD")},
        {"{}", "A refused UNKNOWN_ERROR\n" REJECTED("UNKNOWN_ERROR")}, /* SCH-5 */
        {"[]", "A refused UNKNOWN_ERROR\n" REJECTED("UNKNOWN_ERROR")},
        {"false", "A refused UNKNOWN_ERROR\n" REJECTED("UNKNOWN_ERROR")},
        {"'text'", "A refused UNKNOWN_ERROR\n" REJECTED("UNKNOWN_ERROR")},
        {"7", "A refused UNKNOWN_ERROR\n" REJECTED("UNKNOWN_ERROR")},
    };
#undef REJECTED
    return cr_make_param_array(struct schema_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct schema_case *c, connect, schema)
{
    struct fixture f;
    fixture_init_from(&f, HISTORY);
    f.schema = c->schema;
    open_session(&f, "A");
    send_connect(&f, "A", "'protocolVersion':8");
    assert_told(&f, c->told);
    fixture_finish(&f);
}

Test(connect, SCH_1_without_schema_the_client_is_too_old)
{
    struct fixture f;
    fixture_init_from(&f, HISTORY);
    open_session(&f, "A");
    send_message(&f, "A", "{'type':'connect','protocolVersion':8}");
    assert_told(&f, "A closed 4099 CLIENT_TOO_OLD\nA removed\nempty\n");
    fixture_finish(&f);
}

struct hydration_case {
    char clock[40]; /* the member */
    char type[16];
    char diff[240];
};

ParameterizedTestParameters(connect, hydration)
{
#define ALL NOTE("3") "," NOTE("2") "," NOTE("1")
    static struct hydration_case cases[] = {
        {"'lastServerClock':10", "wipe_presence", ""}, /* HYD-1 */
        {"'lastServerClock':11", "wipe_all", ALL},     /* HYD-2 */
        {"'lastServerClock':1e999", "wipe_all", ALL},  /* HYD-2 */
        {"'lastServerClock':-1", "wipe_all", ALL},     /* HYD-3 */
        {"'lastServerClock':3", "wipe_all", ALL},      /* HYD-3 */
        {"'lastServerClock':3.9", "wipe_all", ALL},    /* HYD-3 */
        {"'lastServerClock':4", "wipe_presence",       /* HYD-4 */
         NOTE("3") "," NOTE("2") ",'note:4':['remove']"},
        {"'lastServerClock':6", "wipe_presence", NOTE("3") ",'note:4':['remove']"},
        {"'lastServerClock':6.5", "wipe_presence", NOTE("3") ",'note:4':['remove']"},
        {"'lastServerClock':7", "wipe_presence", NOTE("3")},
        {"'lastServerClock':9", "wipe_presence", NOTE("3")},
        {"'lastServerClock':null", "wipe_all", ALL}, /* HYD-7 */
        {"'lastServerClock':'10'", "wipe_all", ALL}, /* HYD-7 */
        {"'other':1", "wipe_all", ALL},              /* HYD-7 */
    };
#undef ALL
    return cr_make_param_array(struct hydration_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct hydration_case *c, connect, hydration)
{
    struct fixture f;
    struct buf members = {0};
    struct buf want = {0};
    fixture_init_from(&f, HISTORY);
    open_session(&f, "A");
    buf_printf(&members, "'protocolVersion':8,%s", c->clock);
    buf_append_byte(&members, 0);
    send_connect(&f, "A", (const char *)buf_head(&members));
    buf_printf(&want,
               "A connect {'type':'connect','connectRequestId':'r','hydrationType':'%s',"
               "'protocolVersion':8,'schema':%s,'serverClock':10,"
               "'isReadonly':false,'objectAccess':'write','diff':{%s}}\n",
               c->type, NOTES, c->diff);
    buf_append_byte(&want, 0);
    assert_told(&f, (const char *)buf_head(&want));
    buf_finish(&members);
    buf_finish(&want);
    fixture_finish(&f);
}

Test(connect, HYD_5_brings_the_presence_of_others_in_any_state)
{
    struct fixture f;
    fixture_init_from(&f, HISTORY);
    struct room_session *a = connect_session(&f, "A");
    connect_session(&f, "B");
    send_push(&f, "A", "'presence':['put',{'typeName':'presence','x':1}]");
    send_push(&f, "B", "'presence':['put',{'typeName':'presence','x':2}]");
    room_socket_gone(f.room, a, f.now_ms);
    forget_told(&f);
    send_connect(&f, "B", "'protocolVersion':8,'lastServerClock':10");
    cr_assert(was_told(&f,
                       "'diff':{'presence:000000000000000000001':['put',"
                       "{'id':'presence:000000000000000000001','typeName':'presence','x':1}]}"));
    fixture_finish(&f);
}

Test(connect, a_request_id_is_echoed_whatever_it_is)
{
    struct fixture f;
    fixture_init_from(&f, HISTORY);
    open_session(&f, "A");
    send_message(&f, "A",
                 "{'type':'connect','connectRequestId':{'a':[1]},'protocolVersion':8,"
                 "'lastServerClock':10,'schema':" NOTES "}");
    cr_assert(was_told(&f, "'connectRequestId':{'a':[1]}"));
    forget_told(&f);
    send_message(&f, "A",
                 "{'type':'connect','protocolVersion':8,'lastServerClock':10,'schema':" NOTES "}");
    cr_assert(was_told(&f, "A connect {"));
    cr_assert(not(was_told(&f, "connectRequestId")));
    fixture_finish(&f);
}

Test(connect, the_first_client_of_a_new_room_brings_its_schema)
{
    struct fixture f;
    fixture_init(&f);
    cr_assert(zero(ptr, (void *)(uintptr_t)room_schema(f.room)));
    open_session(&f, "A");
    send_connect(&f, "A", "'protocolVersion':8,'lastServerClock':-1");
    assert_told(&f, "append 0 schema {}\n"
                    "A connect {'type':'connect','connectRequestId':'r','hydrationType':'wipe_all',"
                    "'protocolVersion':8,'schema':" NOTES ",'serverClock':0,"
                    "'isReadonly':false,'objectAccess':'write','diff':{}}\n");
    f.schema = TLDRAW;
    open_session(&f, "B");
    send_connect(&f, "B", "'protocolVersion':8");
    assert_told(&f, "B refused SERVER_TOO_OLD\nB closed 4099 SERVER_TOO_OLD\nB removed\n");
    fixture_finish(&f);
}

Test(connect, a_client_that_is_refused_leaves_no_schema)
{
    struct fixture f;
    fixture_init(&f);
    open_session(&f, "A");
    send_connect(&f, "A", "'protocolVersion':9");
    f.schema = "{}";
    open_session(&f, "B");
    send_connect(&f, "B", "'protocolVersion':8");
    cr_assert(not(was_told(&f, "append")));
    cr_assert(zero(ptr, (void *)(uintptr_t)room_schema(f.room)));
    fixture_finish(&f);
}

/* SNAP-9: also a client that claims clock 0 then gets nothing (HYD-1). */
Test(connect, SNAP_9_a_new_room_of_tldraw_has_its_documents)
{
    struct fixture f;
    fixture_init(&f);
    f.schema = TLDRAW;
    open_session(&f, "A");
    send_connect(&f, "A", "'protocolVersion':8,'lastServerClock':-1");
    cr_assert(was_told(&f, "append 0 schema {'document:document':['put',"));
    cr_assert(was_told(&f, "'page:page':['put',{'id':'page:page','typeName':'page',"
                           "'name':'Page 1','index':'a1','meta':{}}]"));
    cr_assert(was_told(&f, "'serverClock':0"));
    cr_assert(eq(uint, room_documents(f.room)->records.count, 2));
    forget_told(&f);
    open_session(&f, "B");
    send_connect(&f, "B", "'protocolVersion':8,'lastServerClock':0");
    cr_assert(was_told(&f, "'hydrationType':'wipe_presence'"));
    cr_assert(was_told(&f, "'diff':{}"));
    fixture_finish(&f);
}

/* SNAP-7: nobody knows an earliest version here, so the first client says. */
Test(connect, a_stored_room_without_schema_keeps_its_documents)
{
    struct fixture f;
    fixture_init_from(&f, "{'documents':[{'state':{'id':'page:x','typeName':'page'},"
                          "'lastChangedClock':3}]}");
    f.schema = TLDRAW;
    open_session(&f, "A");
    send_connect(&f, "A", "'protocolVersion':8,'lastServerClock':-1");
    cr_assert(was_told(&f, "append 3 schema {}\n"));
    cr_assert(was_told(&f, "'diff':{'page:x':['put',{'id':'page:x','typeName':'page'}]}"));
    fixture_finish(&f);
}

Test(connect, NEG_2_legacy_clients_hear_of_a_rejection_by_message)
{
    static const char *const versions[] = {"'protocolVersion':5", "'protocolVersion':6"};
    for (int i = 0; i < 2; i++) {
        struct fixture f;
        fixture_init_from(&f, HISTORY);
        f.schema = "{'schemaVersion':2,'sequences':{'note':9}}";
        open_session(&f, "A");
        send_connect(&f, "A", versions[i]);
        assert_told(&f, "A refused SERVER_TOO_OLD\n"
                        "A legacy {'type':'incompatibility_error','reason':'serverTooOld'}\n"
                        "A closed\nA removed\nempty\n");
        fixture_finish(&f);
    }
}

Test(connect, CONN_4_before_it_nothing_is_answered)
{
    struct fixture f;
    fixture_init_from(&f, HISTORY);
    struct room_session *a = open_session(&f, "A");
    send_message(&f, "A", "{'type':'ping'}");
    send_push(&f, "A", "'clientClock':1,'diff':{" NOTE("9") "}");
    struct buf data = {0};
    room_send_custom(f.room, a, parse("{}", &data));
    assert_told(&f, "");
    cr_assert(eq(u64, room_documents(f.room)->clock, 10));
    buf_finish(&data);
    fixture_finish(&f);
}

Test(connect, CONN_6_again_repeats_the_handshake)
{
    struct fixture f;
    fixture_init_from(&f, HISTORY);
    struct room_session *a = connect_session(&f, "A");
    send_connect(&f, "A", "'protocolVersion':8,'lastServerClock':9");
    cr_assert(was_told(&f, "'diff':{" NOTE("3") "}"));
    cr_assert(eq(int, room_session_state(a), ROOM_CONNECTED));
    forget_told(&f);
    send_connect(&f, "A", "'protocolVersion':1");
    assert_told(&f, "A closed 4099 CLIENT_TOO_OLD\nA removed\nempty\n");
    fixture_finish(&f);
}

Test(connect, says_what_the_session_may_do)
{
    struct fixture f;
    fixture_init_from(&f, HISTORY);
    struct room_session_config config = {.id = STR("A"), .readonly = true, .object_write = false};
    room_session_open(f.room, &config, f.now_ms);
    send_connect(&f, "A", "'protocolVersion':8");
    cr_assert(was_told(&f, "'isReadonly':true,'objectAccess':'read',"));
    fixture_finish(&f);
}

/* Also where history goes back to the start: it must not pass for clock 0. */
Test(connect, HYD_2_a_clock_of_the_future_is_none)
{
    struct fixture f;
    fixture_init_from(&f, "{'documentClock':3,'tombstoneHistoryStartsAtClock':0,'documents':["
                          "{'state':{'id':'note:1','typeName':'note'},'lastChangedClock':0}],"
                          "'tombstones':{'note:2':3},'schema':" NOTES "}");
    open_session(&f, "A");
    send_connect(&f, "A", "'protocolVersion':8,'lastServerClock':4");
    cr_assert(was_told(&f, "'hydrationType':'wipe_all'"));
    cr_assert(was_told(&f, "'diff':{" NOTE("1") "}"));
    fixture_finish(&f);
}

/* A client may come back with another version on the same socket (APP-1, NEG-2). */
Test(connect, CONN_6_again_counts_anew_who_cannot_append)
{
    struct fixture f;
    fixture_init_from(&f, "{'documents':[{'state':{'id':'note:1','typeName':'note','s':''}}],"
                          "'schema':" NOTES "}");
    connect_session(&f, "A");
    connect_session(&f, "B");
    send_connect(&f, "B", "'protocolVersion':7");
    forget_told(&f);
    send_push(&f, "A", "'diff':{'note:1':['patch',{'s':['append','x',0]}]}");
    cr_assert(
        was_told(&f, "all but A {'type':'patch','diff':{'note:1':['patch',{'s':['put','x']}"));
    forget_told(&f);
    send_connect(&f, "B", "'protocolVersion':4");
    forget_told(&f);
    send_push(&f, "A", "'diff':{'note:1':['patch',{'s':['append','x',1]}]}");
    cr_assert(was_told(&f, "'action':'commit'"));
    fixture_finish(&f);
}
