/* Connect replies that refer to a share. */
#include "fake_edge.h"

#include "value/json.h"
#include "value/pack.h"

#include <criterion/new/assert.h>

static struct fake fake;
static struct fake_client *a, *b;

enum { SHARE = 5 };

#define CONNECT "{\"type\":\"connect\"}"
#define REPLY(diff) "{\"type\":\"connect\",\"serverClock\":3,\"diff\":{" diff "}}"
#define CURSOR "\"cursor:1\":[\"put\",{\"x\":1}]"
#define NOTE(n) "\"note:" n "\":[\"put\",{\"n\":" n "}]"
#define DATA(events) "{\"type\":\"data\",\"data\":[" events "]}"

/* Two clients, of which both have asked to be connected. */
static void setup(void)
{
    fake_init(&fake);
    a = fake_open(&fake, "demo", "a");
    fake_serve(&fake, "demo", "w1");
    b = fake_open(&fake, "demo", "b");
    fake_text(a, CONNECT);
    fake_text(b, CONNECT);
    fake_told(&fake, "w1");
}

static void teardown(void)
{
    fake_finish(&fake);
}

TestSuite(share, .init = setup, .fini = teardown);

static enum err try(struct link_frame frame, const char *json)
{
    struct buf payload = {0};
    if (json) {
        cr_assert(zero(int, json_parse(str_of(json), &payload)), "%s", json);
        frame.payload = buf_value(&payload);
    }
    enum err err = fake_try(&fake, "w1", &frame);
    buf_finish(&payload);
    return err;
}

static void say(struct link_frame frame, const char *json)
{
    cr_assert(eq(int, try(frame, json), ERR_OK));
}

static void begin(uint64_t members)
{
    say((struct link_frame){.type = LINK_SHARE, .share = SHARE, .members = members}, "[]");
}

static void give(const char *json)
{
    say((struct link_frame){.type = LINK_MEMBERS, .share = SHARE}, json);
}

static struct link_frame join_frame(uint64_t conn)
{
    return (struct link_frame){.type = LINK_SEND,
                               .how = LINK_HOW_CONNECT,
                               .conn = conn,
                               .answered = 1,
                               .clock = 3,
                               .channel = FAKE_CHANNEL,
                               .share = SHARE};
}

static void join(uint64_t conn, const char *json)
{
    say(join_frame(conn), json);
}

static void forget(void)
{
    say((struct link_frame){.type = LINK_FORGET, .share = SHARE}, NULL);
}

Test(share, a_reply_is_sent_when_all_is_there)
{
    begin(3);
    join(1, REPLY(CURSOR));
    give("{" NOTE("1") "," NOTE("2") "}");
    fake_work(&fake);
    SAME_LINES(fake_got(a), "");
    give("{" NOTE("3") "}");
    SAME_LINES(fake_got(a), ""); /* the next turn does it */
    fake_work(&fake);
    SAME_LINES(fake_got(a), "text " REPLY(NOTE("1") "," NOTE("2") "," NOTE("3") "," CURSOR) "\n");
}

Test(share, a_reply_may_have_nothing_else_in_it)
{
    begin(2);
    give("{" NOTE("1") "}");
    give("{" NOTE("2") "}");
    join(1, REPLY(""));
    fake_work(&fake);
    SAME_LINES(fake_got(a), "text " REPLY(NOTE("1") "," NOTE("2")) "\n");
}

Test(share, is_of_the_same_bytes_for_all)
{
    begin(2);
    give("{" NOTE("1") "}");
    give("{" NOTE("2") "}");
    join(1, REPLY(""));
    fake_work(&fake);
    join(2, REPLY(CURSOR)); /* at once: it is rendered */
    struct iovec mine[8];
    struct iovec theirs[8];
    int count = outq_peek(edge_conn_output(a->conn), mine, 8);
    cr_assert(eq(int, outq_peek(edge_conn_output(b->conn), theirs, 8), count));
    cr_assert(eq(int, count, 5)); /* head, two parts with a comma between them, tail */
    for (int i = 1; i < 4; i++) {
        cr_assert(eq(ptr, mine[i].iov_base, theirs[i].iov_base));
    }
    SAME_LINES(fake_got(a), "text " REPLY(NOTE("1") "," NOTE("2")) "\n");
    SAME_LINES(fake_got(b), "text " REPLY(NOTE("1") "," NOTE("2") "," CURSOR) "\n");
}

