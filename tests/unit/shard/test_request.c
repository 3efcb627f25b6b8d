/* What a host wants of rooms: done by their owner, and answered when it lasts. */
#include "fake_shard.h"

#include "base/alloc.h"
#include "link/request.h"
#include "value/json.h"
#include "value/pack.h"

#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

static struct fake fake;
static struct gateway *gateway, *host;
static const struct shard_target there = {
    {"worker-2", 8}, {"node-1", 6}, {"unix:/2", 7}, {"tcp:2", 5}};

/* "demo" with a session a on connection 1, answered up to 1; and a host. */
static void setup(void)
{
    fake_init(&fake);
    gateway = gateway_create(&fake, 1);
    gateway_found(gateway, 1, "demo", "a");
    host = gateway_create(&fake, 2);
    fake_turn(&fake);
    gateway_told(host);
    gateway_told(gateway);
    fake_asked(&fake);
}

static void teardown(void)
{
    fake_finish(&fake);
}

TestSuite(request, .init = setup, .fini = teardown);

static void asked(const char *want)
{
    SAME_LINES(fake_asked(&fake), want);
}

static void told(const char *want)
{
    SAME_LINES(gateway_told(gateway), want);
}

static void replied(const char *want)
{
    SAME_LINES(gateway_told(host), want);
}

static void happened(const char *want)
{
    SAME_LINES(fake.events, want);
    fake.events[0] = '\0';
}

static void want(uint64_t number, enum link_verb verb, const char *room, const char *target,
                 const char *json)
{
    struct buf payload = {0};
    cr_assert(zero(int, json_parse(str_of(json), &payload)));
    struct link_frame frame = {
        .type = LINK_REQUEST,
        .request = number,
        .verb = (uint64_t)verb,
        .room = str_of(room),
        .target = str_of(target),
        .payload = buf_value(&payload),
    };
    gateway_say(host, &frame);
    buf_finish(&payload);
}

#define NOTE(id, n) "{\"id\":\"" id "\",\"typeName\":\"note\",\"n\":" n "}"
#define PUT(id, n) "{\"puts\":[" NOTE(id, n) "]}"
#define CAST(id, n, clock)                                                                         \
    "cast 0 {\"type\":\"patch\",\"diff\":{\"" id                                                   \
    "\":[\"put\"," NOTE(id, n) "]},\"serverClock\":" clock "}\n"

static void put(uint64_t number, const char *json)
{
    want(number, LINK_VERB_UPDATE, "demo", "", json);
    fake_turn(&fake);
}

/* ---- when it is answered ---- */

Test(request, an_update_is_told_and_answered_when_it_is_stored)
{
    put(1, PUT("note:1", "5"));
    asked("append demo 2-2\n");
    told("");
    replied("");
    fake_answer(&fake);
    told(CAST("note:1", "5", "1"));
    replied("reply 1 0 {\"clock\":1,\"changed\":true}\n");
}

Test(request, what_changes_nothing_is_answered_when_the_room_is_known_to_be_ours)
{
    fake.hold_checks = true;
    put(1, "{\"deletes\":[\"note:none\"]}");
    asked("");
    replied("");
    fake.hold_checks = false;
    fake_turn(&fake);
    replied("reply 1 0 {\"clock\":0,\"changed\":false}\n");
    fake.hold_checks = true;
    want(2, LINK_VERB_RECORD, "demo", "note:1", "null");
    replied("");
    fake.hold_checks = false;
    fake_turn(&fake);
    replied("reply 2 19 null\n");
}

Test(request, what_is_read_waits_for_what_it_shows)
{
    put(1, PUT("note:1", "5"));
    want(2, LINK_VERB_RECORD, "demo", "note:1", "null");
    replied("");
    fake_answer_all(&fake);
    fake_turn(&fake);
    replied("reply 1 0 {\"clock\":1,\"changed\":true}\n"
            "reply 2 0 {\"state\":" NOTE("note:1", "5") ",\"lastChangedClock\":1}\n");
}

