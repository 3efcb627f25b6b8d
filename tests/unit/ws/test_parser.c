#include "ws/parser.h"

#include "base/alloc.h"
#include "client.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdio.h>

#define BYTES(literal) sizeof(literal) - 1, literal
#define M0 "\0\0\0\0" /* a mask that changes nothing, so that tables can be read */

enum { MAX_LEN = 100000 };

/* Streams that break no rule. */
struct good_case {
    char name[56];
    uint8_t len;
    char bytes[64];
    char want[80];
};

ParameterizedTestParameters(parser, good_streams)
{
    static struct good_case cases[] = {
        {"a text", BYTES("\x81\x85" M0 "hello"), "text hello\n"},
        {"a masked text (RFC 6455 5.7)", BYTES("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
         "text Hello\n"},
        {"an empty text", BYTES("\x81\x80" M0), "text \n"},
        {"a binary message may hold anything", BYTES("\x82\x83" M0 "\xff\xfe\x80"),
         "binary \xff\xfe\x80\n"},
        {"an empty binary message", BYTES("\x82\x80" M0), "binary \n"},
        {"two in a row", BYTES("\x81\x81" M0 "a\x82\x81" M0 "b"), "text a\nbinary b\n"},
        {"fragments", BYTES("\x01\x82" M0 "ab\x00\x81" M0 "c\x80\x82" M0 "de"), "text abcde\n"},
        {"fragments with masks of their own",
         BYTES("\x01\x81\x01\x01\x01\x01`\x80\x81\x02\x02\x02\x02`"), "text ab\n"},
        {"empty fragments", BYTES("\x02\x80" M0 "\x00\x80" M0 "\x80\x80" M0), "binary \n"},
        {"an empty last fragment", BYTES("\x01\x81" M0 "a\x80\x80" M0), "text a\n"},
        {"an empty first fragment", BYTES("\x01\x80" M0 "\x80\x81" M0 "a"), "text a\n"},
        {"ping and pong", BYTES("\x89\x82" M0 "hi\x8a\x80" M0), "ping hi\npong \n"},
        {"a ping inside a message", BYTES("\x01\x81" M0 "a\x89\x82" M0 "pp\x80\x81" M0 "b"),
         "ping pp\ntext ab\n"},
        {"a ping after an empty fragment", BYTES("\x01\x80" M0 "\x89\x81" M0 "p\x80\x80" M0),
         "ping p\ntext \n"},
        {"several inside a message",
         BYTES("\x01\x81" M0 "a\x8a\x80" M0 "\x89\x81" M0 "p\x00\x81" M0 "b\x89\x81" M0
               "q\x80\x80" M0),
         "pong \nping p\nping q\ntext ab\n"},
        {"a close inside a message",
         BYTES("\x01\x81" M0 "a\x88\x84" M0 "\x03\xe9"
               "ok"),
         "close 1001 ok\n"},
        {"a close without a body", BYTES("\x88\x80" M0), "close 0 \n"},
        {"a close without a reason", BYTES("\x88\x82" M0 "\x03\xe8"), "close 1000 \n"},
        {"a close with an application's code",
         BYTES("\x88\x83" M0 "\x13\x87"
               "x"),
         "close 4999 x\n"},
        {"nothing is read after a close", BYTES("\x88\x80" M0 "\x81\x81" M0 "a\xff\xff\xff"),
         "close 0 \n"},
        {"a character across fragments",
         BYTES("\x01\x81" M0 "\xe2\x00\x81" M0 "\x82\x80\x81" M0 "\xac"), "text \xe2\x82\xac\n"},
        {"a ping inside a character",
         BYTES("\x01\x81" M0 "\xc3\x89\x81" M0 "\xff\x80\x81" M0 "\xa4"),
         "ping \xff\ntext \xc3\xa4\n"},
        {"U+FFFF is text", BYTES("\x81\x83" M0 "\xef\xbf\xbf"), "text \xef\xbf\xbf\n"},
        {"a binary message after a text cut in a character",
         BYTES("\x82\x81" M0 "\xc3\x81\x81" M0 "a"), "binary \xc3\ntext a\n"},
    };
    return cr_make_param_array(struct good_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct good_case *c, parser, good_streams)
{
    struct str bytes = {c->bytes, c->len};
    for (size_t cut = 0; cut <= bytes.len; cut++) {
        for (size_t step = 1; step <= bytes.len; step += bytes.len - 1) {
            struct ws_parser parser;
            struct buf events = {0};
            ws_parser_init(&parser, MAX_LEN);
            client_feed_steps(&parser, (struct str){bytes.ptr, cut}, step, &events);
            client_feed_steps(&parser, (struct str){bytes.ptr + cut, bytes.len - cut}, step,
                              &events);
            cr_assert(str_eq(buf_str(&events), str_of(c->want)), "%s, cut at %zu, steps of %zu",
                      c->name, cut, step);
            cr_assert(eq(sz, ws_parser_bytes(&parser), 0), "%s: no memory is left", c->name);
            buf_finish(&events);
            ws_parser_finish(&parser);
        }
    }
}

/* Streams that break a rule with their last byte and with no byte before it. */
struct bad_case {
    char name[56];
    uint8_t len;
    char bytes[48];
    uint16_t code;
    uint32_t max_len;
};

ParameterizedTestParameters(parser, bad_streams)
{
    static struct bad_case cases[] = {
        {"reserved bit 1", BYTES("\xc1"), 1002, MAX_LEN},
        {"reserved bit 2", BYTES("\xa1"), 1002, MAX_LEN},
        {"reserved bit 3", BYTES("\x91"), 1002, MAX_LEN},
        {"reserved bit on a control frame", BYTES("\xc9"), 1002, MAX_LEN},
        {"opcode 3", BYTES("\x83"), 1002, MAX_LEN},
        {"opcode 7", BYTES("\x87"), 1002, MAX_LEN},
        {"opcode 11", BYTES("\x8b"), 1002, MAX_LEN},
        {"opcode 15", BYTES("\x8f"), 1002, MAX_LEN},
        {"opcode 3 as a fragment", BYTES("\x03"), 1002, MAX_LEN},
        {"text without a mask", BYTES("\x81\x05"), 1002, MAX_LEN},
        {"ping without a mask", BYTES("\x89\x00"), 1002, MAX_LEN},
        {"close without a mask", BYTES("\x88\x02"), 1002, MAX_LEN},
        {"fragmented ping", BYTES("\x09"), 1002, MAX_LEN},
        {"fragmented close", BYTES("\x08"), 1002, MAX_LEN},
        {"fragmented pong", BYTES("\x0a"), 1002, MAX_LEN},
        {"ping of 126 bytes", BYTES("\x89\xfe"), 1002, MAX_LEN},
        {"close with a length of 64 bits", BYTES("\x88\xff"), 1002, MAX_LEN},
        {"last fragment of nothing", BYTES("\x80"), 1002, MAX_LEN},
        {"fragment of nothing", BYTES("\x00"), 1002, MAX_LEN},
        {"continuation after a whole message", BYTES("\x81\x80" M0 "\x80"), 1002, MAX_LEN},
        {"continuation after the last fragment", BYTES("\x01\x80" M0 "\x80\x80" M0 "\x80"), 1002,
         MAX_LEN},
        {"text inside a message", BYTES("\x01\x81" M0 "a\x81"), 1002, MAX_LEN},
        {"binary inside a message", BYTES("\x01\x80" M0 "\x82"), 1002, MAX_LEN},
        {"new fragments inside a message", BYTES("\x02\x81" M0 "a\x01"), 1002, MAX_LEN},
        {"text inside a message, after a ping", BYTES("\x01\x80" M0 "\x89\x80" M0 "\x81"), 1002,
         MAX_LEN},
        {"16 bits for a length of 0", BYTES("\x81\xfe\x00\x00"), 1002, MAX_LEN},
        {"16 bits for a length of 125", BYTES("\x81\xfe\x00\x7d"), 1002, MAX_LEN},
        {"64 bits for a length of 1", BYTES("\x81\xff\0\0\0\0\0\0\0\x01"), 1002, MAX_LEN},
        {"64 bits for a length of 65535", BYTES("\x81\xff\0\0\0\0\0\0\xff\xff"), 1002, MAX_LEN},
        {"the top bit of 64", BYTES("\x81\xff\x80\0\0\0\0\x01\0\0"), 1002, MAX_LEN},
        {"all of the 64 bits", BYTES("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 1002, MAX_LEN},

        {"longer than the limit, 7 bits", BYTES("\x81\x8b"), 1009, 10},
        {"longer than the limit, 16 bits", BYTES("\x81\xfe\x00\xc9"), 1009, 200},
        {"longer than the limit, 64 bits", BYTES("\x81\xff\0\0\0\0\0\x01\x86\xa1"), 1009, MAX_LEN},
        {"63 bits", BYTES("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"), 1009, MAX_LEN},
        {"more than 32 bits", BYTES("\x82\xff\0\0\0\x01\0\0\0\x05"), 1009, UINT32_MAX},
        {"fragments longer than the limit together", BYTES("\x02\x86" M0 "abcdef\x00\x85"), 1009,
         10},
        {"one byte over, in the third fragment",
         BYTES("\x02\x85" M0 "abcde\x00\x85" M0 "fghij\x80\x81"), 1009, 10},
        {"a limit of nothing", BYTES("\x82\x81"), 1009, 0},

        {"a byte that is no text", BYTES("\x81\x85" M0 "ab\xff"), 1007, MAX_LEN},
        {"a byte that is no text, masked",
         BYTES("\x81\x85\x01\x82\x03\x04"
               "az"),
         1007, MAX_LEN},
        {"a continuation byte first", BYTES("\x81\x81" M0 "\x80"), 1007, MAX_LEN},
        {"overlong", BYTES("\x81\x82" M0 "\xc0"), 1007, MAX_LEN},
        {"a surrogate", BYTES("\x81\x83" M0 "\xed\xa0"), 1007, MAX_LEN},
        {"above U+10FFFF", BYTES("\x81\x84" M0 "\xf4\x90"), 1007, MAX_LEN},
        {"an ended character", BYTES("\x81\x84" M0 "a\xe2\x82z"), 1007, MAX_LEN},
        {"cut in a character", BYTES("\x81\x82" M0 "a\xc3"), 1007, MAX_LEN},
        {"bad text in the second fragment", BYTES("\x01\x81" M0 "a\x00\x82" M0 "\xff"), 1007,
         MAX_LEN},
        {"a character broken by a fragment's end", BYTES("\x01\x81" M0 "\xc3\x80\x81" M0 "a"), 1007,
         MAX_LEN},
        {"cut in a character, in fragments", BYTES("\x01\x81" M0 "\xe2\x80\x81" M0 "\x82"), 1007,
         MAX_LEN},
        {"cut in a character, empty last fragment", BYTES("\x01\x81" M0 "\xe2\x80\x80" M0), 1007,
         MAX_LEN},

        {"a close of one byte", BYTES("\x88\x81" M0 "\x03"), 1002, MAX_LEN},
        {"close code 0", BYTES("\x88\x82" M0 "\x00\x00"), 1002, MAX_LEN},
        {"close code 999", BYTES("\x88\x82" M0 "\x03\xe7"), 1002, MAX_LEN},
        {"close code 1004", BYTES("\x88\x82" M0 "\x03\xec"), 1002, MAX_LEN},
        {"close code 1005", BYTES("\x88\x82" M0 "\x03\xed"), 1002, MAX_LEN},
        {"close code 1006", BYTES("\x88\x82" M0 "\x03\xee"), 1002, MAX_LEN},
        {"close code 1015", BYTES("\x88\x82" M0 "\x03\xf7"), 1002, MAX_LEN},
        {"close code 2999", BYTES("\x88\x82" M0 "\x0b\xb7"), 1002, MAX_LEN},
        {"close code 5000", BYTES("\x88\x82" M0 "\x13\x88"), 1002, MAX_LEN},
        {"close code 65535", BYTES("\x88\x82" M0 "\xff\xff"), 1002, MAX_LEN},
        {"a reason that is no text", BYTES("\x88\x83" M0 "\x03\xe8\xff"), 1007, MAX_LEN},
        {"a reason cut in a character",
         BYTES("\x88\x84" M0 "\x03\xe8"
               "a\xc3"),
         1007, MAX_LEN},
        {"a bad close inside a message", BYTES("\x01\x81" M0 "a\x88\x81" M0 "\x03"), 1002, MAX_LEN},
    };
    return cr_make_param_array(struct bad_case, cases, sizeof(cases) / sizeof(cases[0]));
}

static bool has_failure(const struct buf *events)
{
    return buf_len(events) > 0 && memmem(buf_head(events), buf_len(events), "fail", 4);
}

ParameterizedTest(struct bad_case *c, parser, bad_streams)
{
    struct str bytes = {c->bytes, c->len};
    struct str head = {c->bytes, c->len - 1u};
    char want[16];
    snprintf(want, sizeof(want), "fail %u \n", c->code);
    for (size_t step = 1; step <= bytes.len + 1; step++) {
        struct ws_parser parser;
        struct buf events = {0};
        ws_parser_init(&parser, c->max_len);
        client_feed_steps(&parser, head, step, &events);
        cr_assert(not(has_failure(&events)), "%s: too early", c->name);
        size_t before = buf_len(&events);
        client_feed(&parser, (struct str){bytes.ptr + head.len, 1}, &events);
        cr_assert(
            str_eq((struct str){(char *)buf_head(&events) + before, buf_len(&events) - before},
                   str_of(want)),
            "%s: %.*s", c->name, STR_ARG(buf_str(&events)));
        size_t after = buf_len(&events);
        client_feed(&parser, STR("\x81\x81" M0 "a\xff\x88\x80" M0), &events);
        cr_assert(eq(sz, buf_len(&events), after), "%s: nothing comes after it", c->name);
        cr_assert(eq(sz, ws_parser_bytes(&parser), 0), "%s", c->name);
        buf_finish(&events);
        ws_parser_finish(&parser);
    }
}

Test(parser, the_limit_itself_is_allowed_and_pings_do_not_count)
{
    struct ws_parser parser;
    struct buf events = {0};
    ws_parser_init(&parser, 4);
    client_feed(&parser,
                STR("\x81\x84" M0 "abcd"
                    "\x01\x83" M0 "abc\x89\x89" M0 "ping ping\x80\x81" M0 "d"
                    "\x82\x84" M0 "abcd"),
                &events);
    cr_assert(str_eq(buf_str(&events), STR("text abcd\nping ping ping\ntext abcd\nbinary abcd\n")));
    buf_finish(&events);
    ws_parser_finish(&parser);
}

Test(parser, a_whole_frame_is_a_view_into_the_input)
{
    uint8_t data[] = "\x81\x83\x01\x01\x01\x01`cb\x89\x81" M0 "p\x88\x83" M0 "\x03\xe8r";
    size_t len = sizeof(data) - 1;
    size_t consumed;
    struct ws_message message;
    struct ws_parser parser;
    ws_parser_init(&parser, MAX_LEN);
    cr_assert(eq(int, ws_parser_next(&parser, data, len, &consumed, &message), WS_TEXT));
    cr_assert(eq(sz, consumed, 9));
    cr_assert(message.data == data + 6);
    cr_assert(zero(int, memcmp(data + 6, "abc", 3)));
    cr_assert(eq(int, ws_parser_next(&parser, data + 9, len - 9, &consumed, &message), WS_PING));
    cr_assert(eq(sz, consumed, 7));
    cr_assert(message.data == data + 15);
    cr_assert(eq(int, ws_parser_next(&parser, data + 16, len - 16, &consumed, &message), WS_CLOSE));
    cr_assert(message.data == data + 24 && message.len == 1);
    cr_assert(eq(sz, ws_parser_bytes(&parser), 0));
    ws_parser_finish(&parser);
}

Test(parser, a_header_that_came_before_does_not_cost_a_copy)
{
    uint8_t head[] = "\x82\x83\x01\x01\x01";
    uint8_t rest[] = "\x01`cb";
    size_t consumed;
    struct ws_message message;
    struct ws_parser parser;
    ws_parser_init(&parser, MAX_LEN);
    cr_assert(eq(int, ws_parser_next(&parser, head, 5, &consumed, &message), WS_NEED_MORE));
    cr_assert(eq(int, ws_parser_next(&parser, rest, 4, &consumed, &message), WS_BINARY));
    cr_assert(message.data == rest + 1 && message.len == 3);
    cr_assert(eq(sz, ws_parser_bytes(&parser), 0));
    ws_parser_finish(&parser);
}

Test(parser, memory_follows_what_arrived_and_goes_with_the_message)
{
    enum { LEN = 50000000, PIECE = 100 };
    uint8_t header[] = "\x82\xff\0\0\0\0\x02\xfa\xf0\x80" M0;
    uint8_t piece[PIECE];
    size_t consumed;
    struct ws_message message;
    struct ws_parser parser;
    ws_parser_init(&parser, LEN);
    ws_parser_next(&parser, header, sizeof(header) - 1, &consumed, &message);
    cr_assert(eq(sz, ws_parser_bytes(&parser), 0));
    for (size_t got = PIECE; got <= 100000; got += PIECE) {
        memset(piece, 0, sizeof(piece));
        cr_assert(
            eq(int, ws_parser_next(&parser, piece, PIECE, &consumed, &message), WS_NEED_MORE));
        cr_assert(lt(sz, ws_parser_bytes(&parser), 2 * got));
    }
    ws_parser_finish(&parser);

    ws_parser_init(&parser, LEN);
    uint8_t first[] = "\x01\x83" M0 "abc\x89\x82" M0 "p";
    uint8_t last[] = "q\x80\x81" M0 "d";
    cr_assert(eq(int, ws_parser_next(&parser, first, 16, &consumed, &message), WS_NEED_MORE));
    cr_assert(eq(int, ws_parser_next(&parser, last, 8, &consumed, &message), WS_PING));
    cr_assert(eq(int, ws_parser_next(&parser, last + 1, 7, &consumed, &message), WS_TEXT));
    cr_assert(str_eq((struct str){(const char *)message.data, message.len}, STR("abcd")));
    cr_assert(gt(sz, ws_parser_bytes(&parser), 0));
    cr_assert(eq(int, ws_parser_next(&parser, NULL, 0, &consumed, &message), WS_NEED_MORE));
    cr_assert(eq(sz, ws_parser_bytes(&parser), 0));
    ws_parser_finish(&parser);
}

Test(parser, a_half_read_message_is_freed_with_the_parser)
{
    struct ws_parser parser;
    struct buf events = {0};
    ws_parser_init(&parser, MAX_LEN);
    client_feed(&parser, STR("\x81\x85" M0 "hel"), &events);
    cr_assert(eq(sz, buf_len(&events), 0));
    cr_assert(gt(sz, ws_parser_bytes(&parser), 0));
    ws_parser_finish(&parser);
    ws_parser_finish(&parser);
}

/* A client with a seeded mind of its own: what it sends and what must come of it. */
struct model {
    uint32_t random;
    struct buf stream;
    struct buf want;
};

static uint32_t model_random(struct model *model, uint32_t below)
{
    model->random = model->random * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)model->random * below >> 32);
}

static void model_payload(struct model *model, bool text, size_t len, struct buf *out)
{
    while (buf_len(out) < len) {
        uint8_t bytes[4];
        static const uint32_t ranges[] = {0x80, 0x800, 0xd800, 0x110000};
        uint32_t cp = model_random(model, ranges[model_random(model, 4)]);
        bool surrogate = cp >= 0xd800 && cp <= 0xdfff;
        size_t n = wtf8_encode(surrogate ? 'x' : cp, bytes);
        if (!text) {
            bytes[0] = (uint8_t)model_random(model, 256);
            n = 1;
        }
        buf_append(out, bytes, n);
    }
}

static void model_frame(struct model *model, unsigned opcode, bool fin, struct str payload)
{
    uint8_t mask[4];
    for (size_t i = 0; i < sizeof(mask); i++) {
        mask[i] = (uint8_t)model_random(model, 256);
    }
    client_frame(&model->stream, opcode, fin, mask, payload);
}

static void model_expect(struct model *model, const char *name, struct str payload)
{
    buf_printf(&model->want, "%s ", name);
    buf_append_str(&model->want, payload);
    buf_append_byte(&model->want, '\n');
}

static void model_control(struct model *model)
{
    struct buf payload = {0};
    bool ping = model_random(model, 2);
    model_payload(model, false, model_random(model, WS_CONTROL_MAX + 1), &payload);
    model_frame(model, ping ? WS_OP_PING : WS_OP_PONG, true, buf_str(&payload));
    model_expect(model, ping ? "ping" : "pong", buf_str(&payload));
    buf_finish(&payload);
}

static void model_message(struct model *model)
{
    static const uint32_t sizes[] = {10, 140, 2000, 70000};
    bool text = model_random(model, 2);
    struct buf payload = {0};
    size_t want_len = model_random(model, sizes[model_random(model, 4)]);
    model_payload(model, text, want_len, &payload);
    struct str rest = buf_str(&payload);
    unsigned opcode = text ? WS_OP_TEXT : WS_OP_BINARY;
    while (model_random(model, 3) == 0) {
        size_t len = model_random(model, (uint32_t)rest.len + 1);
        model_frame(model, opcode, false, (struct str){rest.ptr, len});
        rest.ptr = len ? rest.ptr + len : rest.ptr;
        rest.len -= len;
        opcode = WS_OP_CONTINUATION;
        if (model_random(model, 3) == 0) {
            model_control(model);
        }
    }
    model_frame(model, opcode, true, rest);
    model_expect(model, text ? "text" : "binary", buf_str(&payload));
    buf_finish(&payload);
}

/* Pieces of random size, at most `most`. */
static void check_in_pieces(struct model *model, uint32_t most)
{
    struct ws_parser parser;
    struct buf events = {0};
    struct str rest = buf_str(&model->stream);
    ws_parser_init(&parser, MAX_LEN);
    while (rest.len > 0) {
        size_t len = 1 + model_random(model, most);
        len = len < rest.len ? len : rest.len;
        client_feed(&parser, (struct str){rest.ptr, len}, &events);
        rest.ptr += len;
        rest.len -= len;
    }
    cr_assert(str_eq(buf_str(&events), buf_str(&model->want)), "pieces of %u", most);
    cr_assert(eq(sz, ws_parser_bytes(&parser), 0));
    ws_parser_finish(&parser);
    buf_finish(&events);
}

Test(parser, any_sequence_of_messages_comes_through_however_it_is_cut)
{
    for (uint32_t seed = 1; seed <= 30; seed++) {
        struct model model = {.random = seed};
        for (uint32_t count = 1 + model_random(&model, 12); count > 0; count--) {
            if (model_random(&model, 4) == 0) {
                model_control(&model);
            }
            model_message(&model);
        }
        check_in_pieces(&model, UINT32_MAX);
        check_in_pieces(&model, 1);
        for (uint32_t most = 2; most < 200000; most *= 7) {
            check_in_pieces(&model, most);
        }
        buf_finish(&model.stream);
        buf_finish(&model.want);
    }
}