/* ---- parts of another one ---- */

static struct link_frame share_of(uint64_t share, uint64_t members, uint64_t base)
{
    return (struct link_frame){
        .type = LINK_SHARE, .share = share, .members = members, .base = base};
}

Test(share, parts_of_another_one_are_not_rendered_again)
{
    begin(3);
    give("{" NOTE("1") "}");
    give("{" NOTE("2") "}");
    give("{" NOTE("3") "}");
    join(1, REPLY(""));
    fake_work(&fake);
    struct iovec first[16];
    outq_peek(edge_conn_output(a->conn), first, 16);
    say(share_of(SHARE + 1, 3, SHARE), "[0,2]");
    say((struct link_frame){.type = LINK_MEMBERS, .share = SHARE + 1}, "{" NOTE("9") "}");
    struct link_frame frame = join_frame(2);
    frame.share = SHARE + 1;
    say(frame, REPLY(CURSOR));
    cr_assert(edge_is_busy(fake.edge));
    edge_work(fake.edge, fake.now);
    cr_assert(not(edge_is_busy(fake.edge))); /* one part was new */
    struct iovec second[16];
    cr_assert(eq(int, outq_peek(edge_conn_output(b->conn), second, 16), 7));
    cr_assert(eq(ptr, second[1].iov_base, first[1].iov_base));
    cr_assert(eq(ptr, second[3].iov_base, first[5].iov_base));
    forget(); /* they live on */
    SAME_LINES(fake_got(a), "text " REPLY(NOTE("1") "," NOTE("2") "," NOTE("3")) "\n");
    SAME_LINES(fake_got(b), "text " REPLY(NOTE("1") "," NOTE("3") "," NOTE("9") "," CURSOR) "\n");
}

Test(share, may_be_all_of_another_one)
{
    begin(2);
    give("{" NOTE("1") "}");
    give("{" NOTE("2") "}");
    say(share_of(SHARE + 1, 1, SHARE), "[1]");
    forget();
    struct link_frame frame = join_frame(1);
    frame.share = SHARE + 1;
    say(frame, REPLY(""));
    fake_work(&fake);
    SAME_LINES(fake_got(a), "text " REPLY(NOTE("2")) "\n");
}

Test(share, has_only_parts_that_there_are)
{
    begin(3);
    give("{" NOTE("1") "}");
    give("{" NOTE("2") "}");
    cr_assert(eq(int, try(share_of(6, 3, SHARE), "[2]"), ERR_MALFORMED));
    cr_assert(eq(int, try(share_of(6, 3, SHARE), "[1,0]"), ERR_MALFORMED));
    cr_assert(eq(int, try(share_of(6, 3, SHARE), "[0,0]"), ERR_MALFORMED));
    cr_assert(eq(int, try(share_of(6, 3, SHARE), "[\"x\"]"), ERR_MALFORMED));
    cr_assert(eq(int, try(share_of(6, 3, SHARE), "7"), ERR_MALFORMED));
    cr_assert(eq(int, try(share_of(6, 1, SHARE), "[0,1]"), ERR_MALFORMED)); /* more than it has */
    cr_assert(eq(int, try(share_of(6, 3, 4), "[0]"), ERR_MALFORMED));
    cr_assert(eq(int, try(share_of(6, 3, 0), "[0]"), ERR_MALFORMED));
    say(share_of(6, 3, SHARE), "[0,1]");
}