Test(request, an_append_of_unknown_end_is_made_good_by_a_snapshot)
{
    for (int nth = 1; nth <= 3; nth++) {
        char json[96];
        for (int i = 1; i <= 3; i++) {
            snprintf(json, sizeof(json),
                     "{\"puts\":[{\"id\":\"note:%d\",\"typeName\":\"note\",\"n\":%d}]}", i,
                     nth * 10 + i);
            put((uint64_t)(nth * 10 + i), json);
            if (i == nth) {
                fake_fail(&fake, ERR_UNAVAILABLE, nth % 2);
                cr_assert(zero(int, strcmp(gateway_told(host), "")), "nobody knows yet");
                fake_pass(&fake, 500);
            }
            fake_answer_all(&fake);
            fake_turn(&fake);
            fake_answer_all(&fake);
            char reply[96];
            snprintf(reply, sizeof(reply), "reply %d 0 {\"clock\":%d,\"changed\":true}\n",
                     nth * 10 + i, (nth - 1) * 3 + i);
            replied(reply);
        }
    }
}

Test(request, an_owner_that_was_fenced_says_what_it_knows)
{
    put(1, PUT("note:1", "5"));
    want(2, LINK_VERB_RECORD, "demo", "note:1", "null");
    fake_fail(&fake, ERR_FENCED, false);
    replied("moved demo \nreply 1 16 null\nreply 2 1 null\n");
}

Test(request, nothing_is_begun_while_the_store_is_away_but_looking)
{
    fake_store_changes(&fake, false, false);
    put(1, PUT("note:1", "5"));
    want(2, LINK_VERB_ERASE, "demo", "", "null");
    want(3, LINK_VERB_SESSIONS, "elsewhere", "", "null");
    want(4, LINK_VERB_OBJECTS, "demo", "", "null");
    replied("reply 1 4 null\nreply 2 4 null\nreply 3 4 null\n"
            "reply 4 0 {\"clock\":0,\"objects\":[]}\n");
}

/* ---- rooms that cannot be asked now ---- */

Test(request, a_room_that_is_not_here_is_read_first)
{
    want(1, LINK_VERB_OBJECTS, "other", "", "null");
    want(2, LINK_VERB_SESSIONS, "other", "", "null");
    asked("load other\n");
    replied("");
    fake_answer(&fake);
    replied("reply 1 0 {\"clock\":0,\"objects\":[]}\nreply 2 0 {\"clock\":0,\"sessions\":[]}\n");
    fake_pass(&fake, 61000);
    asked("release other 0 keep\n");
}

Test(request, a_room_of_somebody_else_is_refused)
{
    want(1, LINK_VERB_OBJECTS, "other", "", "null");
    fake_fail(&fake, ERR_FENCED, false);
    replied("reply 1 1 null\n");
    want(2, LINK_VERB_OBJECTS, "broken", "", "null");
    fake_fail(&fake, ERR_MALFORMED, false);
    replied("reply 2 2 null\n");
    want(3, LINK_VERB_OBJECTS, "broken", "", "null");
    replied("reply 3 2 null\n");
}

Test(request, a_room_that_moves_is_asked_elsewhere)
{
    put(1, PUT("note:1", "5"));
    cr_assert(zero(int, shard_move(fake.shard, STR("demo"), &there, fake.now)));
    want(2, LINK_VERB_OBJECTS, "demo", "", "null");
    replied("reply 2 1 null\n");
    fake_answer(&fake); /* the append */
    replied("reply 1 0 {\"clock\":1,\"changed\":true}\n");
    fake_answer(&fake); /* the handover */
    replied("moved demo worker-2\n");
}

Test(request, a_room_that_is_being_given_up_is_asked_again)
{
    gateway_gone(gateway, 1);
    fake_pass(&fake, 70000);
    fake_asked(&fake);
    want(1, LINK_VERB_OBJECTS, "demo", "", "null");
    replied("");
    fake_answer_all(&fake);
    replied("reply 1 1 null\n");
}

/* ---- sessions ---- */

Test(request, sessions_are_listed_and_set)
{
    want(1, LINK_VERB_SESSIONS, "demo", "", "null");
    fake_turn(&fake);
    replied("reply 1 0 {\"clock\":0,\"sessions\":[{\"sessionId\":\"a\",\"isConnected\":true,"
            "\"isReadonly\":false,\"objectAccess\":\"write\",\"state\":\"connected\","
            "\"presenceId\":null,\"gateway\":\"gateway-1\"}]}\n");
    want(2, LINK_VERB_SET_READONLY, "demo", "a", "true");
    fake_turn(&fake);
    told("flags 1 3\n");
    gateway_told(host);
    gateway_put(gateway, 1, 2, "note:1", 5);
    told("event 1 2 {\"type\":\"push_result\",\"clientClock\":2,\"serverClock\":0,"
         "\"action\":\"discard\"}\n");
    want(3, LINK_VERB_SET_READONLY, "demo", "a", "1");
    want(4, LINK_VERB_SET_READONLY, "demo", "b", "true");
    fake_turn(&fake);
    replied("reply 3 20 null\nreply 4 17 null\n");
}

