#include "fixture.h"

#include <stdio.h>

#define START "{'documents':[],'schema':" NOTES "}"

/* Ticks at every millisecond that is due and the one before, and asserts that nothing happens
 * earlier than `at` and these lines then. */
static void assert_happens_at(struct fixture *f, uint64_t at, const char *lines)
{
    for (int turns = 0; room_deadline(f->room) < at; turns++) {
        uint64_t due = room_deadline(f->room);
        cr_assert(lt(int, turns, 10), "the deadline stays at %ju", (uintmax_t)due);
        room_tick(f->room, due);
        cr_assert(gt(u64, room_deadline(f->room), due));
        assert_told(f, "");
    }
    room_tick(f->room, at - 1);
    assert_told(f, "");
    cr_assert(eq(u64, room_deadline(f->room), at));
    room_tick(f->room, at);
    assert_told(f, lines);
    f->now_ms = at;
}

Test(life, LIFE_1_who_does_not_connect_is_removed)
{
    struct fixture f;
    fixture_init_from(&f, START);
    open_session(&f, "A");
    assert_happens_at(&f, f.now_ms + ROOM_START_WAIT_MS + 1, "A closed\nA removed\nempty\n");
    cr_assert(eq(u64, room_deadline(f.room), UINT64_MAX));
    fixture_finish(&f);
}

Test(life, LIFE_1_who_is_idle_is_cancelled_and_later_removed)
{
    struct fixture f;
    fixture_init_from(&f, START);
    struct room_session *a = connect_session(&f, "A");
    assert_happens_at(&f, f.now_ms + ROOM_IDLE_TIMEOUT_MS + 1, "A closed\n");
    cr_assert(eq(int, room_session_state(a), ROOM_AWAITING_REMOVAL));
    assert_happens_at(&f, f.now_ms + ROOM_REMOVAL_WAIT_MS + 1, "A removed\nempty\n");
    fixture_finish(&f);
}

/* LIFE-6: by connect, push and ping, and by nothing else. */
Test(life, LIFE_6_pushes_and_pings_keep_alive)
{
    static const char *const messages[] = {
        "{'type':'push'}",
        "{'type':'ping','more':1}",
        "{'type':'connect','protocolVersion':8,'schema':" NOTES "}",
    };
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        struct fixture f;
        fixture_init_from(&f, START);
        connect_session(&f, "A");
        f.now_ms += 15000;
        send_message(&f, "A", messages[i]);
        forget_told(&f);
        assert_happens_at(&f, f.now_ms + ROOM_IDLE_TIMEOUT_MS + 1, "A closed\n");
        fixture_finish(&f);
    }
}

Test(life, an_idle_timeout_of_0_is_none)
{
    struct fixture f;
    fixture_init_from(&f, START);
    f.config.idle_timeout_ms = 0;
    connect_session(&f, "A");
    room_tick(f.room, f.now_ms + 1000000000);
    assert_told(&f, "");
    room_tick(f.room, f.now_ms + 2000000000);
    cr_assert(eq(u64, room_deadline(f.room), UINT64_MAX));
    fixture_finish(&f);
}

Test(life, LIFE_4_a_lost_socket_is_waited_for)
{
    struct fixture f;
    fixture_init_from(&f, START);
    struct room_session *a = connect_session(&f, "A");
    room_socket_gone(f.room, a, f.now_ms);
    assert_told(&f, "A closed\n");
    room_socket_gone(f.room, a, f.now_ms + 1000); /* no-op: the wait does not start again */
    room_broken_frame(f.room, a, false, f.now_ms + 1000);
    room_broken_frame(f.room, a, true, f.now_ms + 1000);
    send_message(&f, "A", "{'type':'frob'}");
    send_message(&f, "A", "{'type':'ping'}");
    assert_told(&f, "");
    assert_happens_at(&f, f.now_ms + ROOM_REMOVAL_WAIT_MS + 1, "A removed\nempty\n");
    fixture_finish(&f);
}

Test(life, CONN_1_a_session_is_taken_over_in_its_place)
{
    struct fixture f;
    fixture_init_from(&f, START);
    struct room_session *a = connect_session(&f, "A");
    connect_session(&f, "B");
    send_push(&f, "A", "'presence':['put',{'typeName':'presence'}]");
    forget_told(&f);
    struct room_session_config config = {
        .id = STR("A"), .readonly = true, .object_write = false, .conn = 99};
    f.now_ms += 1000;
    cr_assert(eq(ptr, room_session_open(f.room, &config, f.now_ms), a));
    assert_told(&f, "");
    cr_assert(eq(int, room_session_state(a), ROOM_AWAITING_CONNECT));
    cr_assert(eq(u64, room_session_conn(a), 99));
    cr_assert(room_session_readonly(a) && !room_session_object_write(a));
    cr_assert(eq(ptr, room_next_session(f.room, NULL), a));
    cr_assert(eq(uint, room_session_count(f.room), 2));
    cr_assert(str_eq(record_id(room_session_presence(a)), STR("presence:000000000000000000001")));
    /* A new start: it has to connect in time. */
    assert_happens_at(&f, f.now_ms + ROOM_START_WAIT_MS + 1,
                      "A closed\nall {'type':'patch','diff':{'presence:000000000000000000001':"
                      "['remove']},'serverClock':0}\nA removed\n");
    fixture_finish(&f);
}

