#include "edge/condense.h"

#include "base/alloc.h"
#include "fake_edge.h"
#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdlib.h>

#define EVENT(clock, diff) "{\"type\":\"patch\",\"diff\":{" diff "},\"serverClock\":" clock "}"
#define PUT(id, x) "\"" id "\":[\"put\",{\"x\":" x "}]"
#define MOVE(id, x) "\"" id "\":[\"patch\",{\"x\":[\"put\"," x "]}]"
#define SAY(id, text, at) "\"" id "\":[\"patch\",{\"t\":[\"append\",\"" text "\"," at "]}]"
#define GONE(id) "\"" id "\":[\"remove\"]"
#define RESULT(clock)                                                                              \
    "{\"type\":\"push_result\",\"clientClock\":1,\"serverClock\":" clock ",\"action\":\"commit\"}"

/* Ids that begin with a p are of presence. */
static bool is_p(const void *ctx, struct str id)
{
    (void)ctx;
    return id.len > 0 && id.ptr[0] == 'p';
}

struct condense_case {
    char name[80];
    char events[6][120];
    char want[6][120];
};

static struct condense_case cases[] = {
    {"nothing of nothing", {""}, {""}},
    {"of moves the last",
     {EVENT("1", MOVE("p1", "1")), EVENT("1", MOVE("p1", "2"))},
     {EVENT("1", MOVE("p1", "2"))}},
    {"of each its own",
     {EVENT("1", MOVE("p1", "1")), EVENT("1", MOVE("p2", "5")), EVENT("1", MOVE("p1", "2"))},
     {EVENT("1", MOVE("p1", "2") "," MOVE("p2", "5"))}},
    {"who came and moved is where he is",
     {EVENT("1", PUT("p1", "1")), EVENT("1", MOVE("p1", "2"))},
     {EVENT("1", PUT("p1", "2"))}},
    {"who has left has left",
     {EVENT("1", PUT("p1", "1")), EVENT("1", GONE("p1"))},
     {EVENT("1", GONE("p1"))}},
    {"who came again is there",
     {EVENT("1", GONE("p1")), EVENT("1", PUT("p1", "1"))},
     {EVENT("1", PUT("p1", "1"))}},
    {"who moves when he has left is not looked for",
     {EVENT("1", GONE("p1")), EVENT("1", MOVE("p1", "1"))},
     {EVENT("1", GONE("p1")), EVENT("1", MOVE("p1", "1"))}},
    {"documents stay, and presence comes behind them, not earlier than they",
     {EVENT("1", MOVE("p1", "1")), EVENT("2", MOVE("d", "1")), RESULT("3"),
      EVENT("3", MOVE("p1", "2")), EVENT("4", MOVE("d", "2"))},
     {EVENT("2", MOVE("d", "1")), RESULT("3"), EVENT("4", MOVE("d", "2")),
      EVENT("4", MOVE("p1", "2"))}},
    {"what is about both stays, in its order",
     {EVENT("1", MOVE("p1", "1")), EVENT("2", MOVE("d", "1") "," MOVE("p1", "2")),
      EVENT("2", MOVE("p1", "3"))},
     {EVENT("1", MOVE("p1", "1")), EVENT("2", MOVE("d", "1") "," MOVE("p1", "2")),
      EVENT("2", MOVE("p1", "3"))}},
    {"where only the record tells, they are some",
     {EVENT("1", MOVE("p1", "1")), EVENT("1", SAY("p2", "a", "0")), EVENT("1", SAY("p2", "b", "1")),
      EVENT("1", MOVE("p1", "2"))},
     {EVENT("1", MOVE("p1", "1") "," SAY("p2", "a", "0")),
      EVENT("1", SAY("p2", "b", "1") "," MOVE("p1", "2"))}},
    {"an event is taken whole or not",
     {EVENT("1", SAY("p2", "a", "0")), EVENT("1", MOVE("p1", "1") "," SAY("p2", "b", "1"))},
     {EVENT("1", SAY("p2", "a", "0")), EVENT("1", MOVE("p1", "1") "," SAY("p2", "b", "1"))}},
    {"an op that is none stays",
     {EVENT("1", "\"p1\":[\"put\"]"), EVENT("1", PUT("p1", "1"))},
     {EVENT("1", "\"p1\":[\"put\"]"), EVENT("1", PUT("p1", "1"))}},
    {"what is no event stays", {"5", "{\"x\":{}}", "[]"}, {"5", "{\"x\":{}}", "[]"}},
};

ParameterizedTestParameters(condense, events)
{
    return cr_make_param_array(struct condense_case, cases, sizeof(cases) / sizeof(cases[0]));
}

static struct blob *rendered_blob(const char *json, enum encoding encoding)
{
    struct buf parsed = {0};
    cr_assert(zero(int, json_parse(str_of(json), &parsed)), "%s", json);
    struct rendered rendered = rendered_of(buf_value(&parsed));
    struct blob *blob = blob_ref(rendered_get(&rendered, encoding));
    rendered_finish(&rendered);
    buf_finish(&parsed);
    return blob;
}

