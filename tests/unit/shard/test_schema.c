/* Rooms under a schema file: older clients, and rooms that were stored under another one. */
#include "fake_shard.h"

#include "schema/file.h"
#include "value/json.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

static struct fake fake;
static struct gateway *gateway;
static struct schema *schema;

#define OLD "{\"schemaVersion\":2,\"sequences\":{\"note\":0}}"
#define NEW "{\"schemaVersion\":2,\"sequences\":{\"note\":1}}"
#define NEWER "{\"schemaVersion\":2,\"sequences\":{\"note\":2}}"
#define FILE_OF(step)                                                                              \
    "{\"roomdSchema\":1,\"types\":{\"note\":{\"scope\":\"document\"},"                             \
    "\"cursor\":{\"scope\":\"presence\"}},"                                                        \
    "\"sequences\":[{\"sequenceId\":\"note\",\"retroactive\":true,\"migrations\":["                \
    "{\"id\":\"note/1\",\"scope\":\"record\",\"filter\":{\"typeName\":\"note\"},"                  \
    "\"up\":[" step "],\"down\":[{\"op\":\"rename\",\"from\":[\"m\"],\"to\":[\"n\"]}]}]}]}"
#define RENAME "{\"op\":\"rename\",\"from\":[\"n\"],\"to\":[\"m\"]}"
#define FAIL "{\"op\":\"fail\"}"

static void use_with(const char *text, struct schema_engine *engine)
{
    struct buf why = {0};
    schema_unref(schema);
    cr_assert(eq(int, schema_parse(str_of(text), engine, &schema, &why), ERR_OK), "%.*s",
              STR_ARG(buf_str(&why)));
    buf_finish(&why);
    fake.config.room.schema = schema;
}

static void use(const char *text)
{
    use_with(text, NULL);
}

static void setup(void)
{
    schema = NULL;
    fake_init(&fake);
    gateway = gateway_create(&fake, 1);
}

static void teardown(void)
{
    fake_finish(&fake);
    schema_unref(schema);
}

TestSuite(schema, .init = setup, .fini = teardown);

static void told(const char *want)
{
    SAME_LINES(gateway_told(gateway), want);
}

static void join(uint64_t conn, const char *session, const char *connect)
{
    gateway_open(gateway, conn, "demo", session);
    gateway_message(gateway, conn, 1, connect);
    fake_turn(&fake);
    fake_answer_all(&fake);
    gateway_told(gateway);
}

/* Which channel the last cast with this text was on, and who joined which. */
static uint64_t channels[8];
static uint64_t cast_on[8];
static char cast_text[8][200];
static size_t casts;

static void note_channels(struct fake *of, int number, const struct link_frame *frame)
{
    (void)of;
    (void)number;
    if (frame->type == LINK_SEND && frame->how == LINK_HOW_CONNECT) {
        channels[frame->conn] = frame->channel;
    } else if (frame->type == LINK_CAST) {
        struct buf text = {0};
        json_write(frame->payload, &text);
        snprintf(cast_text[casts], sizeof(cast_text[casts]), "%.*s", STR_ARG(buf_str(&text)));
        buf_finish(&text);
        cast_on[casts++] = frame->channel;
    }
}

Test(schema, bcast_2_each_edition_is_cast_on_a_channel_of_its_own)
{
    use(FILE_OF(RENAME));
    fake.on_frame = note_channels;
    join(1, "new", CONNECT("-1", NEW));
    join(2, "old", CONNECT("-1", OLD));
    join(3, "older", CONNECT("-1", OLD));
    join(4, "newer", CONNECT("-1", NEW));
    cr_assert(eq(u64, channels[1], channels[4]));
    cr_assert(eq(u64, channels[2], channels[3]));
    cr_assert(ne(u64, channels[1], channels[2]));
    casts = 0;
    gateway_message(gateway, 2, 2,
                    "{\"type\":\"push\",\"clientClock\":0,\"diff\":{\"a\":[\"put\","
                    "{\"id\":\"a\",\"typeName\":\"note\",\"n\":5}]}}");
    fake_turn(&fake);
    fake_answer_all(&fake);
    cr_assert(eq(sz, casts, 2));
    cr_assert(eq(u64, cast_on[0], channels[1]));
    cr_assert(eq(u64, cast_on[1], channels[2]));
    cr_assert(ne(ptr, strstr(cast_text[0], "\"m\":5"), NULL));
    cr_assert(ne(ptr, strstr(cast_text[1], "\"n\":5"), NULL));
}