/* A gateway of version 1 would not know the frame; the worker does as it was asked all the same. */
Test(request, an_older_gateway_is_not_sent_what_it_does_not_know)
{
    struct gateway *older = gateway_create_as(&fake, 3, "node-2", LINK_VERSION_FLAGS - 1);
    gateway_join(older, 1, "demo", "c");
    gateway_told(older);
    want(1, LINK_VERB_SET_READONLY, "demo", "c", "true");
    fake_turn(&fake);
    SAME_LINES(gateway_told(older), "");
    want(2, LINK_VERB_SET_READONLY, "demo", "a", "true");
    fake_turn(&fake);
    told("flags 1 3\n");
}

Test(request, a_session_is_told_and_ended)
{
    gateway_open(gateway, 2, "demo", "b");
    want(1, LINK_VERB_CUSTOM, "demo", "a", "{\"x\":[1]}");
    want(2, LINK_VERB_CUSTOM, "demo", "b", "1");
    want(3, LINK_VERB_CLOSE, "demo", "a", "\"GO\"");
    want(4, LINK_VERB_CLOSE, "demo", "b", "null");
    want(5, LINK_VERB_CLOSE, "demo", "b", "null");
    fake_turn(&fake);
    told("event 1 1 {\"type\":\"custom\",\"data\":{\"x\":[1]}}\nclose 1 4099 GO\nclose 2 0 \n");
    replied("reply 1 0 null\nreply 2 18 null\nreply 3 0 null\nreply 4 0 null\nreply 5 17 null\n");
    happened("demo removed a 1\ndemo removed b 0\ndemo empty\n");
}

Test(request, an_end_waits_for_what_is_not_stored)
{
    gateway_put(gateway, 1, 2, "note:1", 5);
    want(1, LINK_VERB_CLOSE, "demo", "a", "\"GO\"");
    fake_turn(&fake);
    told("");
    replied("");
    fake_answer_all(&fake);
    replied("reply 1 0 null\n");
}

/* ---- erasing ---- */

Test(request, an_erased_room_ends_when_that_is_stored)
{
    gateway_put(gateway, 1, 2, "note:1", 5);
    fake_turn(&fake);
    fake_answer_all(&fake);
    gateway_told(gateway);
    fake_asked(&fake);
    gateway_open(gateway, 2, "demo", "b"); /* and says nothing yet */
    want(1, LINK_VERB_ERASE, "demo", "", "null");
    fake_turn(&fake);
    asked("release demo 3\n");
    told("");
    replied("");
    gateway_open(gateway, 3, "demo", "c");
    fake_answer(&fake);
    told("close 1 4099 NOT_FOUND\nclose 2 4099 NOT_FOUND\nrefuse 3 not-owner\n");
    replied("reply 1 0 {\"clock\":2}\n");
    gateway_join(gateway, 4, "demo", "d");
    fake_answer_all(&fake);
    fake_turn(&fake);
    fake_answer_all(&fake);
    told("connect 4 1 wipe_all 2 0\n");
}

Test(request, an_erasure_that_fails_is_tried_again_and_nobody_goes_before)
{
    want(1, LINK_VERB_ERASE, "demo", "", "null");
    fake_fail(&fake, ERR_UNAVAILABLE, false);
    fake_pass(&fake, 1000);
    told("");
    replied("");
    fake_answer_all(&fake);
    told("close 1 4099 NOT_FOUND\n");
    replied("reply 1 0 {\"clock\":1}\n");
}

Test(request, an_erasure_behind_a_snapshot_waits_for_it)
{
    gateway_put(gateway, 1, 2, "note:1", 5);
    fake_turn(&fake);
    fake_fail(&fake, ERR_GAP, false);
    fake_pass(&fake, 300); /* a snapshot is under way */
    fake_asked(&fake);
    want(1, LINK_VERB_ERASE, "demo", "", "null");
    asked("");
    fake_answer(&fake);
    asked("release demo 3\n");
    replied("");
    fake_answer(&fake);
    replied("reply 1 0 {\"clock\":2}\n");
}

