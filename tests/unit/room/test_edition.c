#include "fixture.h"
#include "room/edition.h"
#include "room/resume.h"

#include <stdio.h>

static struct fixture f;

static void setup(void)
{
    fixture_init(&f);
    fixture_use_schema(&f, false);
    connect_session(&f, "new");
}

static void teardown(void)
{
    fixture_finish(&f);
}

TestSuite(edition, .init = setup, .fini = teardown);

static struct room_session *connect_as(const char *id, const char *schema)
{
    f.schema = schema;
    struct room_session *session = connect_session(&f, id);
    f.schema = NOTE_2;
    return session;
}

static void put_note(const char *id, int n)
{
    char push[256];
    snprintf(push, sizeof(push),
             "'diff':{'%s':['put',{'id':'%s','typeName':'note','color':'red','n':%d}]}", id, id, n);
    send_push(&f, "new", push);
}

Test(edition, mig_2_what_an_older_client_puts_is_stored_as_ours)
{
    connect_as("old", NOTE_0);
    send_push(&f, "old", "'clientClock':1,'diff':{'a':['put',{'id':'a','typeName':'note','n':1}]}");
    assert_told(
        &f,
        "append 1 old:3 rebase {'a':['put',{'id':'a','typeName':'note','n':101,'color':'red'}]}\n"
        "old event {'type':'push_result','clientClock':1,'serverClock':1,'action':{"
        "'rebaseWithDiff':{'a':['put',{'id':'a','typeName':'note','n':1}]}}}\n"
        "all but old {'type':'patch','diff':{'a':['put',{'id':'a','typeName':'note','n':101,"
        "'color':'red'}]},'serverClock':1}\n"
        "changed\n");
}

Test(edition, mig_3_a_patch_is_about_the_record_as_its_client_sees_it)
{
    put_note("a", 110);
    connect_as("old", NOTE_0);
    forget_told(&f);
    send_push(&f, "old", "'clientClock':1,'diff':{'a':['patch',{'n':['put',11]}]}");
    assert_told(&f, "append 2 old:4 rebase {'a':['patch',{'n':['put',111]}]}\n"
                    "old event {'type':'push_result','clientClock':1,'serverClock':2,'action':{"
                    "'rebaseWithDiff':{'a':['patch',{'n':['put',11]}]}}}\n"
                    "all but old {'type':'patch','diff':{'a':['patch',{'n':['put',111]}]},"
                    "'serverClock':2}\n"
                    "changed\n");
}

Test(edition, mig_4_all_on_the_same_way_share_what_was_migrated)
{
    connect_as("old", NOTE_0);
    connect_as("older", "{'schemaVersion':2,'sequences':{'note':0,'unheard.of':7}}");
    unsigned jobs = f.engine.jobs;
    put_note("a", 110);
    assert_told(&f, "append 1 new:4 commit {'a':['put',{'id':'a','typeName':'note','color':'red',"
                    "'n':110}]}\n"
                    "new event {'type':'push_result','serverClock':1,'action':'commit'}\n"
                    "all but new {'type':'patch','diff':{'a':['put',{'id':'a','typeName':'note',"
                    "'color':'red','n':110}]},'serverClock':1}\n"
                    "all@1 but new {'type':'patch','diff':{'a':['put',{'id':'a','typeName':'note',"
                    "'n':10}]},'serverClock':1}\n"
                    "changed\n");
    cr_assert(eq(uint, f.engine.jobs, jobs + 1));
    send_push(&f, "new", "'diff':{'a':['patch',{'n':['put',120]}]}");
    cr_assert(
        was_told(&f, "all@1 but new {'type':'patch','diff':{'a':['patch',{'n':['put',20]}]}"));
    cr_assert(eq(uint, f.engine.jobs, jobs + 2), "the state before is kept");
}

Test(edition, bcast_2_what_they_cannot_see_changes_nothing_and_is_told_all_the_same)
{
    put_note("a", 110);
    connect_as("old", NOTE_0);
    forget_told(&f);
    send_push(&f, "new", "'diff':{'a':['patch',{'color':['put','blue']}]}");
    cr_assert(was_told(&f, "all@1 but new {'type':'patch','diff':{},'serverClock':2}"));
}

