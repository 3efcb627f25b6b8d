/* Sessions that come from an owner that died, and from nowhere. */
#include "fake_shard.h"

#include <criterion/new/assert.h>

static struct fake fake;
static struct gateway *gateway;

enum { RESUME_TIME = 30000 };

static void setup(void)
{
    fake_init(&fake);
    gateway = gateway_create(&fake, 1);
    gateway_found(gateway, 1, "demo", "a");
}

static void teardown(void)
{
    fake_finish(&fake);
}

TestSuite(resume, .init = setup, .fini = teardown);

static void told(const char *want)
{
    SAME_LINES(gateway_told(gateway), want);
}

#define STATE(opened) STATE_WITH(opened, ID_A, "")
#define STATE_WITH(opened, token, more)                                                            \
    "{\"opened\":" opened ",\"place\":1,\"legacyRejection\":false,\"stringAppend\":true,"          \
    "\"tenure\":\"worker-1.1\",\"token\":\"" token "\"" more "}"
/* Opened under epoch 1, as the first. */
#define FIRST STATE("1048577")
#define CURSOR(id, x) "{\"id\":\"cursor:" id "\",\"typeName\":\"cursor\",\"x\":" x "}"
#define ID_A "aaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbb"

#define RESULT(clock, server, action)                                                              \
    "{\"type\":\"push_result\",\"clientClock\":" clock ",\"serverClock\":" server                  \
    ",\"action\":" action "}\n"
#define NOTE(id, n) "{\"id\":\"note:" id "\",\"typeName\":\"note\",\"n\":" n "}"
#define PUT_NOTE(id, n, clock)                                                                     \
    "{\"type\":\"patch\",\"diff\":{\"note:" id                                                     \
    "\":[\"put\"," NOTE(id, n) "]},\"serverClock\":" clock "}\n"

/* The worker dies; the same gateway comes to the next one. */
static void crash(uint32_t applied)
{
    char id[24];
    snprintf(id, sizeof(id), "%s", gateway->id);
    fake_crash(&fake, applied);
    gateway = gateway_return(&fake, 1, id);
}

static void resume(uint64_t clock, uint64_t answered, uint64_t seq)
{
    struct resume frame = {.conn = 1,
                           .room = "demo",
                           .session = "a",
                           .state = FIRST,
                           .clock = clock,
                           .answered = answered,
                           .seq = seq};
    gateway_resume(gateway, &frame);
}

static void pushes(int count)
{
    for (int i = 0; i < count; i++) {
        gateway_put(gateway, 1, (uint64_t)(2 + i), "note:1", i + 1);
        fake_turn(&fake);
    }
}

Test(resume, of_who_misses_nothing_says_nothing)
{
    pushes(1);
    fake_answer_all(&fake);
    crash(0);
    resume(1, 2, 2);
    fake_answer_all(&fake);
    told("resumed 1 2 1\n");
    cr_assert(eq(u64, shard_count(fake.shard)->resumes, 1));
    gateway_put(gateway, 1, 3, "note:3", 9);
    fake_turn(&fake);
    fake_answer_all(&fake);
    told("event 1 3 " RESULT("3", "2", "\"commit\""));
}

Test(resume, answers_what_was_logged_and_not_answered)
{
    pushes(1);
    crash(1); /* the append came through, its answer did not */
    resume(0, 1, 2);
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_answer_all(&fake);
    told("event 1 2 " RESULT("2", "1", "\"commit\"") "resumed 1 2 1\n");
    cr_assert(eq(u64, store_clock(&fake.store.rooms[0]), 1), "and it was not applied again");
}

Test(resume, applies_what_was_not_logged)
{
    pushes(1);
    crash(0);
    resume(0, 1, 2);
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_answer_all(&fake);
    told("resumed 1 1 0\nevent 1 2 " RESULT("2", "1", "\"commit\""));
    cr_assert(eq(u64, store_clock(&fake.store.rooms[0]), 1));
}

