#include "edge/supersede.h"

#include "fake_edge.h"
#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#define PUSH(clock, presence)                                                                      \
    "{\"type\":\"push\",\"clientClock\":" clock ",\"presence\":" presence "}"
#define PATCH(ops) "[\"patch\",{" ops "}]"
#define PUT(members) "[\"put\",{" members "}]"

struct supersede_case {
    char name[80];
    char older[128];
    char newer[128];
    char want[160]; /* empty: both are sent */
};

static struct supersede_case cases[] = {
    {"a patch by one of the same", PUSH("1", PATCH("\"x\":[\"put\",1]")),
     PUSH("2", PATCH("\"x\":[\"put\",2]")), PUSH("2", PATCH("\"x\":[\"put\",2]"))},
    {"a patch by one of something else", PUSH("1", PATCH("\"x\":[\"put\",1]")),
     PUSH("2", PATCH("\"y\":[\"put\",2]")),
     PUSH("2", PATCH("\"x\":[\"put\",1],\"y\":[\"put\",2]"))},
    {"a patch by a record", PUSH("1", PATCH("\"x\":[\"put\",1]")), PUSH("2", PUT("\"x\":2")),
     PUSH("2", PUT("\"x\":2"))},
    {"a record by a record", PUSH("1", PUT("\"typeName\":\"p\",\"x\":1")),
     PUSH("2", PUT("\"typeName\":\"p\",\"x\":2")), PUSH("2", PUT("\"typeName\":\"p\",\"x\":2"))},
    {"not by one of another type", PUSH("1", PUT("\"typeName\":\"p\",\"x\":1")),
     PUSH("2", PUT("\"typeName\":\"q\",\"x\":2")), ""},
    {"a record by a patch", PUSH("1", PUT("\"x\":1,\"y\":1")),
     PUSH("2", PATCH("\"y\":[\"put\",2]")), PUSH("2", PUT("\"x\":1,\"y\":2"))},
    {"a record by a patch that does nothing", PUSH("1", PUT("\"x\":1")), PUSH("2", PATCH("")),
     PUSH("2", PUT("\"x\":1"))},
    {"not a record by what the room ignores", PUSH("1", PUT("\"typeName\":\"p\"")),
     PUSH("2", PATCH("\"typeName\":[\"put\",\"q\"]")), ""},
    {"not by a patch that is refused", PUSH("1", PUT("\"x\":{}")),
     PUSH("2", PATCH("\"x\":[\"patch\",null]")), ""},
    {"not where only the room knows what comes of both",
     PUSH("1", PATCH("\"t\":[\"append\",\"a\",0]")), PUSH("2", PATCH("\"t\":[\"append\",\"b\",1]")),
     ""},
    {"not by one that is not the next", PUSH("1", PATCH("")), PUSH("3", PATCH("")), ""},
    {"not by the same again", PUSH("1", PATCH("")), PUSH("1", PATCH("")), ""},
    {"not without a clock", PUSH("null", PATCH("")), PUSH("1", PATCH("")), ""},
    {"not a push of documents",
     "{\"type\":\"push\",\"clientClock\":1,\"presence\":[\"put\",{}],\"diff\":{}}",
     PUSH("2", PATCH("")), ""},
    {"not by a push of documents", PUSH("1", PATCH("")),
     "{\"type\":\"push\",\"clientClock\":2,\"presence\":[\"put\",{}],\"diff\":{}}", ""},
    {"not by one that says that it has none", PUSH("1", PATCH("")),
     "{\"type\":\"push\",\"clientClock\":2,\"presence\":[\"put\",{}],\"diff\":null}", ""},
    {"not what has no presence", "{\"type\":\"push\",\"clientClock\":1,\"diff\":{}}",
     PUSH("2", PATCH("")), ""},
    {"not what is null", PUSH("1", "null"), PUSH("2", PATCH("")), ""},
    {"not what is no op", PUSH("1", "[\"remove\",{}]"), PUSH("2", PATCH("")), ""},
    {"not what has no record", PUSH("1", "[\"put\",5]"), PUSH("2", PATCH("")), ""},
    {"not what is something else", "{\"type\":\"ping\"}", PUSH("2", PATCH("")), ""},
    {"not what is nothing", "5", PUSH("2", PATCH("")), ""},
};