Test(edition, bcast_3_who_cannot_be_told_is_rejected_and_nobody_else)
{
    connect_as("old", NOTE_0);
    connect_as("older", NOTE_0);
    put_note("a", 666);
    assert_told(&f, "append 1 new:4 commit {'a':['put',{'id':'a','typeName':'note','color':'red',"
                    "'n':666}]}\n"
                    "new event {'type':'push_result','serverClock':1,'action':'commit'}\n"
                    "all but new {'type':'patch','diff':{'a':['put',{'id':'a','typeName':'note',"
                    "'color':'red','n':666}]},'serverClock':1}\n"
                    "old closed 4099 CLIENT_TOO_OLD\n"
                    "old removed\n"
                    "older closed 4099 CLIENT_TOO_OLD\n"
                    "older removed\n"
                    "changed\n");
}

Test(edition, mig_2_a_put_that_cannot_be_migrated_rejects_its_client_and_changes_nothing)
{
    connect_as("old", NOTE_0);
    send_push(&f, "old",
              "'diff':{'b':['put',{'id':'b','typeName':'note','n':1}],"
              "'a':['put',{'id':'a','typeName':'note','n':666}]}");
    assert_told(&f, "old closed 4099 CLIENT_TOO_OLD\n"
                    "old removed\n");
}

Test(edition, mig_5_presence_too)
{
    connect_as("old", NOTE_0);
    send_push(&f, "old", "'presence':['put',{'at':5}]");
    assert_told(&f, "old event {'type':'push_result','serverClock':0,'action':'commit'}\n"
                    "all but old {'type':'patch','diff':{'person:000000000000000000002':['put',{"
                    "'id':'person:000000000000000000002','typeName':'person','at':5}]},"
                    "'serverClock':0}\n");
}

Test(edition, hyd_6_who_cannot_be_given_a_record_is_too_old)
{
    put_note("a", 666);
    f.schema = NOTE_1;
    open_session(&f, "old");
    forget_told(&f);
    send_connect(&f, "old", "'protocolVersion':8,'lastServerClock':-1");
    assert_told(&f, "old closed 4099 CLIENT_TOO_OLD\n"
                    "old removed\n");
}

/* ---- while the engine is away nobody is turned away for good ---- */

Test(edition, who_cannot_be_told_just_now_comes_back)
{
    connect_as("old", NOTE_0);
    put_note("a", 555);
    cr_assert(was_told(&f, "old closed\n"));
    cr_assert(not(was_told(&f, "4099")));
    f.schema = NOTE_0;
    open_session(&f, "old");
    forget_told(&f);
    send_connect(&f, "old", "'protocolVersion':8,'lastServerClock':-1");
    assert_told(&f, "old closed\n");
}

Test(edition, what_cannot_be_migrated_up_just_now_is_pushed_again)
{
    connect_as("old", NOTE_0);
    send_push(&f, "old", "'diff':{'a':['put',{'id':'a','typeName':'note','n':555}]}");
    assert_told(&f, "old closed\n");
}

/* ---- what takes long ---- */

enum { MANY = 3 * EDITION_SLICE };

static void fill(void)
{
    char id[16];
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof(id), "n%d", i);
        put_note(id, 100 + i);
    }
    forget_told(&f);
}

static struct room_session *begin_to_connect(const char *id)
{
    f.schema = NOTE_0;
    struct room_session *session = open_session(&f, id);
    send_connect(&f, id, "'protocolVersion':8,'lastServerClock':-1");
    f.schema = NOTE_2;
    return session;
}

Test(edition, a_large_room_is_migrated_in_slices)
{
    fill();
    struct room_session *old = begin_to_connect("old");
    assert_told(&f, "");
    cr_assert(room_is_busy(f.room));
    unsigned jobs = f.engine.jobs;
    for (unsigned slice = 1; room_is_busy(f.room); slice++) {
        cr_assert(eq(int, room_session_state(old), ROOM_AWAITING_CONNECT));
        put_note("other", 100 + (int)slice); /* others go on */
        room_work(f.room, f.now_ms);
        cr_assert(le(uint, f.engine.jobs, jobs + slice * (EDITION_SLICE + 2)));
    }
    cr_assert(eq(int, room_session_state(old), ROOM_CONNECTED));
    cr_assert(was_told(&f, "old connect "));
    cr_assert(was_told(&f, "'n0':['put',{'id':'n0','typeName':'note','n':0}]"));
    jobs = f.engine.jobs;
    connect_as("older", NOTE_0);
    cr_assert(eq(uint, f.engine.jobs, jobs), "nothing is migrated twice");
}