Test(request, a_room_that_was_lost_is_not_erased)
{
    want(1, LINK_VERB_ERASE, "demo", "", "null");
    fake_fail(&fake, ERR_FENCED, false);
    told("moved demo \n"); /* nobody is closed: its people go where it is */
    replied("moved demo \nreply 1 16 null\n");
}

/* ---- what is long ---- */

static void say(enum link_type type, uint64_t number, uint64_t flags, struct str bytes)
{
    struct link_frame frame = {.type = type, .request = number, .flags = flags, .bytes = bytes};
    gateway_say(host, &frame);
}

static void begin_load(uint64_t number)
{
    uint8_t nil[] = {0xc0};
    struct link_frame frame = {.type = LINK_REQUEST,
                               .request = number,
                               .verb = LINK_VERB_LOAD,
                               .room = STR("demo"),
                               .flags = LINK_FLAG_MORE,
                               .payload = {nil, 1}};
    gateway_say(host, &frame);
}

Test(request, a_load_comes_in_parts)
{
    struct buf operand = {0};
    struct str json = STR("{\"schema\":" SCHEMA ",\"store\":{\"note:7\":" NOTE("note:7", "7") "}}");
    cr_assert(zero(int, json_parse(json, &operand)));
    struct str bytes = buf_str(&operand);
    begin_load(1);
    for (size_t at = 0; at < bytes.len; at++) { /* a byte at a time */
        say(LINK_PART, 1, at + 1 < bytes.len, (struct str){bytes.ptr + at, 1});
    }
    fake_turn(&fake);
    fake_answer_all(&fake);
    replied("reply 1 0 {\"clock\":1,\"changed\":true}\n");
    told(CAST("note:7", "7", "1"));
    buf_finish(&operand);
}

Test(request, a_load_that_is_no_value_or_too_long_is_refused_once)
{
    begin_load(1);
    say(LINK_PART, 1, 0, STR("\xc1"));
    replied("reply 1 20 null\n");
    char *megabyte = xcalloc(1, 1 << 20);
    begin_load(2);
    for (int i = 0; i < 260; i++) {
        say(LINK_PART, 2, LINK_FLAG_MORE, (struct str){megabyte, 1 << 20});
    }
    replied("reply 2 23 null\n");
    free(megabyte);
    say(LINK_MORE, 2, 0, STR(""));
    replied("");
}

/* Nine megabytes that are a string. */
static void say_long(uint64_t number)
{
    enum { PARTS = 9, PART = 1 << 20 };
    char *part = xcalloc(1, PART);
    char head[] = {(char)0xdb, 0, (char)0x8f, (char)0xff, (char)0xfb}; /* all but this */
    begin_load(number);
    say(LINK_PART, number, LINK_FLAG_MORE, (struct str){head, sizeof(head)});
    say(LINK_PART, number, LINK_FLAG_MORE, (struct str){part, PART - sizeof(head)});
    for (int i = 1; i < PARTS; i++) {
        say(LINK_PART, number, i + 1 < PARTS, (struct str){part, PART});
    }
    free(part);
}

Test(request, what_is_long_has_a_turn_of_its_own)
{
    say_long(1);
    replied("");
    cr_assert(shard_is_busy(fake.shard));
    shard_work(fake.shard, fake.now);
    fake_turn(&fake);
    replied("reply 1 24 {\"clock\":0,\"changed\":false}\n"); /* it is no snapshot */
    say_long(2);
    gateway_destroy(host);
    cr_assert(not(shard_is_busy(fake.shard)));
    shard_work(fake.shard, fake.now);
}