ParameterizedTestParameters(supersede, push)
{
    return cr_make_param_array(struct supersede_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct supersede_case *c, supersede, push)
{
    struct buf older = {0};
    struct buf newer = {0};
    struct buf merged = {0};
    struct buf text = {0};
    cr_assert(zero(int, json_parse(str_of(c->older), &older)));
    cr_assert(zero(int, json_parse(str_of(c->newer), &newer)));
    bool can = push_supersede(buf_value(&older), buf_value(&newer), &merged);
    cr_assert(eq(int, can, c->want[0] != '\0'), "%s", c->name);
    cr_assert(eq(int, can, buf_len(&merged) > 0), "%s", c->name);
    if (can) {
        json_write(buf_value(&merged), &text);
    }
    cr_assert(str_eq(buf_str(&text), str_of(c->want)), "%s: %.*s", c->name,
              STR_ARG(buf_str(&text)));
    buf_finish(&older);
    buf_finish(&newer);
    buf_finish(&merged);
    buf_finish(&text);
}

/* ---- and its answers ---- */

static struct fake fake;
static struct fake_client *client;

static void setup(void)
{
    fake_init(&fake);
    client = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    fake_state(&fake, "w1", 1, 0, "{\"who\":1}");
    fake_send(&fake, "w1", 1, 0, LINK_HOW_CONNECT, "{}");
    fake_got(client);
}

static void teardown(void)
{
    fake_finish(&fake);
}

TestSuite(superseded, .init = setup, .fini = teardown);

#define MOVE(clock, x) PUSH(clock, PATCH("\"x\":[\"put\"," x "]"))
#define THREE_MOVES MOVE("4", "1") "\n" MOVE("5", "2") "\n" MOVE("6", "3")
#define RESULT(clock)                                                                              \
    "{\"type\":\"push_result\",\"clientClock\":" clock ",\"serverClock\":9,\"action\":\"commit\"}"

static void told(const char *want)
{
    SAME_LINES(fake_told(&fake, "w1"), want);
}

Test(superseded, pushes_of_one_read_are_one_to_the_owner)
{
    fake_lines(client, THREE_MOVES);
    told("message 1 3 " MOVE("6", "3") "\n");
    fake_lines(client, MOVE("7", "4"));
    fake_lines(client, MOVE("8", "5"));
    told("message 1 4 " MOVE("7", "4") "\nmessage 1 5 " MOVE("8", "5") "\n");
    cr_assert(eq(u64, edge_count(fake.edge)->superseded, 2));
    cr_assert(eq(u64, edge_count(fake.edge)->messages, 5));
}

Test(superseded, what_is_between_them_keeps_its_place)
{
    fake_lines(client, MOVE("1", "1") "\n" MOVE("2", "2") "\n{\"type\":\"ping\"}\n" MOVE("3", "3"));
    told("message 1 2 " MOVE("2", "2") "\nmessage 1 3 {\"type\":\"ping\"}\nmessage 1 4 " MOVE(
        "3", "3") "\n");
}

Test(superseded, documents_are_sent_as_they_are)
{
    static const char change[] =
        "{\"type\":\"push\",\"clientClock\":2,\"diff\":{\"a\":[\"put\",{}]}}";
    char lines[400];
    snprintf(lines, sizeof(lines), "%s\n%s\n%s", MOVE("1", "1"), change, MOVE("3", "3"));
    fake_lines(client, lines);
    char want[400];
    snprintf(want, sizeof(want), "message 1 1 %s\nmessage 1 2 %s\nmessage 1 3 %s\n", MOVE("1", "1"),
             change, MOVE("3", "3"));
    told(want);
}

Test(superseded, each_has_its_answer_in_order)
{
    fake_lines(client, THREE_MOVES);
    fake_send(&fake, "w1", 1, 3, LINK_HOW_EVENT, RESULT("6"));
    fake_pass(&fake, EDGE_PACE_MS);
    SAME_LINES(fake_got(client), "text {\"type\":\"data\",\"data\":[" RESULT("4") "," RESULT(
                                     "5") "," RESULT("6") "]}\n");
    fake_send(&fake, "w1", 1, 3, LINK_HOW_EVENT, RESULT("6")); /* as nobody does */
    fake_pass(&fake, EDGE_PACE_MS);
    SAME_LINES(fake_got(client), "text {\"type\":\"data\",\"data\":[" RESULT("6") "]}\n");
}

Test(superseded, has_no_answer_if_the_push_has_none)
{
    fake_lines(client, THREE_MOVES);
    struct link_frame ack = {.type = LINK_ACK, .conn = 1, .answered = 3};
    fake_say(&fake, "w1", &ack);
    fake_lines(client, MOVE("7", "1"));
    fake_send(&fake, "w1", 1, 3, LINK_HOW_EVENT, "{\"type\":\"patch\"}");
    fake_pass(&fake, EDGE_PACE_MS);
    SAME_LINES(fake_got(client), "text {\"type\":\"data\",\"data\":[{\"type\":\"patch\"}]}\n");
}

Test(superseded, is_not_taken_for_answered_by_a_patch)
{
    fake_lines(client, THREE_MOVES);
    fake_send(&fake, "w1", 1, 0, LINK_HOW_EVENT, "{\"type\":\"patch\"}");
    fake_send(&fake, "w1", 1, 3, LINK_HOW_EVENT, RESULT("6"));
    fake_pass(&fake, EDGE_PACE_MS);
    SAME_LINES(fake_got(client), "text {\"type\":\"data\",\"data\":[{\"type\":\"patch\"}]}\n"
                                 "text {\"type\":\"data\",\"data\":[" RESULT("4") "," RESULT(
                                     "5") "," RESULT("6") "]}\n");
}

#define RESUME "hello gateway-1 node-1\nresume 1 demo a 2 0 0 0 0 3 {\"who\":1} []\n"

Test(superseded, is_given_to_the_next_owner_as_one)
{
    fake_lines(client, THREE_MOVES);
    fake_down(&fake, "w1");
    fake_owner(&fake, "demo", "w2");
    fake_greet(&fake, "w2");
    SAME_LINES(fake_told(&fake, "w2"), RESUME "message 1 3 " MOVE("6", "3") "\n");
}

/* What the owner before did with the first of them nobody was told. */
Test(superseded, while_there_is_no_owner)
{
    fake_lines(client, MOVE("4", "1"));
    told("message 1 1 " MOVE("4", "1") "\n");
    fake_down(&fake, "w1");
    fake_lines(client, MOVE("5", "2"));
    fake_lines(client, MOVE("6", "3"));
    fake_owner(&fake, "demo", "w2");
    fake_greet(&fake, "w2");
    SAME_LINES(fake_told(&fake, "w2"), RESUME "message 1 3 " MOVE("6", "3") "\n");
    fake_send(&fake, "w2", 1, 3, LINK_HOW_EVENT, RESULT("6"));
    SAME_LINES(fake_got(client), "text {\"type\":\"data\",\"data\":[" RESULT("4") "," RESULT(
                                     "5") "," RESULT("6") "]}\n");
}

Test(superseded, goes_before_the_end_of_its_client)
{
    fake_lines(client, THREE_MOVES);
    fake_told(&fake, "w1");
    fake_lines(client, MOVE("7", "1") "\n" MOVE("8", "2"));
    fake_frame(client, WS_OP_CLOSE, (struct str){0});
    told("message 1 5 " MOVE("8", "2") "\ngone 1\n");
}

Test(superseded, counts_among_the_unanswered)
{
    for (int i = 0; i < EDGE_INBOX_MESSAGES / 2; i++) {
        char lines[300];
        snprintf(lines, sizeof(lines),
                 "{\"type\":\"push\",\"clientClock\":%d,\"presence\":[\"put\",{}]}\n"
                 "{\"type\":\"push\",\"clientClock\":%d,\"presence\":[\"put\",{}]}",
                 2 * i, 2 * i + 1);
        cr_assert(not(client->paused));
        fake_lines(client, lines);
    }
    cr_assert(client->paused);
    struct link_frame ack = {.type = LINK_ACK, .conn = 1, .answered = 2};
    fake_say(&fake, "w1", &ack);
    cr_assert(not(client->paused));
}

Test(superseded, answers_end_with_their_client)
{
    fake_lines(client, THREE_MOVES);
    struct buf large = {0};
    buf_append_str(&large, STR("\""));
    memset(buf_reserve(&large, EDGE_UNSENT_BYTES), 'x', EDGE_UNSENT_BYTES);
    buf_commit(&large, EDGE_UNSENT_BYTES);
    buf_append(&large, "\"", 2);
    fake_cast(&fake, "w1", 0, "1");
    fake_cast(&fake, "w1", 0, "1");
    fake_cast(&fake, "w1", 0, (const char *)buf_head(&large));
    fake_send(&fake, "w1", 1, 3, LINK_HOW_EVENT, RESULT("6"));
    cr_assert(client->aborted);
    buf_finish(&large);
}
