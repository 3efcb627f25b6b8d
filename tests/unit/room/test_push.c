#include "fixture.h"

#include <stdlib.h>
#include <string.h>

/* Clock 5; a note and a user. */
#define START                                                                                      \
    "{'documentClock':5,'tombstoneHistoryStartsAtClock':0,'documents':["                           \
    "{'state':{'id':'user:1','typeName':'user'},'lastChangedClock':4},"                            \
    "{'state':{'id':'note:1','typeName':'note','text':'ab','n':1,'props':{'l':[1]}},"              \
    "'lastChangedClock':5}],"                                                                      \
    "'tombstones':{'note:0':3},'schema':" NOTES "}"

struct result_case {
    char name[64];
    char diff[140];      /* the member; empty: none */
    char action[100];    /* of the push_result; a rejection: the reason */
    char effective[140]; /* diff of the entry and the broadcast; empty: nothing changed */
};

static struct result_case result_cases[] = {
    {"PUSH-8 without diff it commits", "", "'commit'", ""},
    {"PUSH-8 a diff that is null is discarded", "'diff':null", "'discard'", ""},
    {"PUSH-8 so is an empty one", "'diff':{}", "'discard'", ""},
    {"BAD and one that is none", "'diff':5", "'discard'", ""},
    {"BAD or text", "'diff':'x'", "'discard'", ""},
    {"BAD an array is an error", "'diff':[['remove']]", "UNKNOWN_ERROR", ""},
    {"PUSH-3 a new record is stored", "'diff':{'note:2':['put',{'id':'note:2','typeName':'note'}]}",
     "'commit'", "'note:2':['put',{'id':'note:2','typeName':'note'}]"},
    {"PUSH-3c another type under a known id is skipped",
     "'diff':{'user:1':['put',{'id':'user:1','typeName':'note'}]}", "'discard'", ""},
    {"PUSH-3e a put over a record is a patch",
     "'diff':{'user:1':['put',{'id':'user:1','typeName':'user','a':1}]}",
     "{'rebaseWithDiff':{'user:1':['patch',{'a':['put',1]}]}}",
     "'user:1':['patch',{'a':['put',1]}]"},
    {"PUSH-3e an equal put does nothing",
     "'diff':{'user:1':['put',{'typeName':'user','id':'user:1'}]}", "'discard'", ""},
    {"PUSH-3f another id than the key is an error",
     "'diff':{'note:2':['put',{'id':'note:3','typeName':'note'}]}", "UNKNOWN_ERROR", ""},
    {"PUSH-3f also over a record", "'diff':{'note:1':['put',{'id':'note:3','typeName':'note'}]}",
     "UNKNOWN_ERROR", ""},
    {"BAD a put of nothing is an error", "'diff':{'note:2':['put']}", "UNKNOWN_ERROR", ""},
    {"BAD a put of null too", "'diff':{'note:2':['put',null]}", "UNKNOWN_ERROR", ""},
    {"BAD a put of text is no record", "'diff':{'note:2':['put','x']}", "INVALID_RECORD", ""},
    {"BAD nor of a number", "'diff':{'note:2':['put',0]}", "INVALID_RECORD", ""},
    {"BAD nor of a list", "'diff':{'note:2':['put',[]]}", "INVALID_RECORD", ""},
    {"BAD nor without a type", "'diff':{'note:2':['put',{'id':'note:2'}]}", "INVALID_RECORD", ""},
    {"BAD nor with one that is none", "'diff':{'note:2':['put',{'id':'note:2','typeName':7}]}",
     "INVALID_RECORD", ""},
    {"BAD nor without an id", "'diff':{'note:2':['put',{'typeName':'note'}]}", "INVALID_RECORD",
     ""},
    {"PUSH-4 a patch", "'diff':{'note:1':['patch',{'n':['put',2]}]}", "'commit'",
     "'note:1':['patch',{'n':['put',2]}]"},
    {"PUSH-4 of an unknown record is skipped", "'diff':{'note:9':['patch',{'n':['put',2]}]}",
     "'discard'", ""},
    {"BAD even without a diff", "'diff':{'note:9':['patch',null]}", "'discard'", ""},
    {"BAD of a known one that is an error", "'diff':{'note:1':['patch']}", "UNKNOWN_ERROR", ""},
    {"BAD also as null", "'diff':{'note:1':['patch',null]}", "UNKNOWN_ERROR", ""},
    {"BAD text changes nothing", "'diff':{'note:1':['patch','n']}", "'discard'", ""},
    {"BAD a value op that is null is an error", "'diff':{'note:1':['patch',{'n':null}]}",
     "UNKNOWN_ERROR", ""},
    {"PUSH-4 a patch of the id is an error", "'diff':{'note:1':['patch',{'id':['put','note:7']}]}",
     "UNKNOWN_ERROR", ""},
    {"VAL-2 a patch of the type is invalid",
     "'diff':{'note:1':['patch',{'typeName':['put','user']}]}", "INVALID_RECORD", ""},
    {"VAL-2 so is its loss", "'diff':{'note:1':['patch',{'typeName':['delete']}]}",
     "INVALID_RECORD", ""},
    {"VAL holes are in no record",
     "'diff':{'note:1':['patch',{'props':['patch',{'l':['patch',{'3':['put',1]}]}]}]}",
     "INVALID_RECORD", ""},
    {"AP-8 nor do arrays grow without end",
     "'diff':{'note:1':['patch',{'props':['patch',{'l':['patch',{'99999':['put',1]}]}]}]}",
     "INVALID_RECORD", ""},
    {"ND-1 a patch without effect", "'diff':{'note:1':['patch',{'n':['put',1]}]}", "'discard'", ""},
    {"ND-1 an empty append is none either", "'diff':{'note:1':['patch',{'text':['append','',2]}]}",
     "'discard'", ""},
    {"ND-1 a patch in another form is put right",
     "'diff':{'note:1':['patch',{'text':['put','abc']}]}",
     "{'rebaseWithDiff':{'note:1':['patch',{'text':['append','c',2]}]}}",
     "'note:1':['patch',{'text':['append','c',2]}]"},
    {"PUSH-7 half of a patch has an effect",
     "'diff':{'note:1':['patch',{'n':['put',2],'text':['append','x',9]}]}",
     "{'rebaseWithDiff':{'note:1':['patch',{'n':['put',2]}]}}",
     "'note:1':['patch',{'n':['put',2]}]"},
    {"PUSH-5 a removal", "'diff':{'note:1':['remove']}", "'commit'", "'note:1':['remove']"},
    {"PUSH-5 of nothing", "'diff':{'note:9':['remove']}", "'discard'", ""},
    {"PUSH-7 elements behind remove count", "'diff':{'note:1':['remove',1]}",
     "{'rebaseWithDiff':{'note:1':['remove']}}", "'note:1':['remove']"},
    {"BAD an op that is null is an error", "'diff':{'note:1':null}", "UNKNOWN_ERROR", ""},
    {"BAD one that is none is skipped",
     "'diff':{'a':[],'b':'put','c':5,'d':{},'e':['frob'],'f':[['put']],'g':true}", "'discard'", ""},
    {"PUSH-6 several records",
     "'diff':{'note:1':['remove'],'note:9':['remove'],'user:1':['patch',{'a':['put',1]}]}",
     "{'rebaseWithDiff':{'note:1':['remove'],'user:1':['patch',{'a':['put',1]}]}}",
     "'note:1':['remove'],'user:1':['patch',{'a':['put',1]}]"},
    {"VAL-4 a later failure undoes it all",
     "'diff':{'note:1':['remove'],'note:2':['put',{'id':'note:2','typeName':'note'}],"
     "'x':['put',5]}",
     "INVALID_RECORD", ""},
};