Test(edition, who_leaves_meanwhile_is_not_worked_for)
{
    fill();
    struct room_session *old = begin_to_connect("old");
    room_work(f.room, f.now_ms);
    room_socket_gone(f.room, old, f.now_ms);
    cr_assert(not(room_is_busy(f.room)));
    room_work(f.room, f.now_ms);
    assert_told(&f, "old closed\n");
}

Test(edition, who_waits_for_us_is_not_timed_out)
{
    fill();
    struct room_session *old = begin_to_connect("old");
    f.now_ms += ROOM_START_WAIT_MS - 1;
    room_work(f.room, f.now_ms);
    f.now_ms += ROOM_START_WAIT_MS - 1;
    room_tick(f.room, f.now_ms);
    cr_assert(eq(int, room_session_state(old), ROOM_AWAITING_CONNECT));
}

Test(edition, who_would_wait_for_a_large_load_comes_back_for_it)
{
    struct buf snapshot = {0};
    struct buf why = {0};
    fill();
    room_write_snapshot(f.room, &snapshot);
    struct fixture other = f;
    fixture_init(&f);
    fixture_use_schema(&f, false);
    connect_session(&f, "new");
    connect_as("old", NOTE_0);
    cr_assert(eq(int, room_load(f.room, buf_value(&snapshot), f.now_ms, &why), ROOM_EDITED));
    cr_assert(was_told(&f, "all {'type':'patch','diff':{'n0'"));
    cr_assert(was_told(&f, "old closed\n"));
    cr_assert(not(was_told(&f, "all@")));
    fixture_finish(&other);
    buf_finish(&why);
    buf_finish(&snapshot);
}

/* ---- from owner to owner ---- */

static enum room_resumed resume(const char *id, struct buf *state, struct room_session **out)
{
    struct buf ops = {0};
    pack_array(&ops, 0);
    struct room_resume resume = {
        .session = {.id = str_of(id), .object_write = true, .conn = 7},
        .state = buf_value(state),
        .presence_ops = buf_value(&ops),
    };
    enum room_resumed resumed = room_session_resume(f.room, &resume, f.now_ms, out);
    buf_finish(&ops);
    return resumed;
}

static void next_owner(uint64_t epoch)
{
    fixture_restart(&f);
    room_begin_epoch(f.room, epoch, STR("next"));
}

Test(edition, res_3_goes_with_its_session_to_an_owner_with_a_newer_schema)
{
    struct buf state = {0};
    struct buf old_state = {0};
    struct room_session *session;
    put_note("a", 110);
    room_session_write_state(f.room, room_session_find(f.room, STR("new")), &state);
    room_session_write_state(f.room, connect_as("old", NOTE_1), &old_state);
    fixture_use_schema(&f, true);
    next_owner(5);
    cr_assert(was_told(&f, "append 2 schema {'a':['put',{"));
    cr_assert(room_has_changed_schema(f.room));
    cr_assert(eq(int, resume("new", &state, &session), ROOM_RESUMED));
    cr_assert(ne(u64, room_session_edition(session), 0), "it is on the schema of before");
    cr_assert(eq(int, resume("old", &old_state, &session), ROOM_RESUMED));
    forget_told(&f);
    send_push(&f, "new", "'diff':{'a':['patch',{'n':['put',111]}]}");
    cr_assert(was_told(&f, "append 3 new:4 rebase {'a':['patch',{'number':['put',111]}]}"));
    cr_assert(
        was_told(&f, "all@2 but new {'type':'patch','diff':{'a':['patch',{'n':['put',11]}]}"));
    buf_finish(&old_state);
    buf_finish(&state);
}

Test(edition, a_schema_that_nobody_knows_any_more_is_not_guessed)
{
    struct buf state = {0};
    struct room_session *session;
    put_note("a", 110);
    room_session_write_state(f.room, room_session_find(f.room, STR("new")), &state);
    fixture_use_schema(&f, true);
    next_owner(5);
    next_owner(6); /* who found the room brought over already */
    cr_assert(not(room_has_changed_schema(f.room)));
    cr_assert(eq(int, resume("new", &state, &session), ROOM_RESUME_SCHEMA));
    buf_finish(&state);
}