Test(share, comes_in_each_encoding)
{
    fake_binary(b, "{\"type\":\"ping\"}"); /* from here on it speaks msgpack */
    begin(17);
    join(1, REPLY(CURSOR));
    join(2, REPLY(CURSOR)); /* of more members than fit the short header of a map */
    struct buf want = {0};
    for (int i = 1; i <= 17; i++) {
        char part[40];
        snprintf(part, sizeof(part), "{\"note:%d\":[\"put\",{}]}", i);
        give(part);
        buf_printf(&want, "\"note:%d\":[\"put\",{}],", i);
    }
    buf_append_byte(&want, '\0');
    char line[1024];
    fake_work(&fake);
    snprintf(line, sizeof(line),
             "text {\"type\":\"connect\",\"serverClock\":3,\"diff\":{%s" CURSOR "}}\n",
             (const char *)buf_head(&want));
    SAME_LINES(fake_got(a), line);
    snprintf(line, sizeof(line),
             "binary {\"type\":\"connect\",\"serverClock\":3,\"diff\":{%s" CURSOR "}}\n",
             (const char *)buf_head(&want));
    SAME_LINES(fake_got(b), line);
    buf_finish(&want);
}

Test(share, what_comes_behind_the_reply_waits_for_it)
{
    begin(1);
    join(1, REPLY(""));
    fake_cast(&fake, "w1", 0, "{\"n\":1}");
    fake_send(&fake, "w1", 1, 2, LINK_HOW_EVENT, "{\"n\":2}");
    fake_pass(&fake, 1000);
    fake_send(&fake, "w1", 1, 2, LINK_HOW_CUSTOM, "{\"type\":\"custom\"}");
    fake_cast(&fake, "w1", 0, "{\"n\":3}");
    SAME_LINES(fake_got(a), "");
    give("{" NOTE("1") "}");
    fake_work(&fake);
    fake_pass(&fake, 1000);
    SAME_LINES(fake_got(a), "text " REPLY(NOTE("1")) "\ntext " DATA(
                                "{\"n\":1},{\"n\":2}") "\n"
                                                       "text {\"type\":\"custom\"}\ntext " DATA(
                                                           "{\"n\":3}") "\n");
    SAME_LINES(fake_got(b), "");
}

Test(share, who_does_not_take_what_waits_is_closed)
{
    struct buf json = {0};
    begin(1);
    join(1, REPLY(""));
    buf_append_byte(&json, '"');
    memset(buf_reserve(&json, EDGE_UNSENT_BYTES / 4), 'a', EDGE_UNSENT_BYTES / 4);
    buf_commit(&json, EDGE_UNSENT_BYTES / 4);
    buf_append(&json, "\"", 2);
    for (int i = 0; i < 5; i++) {
        fake_cast(&fake, "w1", 0, (const char *)buf_head(&json));
    }
    SAME_LINES(fake_asked(&fake), "abort a\n");
    buf_finish(&json);
    give("{" NOTE("1") "}");
    fake_work(&fake);
    forget();
}

Test(share, is_lost_with_its_link_and_the_next_owner_begins_anew)
{
    fake_text(a, "{\"type\":\"push\"}");
    begin(2);
    fake_state(&fake, "w1", 1, 2, "{\"who\":1}");
    join(1, REPLY(""));
    fake_send(&fake, "w1", 1, 2, LINK_HOW_EVENT, "{\"n\":1}");
    give("{" NOTE("1") "}");
    fake_down(&fake, "w1");
    fake_owner(&fake, "demo", "w2");
    SAME_LINES(fake_told(&fake, "w2"),
               "hello gateway-1 node-1\nopen 1 demo a 2\nmessage 1 1 " CONNECT
               "\nmessage 1 2 {\"type\":\"push\"}\nopen 2 demo b 2\nmessage 2 1 " CONNECT "\n");
    fake_greet(&fake, "w2");
    fake_work(&fake);
    fake_state(&fake, "w2", 1, 1, "{\"who\":2}"); /* of fewer messages than the last */
    fake_send(&fake, "w2", 1, 2, LINK_HOW_CONNECT, REPLY(NOTE("7")));
    SAME_LINES(fake_got(a), "text " REPLY(NOTE("7")) "\n");
    fake_down(&fake, "w2");
    fake_owner(&fake, "demo", "w3");
    SAME_LINES(fake_told(&fake, "w3"),
               "hello gateway-1 node-1\nresume 1 demo a 2 0 0 0 2 2 {\"who\":2} []\n"
               "open 2 demo b 2\nmessage 2 1 " CONNECT "\n");
}

