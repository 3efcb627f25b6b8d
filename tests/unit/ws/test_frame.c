#include "ws/frame.h"

#include "base/utf8.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

struct header_case {
    char name[40];
    uint8_t opcode;
    bool fin;
    uint64_t len;
    uint8_t want_len;
    char want[WS_HEADER_MAX + 1];
};

ParameterizedTestParameters(frame, header)
{
    static struct header_case cases[] = {
        {"empty text", WS_OP_TEXT, true, 0, 2, "\x81\x00"},
        {"longest of one byte", WS_OP_BINARY, true, 125, 2, "\x82\x7d"},
        {"shortest of two bytes", WS_OP_TEXT, true, 126, 4, "\x81\x7e\x00\x7e"},
        {"longest of two bytes", WS_OP_TEXT, true, 65535, 4, "\x81\x7e\xff\xff"},
        {"shortest of eight", WS_OP_TEXT, true, 65536, 10, "\x81\x7f\0\0\0\0\0\x01\0\0"},
        {"longest", WS_OP_TEXT, true, INT64_MAX, 10, "\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"},
        {"first fragment", WS_OP_TEXT, false, 1, 2, "\x01\x01"},
        {"last fragment", WS_OP_CONTINUATION, true, 1, 2, "\x80\x01"},
        {"ping", WS_OP_PING, true, 0, 2, "\x89\x00"},
        {"longest pong", WS_OP_PONG, true, 125, 2, "\x8a\x7d"},
    };
    return cr_make_param_array(struct header_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct header_case *c, frame, header)
{
    uint8_t out[WS_HEADER_MAX];
    size_t len = ws_frame_header(out, (enum ws_opcode)c->opcode, c->fin, c->len);
    cr_assert(eq(sz, len, c->want_len), "%s", c->name);
    cr_assert(zero(int, memcmp(out, c->want, len)), "%s", c->name);
}

Test(frame, a_frame_is_its_header_and_its_payload)
{
    struct buf buf = {0};
    ws_write_frame(&buf, WS_OP_TEXT, true, "hello", 5);
    ws_write_frame(&buf, WS_OP_PONG, true, NULL, 0);
    cr_assert(str_eq(buf_str(&buf), STR("\x81\x05hello\x8a\x00")));
    buf_finish(&buf);
}

Test(frame, a_close_frame_holds_code_and_reason)
{
    struct buf buf = {0};
    ws_write_close(&buf, 4099, STR("CLIENT_TOO_OLD"));
    cr_assert(str_eq(buf_str(&buf), STR("\x88\x10\x10\x03"
                                        "CLIENT_TOO_OLD")));
    buf_clear(&buf, 1000);
    ws_write_close(&buf, WS_CODE_NORMAL, (struct str){NULL, 0});
    cr_assert(str_eq(buf_str(&buf), STR("\x88\x02\x03\xe8")));
    buf_clear(&buf, 1000);
    ws_write_close(&buf, WS_CODE_NONE, (struct str){NULL, 0});
    cr_assert(str_eq(buf_str(&buf), STR("\x88\x00")));
    buf_finish(&buf);
}

Test(frame, a_long_reason_is_cut_between_characters)
{
    /* Around the limit with characters of one to four bytes, at each distance from it. */
    static const char chars[4][5] = {"x", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t width = 1; width <= 4; width++) {
        for (size_t shift = 0; shift < 4; shift++) {
            char text[200] = "abcd";
            size_t len = shift;
            while (len + width <= 160) {
                memcpy(text + len, chars[width - 1], width);
                len += width;
            }
            struct buf buf = {0};
            ws_write_close(&buf, WS_CODE_INTERNAL, (struct str){text, len});
            size_t reason = buf_len(&buf) - 4;
            cr_assert(eq(sz, reason, shift + (WS_REASON_MAX - shift) / width * width));
            cr_assert(eq(sz, buf_head(&buf)[1], reason + 2));
            cr_assert(zero(int, memcmp(buf_head(&buf) + 4, text, reason)));
            cr_assert(utf8_valid(buf_head(&buf) + 4, reason));
            buf_finish(&buf);
        }
    }
}

Test(frame, a_reason_of_exactly_the_limit_is_whole)
{
    char text[WS_REASON_MAX];
    struct buf buf = {0};
    memset(text, 'r', sizeof(text));
    ws_write_close(&buf, WS_CODE_POLICY, (struct str){text, sizeof(text)});
    cr_assert(eq(sz, buf_len(&buf), 2 + WS_CONTROL_MAX));
    buf_finish(&buf);
}

Test(frame, a_lone_surrogate_in_a_reason_becomes_the_replacement_character)
{
    struct buf buf = {0};
    ws_write_close(&buf, WS_CODE_NORMAL, STR("a\xed\xa0\xbd\xc3\xa4\xed\xbf\xbf"));
    cr_assert(str_eq(buf_str(&buf), STR("\x88\x0b\x03\xe8"
                                        "a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd")));
    buf_finish(&buf);
}

Test(frame, only_codes_for_the_wire_are_valid)
{
    for (unsigned code = 0; code <= UINT16_MAX; code++) {
        bool want = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                    (code >= 3000 && code <= 4999);
        cr_assert(eq(int, ws_code_valid((uint16_t)code), want), "%u", code);
    }
}

Test(frame, masking_by_words_equals_masking_by_bytes)
{
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    uint8_t plain[64];
    for (size_t i = 0; i < sizeof(plain); i++) {
        plain[i] = (uint8_t)(i * 37);
    }
    for (size_t from = 0; from < 9; from++) {
        for (size_t len = 0; len <= sizeof(plain) - from; len++) {
            for (size_t offset = 0; offset < 5; offset++) {
                uint8_t data[64];
                memcpy(data, plain, sizeof(data));
                ws_mask(data + from, len, mask, offset);
                for (size_t i = 0; i < sizeof(data); i++) {
                    bool inside = i >= from && i < from + len;
                    uint8_t key = inside ? mask[(i - from + offset) % 4] : 0;
                    cr_assert(eq(u8, data[i], plain[i] ^ key));
                }
            }
        }
    }
}
