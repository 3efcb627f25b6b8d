/* Rules that no other test is about, one by one. */
#include "fixture.h"
#include "room/edition.h"
#include "value/diff.h"

#include <stdio.h>
#include <string.h>

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

TestSuite(rules, .init = setup, .fini = teardown);

static uint64_t doc_clock(void)
{
    return room_documents(f.room)->clock;
}

static void push(const char *members)
{
    send_push(&f, "a", members);
}

/* A push that must work, and is not looked at. */
static void store(const char *diff)
{
    push(diff);
    cr_assert(was_told(&f, "push_result"));
    forget_told(&f);
}

Test(rules, CLK_2_reading_and_what_is_absent_or_equal_write_nothing)
{
    store("'diff':{" PUT_COLORED("n", "1") "}");
    uint64_t before = doc_clock();
    push("'diff':{'nope':['remove']}");
    push("'diff':{" PUT_COLORED("n", "1") "}");
    push("'diff':{'n':['patch',{'n':['put',1]}]}");
    push("'presence':['put',{'at':1}]");
    cr_assert(eq(u64, doc_clock(), before));
    cr_assert(not(was_told(&f, "append")));
}

Test(rules, CLK_6_the_host_is_told_once_for_each_transaction)
{
    push("'diff':{" PUT_COLORED("n", "1") "," PUT_COLORED("m", "1") "}");
    const char *text = (const char *)buf_head(&f.lines);
    buf_append_byte(&f.lines, 0);
    const char *first = strstr(text, "changed\n");
    cr_assert(ne(ptr, (void *)(uintptr_t)first, NULL));
    cr_assert(eq(ptr, strstr(first + 1, "changed\n"), NULL));
}

Test(rules, CLK_7_BCAST_4_every_message_has_the_clock_it_brings_its_receiver_to)
{
    connect_session(&f, "b");
    push("'clientClock':5,'diff':{" PUT_COLORED("n", "1") "}");
    cr_assert(was_told(&f, "a event {'type':'push_result','clientClock':5,'serverClock':1,"));
    cr_assert(was_told(&f, "},'serverClock':1}\nchanged\n"));
    open_session(&f, "c");
    send_connect(&f, "c", "'protocolVersion':8,'lastServerClock':-1");
    cr_assert(was_told(&f, "c connect {'type':'connect','connectRequestId':'r',"
                           "'hydrationType':'wipe_all','protocolVersion':8"));
    cr_assert(was_told(&f, "'serverClock':1,'isReadonly'"));
}

Test(rules, CLK_8_a_push_without_effect_does_not_step_the_clock)
{
    for (int i = 0; i < 5; i++) {
        push("'presence':['put',{'at':1}]");
        push("'diff':{}");
    }
    cr_assert(eq(u64, doc_clock(), 0));
}

Test(rules, CONN_3_ids_of_presence_end_with_what_nobody_can_guess)
{
    push("'presence':['put',{'at':1}]");
    cr_assert(eq(uint, (unsigned)f.ids, 1));
    const struct record *presence = room_session_presence(room_session_find(f.room, STR("a")));
    cr_assert(str_eq(record_id(presence), STR("person:000000000000000000001")));
}

Test(rules, CONN_5_the_protocol_is_looked_at_before_the_schema)
{
    f.schema = "null";
    open_session(&f, "b");
    forget_told(&f);
    send_connect(&f, "b", "'protocolVersion':9,'lastServerClock':-1");
    cr_assert(was_told(&f, "b closed 4099 SERVER_TOO_OLD\n"));
    open_session(&f, "c");
    send_connect(&f, "c", "'protocolVersion':8,'lastServerClock':-1");
    cr_assert(was_told(&f, "c closed 4099 CLIENT_TOO_OLD\n"));
}

Test(rules, CONN_7_connecting_counts_as_an_interaction)
{
    struct room_session *session = open_session(&f, "b");
    f.now_ms += ROOM_START_WAIT_MS - 1;
    send_connect(&f, "b", "'protocolVersion':8,'lastServerClock':-1");
    f.now_ms += ROOM_IDLE_TIMEOUT_MS;
    room_tick(f.room, f.now_ms);
    cr_assert(eq(int, room_session_state(session), ROOM_CONNECTED));
}

Test(rules, CONN_8_who_is_removed_amid_the_handshake_does_not_come_back)
{
    store("'diff':{" PUT_COLORED("n", "666") "}");
    f.schema = NOTE_0;
    open_session(&f, "b");
    send_connect(&f, "b", "'protocolVersion':8,'lastServerClock':-1");
    cr_assert(eq(ptr, room_session_find(f.room, STR("b")), NULL));
}