Test(share, messages_are_kept_until_the_reply_is_sent)
{
    fake_text(a, "{\"type\":\"push\",\"presence\":[\"put\",{}]}");
    begin(1);
    fake_state(&fake, "w1", 1, 1, "{\"who\":1}");
    join(1, REPLY(""));
    say((struct link_frame){.type = LINK_ACK, .conn = 1, .answered = 2}, NULL);
    give("{" NOTE("1") "}");
    fake_work(&fake);
    fake_down(&fake, "w1");
    fake_owner(&fake, "demo", "w2");
    SAME_LINES(fake_told(&fake, "w2"), "hello gateway-1 node-1\n"
                                       "resume 1 demo a 2 3 0 0 2 2 {\"who\":1} [[\"put\",{}]]\n"
                                       "open 2 demo b 2\nmessage 2 1 " CONNECT "\n");
}

Test(share, a_later_reply_takes_the_place_of_one_that_waits)
{
    begin(1);
    join(1, REPLY(""));
    fake_cast(&fake, "w1", 0, "{\"n\":1}");
    join(1, REPLY(CURSOR));
    give("{" NOTE("1") "}");
    fake_work(&fake);
    SAME_LINES(fake_got(a), "text " REPLY(NOTE("1") "," CURSOR) "\n");
    join(2, REPLY(""));
    SAME_LINES(fake_got(b), "text " REPLY(NOTE("1")) "\n");
}

Test(share, a_session_that_ends_meanwhile_ends)
{
    begin(1);
    join(1, REPLY(""));
    join(2, REPLY(""));
    say((struct link_frame){.type = LINK_CLOSE, .conn = 1, .code = 4099, .reason = STR("x")}, NULL);
    say((struct link_frame){.type = LINK_DETACH, .conn = 2}, NULL);
    forget(); /* nobody waits, so it need not be whole */
    SAME_LINES(fake_got(a), "close 4099 x\n");
    fake_pass(&fake, 1000);
    SAME_LINES(fake_got(b), "");
}

Test(share, is_there_for_those_who_wait_when_it_is_forgotten)
{
    begin(1);
    join(1, REPLY(""));
    give("{" NOTE("1") "}");
    forget();
    fake_gone(b);
    fake_work(&fake);
    SAME_LINES(fake_got(a), "text " REPLY(NOTE("1")) "\n");
}

/* ---- long events ---- */

#define REST(n) "{\"type\":\"patch\",\"serverClock\":" n ",\"diff\":{}}"
#define PATCH(n, diff) "{\"type\":\"patch\",\"serverClock\":" n ",\"diff\":{" diff "}}"

static struct link_frame cast_frame(uint64_t share)
{
    return (struct link_frame){
        .type = LINK_CAST, .channel = FAKE_CHANNEL, .clock = 4, .share = share};
}

static void begin_and_give(uint64_t share, const char *members)
{
    say((struct link_frame){.type = LINK_SHARE, .share = share, .members = 1}, "[]");
    say((struct link_frame){.type = LINK_MEMBERS, .share = share}, members);
}

/* Both are in the room. */
static void connect_both(void)
{
    fake_state(&fake, "w1", 1, 1, "{\"who\":1}");
    fake_state(&fake, "w1", 2, 1, "{\"who\":2}");
    fake_send(&fake, "w1", 1, 1, LINK_HOW_CONNECT, CONNECT);
    fake_send(&fake, "w1", 2, 1, LINK_HOW_CONNECT, CONNECT);
    fake_got(a);
    fake_got(b);
}