ParameterizedTestParameters(push, result)
{
    return cr_make_param_array(struct result_case, result_cases,
                               sizeof(result_cases) / sizeof(result_cases[0]));
}

static void told_result(struct buf *want, const struct result_case *c)
{
    bool changed = c->effective[0];
    if (changed) {
        const char *outcome = c->action[0] == '{' ? "rebase" : "commit";
        buf_printf(want, "append 6 A:3 %s {%s}\n", outcome, c->effective);
    }
    if (c->action[0] == '\'' || c->action[0] == '{') {
        buf_printf(want,
                   "A event {'type':'push_result','clientClock':9,'serverClock':%d,'action':%s}\n",
                   changed ? 6 : 5, c->action);
    } else {
        buf_printf(want, "A closed 4099 %s\nA removed\n", c->action);
    }
    if (changed) {
        buf_printf(want, "all but A {'type':'patch','diff':{%s},'serverClock':6}\nchanged\n",
                   c->effective);
    }
    buf_append_byte(want, 0);
}

/* Two sessions, so that the room is not empty when one is rejected. The entry comes before all that
 * follows from it (P2); what is rejected leaves everything as it was (CLK-5). */
ParameterizedTest(struct result_case *c, push, result)
{
    struct fixture f;
    struct buf want = {0};
    struct buf members = {0};
    fixture_init_from(&f, START);
    connect_session(&f, "A");
    connect_session(&f, "B");
    buf_printf(&members, "'clientClock':9%s%s", c->diff[0] ? "," : "", c->diff);
    buf_append_byte(&members, 0);
    send_push(&f, "A", (const char *)buf_head(&members));
    told_result(&want, c);
    cr_assert(str_eq(buf_str(&f.lines), str_of((const char *)buf_head(&want))),
              "%s: told\n%.*sinstead of\n%s", c->name, STR_ARG(buf_str(&f.lines)),
              (const char *)buf_head(&want));
    if (!c->effective[0]) {
        assert_snapshot(f.room, START);
    }
    buf_finish(&members);
    buf_finish(&want);
    fixture_finish(&f);
}