Test(rules, PUSH_1_before_the_connect_reply_a_push_is_ignored)
{
    open_session(&f, "b");
    send_push(&f, "b", "'diff':{" PUT_COLORED("n", "1") "}");
    assert_told(&f, "");
    cr_assert(eq(u64, doc_clock(), 0));
}

Test(rules, PUSH_2_any_failure_undoes_all_of_it)
{
    push("'presence':['put',{'at':1}],'diff':{" PUT_COLORED("n", "1") ",'m':['put',{'id':'m'}]}");
    assert_told(&f, "a closed 4099 INVALID_RECORD\na removed\nempty\n");
    cr_assert(eq(u32, room_documents(f.room)->records.count, 0));
}

Test(rules, PUSH_10_ids_do_not_interact)
{
    store("'diff':{" PUT_COLORED("n", "1") "," PUT_COLORED("m", "2") "}");
    push("'diff':{'n':['remove']," PUT_COLORED("o", "3") ",'m':['patch',{'n':['put',4]}]}");
    cr_assert(was_told(&f, "'action':'commit'"));
    cr_assert(eq(u32, room_documents(f.room)->records.count, 2));
}

static void read_room(const char *snapshot)
{
    struct buf bytes = {0};
    struct buf why = {0};
    fixture_restart(&f);
    cr_assert(eq(int, room_load(f.room, parse(snapshot, &bytes), f.now_ms, &why), ROOM_EDITED));
    connect_session(&f, "a");
    buf_finish(&why);
    buf_finish(&bytes);
}

Test(rules, VAL_1_SNAP_11_ND_2_what_does_not_change_is_not_validated)
{
    read_room("{'store':{'n':{'id':'n','typeName':'note','odd':1}},'schema':" NOTE_2 "}");
    push("'diff':{'n':['put',{'id':'n','typeName':'note','odd':1}]}");
    cr_assert(was_told(&f, "'action':'discard'"));
    push("'diff':{'n':['patch',{'odd':['put',2]}]}");
    cr_assert(was_told(&f, "a closed 4099 INVALID_RECORD\n"));
}

Test(rules, VAL_3_presence_is_validated_by_its_type)
{
    push("'presence':['put',{'at':'here'}]");
    cr_assert(was_told(&f, "a closed 4099 INVALID_RECORD\n"));
}

Test(rules, BCAST_1_the_source_is_not_told)
{
    connect_session(&f, "b");
    push("'diff':{" PUT_COLORED("n", "1") "}");
    cr_assert(was_told(&f, "all but a "));
    cr_assert(not(was_told(&f, "all {")));
}

Test(rules, BCAST_5_UPD_6_LOAD_5_what_nobody_pushed_is_told_to_all_in_full_puts)
{
    struct buf bytes = {0};
    struct buf why = {0};
    store("'diff':{" PUT_COLORED("n", "1") "," PUT_COLORED("m", "1") "}");
    cr_assert(
        eq(int,
           room_load(f.room,
                     parse("{'store':{'n':" COLORED("n", "2") "},'schema':" NOTE_2 "}", &bytes),
                     f.now_ms, &why),
           ROOM_EDITED));
    cr_assert(was_told(&f, "all {'type':'patch','diff':{" PUT_COLORED(
                               "n", "2") ",'m':['remove']},'serverClock':2}\n"));
    cr_assert(not(was_told(&f, "closed")));
    buf_finish(&why);
    buf_finish(&bytes);
}

Test(rules, LIFE_2_LIFE_3_LIFE_10_nothing_is_done_early_and_everything_at_its_deadline)
{
    struct room_session *session = open_session(&f, "b");
    forget_told(&f);
    f.now_ms += ROOM_START_WAIT_MS;
    room_tick(f.room, f.now_ms);
    room_tick(f.room, f.now_ms); /* however often */
    assert_told(&f, "");
    cr_assert(eq(int, room_session_state(session), ROOM_AWAITING_CONNECT));
    cr_assert(le(u64, room_deadline(f.room), f.now_ms + 1));
    f.now_ms++;
    room_tick(f.room, f.now_ms);
    assert_told(&f, "b closed\nb removed\n");
}

Test(rules, LIFE_5_the_socket_first_then_presence_then_the_events)
{
    push("'presence':['put',{'at':1}]");
    forget_told(&f);
    room_session_close(f.room, room_session_find(f.room, STR("a")), (struct str){0});
    assert_told(&f, "a closed\n"
                    "all {'type':'patch','diff':{'person:000000000000000000001':['remove']},"
                    "'serverClock':0}\n"
                    "a removed\n"
                    "empty\n");
}