ParameterizedTest(struct condense_case *c, condense, events)
{
    for (int encoding = 0; encoding < ENCODINGS; encoding++) {
        struct blob *events[6];
        uint32_t count = 0;
        for (int i = 0; i < 6 && c->events[i][0]; i++) {
            events[count++] = rendered_blob(c->events[i], (enum encoding)encoding);
        }
        struct condense how = {.encoding = (enum encoding)encoding, .is_presence = is_p};
        count = condense_events(&how, events, count);
        for (uint32_t i = 0; i < count; i++) {
            cr_assert(c->want[i][0] != '\0', "%s", c->name);
            struct blob *want = rendered_blob(c->want[i], (enum encoding)encoding);
            cr_assert(eq(u32, events[i]->len, want->len), "%s, %u", c->name, i);
            cr_assert(zero(int, memcmp(events[i]->data, want->data, want->len)), "%s, %u", c->name,
                      i);
            blob_unref(events[i]);
            blob_unref(want);
        }
        cr_assert(count == 6 || c->want[count][0] == '\0', "%s", c->name);
    }
}

/* A string of so many bytes, and what comes around it. */
static void write_long(struct buf *out, const char *head, size_t len, const char *tail)
{
    buf_append(out, head, strlen(head));
    memset(buf_reserve(out, len), 'x', len);
    buf_commit(out, len);
    buf_append(out, tail, strlen(tail) + 1);
}

Test(condense, what_is_long_is_not_looked_into_and_stays_in_its_place)
{
    struct buf text = {0};
    write_long(&text, "{\"type\":\"patch\",\"diff\":{\"p1\":[\"put\",{\"t\":\"", 20000,
               "\"}]},\"serverClock\":1}");
    struct blob *events[] = {rendered_blob(EVENT("1", MOVE("p1", "1")), ENCODING_JSON),
                             rendered_blob((const char *)buf_head(&text), ENCODING_JSON),
                             rendered_blob(EVENT("1", MOVE("p1", "2")), ENCODING_JSON)};
    struct blob *second = events[1];
    struct condense how = {.encoding = ENCODING_JSON, .is_presence = is_p};
    cr_assert(eq(u32, condense_events(&how, events, 3), 3));
    cr_assert(eq(ptr, events[1], second));
    for (int i = 0; i < 3; i++) {
        blob_unref(events[i]);
    }
    buf_finish(&text);
}

/* ---- by a gateway ---- */

static struct fake fake;
static struct fake_client *client;

static void setup(void)
{
    fake_init(&fake);
    client = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    fake_send(&fake, "w1", 1, 0, LINK_HOW_CONNECT, "{}");
    fake_got(client);
    struct link_frame roster = {.type = LINK_ROSTER, .room = STR("demo")};
    struct buf ids = {0};
    cr_assert(zero(int, json_parse(STR("[\"p1\",\"p2\"]"), &ids)));
    roster.payload = buf_value(&ids);
    fake_say(&fake, "w1", &roster);
    buf_finish(&ids);
}

static void teardown(void)
{
    fake_finish(&fake);
}

TestSuite(condensed, .init = setup, .fini = teardown);

static void fill_the_socket(void)
{
    struct buf text = {0};
    client->window = 0;
    write_long(&text, "\"", EDGE_OUTQ_BYTES, "\"");
    fake_cast(&fake, "w1", 0, (const char *)buf_head(&text));
    buf_finish(&text);
    fake_write(client);
}

static void move(const char *id, int x)
{
    char json[200];
    snprintf(json, sizeof(json),
             "{\"type\":\"patch\",\"diff\":{\"%s\":[\"patch\",{\"x\":[\"put\",%d]}]},"
             "\"serverClock\":1}",
             id, x);
    fake_cast(&fake, "w1", 0, json);
}

/* Far more than it may have to read, if all of it had to be read. */
Test(condensed, who_does_not_read_is_told_where_people_are)
{
    fill_the_socket();
    size_t filled = edge_count(fake.edge)->unsent_bytes;
    for (int i = 0; i < 200000; i++) {
        move(i % 2 ? "p1" : "p2", i);
    }
    cr_assert(not(client->aborted));
    cr_assert(lt(sz, edge_count(fake.edge)->unsent_bytes, filled + (150 << 10)));
    cr_assert(gt(u64, edge_count(fake.edge)->condensed, 190000));
    client->window = SIZE_MAX;
    fake_got(client);
    fake_pass(&fake, EDGE_PACE_MS);
    const char *got = fake_got(client);
    cr_assert(not(zero(ptr, (void *)strstr(got, MOVE("p1", "199999")))));
    cr_assert(not(zero(ptr, (void *)strstr(got, MOVE("p2", "199998")))));
    cr_assert(zero(sz, edge_count(fake.edge)->unsent_bytes));
}

Test(condensed, documents_are_told_one_by_one)
{
    fill_the_socket();
    for (int i = 0; i < 200000 && !client->aborted; i++) {
        move(i % 2 ? "p1" : "d1", i);
    }
    cr_assert(client->aborted, "8 MiB of them are too much");
    fake_gone(client);
    cr_assert(zero(sz, edge_count(fake.edge)->unsent_bytes));
}

Test(condensed, who_reads_is_told_everything)
{
    for (int i = 0; i < 3000; i++) {
        move("p1", i);
    }
    cr_assert(zero(u64, edge_count(fake.edge)->condensed));
}