Test(share, a_long_event_is_rendered_in_parts_and_in_each_encoding)
{
    connect_both();
    fake_binary(b, "{\"type\":\"ping\"}");
    begin(2);
    give("{" NOTE("1") "}");
    give("{" NOTE("2") "}");
    say(cast_frame(SHARE), REST("4"));
    for (int i = 0; i < 4; i++) {
        SAME_LINES(fake_got(b), "");
        edge_work(fake.edge, fake.now);
    }
    SAME_LINES(fake_got(a), "text " DATA(PATCH("4", NOTE("1") "," NOTE("2"))) "\n");
    SAME_LINES(fake_got(b), "binary " DATA(PATCH("4", NOTE("1") "," NOTE("2"))) "\n");
    forget();
}

Test(share, a_long_event_keeps_its_place)
{
    connect_both();
    fake_cast(&fake, "w1", 0, "{\"n\":1}");
    fake_cast(&fake, "w1", 0, "{\"n\":2}");
    fake_cast(&fake, "w1", 0, "{\"n\":3}");
    begin_and_give(SHARE, "{" NOTE("1") "}");
    say(cast_frame(SHARE), REST("4"));
    fake_cast(&fake, "w1", 0, "{\"n\":4}");
    begin_and_give(SHARE + 1, "{" NOTE("2") "}");
    say(cast_frame(SHARE + 1), REST("5"));
    fake_send(&fake, "w1", 1, 1, LINK_HOW_CUSTOM, "{\"type\":\"custom\"}");
    fake_cast(&fake, "w1", 0, "{\"n\":5}");
    fake_work(&fake);
    fake_pass(&fake, 1000);
    SAME_LINES(
        fake_got(a),
        "text " DATA(
            "{\"n\":1}") "\n"
                         "text " DATA(
                             "{\"n\":2}") "\n"
                                          "text " DATA(
                                              "{\"n\":3}") "\n"
                                                           "text " DATA(PATCH(
                                                               "4",
                                                               NOTE(
                                                                   "1"))) "\n"
                                                                          "text " DATA(
                                                                              "{\"n\":4}") "\n"
                                                                                           "text"
                                                                                           " " DATA(PATCH(
                                                                                               "5",
                                                                                               NOTE(
                                                                                                   "2"))) "\n"
                                                                                                          "text {\"type\":\"custom\"}\n"
                                                                                                          "text " DATA(
                                                                                                              "{\"n\":5}") "\n");
}

/* All of it is here, so the next owner need not tell it. */
Test(share, a_long_event_survives_its_owner)
{
    connect_both();
    begin_and_give(SHARE, "{" NOTE("1") "}");
    say(cast_frame(SHARE), REST("4"));
    fake_down(&fake, "w1");
    fake_owner(&fake, "demo", "w2");
    SAME_LINES(fake_told(&fake, "w2"), "hello gateway-1 node-1\n"
                                       "resume 1 demo a 2 4 0 0 1 1 {\"who\":1} []\n"
                                       "resume 2 demo b 2 4 0 0 1 1 {\"who\":2} []\n");
    fake_work(&fake);
    SAME_LINES(fake_got(a), "text " DATA(PATCH("4", NOTE("1"))) "\n");
    SAME_LINES(fake_got(b), "text " DATA(PATCH("4", NOTE("1"))) "\n");
}

Test(share, a_connect_reply_takes_the_place_of_a_long_event)
{
    connect_both();
    begin_and_give(SHARE, "{" NOTE("1") "}");
    say(cast_frame(SHARE), REST("4"));
    fake_send(&fake, "w1", 1, 1, LINK_HOW_CONNECT, REPLY(NOTE("1")));
    fake_work(&fake);
    SAME_LINES(fake_got(a), "text " REPLY(NOTE("1")) "\n");
    fake_gone(b);
    forget();
}