Test(rules, LIFE_9_sessions_are_listed_in_order_with_what_they_may)
{
    open_session(&f, "Reader");
    struct room_session *session = room_next_session(f.room, NULL);
    cr_assert(str_eq(room_session_id(session), STR("a")));
    cr_assert(not(room_session_readonly(session)));
    cr_assert(room_session_object_write(session));
    session = room_next_session(f.room, session);
    cr_assert(str_eq(room_session_id(session), STR("Reader")));
    cr_assert(room_session_readonly(session));
    cr_assert(eq(int, room_session_state(session), ROOM_AWAITING_CONNECT));
    cr_assert(eq(ptr, room_next_session(f.room, session), NULL));
}

struct reject_case {
    char name[40];
    char members[80];
    char reason[24];
};

ParameterizedTestParameters(rules, rejections)
{
    static struct reject_case cases[] = {
        {"REJ-2 validation", "'diff':{'n':['put',{'id':'n','typeName':'note'}]}", "INVALID_RECORD"},
        {"REJ-2 a type", "'diff':{'n':['put',{'id':'n','typeName':'x'}]}", "INVALID_RECORD"},
        {"REJ-2 an id that is not its key", "'diff':{'m':['put'," COLORED("n", "1") "]}",
         "UNKNOWN_ERROR"},
        {"REJ-2 whatever else", "'diff':{'n':null}", "UNKNOWN_ERROR"},
    };
    return cr_make_param_array(struct reject_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct reject_case *c, rules, rejections)
{
    char want[80];
    push(c->members);
    snprintf(want, sizeof(want), "a closed 4099 %s\na removed\nempty\n", c->reason);
    assert_told(&f, want);
}

Test(rules, APP_2_APP_3_APP_4_with_an_old_protocol_in_the_room_nothing_is_appended)
{
    fixture_finish(&f);
    fixture_init_from(&f, "{'documents':[{'state':{'id':'t','typeName':'x','text':'a'},"
                          "'lastChangedClock':0}],'schema':" NOTES "}");
    connect_session(&f, "a");
    open_session(&f, "old");
    send_connect(&f, "old", "'protocolVersion':7,'lastServerClock':-1");
    forget_told(&f);
    push("'diff':{'t':['patch',{'text':['append','b',1]}]}"); /* is understood all the same */
    cr_assert(was_told(&f, "{'rebaseWithDiff':{'t':['patch',{'text':['put','ab']}]}}"));
    cr_assert(
        was_told(&f, "all but a {'type':'patch','diff':{'t':['patch',{'text':['put','ab']}]}"));
}

Test(rules, MIG_1_another_schema_without_migrations_between_is_as_good_as_ours)
{
    f.schema = "{'schemaVersion':2,'sequences':{'note':2,'unheard.of':9}}";
    struct room_session *session = connect_session(&f, "b");
    cr_assert(eq(u64, room_session_edition(session), 0));
}

Test(rules, MIG_6_with_any_migration_between_all_records_go_that_way)
{
    f.schema = NOTE_0;
    struct room_session *session = connect_session(&f, "b");
    cr_assert(ne(u64, room_session_edition(session), 0));
    send_push(&f, "b", "'diff':{'t':['put',{'id':'t','typeName':'thing','x':1}]}");
    forget_told(&f);
    send_push(&f, "b", "'diff':{'t':['patch',{'x':['put',2]}]}");
    cr_assert(was_told(&f, "'action':'commit'"),
              "no migration is for it, and it comes out the same");
}

static void count_record(void *ctx, struct value record)
{
    (void)record;
    ++*(int *)ctx;
}

Test(rules, UPD_1_UPD_5_a_context_shows_what_would_be_and_is_empty_afterwards)
{
    struct buf bytes = {0};
    struct buf why = {0};
    int records = 0;
    store("'diff':{" PUT_COLORED("n", "1") "}");
    struct room_context *context = room_context_create(f.room);
    cr_assert(
        eq(int, room_context_put(context, parse(COLORED("m", "2"), &bytes), &why), ROOM_EDITED));
    room_context_delete(context, STR("n"));
    cr_assert(value_present(room_context_get(context, STR("m"))));
    cr_assert(not(value_present(room_context_get(context, STR("n")))));
    room_context_each(context, count_record, &records);
    cr_assert(eq(int, records, 1));
    cr_assert(eq(u64, doc_clock(), 1), "nothing has happened yet");
    cr_assert(eq(int, room_context_commit(context, f.now_ms, &why), ROOM_EDITED));
    cr_assert(eq(int, room_context_commit(context, f.now_ms, &why), ROOM_UNCHANGED));
    cr_assert(eq(u64, doc_clock(), 2));
    room_context_destroy(context);
    buf_finish(&why);
    buf_finish(&bytes);
}

Test(rules, LOAD_1_takes_both_kinds_of_snapshots)
{
    read_room("{'store':{'n':" COLORED("n", "1") "},'schema':" NOTE_2 "}");
    read_room("{'documents':[{'state':" COLORED("m", "1") ",'lastChangedClock':7}],'schema':" NOTE_2
                                                          "}");
    cr_assert(ne(ptr, documents_get(room_documents(f.room), STR("m")), NULL));
    cr_assert(eq(ptr, documents_get(room_documents(f.room), STR("n")), NULL));
}

Test(rules, SNAP_10_old_snapshots_are_read_by_the_rules_of_now)
{
    fixture_finish(&f);
    fixture_init_from(&f, "{'clock':9,'documents':[{'state':{'id':'n','typeName':'x'},"
                          "'lastChangedClock':4}],'tombstones':{'m':3},'schema':" NOTES "}");
    cr_assert(eq(u64, room_documents(f.room)->history_start, 9)); /* not 1 */
    cr_assert(eq(u32, room_documents(f.room)->tombstones.count, 0));
}

Test(rules, TOMB_1_only_what_was_there_leaves_a_tombstone)
{
    store("'diff':{" PUT_COLORED("n", "1") "}");
    store("'diff':{'n':['remove'],'m':['remove']}");
    cr_assert(eq(u32, room_documents(f.room)->tombstones.count, 1));
}

Test(rules, TOMB_5_five_thousand_tombstones_are_kept)
{
    cr_assert(eq(u32, PRUNE_DEFAULTS.max_tombstones, 5000));
    cr_assert(eq(u32, PRUNE_DEFAULTS.buffer, 1000));
}

Test(rules, RES_1_a_snapshot_has_all_that_a_session_needs_to_come_back)
{
    struct buf found = {0};
    struct buf want = {0};
    push("'presence':['put',{'at':1}]");
    struct room_session *session = room_session_find(f.room, STR("a"));
    cr_assert(room_session_write_snapshot(f.room, session, &found));
    cr_assert(value_equal(buf_value(&found),
                          parse("{'serializedSchema':" NOTE_2 ",'isReadonly':false,"
                                "'objectAccess':'write',"
                                "'presenceId':'person:000000000000000000001',"
                                "'presenceRecord':{'id':'person:000000000000000000001',"
                                "'typeName':'person','at':1},"
                                "'requiresLegacyRejection':false,'supportsStringAppend':true}",
                                &want)));
    size_t len = buf_len(&found);
    room_socket_gone(f.room, session, f.now_ms);
    cr_assert(not(room_session_write_snapshot(f.room, session, &found)));
    cr_assert(eq(sz, buf_len(&found), len));
    buf_finish(&want);
    buf_finish(&found);
}

Test(rules, RES_1_of_tldraws_presence_nothing_fleeting_is_kept)
{
    struct buf found = {0};
    fixture_finish(&f);
    fixture_init(&f);
    f.schema = TLDRAW;
    connect_session(&f, "a");
    push("'presence':['put',{'scribbles':[1],'chatMessage':'hi','selectedShapeIds':['s'],"
         "'brush':{'x':1},'cursor':{'x':5}}]");
    cr_assert(room_session_write_snapshot(f.room, room_session_find(f.room, STR("a")), &found));
    struct value presence = value_get(buf_value(&found), STR("presenceRecord"));
    struct str chat = {0};
    cr_assert(eq(u32, value_count(value_get(presence, STR("scribbles"))), 0));
    cr_assert(eq(u32, value_count(value_get(presence, STR("selectedShapeIds"))), 0));
    cr_assert(value_string(value_get(presence, STR("chatMessage")), &chat));
    cr_assert(eq(sz, chat.len, 0));
    cr_assert(eq(int, value_type(value_get(presence, STR("brush"))), VALUE_NIL));
    cr_assert(value_present(value_get(presence, STR("cursor"))));
    buf_finish(&found);
}

Test(rules, DF_10_ND_3_a_difference_leaves_both_sides_as_they_were)
{
    struct buf before = {0};
    struct buf after = {0};
    struct buf copy = {0};
    struct buf diff = {0};
    struct arena scratch = {0};
    struct value prev = parse("{'id':'n','props':{'a':[1,2],'t':'x'}}", &before);
    struct value next = parse("{'id':'n','props':{'a':[1,2,3],'t':'xy'}}", &after);
    buf_append_str(&copy, buf_str(&before));
    buf_append_str(&copy, buf_str(&after));
    cr_assert(diff_record(prev, next, false, &scratch, &diff));
    cr_assert(zero(int, memcmp(buf_head(&copy), buf_head(&before), buf_len(&before))));
    cr_assert(
        zero(int, memcmp(buf_head(&copy) + buf_len(&before), buf_head(&after), buf_len(&after))));
    arena_finish(&scratch);
    buf_finish(&diff);
    buf_finish(&copy);
    buf_finish(&after);
    buf_finish(&before);
}