Test(life, a_session_that_was_removed_starts_anew)
{
    struct fixture f;
    fixture_init_from(&f, START);
    connect_session(&f, "A");
    connect_session(&f, "B");
    room_session_close(f.room, room_session_find(f.room, STR("A")), (struct str){0});
    assert_told(&f, "A closed\nA removed\n");
    cr_assert(zero(ptr, room_session_find(f.room, STR("A"))));
    struct room_session *a = connect_session(&f, "A");
    cr_assert(eq(ptr, room_next_session(f.room, room_next_session(f.room, NULL)), a));
    send_push(&f, "A", "'presence':['put',{'typeName':'presence'}]");
    cr_assert(was_told(&f, "presence:000000000000000000003"));
    fixture_finish(&f);
}

struct close_case {
    char connect[24];
    char reason[40];
    char told[160];
};

ParameterizedTestParameters(life, close)
{
    static struct close_case cases[] = {
        /* LIFE-7, REJ-1 and the mapping of protocol section 8 */
        {"'protocolVersion':8", "", "A closed\nA removed\nempty\n"},
        {"'protocolVersion':8", "FORBIDDEN", "A closed 4099 FORBIDDEN\nA removed\nempty\n"},
        {"'protocolVersion':7", "my own", "A closed 4099 my own\nA removed\nempty\n"},
        {"'protocolVersion':6", "", "A closed\nA removed\nempty\n"},
        {"'protocolVersion':6", "ROOM_FULL",
         "A legacy {'type':'incompatibility_error','reason':'invalidOperation'}\nA closed\n"
         "A removed\nempty\n"},
        {"'protocolVersion':5", "INVALID_RECORD",
         "A legacy {'type':'incompatibility_error','reason':'invalidRecord'}\nA closed\n"
         "A removed\nempty\n"},
        {"'protocolVersion':5", "CLIENT_TOO_OLD",
         "A legacy {'type':'incompatibility_error','reason':'clientTooOld'}\nA closed\n"
         "A removed\nempty\n"},
    };
    return cr_make_param_array(struct close_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct close_case *c, life, close)
{
    struct fixture f;
    fixture_init_from(&f, START);
    struct room_session *a = open_session(&f, "A");
    send_connect(&f, "A", c->connect);
    forget_told(&f);
    room_session_close(f.room, a, c->reason[0] ? str_of(c->reason) : (struct str){0});
    assert_told(&f, c->told);
    fixture_finish(&f);
}

Test(life, LIFE_7_the_host_closes_sessions_in_any_state)
{
    struct fixture f;
    fixture_init_from(&f, START);
    struct room_session *a = open_session(&f, "A");
    struct room_session *b = connect_session(&f, "B");
    room_session_close(f.room, a, STR("X"));
    assert_told(&f, "A closed 4099 X\nA removed\n");
    room_socket_gone(f.room, b, f.now_ms);
    forget_told(&f);
    room_session_close(f.room, b, (struct str){0});
    assert_told(&f, "B closed\nB removed\nempty\n");
    fixture_finish(&f);
}

Test(life, LIFE_8_a_room_that_ends_tells_nobody)
{
    struct fixture f;
    fixture_init_from(&f, START);
    connect_session(&f, "A");
    open_session(&f, "B");
    room_remove_sessions(f.room);
    assert_told(&f, "");
    cr_assert(eq(uint, room_session_count(f.room), 0));
    cr_assert(zero(ptr, room_next_session(f.room, NULL)));
    fixture_finish(&f);
}

struct broken_case {
    char message[40];
    char told[60];
};

ParameterizedTestParameters(life, broken_message)
{
    static struct broken_case cases[] = {
        {"{}", "A closed 4099 UNKNOWN_ERROR\nA removed\nempty\n"},
        {"{'type':'frob'}", "A closed 4099 UNKNOWN_ERROR\nA removed\nempty\n"},
        {"{'type':7}", "A closed 4099 UNKNOWN_ERROR\nA removed\nempty\n"},
        {"5", "A closed 4099 UNKNOWN_ERROR\nA removed\nempty\n"},
        {"null", "A closed 4099 UNKNOWN_ERROR\nA removed\nempty\n"},
        {"['push']", "A closed 4099 UNKNOWN_ERROR\nA removed\nempty\n"},
        {"{'type':'ping','x':[1]}", "A pong {'type':'pong'}\n"},
    };
    return cr_make_param_array(struct broken_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct broken_case *c, life, broken_message) /* BAD */
{
    struct fixture f;
    fixture_init_from(&f, START);
    connect_session(&f, "A");
    send_message(&f, "A", c->message);
    assert_told(&f, c->told);
    fixture_finish(&f);
}

/* Protocol 7.3. */
Test(life, frames_that_are_no_messages_cancel_or_reject)
{
    struct fixture f;
    fixture_init_from(&f, START);
    struct room_session *a = connect_session(&f, "A");
    struct room_session *b = connect_session(&f, "B");
    room_broken_frame(f.room, a, false, f.now_ms);
    assert_told(&f, "A closed\n");
    cr_assert(eq(int, room_session_state(a), ROOM_AWAITING_REMOVAL));
    room_broken_frame(f.room, b, true, f.now_ms);
    assert_told(&f, "B closed 4099 UNKNOWN_ERROR\nB removed\n");
    fixture_finish(&f);
}

Test(life, MSG_5_custom_messages_go_to_connected_sessions)
{
    struct fixture f;
    struct buf data = {0};
    fixture_init_from(&f, START);
    struct room_session *a = connect_session(&f, "A");
    parse("{'x':[1]}", &data);
    room_send_custom(f.room, a, buf_value(&data));
    assert_told(&f, "A custom {'type':'custom','data':{'x':[1]}}\n");
    room_socket_gone(f.room, a, f.now_ms);
    forget_told(&f);
    room_send_custom(f.room, a, buf_value(&data)); /* MSG-8 */
    assert_told(&f, "");
    buf_finish(&data);
    fixture_finish(&f);
}

/* A room with `count` tombstones, all of clock 1, and three documents. */
static void init_buried(struct fixture *f, int count)
{
    struct buf json = {0};
    buf_printf(&json,
               "{'documentClock':9,'tombstoneHistoryStartsAtClock':0,'documents':["
               "{'state':{'id':'a','typeName':'t'},'lastChangedClock':9},"
               "{'state':{'id':'b','typeName':'t'},'lastChangedClock':9},"
               "{'state':{'id':'c','typeName':'t'},'lastChangedClock':9}],"
               "'schema':%s,'tombstones':{",
               NOTES);
    for (int i = 0; i < count; i++) {
        buf_printf(&json, "%s't%d':%d", i ? "," : "", i, 1 + i / 1000);
    }
    buf_append_str(&json, STR("}}"));
    buf_append_byte(&json, 0);
    fixture_init_from(f, (const char *)buf_head(&json));
    buf_finish(&json);
}

static uint32_t tombstones(const struct fixture *f)
{
    return room_documents(f->room)->tombstones.count;
}

Test(life, TOMB_2_only_a_deletion_prunes_and_not_at_once)
{
    struct fixture f;
    init_buried(&f, 5001);
    f.config.idle_timeout_ms = 0;
    connect_session(&f, "A");
    send_push(&f, "A", "'diff':{'a':['patch',{'n':['put',1]}]}");
    for (int turn = 0; turn < 5; turn++) {
        room_tick(f.room, f.now_ms += 1000);
    }
    cr_assert(eq(uint, tombstones(&f), 5001), "an oversized set stays until the next deletion");
    send_push(&f, "A", "'diff':{'b':['remove']}");
    cr_assert(eq(uint, tombstones(&f), 5002));
    cr_assert(le(u64, room_deadline(f.room), f.now_ms + ROOM_PRUNE_THROTTLE_MS));
    room_tick(f.room, f.now_ms += ROOM_PRUNE_THROTTLE_MS);
    /* 1002 are to go, of clocks 1 (1000 of them) and 2: both groups go as a whole. */
    cr_assert(eq(uint, tombstones(&f), 3002));
    cr_assert(eq(u64, room_documents(f.room)->history_start, 3));
    cr_assert(eq(u64, room_documents(f.room)->clock, 11), "TOMB-4");
    fixture_finish(&f);
}

Test(life, TOMB_2_prunes_at_most_once_a_second)
{
    struct fixture f;
    init_buried(&f, 5000);
    connect_session(&f, "A");
    send_push(&f, "A", "'diff':{'a':['remove']}");
    uint64_t first = room_deadline(f.room);
    room_tick(f.room, first);
    cr_assert(lt(uint, tombstones(&f), 5000));
    for (int i = 0; i < 3000; i++) { /* back above the limit */
        char push[80];
        snprintf(push, sizeof(push), "'diff':{'x%d':['put',{'id':'x%d','typeName':'t'}]}", i, i);
        f.now_ms = first;
        send_push(&f, "A", push);
        snprintf(push, sizeof(push), "'diff':{'x%d':['remove']}", i);
        send_push(&f, "A", push);
    }
    uint32_t before = tombstones(&f);
    cr_assert(gt(uint, before, 5000));
    room_tick(f.room, first + ROOM_PRUNE_THROTTLE_MS - 1);
    cr_assert(eq(uint, tombstones(&f), before));
    room_tick(f.room, first + ROOM_PRUNE_THROTTLE_MS);
    cr_assert(le(uint, tombstones(&f), 5000));
    fixture_finish(&f);
}