Test(resume, twice_in_a_row)
{
    pushes(1);
    crash(1);
    for (int i = 0; i < 2; i++) {
        resume(0, 1, 2);
        gateway_put(gateway, 1, 2, "note:1", 1);
        crash(0); /* before it is loaded, and before anything was sent */
    }
    resume(0, 1, 2);
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_answer_all(&fake);
    told("event 1 2 " RESULT("2", "1", "\"commit\"") "resumed 1 2 1\n");
    cr_assert(eq(u64, store_clock(&fake.store.rooms[0]), 1));
}

Test(resume, tells_it_as_it_happened)
{
    struct gateway *other = gateway_create(&fake, 2);
    gateway_join(other, 7, "demo", "b");
    gateway_told(other);
    gateway_put(other, 7, 2, "note:2", 5);
    gateway_message(gateway, 1, 2, /* without effect: there is no such record */
                    "{\"type\":\"push\",\"clientClock\":2,\"diff\":{\"note:9\":[\"remove\"]}}");
    gateway_put(gateway, 1, 3, "note:1", 1);
    gateway_put(other, 7, 3, "note:3", 6);
    fake_turn(&fake);
    crash(1);
    resume(0, 1, 4);
    gateway_message(gateway, 1, 2,
                    "{\"type\":\"push\",\"clientClock\":2,\"diff\":{\"note:9\":[\"remove\"]}}");
    gateway_put(gateway, 1, 3, "note:1", 1);
    gateway_put(gateway, 1, 4, "note:4", 4);
    fake_answer_all(&fake);
    told("event 1 1 " PUT_NOTE("2", "5", "1")         /* */
         "event 1 2 " RESULT("2", "1", "\"discard\"") /* */
         "event 1 3 " RESULT("3", "2", "\"commit\"")  /* */
         "event 1 3 " PUT_NOTE("3", "6", "3")         /* */
         "resumed 1 3 3\n"                            /* */
         "event 1 4 " RESULT("4", "4", "\"commit\""));
}

Test(resume, repeats_a_rebase)
{
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    fake_answer_all(&fake);
#define TWO                                                                                        \
    "{\"type\":\"push\",\"clientClock\":3,\"diff\":{\"note:1\":[\"patch\",{\"n\":[\"put\",7]}],"   \
    "\"note:9\":[\"remove\"]}}"
    gateway_message(gateway, 1, 3, TWO);
    fake_turn(&fake);
    crash(1);
    resume(1, 2, 3);
    gateway_message(gateway, 1, 3, TWO);
    fake_answer_all(&fake);
    told("event 1 3 " RESULT(
        "3", "2",
        "{\"rebaseWithDiff\":{\"note:1\":[\"patch\",{\"n\":[\"put\",7]}]}}") "resumed 1 3 2\n");
}

/* The log is gone: what the pushes did is in one patch, and they are answered as done with. */
Test(resume, behind_a_snapshot)
{
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_turn(&fake);
    fake_fail(&fake, ERR_TIMEOUT, false);
    fake_pass(&fake, 250);
    SAME_LINES(fake_asked(&fake), "append demo 2-2\nsnapshot demo 2\n");
    crash(1);
    resume(0, 1, 3);
    gateway_put(gateway, 1, 2, "note:1", 1);
    gateway_put(gateway, 1, 3, "note:2", 2);
    fake_answer_all(&fake);
    told("event 1 1 " PUT_NOTE("1", "1", "1")         /* */
         "event 1 2 " RESULT("2", "1", "\"discard\"") /* */
         "resumed 1 2 1\n"                            /* */
         "event 1 3 " RESULT("3", "2", "\"commit\""));
}

Test(resume, of_a_session_that_was_opened_again_is_detached)
{
    crash(0);
    gateway_join(gateway, 2, "demo", "a");
    resume(0, 1, 1);
    fake_answer_all(&fake);
    told("connect 2 1 wipe_all 0 0\ndetach 1\n");
}

Test(resume, leaves_a_newer_connection_of_before_alone)
{
    gateway_join(gateway, 2, "demo", "a");
    told("detach 1\nconnect 2 1 wipe_all 0 0\n");
    crash(0);
    struct resume newer = {.conn = 2,
                           .room = "demo",
                           .session = "a",
                           .state = STATE("1048578"),
                           .answered = 1,
                           .seq = 1};
    gateway_resume(gateway, &newer);
    resume(0, 1, 1);
    fake_answer_all(&fake);
    told("resumed 2 1 0\ndetach 1\n");
}