Test(schema, conn_6_who_connects_again_with_another_schema_changes_channels)
{
    use(FILE_OF(RENAME));
    fake.on_frame = note_channels;
    join(1, "a", CONNECT("-1", OLD));
    uint64_t before = channels[1];
    gateway_message(gateway, 1, 2, CONNECT("-1", NEW));
    fake_turn(&fake);
    fake_answer_all(&fake);
    gateway_told(gateway);
    cr_assert(ne(u64, channels[1], before));
}

/* A room that an open server has stored, with one note. */
static void store_a_room(const char *connect)
{
    join(1, "a", connect);
    gateway_message(gateway, 1, 2,
                    "{\"type\":\"push\",\"diff\":{\"a\":[\"put\",{\"id\":\"a\","
                    "\"typeName\":\"note\",\"n\":5}]}}");
    fake_turn(&fake);
    fake_answer_all(&fake);
    fake_crash(&fake, 0);
    gateway = gateway_create(&fake, 2);
    fake_asked(&fake);
}

Test(schema, snap_8_a_stored_room_is_migrated_and_that_is_logged_first)
{
    store_a_room(CONNECT("-1", OLD));
    use(FILE_OF(RENAME));
    gateway_open(gateway, 1, "demo", "b");
    gateway_message(gateway, 1, 1, CONNECT("-1", NEW));
    fake_turn(&fake);
    fake_answer(&fake); /* the load */
    told("");
    SAME_LINES(fake_asked(&fake), "load demo\nappend demo 1-1\n");
    fake_answer_all(&fake);
    told("connect 1 1 wipe_all 2 1\n");
    /* Its next owner finds it brought over. */
    fake_crash(&fake, 0);
    gateway = gateway_create(&fake, 3);
    join(1, "c", CONNECT("-1", NEW));
    SAME_LINES(fake_asked(&fake), "load demo\n");
}

Test(schema, what_was_stored_under_a_newer_schema_is_refused_and_left_alone)
{
    store_a_room(CONNECT("-1", NEWER));
    use(FILE_OF(RENAME));
    gateway_open(gateway, 1, "demo", "b");
    gateway_message(gateway, 1, 1, CONNECT("-1", NEWER));
    fake_turn(&fake);
    fake_answer_all(&fake);
    told("refuse 1 version\n");
    SAME_LINES(fake_asked(&fake), "load demo\n");
}

Test(schema, what_cannot_be_migrated_is_refused_and_left_alone)
{
    store_a_room(CONNECT("-1", OLD));
    use(FILE_OF(FAIL));
    gateway_open(gateway, 1, "demo", "b");
    gateway_message(gateway, 1, 1, CONNECT("-1", NEW));
    fake_turn(&fake);
    fake_answer_all(&fake);
    told("refuse 1 unreadable\n");
    SAME_LINES(fake_asked(&fake), "load demo\n");
}

/* A session of the owner before, on the schema of before, goes on. */
Test(schema, res_3_sessions_come_along_when_their_room_is_migrated)
{
    store_a_room(CONNECT("-1", OLD));
    use(FILE_OF(RENAME));
    gateway_resume(gateway,
                   &(struct resume){
                       .conn = 5,
                       .room = "demo",
                       .session = "a",
                       .state = "{\"opened\":1048577,\"place\":1048577,\"legacyRejection\":false,"
                                "\"stringAppend\":true,\"tenure\":\"before\","
                                "\"token\":\"123456789012345678901\"}",
                       .ops = "[]",
                       .clock = 1,
                       .answered = 2,
                   });
    fake_turn(&fake);
    fake_answer_all(&fake);
    told("event 5 2 "
         "{\"type\":\"patch\",\"diff\":{\"a\":[\"put\",{\"id\":\"a\",\"typeName\":\"note\","
         "\"n\":5}]},\"serverClock\":2}\n"
         "resumed 5 2 2\n");
}

/* A stored form of a later version is not a newer schema: whoever can read it may come. */
Test(schema, what_cannot_be_read_at_all_is_for_now)
{
    use(FILE_OF(RENAME));
    gateway_open(gateway, 1, "demo", "b");
    gateway_message(gateway, 1, 1, CONNECT("-1", NEW));
    fake_turn(&fake);
    fake_fail(&fake, ERR_VERSION, false);
    told("refuse 1 unreadable\n");
}

/* ---- code on a whole room takes its time ---- */