Test(request, a_snapshot_comes_when_it_is_asked_for)
{
    put(1, PUT("note:1", "5"));
    want(2, LINK_VERB_SNAPSHOT, "demo", "", "null");
    replied("");
    fake_answer_all(&fake);
    fake_turn(&fake);
    replied("reply 1 0 {\"clock\":1,\"changed\":true}\n"
            "reply 2 0 more {\"documentClock\":1,\"tombstoneHistoryStartsAtClock\":0,"
            "\"schema\":" SCHEMA "}\n");
    put(3, PUT("note:2", "6")); /* is not in it */
    fake_answer_all(&fake);
    replied("reply 3 0 {\"clock\":2,\"changed\":true}\n");
    say(LINK_MORE, 2, 0, STR(""));
    replied("reply 2 0 more [{\"state\":" NOTE("note:1", "5") ",\"lastChangedClock\":1}]\n");
    cr_assert(zero(int, shard_move(fake.shard, STR("demo"), &there, fake.now))); /* nor the room */
    fake_answer_all(&fake);
    gateway_told(host);
    say(LINK_MORE, 2, 0, STR(""));
    replied("reply 2 0 null\n");
    say(LINK_MORE, 2, 0, STR(""));
    replied("");
}

Test(request, a_host_that_goes_leaves_nothing_behind)
{
    put(1, PUT("note:1", "5"));
    want(2, LINK_VERB_SNAPSHOT, "demo", "", "null");
    want(3, LINK_VERB_OBJECTS, "other", "", "null");
    begin_load(4);
    gateway_destroy(host);
    fake_answer_all(&fake);
    told(CAST("note:1", "5", "1"));
    host = gateway_create(&fake, 3);
    gateway_told(host);
    want(1, LINK_VERB_RECORD, "demo", "note:1", "null");
    fake_turn(&fake);
    replied("reply 1 0 {\"state\":" NOTE("note:1", "5") ",\"lastChangedClock\":1}\n");
}

Test(request, there_are_so_many_at_a_time)
{
    fake.hold_checks = true;
    for (uint64_t i = 1; i <= SHARD_ROOM_REQUESTS_MAX + 1; i++) {
        want(i, LINK_VERB_OBJECTS, "demo", "", "null");
    }
    replied("reply 65 3 null\n");
}

/* ---- events ---- */

Test(request, changes_are_told_as_events_now_and_then_and_when_they_are_stored)
{
    put(1, PUT("note:1", "1"));
    fake_pass(&fake, 1000);
    happened("");
    fake_answer_all(&fake);
    put(2, PUT("note:2", "1"));
    fake_answer_all(&fake);
    put(3, PUT("note:3", "1"));
    fake_pass(&fake, 250);
    happened("demo changed 2\n");
    fake_answer_all(&fake);
    fake_pass(&fake, 1000);
    happened("demo changed 3\n");
}

/* ---- moving it ---- */

#define TO(worker)                                                                                 \
    "{\"worker\":\"" worker "\",\"node\":\"node-1\",\"address\":\"unix:/2\",\"remote\":\"tcp:2\"}"

Test(request, a_move_ends_with_the_room_elsewhere)
{
    want(1, LINK_VERB_MOVE, "demo", "worker-2", TO("worker-2"));
    asked("hand demo 1 worker-2\n");
    replied("");
    fake_answer(&fake);
    told("moved demo worker-2\n");
    replied("moved demo worker-2\nreply 1 1 null\n"); /* not the owner: ask that one */
}

Test(request, a_move_that_comes_to_nothing_is_refused_for_now)
{
    want(1, LINK_VERB_MOVE, "demo", "worker-2", TO("worker-2"));
    fake_fail(&fake, ERR_UNAVAILABLE, false);
    replied("reply 1 4 null\nmoved demo \n");
    want(2, LINK_VERB_MOVE, "demo", "worker-2", TO("worker-2"));
    fake_answer(&fake);
    replied("moved demo worker-2\nreply 2 1 null\n");
}

Test(request, a_move_to_where_the_room_is_or_nowhere_is_none)
{
    want(1, LINK_VERB_MOVE, "demo", "worker-1", TO("worker-1"));
    replied("reply 1 1 null\n");
    want(2, LINK_VERB_MOVE, "demo", "worker-2", "{\"worker\":\"worker-2\"}");
    replied("reply 2 20 null\n");
    asked("");
    put(3, PUT("note:1", "5"));
    fake_answer(&fake);
    replied("reply 3 0 {\"clock\":1,\"changed\":true}\n");
}

Test(request, whoever_wants_a_move_may_leave)
{
    want(1, LINK_VERB_MOVE, "demo", "worker-2", TO("worker-2"));
    gateway_destroy(host);
    fake_answer(&fake);
    told("moved demo worker-2\n");
}