Test(resume, of_the_older_connection_gives_way_to_the_newer)
{
    crash(0);
    resume(0, 1, 1);
    struct resume newer = {.conn = 2,
                           .room = "demo",
                           .session = "a",
                           .state = STATE("1048578"),
                           .answered = 1,
                           .seq = 1};
    gateway_resume(gateway, &newer);
    fake_answer_all(&fake);
    told("resumed 1 1 0\ndetach 1\nresumed 2 1 0\n");
}

Test(resume, ahead_of_the_room_makes_its_clock_jump)
{
    crash(0);
    struct gateway *other = gateway_create(&fake, 2);
    resume(120, 1, 1);
    struct resume even = {.conn = 9,
                          .room = "demo",
                          .session = "b",
                          .state = STATE("1048578"),
                          .answered = 1,
                          .seq = 2};
    gateway_resume(other, &even);
    gateway_put(other, 9, 2, "note:1", 1);
    fake_answer(&fake);
    told("");
    SAME_LINES(fake_asked(&fake), "load demo\nsnapshot demo 1\nappend demo 2-2\n");
    fake_answer_all(&fake);
    told("close 1 1012 room has moved on\n");
    SAME_LINES(gateway_told(other),
               "resumed 9 1 1000120\nevent 9 2 " RESULT("2", "1000121", "\"commit\""));
    gateway_join(other, 10, "demo", "c");
    SAME_LINES(gateway_told(other), "connect 10 1 wipe_all 1000121 1\n");
}

Test(resume, after_redis_may_have_lost_something_the_clock_jumps)
{
    pushes(1);
    fake_answer_all(&fake);
    crash(0);
    fake.maybe_lost = true;
    resume(1, 2, 3);
    gateway_put(gateway, 1, 3, "note:2", 2);
    fake_answer_all(&fake);
    told("resumed 1 2 1000001\nevent 1 3 " RESULT("3", "1000002", "\"commit\""));
}

Test(resume, too_late_is_sent_away)
{
    struct gateway *other = gateway_create(&fake, 2);
    fake_pass(&fake, RESUME_TIME + 1000);
    struct resume late = {.conn = 3, .room = "demo", .session = "z", .state = FIRST, .answered = 1};
    gateway_resume(other, &late);
    fake_turn(&fake);
    SAME_LINES(gateway_told(other), "close 3 1012 room has moved on\n");
}

Test(resume, over_a_cut_link_finds_the_session_as_it_was)
{
    gateway_message(gateway, 1, 2,
                    "{\"type\":\"push\",\"clientClock\":2,\"presence\":"
                    "[\"put\",{\"typeName\":\"cursor\",\"x\":1}]}");
    struct gateway *other = gateway_create(&fake, 2);
    gateway_join(other, 7, "demo", "b");
    gateway_told(gateway);
    gateway_told(other);
    char id[24];
    snprintf(id, sizeof(id), "%s", gateway->id);
    gateway_destroy(gateway);
    gateway = gateway_return(&fake, 1, id);
    resume(0, 2, 2);
    fake_turn(&fake);
    told("resumed 1 2 0\n");
    gateway_message(gateway, 1, 3,
                    "{\"type\":\"push\",\"clientClock\":3,\"presence\":"
                    "[\"patch\",{\"x\":[\"put\",2]}]}");
    fake_turn(&fake);
    SAME_LINES(gateway_told(other),
               "cast 0 {\"type\":\"patch\",\"diff\":{\"cursor:000000000000000000001\":"
               "[\"patch\",{\"x\":[\"put\",2]}]},\"serverClock\":0}\n");
}

/* ---- presence ---- */

#define PUT_CURSOR(id, x)                                                                          \
    "{\"type\":\"patch\",\"diff\":{\"cursor:" id                                                   \
    "\":[\"put\"," CURSOR(id, x) "]},"                                                             \
                                 "\"serverClock\":0}\n"

static const uint64_t epoch_1 = 1ull << 32;

