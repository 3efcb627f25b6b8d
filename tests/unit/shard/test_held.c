/* A room that does something long is held, and what is large waits for a snapshot. */
#include "fake_shard.h"

#include "link/request.h"
#include "shard/internal.h"
#include "value/json.h"
#include "value/pack.h"

#include <criterion/new/assert.h>

static struct fake fake;
static struct gateway *gateway, *host;

/* "demo" with a session a on connection 1, and a host. */
static void setup(void)
{
    fake_init(&fake);
    fake.config.slice_bytes = 300;
    fake.config.room.diff_max = 100;
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

TestSuite(held, .init = setup, .fini = teardown);

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

#define NOTE(id, n) "{\"id\":\"" id "\",\"typeName\":\"note\",\"n\":" n "}"
#define THREE                                                                                      \
    "{\"schema\":" SCHEMA ",\"store\":{\"note:1\":" NOTE("note:1", "1") ",\"note:2\":" NOTE(       \
        "note:2", "2") ",\"note:3\":" NOTE("note:3", "3") "}}"
#define PUT(id, n) "\"" id "\":[\"put\"," NOTE(id, n) "]"
#define CAST_THREE                                                                                 \
    "cast 0 {\"type\":\"patch\",\"diff\":{" PUT("note:1", "1") "," PUT("note:2", "2") "," PUT(     \
        "note:3", "3") "},\"serverClock\":1}\n"

static void load(uint64_t number, const char *json)
{
    struct buf payload = {0};
    cr_assert(zero(int, json_parse(str_of(json), &payload)));
    struct link_frame frame = {.type = LINK_REQUEST,
                               .request = number,
                               .verb = LINK_VERB_LOAD,
                               .room = STR("demo"),
                               .payload = buf_value(&payload)};
    gateway_say(host, &frame);
    buf_finish(&payload);
}

static void put(uint64_t conn, uint64_t seq, const char *id, int number)
{
    gateway_put(gateway, conn, seq, id, number);
    fake_turn(&fake);
}

static int work(int turns)
{
    int done = 0;
    for (; done < turns && shard_is_busy(fake.shard); done++) {
        shard_work(fake.shard, fake.now);
        fake_turn(&fake);
    }
    return done;
}

static void begin(void)
{
    load(1, THREE);
    work(4);
    cr_assert(shard_is_busy(fake.shard));
}

static void finish(void)
{
    work(1000);
    cr_assert(not(shard_is_busy(fake.shard)));
}

Test(held, what_is_large_is_in_a_snapshot_and_not_in_the_log)
{
    load(1, THREE);
    finish();
    asked("snapshot demo 2\n");
    told("");
    fake_answer(&fake);
    asked("");
    told(CAST_THREE);
    replied("reply 1 0 {\"clock\":1,\"changed\":true}\n");
    put(1, 2, "note:9", 1);
    asked("append demo 3-3\n");
}

Test(held, who_says_too_much_meanwhile_is_sent_away_and_its_session_leaves)
{
    static char much[16 << 20];
    struct buf payload = {0};
    pack_str(&payload, (struct str){much, sizeof(much)});
    begin();
    struct link_frame frame = {.type = LINK_MESSAGE, .conn = 1, .payload = buf_value(&payload)};
    for (frame.seq = 2; frame.seq < 5; frame.seq++) {
        gateway_say(gateway, &frame);
    }
    told("");
    gateway_say(gateway, &frame);
    told("refuse 1 busy\n");
    finish();
    const struct room *room = shard_room_get(fake.shard, STR("demo"))->room;
    cr_assert(eq(int, room_session_state(room_next_session(room, NULL)), ROOM_AWAITING_REMOVAL));
    asked("snapshot demo 2\n");
    fake_answer(&fake);
    told("");
    replied("reply 1 0 {\"clock\":1,\"changed\":true}\n");
    buf_finish(&payload);
}

Test(held, a_small_change_waits_for_the_snapshot_of_a_large_one)
{
    load(1, THREE);
    work(1000);
    fake_asked(&fake);
    put(1, 2, "note:9", 1);
    asked("append demo 3-3\n"); /* behind the snapshot */
    fake_fail(&fake, ERR_UNAVAILABLE, false);
    asked("");
    fake_fail(&fake, ERR_GAP, false); /* for the snapshot was not stored */
    told("");
    fake_pass(&fake, 500);
    asked("snapshot demo 3\n");
    fake_answer(&fake);
    told(CAST_THREE "event 1 2 {\"type\":\"push_result\",\"clientClock\":2,\"serverClock\":2,"
                    "\"action\":\"commit\"}\n");
}

Test(held, a_large_change_during_a_snapshot_is_in_the_next)
{
    fake.config.room.diff_max = 1;
    put(1, 2, "note:8", 1);
    asked("snapshot demo 2\n");
    put(1, 3, "note:9", 1);
    asked("");
    fake_answer(&fake);
    asked("snapshot demo 3\n");
    fake_answer_all(&fake);
    asked("");
    cr_assert(eq(u64, store_clock(store_room(&fake.store, STR("demo"))), 2));
}

Test(held, its_people_wait_and_others_do_not)
{
    gateway_found(gateway, 2, "other", "b");
    gateway_told(gateway);
    fake_asked(&fake);
    begin();
    put(1, 2, "note:1", 8);
    gateway_message(gateway, 1, 3, "{\"type\":\"ping\"}");
    told("");
    put(2, 2, "note:1", 1);
    asked("append other 2-2\n");
    fake_answer(&fake);
    cr_assert(shard_is_busy(fake.shard));
    gateway_told(gateway);
    finish();
    asked("snapshot demo 3\n");
    fake_answer_all(&fake);
    const char *lines = gateway_told(gateway);
    const char *cast = strstr(lines, "note:3");
    cr_assert(cast && strstr(cast, "event 1 2 "), "in their order: %s", lines);
}

Test(held, who_leaves_has_what_he_sent_before_done)
{
    begin();
    put(1, 2, "note:9", 8);
    gateway_gone(gateway, 1);
    finish();
    fake_answer_all(&fake);
    cr_assert(eq(u64, store_clock(store_room(&fake.store, STR("demo"))), 2));
}

Test(held, it_is_done_also_if_whoever_asked_is_gone)
{
    begin();
    gateway_destroy(host);
    finish();
    asked("snapshot demo 2\n");
    fake_answer(&fake);
    told(CAST_THREE);
}

Test(held, nothing_is_stored_of_what_is_half_done)
{
    begin();
    fake_store_changes(&fake, false, false);
    fake_store_changes(&fake, true, false);
    fake_pass(&fake, 1000);
    asked("verify demo 1\n");
    fake_answer(&fake);
    finish();
    asked("snapshot demo 2\n");
}

Test(held, a_worker_that_stops_does_it_first)
{
    begin();
    shard_stop(fake.shard, false, fake.now);
    fake_turn(&fake);
    fake_answer_all(&fake);
    fake_pass(&fake, 250);
    fake_answer_all(&fake);
    fake_pass(&fake, 250);
    cr_assert(eq(int, fake.stopped, 1));
    cr_assert(eq(u64, store_clock(store_room(&fake.store, STR("demo"))), 1));
}

Test(held, an_owner_that_loses_it_half_way_has_done_nothing)
{
    begin();
    store_claim(store_room(&fake.store, STR("demo")), 77);
    fake_store_changes(&fake, false, false);
    fake_store_changes(&fake, true, false);
    fake_answer_all(&fake);
    told("moved demo \n");
    replied("moved demo \nreply 1 1 null\n");
    cr_assert(not(shard_is_busy(fake.shard)));
}

Test(held, a_second_load_waits_for_the_first)
{
    begin();
    load(2, "{\"schema\":" SCHEMA ",\"store\":{}}");
    finish();
    fake_answer_all(&fake);
    replied("reply 1 0 {\"clock\":1,\"changed\":true}\nreply 2 0 {\"clock\":2,\"changed\":true}\n");
}

Test(held, a_stored_room_is_opened_in_slices)
{
    put(1, 2, "note:1", 1);
    put(1, 3, "note:2", 2);
    fake_answer_all(&fake);
    fake_crash(&fake, 0);
    fake.config.slice_bytes = 1;
    gateway = gateway_create(&fake, 3);
    gateway_open(gateway, 1, "demo", "b");
    gateway_message(gateway, 1, 1, CONNECT("-1", SCHEMA));
    fake_turn(&fake);
    fake_answer(&fake); /* all that is stored */
    cr_assert(shard_is_busy(fake.shard));
    gateway_told(gateway);
    finish();
    told("connect 1 1 wipe_all 2 2\n");
}