#define CODE_FILE                                                                                  \
    "{\"roomdSchema\":1,\"types\":{\"note\":{\"scope\":\"document\"}},\"code\":\"x\","             \
    "\"sequences\":[{\"sequenceId\":\"note\",\"retroactive\":true,\"migrations\":["                \
    "{\"id\":\"note/1\",\"scope\":\"storage\",\"up\":{\"function\":\"sweep\"}}]}]}"

/* Ends when the test says so: with what it was told to give. */
static struct slow_engine {
    struct schema_engine engine; /* first */
    struct schema_job *job;      /* under way */
    enum schema_called called;
    bool done;
    int begun;
} slow;

static struct schema_errand *slow_begin(struct schema_engine *engine, struct schema_job *job)
{
    (void)engine;
    if (slow.job) {
        return NULL;
    }
    slow.job = job;
    slow.done = false;
    slow.begun++;
    job->called = SCHEMA_UNAVAILABLE;
    return (struct schema_errand *)&slow;
}

static bool slow_ended(struct schema_errand *errand)
{
    (void)errand;
    return slow.done;
}

static void slow_end(struct schema_errand *errand)
{
    (void)errand;
    slow.job = NULL;
}

static void slow_is_done(void)
{
    static const char changes[] = "{\"puts\":{\"a\":{\"id\":\"a\",\"typeName\":\"note\",\"n\":6}},"
                                  "\"deletes\":[]}";
    slow.job->called = slow.called;
    if (slow.called == SCHEMA_RETURNED) {
        cr_assert(zero(int, json_parse(str_of(changes), &slow.job->result)));
    }
    slow.done = true;
    shard_engine_ended(fake.shard);
    while (shard_is_busy(fake.shard)) {
        shard_work(fake.shard, fake.now);
        fake_turn(&fake);
    }
}

/* "demo" was stored before, and somebody opens it. */
static void open_slowly(void)
{
    slow = (struct slow_engine){.engine = {NULL, slow_begin, slow_ended, slow_end},
                                .called = SCHEMA_RETURNED};
    store_a_room(CONNECT("-1", OLD));
    use_with(CODE_FILE, &slow.engine);
    gateway_open(gateway, 1, "demo", "b");
    gateway_message(gateway, 1, 1, CONNECT("-1", NEW));
    fake_turn(&fake);
    fake_answer(&fake); /* the load */
    SAME_LINES(fake_asked(&fake), "load demo\n");
    told("");
    cr_assert(eq(int, slow.begun, 1));
    cr_assert(not(shard_is_busy(fake.shard)));
}

Test(schema, while_a_room_is_migrated_by_code_others_are_served)
{
    open_slowly();
    gateway_open(gateway, 2, "other", "c");
    gateway_message(gateway, 2, 1, CONNECT("-1", NEW));
    fake_turn(&fake);
    fake_answer_all(&fake);
    told("connect 2 1 wipe_all 0 0\n");
    fake_asked(&fake);
    slow_is_done();
    SAME_LINES(fake_asked(&fake), "append demo 1-1\n");
    fake_answer_all(&fake);
    told("connect 1 1 wipe_all 2 1\n");
}

Test(schema, who_comes_meanwhile_waits_too)
{
    open_slowly();
    gateway_open(gateway, 2, "demo", "c");
    gateway_message(gateway, 2, 1, CONNECT("-1", NEW));
    fake_pass(&fake, 300);
    fake_answer_all(&fake);
    told("");
    slow_is_done();
    fake_answer_all(&fake);
    told("connect 1 1 wipe_all 2 1\nconnect 2 1 wipe_all 2 1\n");
}

Test(schema, code_that_fails_refuses_the_room_and_leaves_it_alone)
{
    open_slowly();
    slow.called = SCHEMA_OVER_LIMIT;
    slow_is_done();
    told("refuse 1 unreadable\n");
    SAME_LINES(fake_asked(&fake), "");
}

Test(schema, a_worker_that_stops_does_not_wait_for_code)
{
    open_slowly();
    shard_stop(fake.shard, false, fake.now);
    fake_turn(&fake);
    told("close 1 1012 server is stopping\n");
    SAME_LINES(fake_asked(&fake), "");
    cr_assert(eq(ptr, slow.job, NULL));
    cr_assert(eq(int, fake.stopped, 1));
}

Test(schema, it_is_migrated_also_if_everybody_leaves_meanwhile)
{
    open_slowly();
    gateway_gone(gateway, 1);
    fake_turn(&fake);
    cr_assert(ne(ptr, slow.job, NULL), "it is done all the same");
    slow_is_done();
    fake_answer_all(&fake);
    told("connect 1 1 wipe_all 2 1\n");
}