static void resume_cursor(struct gateway *from, uint64_t conn, const char *session,
                          const char *state, const char *ops, uint64_t seen, uint64_t at)
{
    struct resume frame = {.conn = conn,
                           .room = "demo",
                           .session = session,
                           .state = state,
                           .ops = ops,
                           .presence_clock = seen,
                           .presence_at = at,
                           .answered = 5,
                           .seq = 5};
    gateway_resume(from, &frame);
}

Test(resume, gives_everybody_the_presence_that_they_may_have_missed)
{
    crash(0);
    struct gateway *other = gateway_create(&fake, 2);
    resume_cursor(gateway, 1, "a", STATE_WITH("1048577", ID_A, ",\"presence\":" CURSOR(ID_A, "1")),
                  NULL, epoch_1 + 3, epoch_1 + 3);
    fake_answer_all(&fake);
    told("resumed 1 5 0\n");
    /* Its last presence has reached nobody: the ops are newer than the state. */
    resume_cursor(other, 2, "b", STATE_WITH("1048578", ID_B, ",\"presence\":" CURSOR(ID_B, "1")),
                  "[[\"put\",{\"typeName\":\"cursor\",\"x\":2}],[\"patch\",{\"x\":[\"put\",3]}]]",
                  epoch_1 + 3, epoch_1 + 4);
    fake_turn(&fake);
    SAME_LINES(gateway_told(other), "resumed 2 5 0\n");
    told("event 1 5 " PUT_CURSOR(ID_B, "3"));
    /* The next change is told whole, for who knows what they saw; then by differences. */
    for (int i = 4; i < 6; i++) {
        char json[200];
        snprintf(json, sizeof(json),
                 "{\"type\":\"push\",\"clientClock\":2,\"presence\":[\"patch\",{\"x\":[\"put\","
                 "%d]}]}",
                 i);
        gateway_message(other, 2, (uint64_t)i + 2, json);
    }
    fake_turn(&fake);
    told(
        "cast 0 " PUT_CURSOR(ID_B, "4") "cast 0 {\"type\":\"patch\",\"diff\":{\"cursor:" ID_B
                                        "\":[\"patch\",{\"x\":[\"put\",5]}]},\"serverClock\":0}\n");
}

/* "a" leaves a message unanswered, comes back through another gateway and goes on there. */
static void comes_back_elsewhere(void)
{
    struct gateway *other = gateway_create(&fake, 2);
    gateway_join(other, 7, "demo", "a");
    gateway_put(other, 7, 2, "note:1", 5);
    fake_turn(&fake);
    fake_answer_all(&fake);
    cr_assert(eq(u64, store_clock(&fake.store.rooms[0]), 1));
}

static void is_too_late(void)
{
    crash(0);
    resume(0, 1, 2);
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_answer_all(&fake);
    told("detach 1\n");
    cr_assert(eq(u64, store_clock(&fake.store.rooms[0]), 1));
}

Test(resume, does_not_apply_what_a_newer_connection_has_passed_by)
{
    comes_back_elsewhere();
    is_too_late();
}

Test(resume, not_even_if_only_a_snapshot_tells_of_that)
{
    comes_back_elsewhere();
    struct gateway *third = gateway_create(&fake, 3);
    gateway_join(third, 9, "demo", "c");
    struct buf json = {0};
    buf_printf(&json, "{\"type\":\"push\",\"diff\":{\"note:2\":[\"put\",{\"id\":\"note:2\","
                      "\"typeName\":\"note\",\"text\":\"");
    enum { MUCH = 300 << 10 };
    memset(buf_reserve(&json, MUCH), 'a', MUCH);
    buf_commit(&json, MUCH);
    buf_append(&json, "\"}]}}", 6);
    gateway_message(third, 9, 2, (const char *)buf_head(&json));
    buf_finish(&json);
    fake_turn(&fake);
    fake_answer_all(&fake);
    cr_assert(zero(sz, fake.store.rooms[0].log_count));
    crash(0);
    resume(0, 1, 2);
    gateway_put(gateway, 1, 2, "note:1", 1);
    fake_answer_all(&fake);
    told("detach 1\n");
}