Test(push, CLK_1_the_clock_goes_on_by_one_however_much_is_written)
{
    struct fixture f;
    fixture_init_from(&f, START);
    connect_session(&f, "A");
    send_push(&f, "A",
              "'diff':{'note:1':['patch',{'n':['put',2]}],'user:1':['remove'],"
              "'note:0':['put',{'id':'note:0','typeName':'note'}]}");
    /* CLK-3: what was written has the new clock; what is stored again has no tombstone. */
    assert_snapshot(
        f.room, "{'documentClock':6,'tombstoneHistoryStartsAtClock':0,'documents':["
                "{'state':{'id':'note:1','typeName':'note','text':'ab','n':2,'props':{'l':[1]}},"
                "'lastChangedClock':6},"
                "{'state':{'id':'note:0','typeName':'note'},'lastChangedClock':6}],"
                "'tombstones':{'user:1':6},'schema':" NOTES "}");
    fixture_finish(&f);
}

struct clock_case {
    char given[60];
    char told[60];
};

ParameterizedTestParameters(push, client_clock)
{
    static struct clock_case cases[] = {
        {"'clientClock':0", "'clientClock':0,"},
        {"'clientClock':1.5", "'clientClock':1.5,"},
        {"'clientClock':null", "'clientClock':null,"},
        {"'clientClock':{'a':[true]}", "'clientClock':{'a':[true]},"},
        {"", ""},
    };
    return cr_make_param_array(struct clock_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct clock_case *c, push, client_clock) /* PUSH-9 */
{
    struct fixture f;
    struct buf want = {0};
    fixture_init_from(&f, START);
    connect_session(&f, "A");
    send_push(&f, "A", c->given);
    buf_printf(&want, "A event {'type':'push_result',%s'serverClock':5,'action':'commit'}\n",
               c->told);
    buf_append_byte(&want, 0);
    assert_told(&f, (const char *)buf_head(&want));
    buf_finish(&want);
    fixture_finish(&f);
}

struct readonly_case {
    char diff[100];
    char outcome[40];
};

ParameterizedTestParameters(push, read_only)
{
    static struct readonly_case cases[] = {
        {"{'note:2':['put',{'id':'note:2','typeName':'note'}]}", "'action':'discard'"},
        {"{'note:1':['patch',{'n':['put',2]}]}", "'action':'discard'"},
        {"{'note:1':['remove']}", "'action':'discard'"},
        {"{'note:1':['put',5]}", "'action':'discard'"},
        {"{'note:1':['patch',null]}", "'action':'discard'"},
        {"{'x:1':['put',{'id':'x:1','typeName':'unknown'}]}", "'action':'discard'"},
        {"{'note:1':null}", "R closed 4099 UNKNOWN_ERROR"},
        {"{'note:1':['put',null]}", "R closed 4099 UNKNOWN_ERROR"},
    };
    return cr_make_param_array(struct readonly_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct readonly_case *c, push, read_only) /* RO-1 */
{
    struct fixture f;
    struct buf members = {0};
    fixture_init_from(&f, START);
    connect_session(&f, "R");
    buf_printf(&members, "'diff':%s", c->diff);
    buf_append_byte(&members, 0);
    send_push(&f, "R", (const char *)buf_head(&members));
    cr_assert(was_told(&f, c->outcome), "%s", c->diff);
    cr_assert(not(was_told(&f, "append")));
    assert_snapshot(f.room, START);
    buf_finish(&members);
    fixture_finish(&f);
}

/* CLK-5: presence too, and what the room learned from it. */
Test(push, CLK_5_a_rejected_one_leaves_presence_as_it_was)
{
    struct fixture f;
    fixture_init_from(&f, START);
    connect_session(&f, "A");
    struct room_session *b = connect_session(&f, "B");
    send_push(&f, "A",
              "'presence':['put',{'typeName':'note','x':1}],'diff':{'note:2':['put',null]}");
    assert_told(&f, "A closed 4099 UNKNOWN_ERROR\nA removed\n");
    cr_assert(zero(ptr, (void *)(uintptr_t)room_session_presence(b)));
    send_push(&f, "B", "'diff':{'note:2':['put',{'id':'note:2','typeName':'note'}]}");
    cr_assert(was_told(&f, "'action':'commit'"));
    fixture_finish(&f);
}

Test(push, APP_1_a_client_without_appends_turns_them_off_for_all)
{
    struct fixture f;
    fixture_init_from(&f, START);
    connect_session(&f, "A");
    struct room_session *old = open_session(&f, "B");
    send_connect(&f, "B", "'protocolVersion':7,'lastServerClock':-1");
    forget_told(&f);
    send_push(&f, "A", "'diff':{'note:1':['patch',{'text':['append','c',2]}]}");
    assert_told(&f, "append 6 A:3 rebase {'note:1':['patch',{'text':['put','abc']}]}\n"
                    "A event {'type':'push_result','serverClock':6,'action':"
                    "{'rebaseWithDiff':{'note:1':['patch',{'text':['put','abc']}]}}}\n"
                    "all but A {'type':'patch','diff':{'note:1':['patch',"
                    "{'text':['put','abc']}]},'serverClock':6}\nchanged\n");
    /* Only while it is connected. */
    room_socket_gone(f.room, old, f.now_ms);
    forget_told(&f);
    send_push(&f, "A", "'diff':{'note:1':['patch',{'text':['append','d',3]}]}");
    cr_assert(was_told(&f, "'action':'commit'"));
    fixture_finish(&f);
}

Test(push, APP_1_holds_through_take_overs_and_rejections)
{
    struct fixture f;
    fixture_init_from(&f, START);
    connect_session(&f, "A");
    for (int i = 0; i < 3; i++) {
        struct room_session *b = open_session(&f, "B"); /* takes over from the second on */
        send_connect(&f, "B", "'protocolVersion':6,'lastServerClock':-1");
        send_connect(&f, "B", "'protocolVersion':6,'lastServerClock':-1");
        if (i == 1) {
            room_session_close(f.room, b, STR("FORBIDDEN"));
        }
    }
    room_session_close(f.room, room_session_find(f.room, STR("B")), (struct str){0});
    forget_told(&f);
    send_push(&f, "A", "'diff':{'note:1':['patch',{'text':['append','c',2]}]}");
    cr_assert(was_told(&f, "'action':'commit'"));
    fixture_finish(&f);
}

Test(push, of_a_huge_number_of_records_takes_linear_time)
{
    enum { RECORDS = 20000 };
    struct fixture f;
    struct buf message = {0};
    fixture_init_from(&f, START);
    struct room_session *a = connect_session(&f, "A");
    pack_map(&message, 2);
    pack_str(&message, STR("type"));
    pack_str(&message, STR("push"));
    pack_str(&message, STR("diff"));
    pack_map(&message, RECORDS);
    for (int i = 0; i < RECORDS; i++) {
        struct buf id = {0};
        buf_printf(&id, "note:x%d", i);
        pack_str(&message, buf_str(&id));
        pack_array(&message, 2);
        pack_str(&message, STR("put"));
        pack_map(&message, 2);
        pack_str(&message, STR("id"));
        pack_str(&message, buf_str(&id));
        pack_str(&message, STR("typeName"));
        pack_str(&message, STR("note"));
        buf_finish(&id);
    }
    room_message(f.room, a, buf_value(&message), 1, f.now_ms);
    cr_assert(eq(uint, room_documents(f.room)->records.count, RECORDS + 2));
    cr_assert(eq(u64, room_documents(f.room)->clock, 6));
    buf_finish(&message);
    fixture_finish(&f);
}

/* One patch of the text of note:1 that appends `len` bytes. */
static void push_text(struct fixture *f, struct room_session *session, uint64_t offset, size_t len)
{
    struct buf message = {0};
    char *text = malloc(len);
    memset(text, 'x', len);
    pack_map(&message, 2);
    pack_str(&message, STR("type"));
    pack_str(&message, STR("push"));
    pack_str(&message, STR("diff"));
    pack_map(&message, 1);
    pack_str(&message, STR("note:1"));
    pack_array(&message, 2);
    pack_str(&message, STR("patch"));
    pack_map(&message, 1);
    pack_str(&message, STR("text"));
    pack_array(&message, 3);
    pack_str(&message, STR("append"));
    pack_str(&message, (struct str){text, len});
    pack_u64(&message, offset);
    room_message(f->room, session, buf_value(&message), ++f->seq, f->now_ms);
    buf_finish(&message);
    free(text);
}

Test(push, appends_do_not_outgrow_the_limit_of_a_record)
{
    enum { STEP = 8 << 20 };
    struct fixture f;
    fixture_init_from(&f, START);
    struct room_session *a = connect_session(&f, "A");
    for (int i = 0; i < ROOM_RECORD_MAX_BYTES / STEP - 1; i++) {
        push_text(&f, a, 2 + (uint64_t)i * STEP, STEP);
        cr_assert(was_told(&f, "'action':'commit'"));
        forget_told(&f);
    }
    uint64_t clock = room_documents(f.room)->clock;
    push_text(&f, a, 2 + (uint64_t)(ROOM_RECORD_MAX_BYTES - STEP), STEP);
    assert_told(&f, "A closed 4099 INVALID_RECORD\nA removed\nempty\n");
    cr_assert(eq(u64, room_documents(f.room)->clock, clock));
    fixture_finish(&f);
}