Test(share, a_long_event_behind_a_reply_that_waits)
{
    begin(2);
    give("{" NOTE("1") "}");
    join(1, REPLY(""));
    begin_and_give(SHARE + 1, "{" NOTE("3") "}");
    say(cast_frame(SHARE + 1), REST("4"));
    fake_work(&fake);
    SAME_LINES(fake_got(a), "");
    give("{" NOTE("2") "}");
    fake_work(&fake);
    SAME_LINES(fake_got(a),
               "text " REPLY(NOTE("1") "," NOTE("2")) "\ntext " DATA(PATCH("4", NOTE("3"))) "\n");
}

Test(share, a_worker_gives_all_of_a_long_event_before_it)
{
    struct link_frame cast = cast_frame(SHARE);
    struct link_frame custom = {
        .type = LINK_SEND, .conn = 1, .how = LINK_HOW_CUSTOM, .share = SHARE};
    connect_both();
    cr_assert(eq(int, try(cast, REST("4")), ERR_MALFORMED)); /* there is none */
    begin(2);
    give("{" NOTE("1") "}");
    cr_assert(eq(int, try(cast, REST("4")), ERR_MALFORMED));
    give("{" NOTE("2") "}");
    cr_assert(eq(int, try(custom, REST("4")), ERR_MALFORMED));
    cr_assert(eq(int, try(cast, "{\"type\":\"patch\"}"), ERR_MALFORMED));
    say(cast, REST("4"));
}

Test(share, a_worker_must_keep_the_rules)
{
    struct link_frame members = {.type = LINK_MEMBERS, .share = SHARE};
    struct link_frame unknown = {.type = LINK_FORGET, .share = SHARE};
    struct link_frame again = {.type = LINK_SHARE, .share = SHARE, .members = 1};
    cr_assert(eq(int, try(unknown, NULL), ERR_MALFORMED));
    cr_assert(eq(int, try(members, "{" NOTE("1") "}"), ERR_MALFORMED));
    cr_assert(eq(int, try(join_frame(1), REPLY("")), ERR_MALFORMED));
    begin(2);
    cr_assert(eq(int, try(again, "[]"), ERR_MALFORMED));
    cr_assert(eq(int, try(join_frame(1), "{\"diff\":{},\"type\":\"connect\"}"), ERR_MALFORMED));
    cr_assert(eq(int, try(join_frame(1), "{\"diff\":[]}"), ERR_MALFORMED));
    cr_assert(eq(int, try(join_frame(1), "{}"), ERR_MALFORMED));
    cr_assert(eq(int, try(join_frame(1), "7"), ERR_MALFORMED));
    cr_assert(eq(int, try(members, "[1]"), ERR_MALFORMED));
    cr_assert(eq(int, try(members, "{}"), ERR_MALFORMED));
    join(1, REPLY(""));
    cr_assert(eq(int, try(unknown, NULL), ERR_MALFORMED)); /* it is not whole, and a waits */
    give("{" NOTE("1") "}");
    cr_assert(eq(int, try(members, "{" NOTE("2") "," NOTE("3") "}"), ERR_MALFORMED));
}

/* What waits to be read is counted when nobody else has it any more. */
Test(share, is_counted_to_who_reads_when_it_is_forgotten)
{
    const size_t *unsent = &edge_count(fake.edge)->unsent_bytes;
    enum { LONG = 20000 };
    struct buf members = {0};
    fake_got(a);
    fake_got(b);
    buf_append_str(&members, STR("{\"document:1\":[\"put\",{\"text\":\""));
    memset(buf_reserve(&members, LONG), 'x', LONG);
    buf_commit(&members, LONG);
    buf_append(&members, "\"}]}", 5);
    begin(1);
    give((const char *)buf_head(&members));
    join(1, REPLY(""));
    join(2, REPLY(""));
    fake_work(&fake);
    size_t before = *unsent;
    cr_assert(lt(sz, before, LONG));
    forget();
    cr_assert(gt(sz, *unsent, LONG));
    cr_assert(lt(sz, *unsent, 2 * LONG), "once");
    fake_got(a);
    cr_assert(gt(sz, *unsent, LONG));
    fake_got(b);
    cr_assert(zero(sz, *unsent));
    buf_finish(&members);
}