Test(resume, keeps_the_id_of_a_presence_that_is_newer_than_the_state)
{
    crash(0);
    struct gateway *other = gateway_create(&fake, 2);
    resume_cursor(gateway, 1, "a", FIRST, NULL, 0, 0);
    resume_cursor(other, 2, "b", STATE_WITH("1048578", ID_B, ""),
                  "[[\"put\",{\"typeName\":\"cursor\",\"x\":2}]]", epoch_1 + 1, epoch_1 + 1);
    fake_answer_all(&fake);
    told("resumed 1 5 0\nevent 1 5 " PUT_CURSOR(ID_B, "2"));
}

/* The older one has just closed, and was resumed as gone. All have seen what it says, and more. */
Test(resume, a_newer_connections_presence_replaces_an_older_ones)
{
    crash(0);
    struct gateway *other = gateway_create(&fake, 2);
    resume_cursor(gateway, 1, "a", FIRST, NULL, epoch_1 + 9, 0);
    resume_cursor(other, 2, "b", STATE_WITH("1048578", ID_B, ",\"presence\":" CURSOR(ID_B, "1")),
                  NULL, epoch_1 + 1, epoch_1 + 1);
    fake_answer_all(&fake);
    told("resumed 1 5 0\n");
    resume_cursor(other, 3, "b", STATE_WITH("1048579", ID_B, ",\"presence\":" CURSOR(ID_B, "2")),
                  NULL, epoch_1 + 2, epoch_1 + 2);
    fake_answer_all(&fake);
    told("cast 0 " PUT_CURSOR(ID_B, "2"));
}

Test(resume, who_comes_late_is_told_of_all_and_all_of_him)
{
    crash(0);
    struct gateway *other = gateway_create(&fake, 2);
    resume_cursor(gateway, 1, "a", STATE_WITH("1048577", ID_A, ",\"presence\":" CURSOR(ID_A, "1")),
                  NULL, epoch_1 + 9, epoch_1 + 1);
    fake_answer_all(&fake);
    told("resumed 1 5 0\n");
    fake_pass(&fake, 3000);
    resume_cursor(other, 2, "b", STATE_WITH("1048578", ID_B, ",\"presence\":" CURSOR(ID_B, "1")),
                  NULL, epoch_1 + 9, epoch_1 + 2);
    fake_answer_all(&fake);
    told("cast 0 " PUT_CURSOR(ID_B, "1"));
    SAME_LINES(gateway_told(other), "event 2 5 " PUT_CURSOR(ID_A, "1") "resumed 2 5 0\n");
}

Test(resume, who_has_not_heard_what_is_new_is_not_answered_ahead_of_it)
{
    struct gateway *other = gateway_create(&fake, 2);
    gateway_join(other, 7, "demo", "b");
    gateway_put(other, 7, 2, "note:2", 5);
    fake_turn(&fake);
    fake_answer_all(&fake);
    char id[24];
    snprintf(id, sizeof(id), "%s", gateway->id);
    gateway_destroy(gateway);
    gateway = gateway_return(&fake, 1, id);
    fake.hold_checks = true;
    resume(0, 1, 1);
    fake_pass(&fake, 250);
    gateway_message(gateway, 1, 2,
                    "{\"type\":\"push\",\"presence\":[\"put\",{\"typeName\":\"cursor\",\"x\":1}]}");
    const char *lines = gateway_told(gateway);
    cr_assert(strstr(lines, "push_result") == NULL, "%s", lines);
    fake.hold_checks = false;
    fake_answer_checks(&fake);
    fake_turn(&fake);
    lines = gateway_told(gateway);
    const char *result = strstr(lines, "push_result");
    cr_assert(result && strstr(lines, "note:2") < result, "%s", lines);
}

Test(resume, clocks_of_different_owners_prove_nothing)
{
    crash(0);
    struct gateway *other = gateway_create(&fake, 2);
    resume_cursor(gateway, 1, "a", FIRST, NULL, (2ull << 32) + 9, 0);
    resume_cursor(other, 2, "b", STATE_WITH("1048578", ID_B, ",\"presence\":" CURSOR(ID_B, "1")),
                  NULL, epoch_1, epoch_1 + 1);
    fake_answer_all(&fake);
    told("resumed 1 5 0\nevent 1 5 " PUT_CURSOR(ID_B, "1"));
}

/* Another had the room meanwhile, and Redis has lost that; here the session is still known. */
Test(resume, of_who_has_been_with_a_forgotten_owner_is_sent_away)
{
    char id[24];
    snprintf(id, sizeof(id), "%s", gateway->id);
    gateway_destroy(gateway);
    gateway = gateway_return(&fake, 1, id);
    resume_cursor(gateway, 1, "a", FIRST, NULL, 2 * epoch_1 + 1, 0);
    fake_answer_all(&fake);
    told("close 1 1012 room has moved on\n");
    gateway_join(gateway, 2, "demo", "a");
    fake_answer_all(&fake);
    told("connect 2 1 wipe_all 1000000 0\n");
}

Test(resume, ghosts_are_taken_away)
{
    crash(0);
    resume_cursor(gateway, 1, "a", STATE_WITH("1048577", ID_A, ",\"presence\":" CURSOR(ID_A, "1")),
                  NULL, epoch_1, epoch_1);
    gateway_roster(gateway, "demo", "[\"cursor:" ID_A "\",\"cursor:" ID_B "\"]");
    fake_answer_all(&fake);
    told("resumed 1 5 0\n");
    fake_pass(&fake, ROOM_REMOVAL_WAIT_MS - 250);
    told("");
    fake_pass(&fake, 250);
    told("cast 0 {\"type\":\"patch\",\"diff\":{\"cursor:" ID_B
         "\":[\"remove\"]},\"serverClock\":0}\n");
    /* One comes back after all. */
    struct gateway *other = gateway_create(&fake, 2);
    resume_cursor(other, 2, "b", STATE_WITH("1048578", ID_B, ",\"presence\":" CURSOR(ID_B, "1")),
                  NULL, epoch_1, epoch_1);
    fake_turn(&fake);
    told("cast 0 " PUT_CURSOR(ID_B, "1"));
}

Test(resume, of_who_has_left_takes_the_last_messages_and_lets_go)
{
    struct gateway *other = gateway_create(&fake, 2);
    gateway_join(other, 7, "demo", "b");
    gateway_told(other);
    crash(0);
    struct resume gone = {.conn = 1,
                          .room = "demo",
                          .session = "a",
                          .state = STATE_WITH("1048577", ID_A, ",\"presence\":" CURSOR(ID_A, "1")),
                          .presence_at = epoch_1,
                          .answered = 1,
                          .seq = 2,
                          .flags = LINK_OPEN_GONE};
    gateway_resume(gateway, &gone);
    gateway_put(gateway, 1, 2, "note:1", 1);
    other = gateway_create(&fake, 2);
    resume_cursor(other, 2, "b", STATE("1048578"), NULL, epoch_1, 0);
    fake_answer_all(&fake);
    cr_assert(eq(u64, store_clock(&fake.store.rooms[0]), 1));
    SAME_LINES(gateway_told(other), "event 2 5 " PUT_NOTE("1", "1", "1") "resumed 2 5 1\n");
    fake_pass(&fake, ROOM_REMOVAL_WAIT_MS + 500);
    SAME_LINES(gateway_told(other), "cast 0 {\"type\":\"patch\",\"diff\":{\"cursor:" ID_A
                                    "\":[\"remove\"]},\"serverClock\":1}\n");
}

Test(resume, state_follows_now_and_then)
{
    fake.show_sessions = true;
    for (uint64_t seq = 2; seq < 2 + LINK_STATE_OPS; seq++) {
        char json[200];
        snprintf(json, sizeof(json),
                 "{\"type\":\"push\",\"presence\":[\"put\",{\"typeName\":\"cursor\",\"x\":%d}]}",
                 (int)seq);
        gateway_message(gateway, 1, seq, json);
    }
    fake_turn(&fake);
    const char *lines = gateway_told(gateway);
    char *state = strstr(lines, "state 1 17 ");
    cr_assert(not(zero(ptr, (void *)state)), "%s", lines);
    cr_assert(strstr(state, "\"x\":17") != NULL && !strstr(state + 1, "\nstate"), "%s", lines);
    cr_assert(strstr(lines, "state 1 16 ") == NULL);
    cr_assert(strstr(state, "\"token\":\"") != NULL, "%s", lines);
}
