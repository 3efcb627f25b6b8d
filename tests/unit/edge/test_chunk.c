#include "edge/chunk.h"

#include "base/alloc.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>

enum { FRAMES = 6, MAX = 20 };

/* Protocol 7.2: frames one after the other, and what each of them gives. */
struct chunk_case {
    char name[48];
    char frames[FRAMES][24]; /* ends with "-" */
    char want[120];          /* a line for each frame */
};

ParameterizedTestParameters(chunk, rules)
{
    static struct chunk_case cases[] = {
        {"a brace means a whole message", {"{}", "{", "-"}, "whole {}\nwhole {\n"},
        {"one chunk is complete at once", {"0_abc", "-"}, "joined abc\n"},
        {"an empty body", {"0_", "-"}, "joined \n"},
        {"in text order", {"2_a", "1_b", "0_c", "-"}, "more\nmore\njoined abc\n"},
        {"empty bodies", {"2_", "1_x", "0_", "-"}, "more\nmore\njoined x\n"},
        {"leading zeros", {"001_a", "00_b", "-"}, "more\njoined ab\n"},
        {"a body may begin with a brace", {"1_{\"a\"", "0_:1}", "-"}, "more\njoined {\"a\":1}\n"},
        {"a body may look like a chunk", {"1_0_", "0_1_", "-"}, "more\njoined 0_1_\n"},
        {"a body may hold newlines", {"0_a\nb\xe2\x80\xa8", "-"}, "joined a\nb\xe2\x80\xa8\n"},
        {"idle again when done",
         {"1_a", "0_b", "0_c", "{}", "-"},
         "more\njoined ab\njoined c\nwhole {}\n"},
        {"not a chunk",
         {"hello", "-1_x", "_x", "1x", " {}", "[1]"},
         "invalid\ninvalid\ninvalid\ninvalid\ninvalid\ninvalid\n"},
        {"digits alone", {"", "0", "12", "-"}, "invalid\ninvalid\ninvalid\n"},
        {"json inside a sequence discards both",
         {"1_a", "{}", "0_b", "-"},
         "more\njson\njoined b\n"},
        {"a counter that stays", {"2_a", "2_b", "-"}, "more\norder\n"},
        {"a counter that jumps",
         {"2_a", "0_b", "1_c", "0_d", "-"},
         "more\norder\nmore\njoined cd\n"},
        {"a counter that rises", {"1_a", "2_b", "-"}, "more\norder\n"},
        {"what is no chunk ends a sequence", {"1_a", "x", "0_b", "-"}, "more\ninvalid\njoined b\n"},
        {"a huge counter waits", {"99999999999999999999_", "{}", "-"}, "more\njson\n"},
        {"2^53 chunks", {"9007199254740992_a", "9007199254740991_b", "-"}, "more\nmore\n"},
        {"as much as the limit",
         {"1_0123456789", "0_0123456789", "-"},
         "more\njoined 01234567890123456789\n"},
        {"over the limit",
         {"1_0123456789", "0_0123456789a", "0_b", "-"},
         "more\ntoo large\njoined b\n"},
        {"over the limit at once", {"9_0123456789012345678", "8_ab", "-"}, "more\ntoo large\n"},
    };
    return cr_make_param_array(struct chunk_case, cases, sizeof(cases) / sizeof(cases[0]));
}

static void note(struct buf *lines, enum chunk_result result, struct str text)
{
    switch (result) {
    case CHUNK_MORE:
        buf_printf(lines, "more\n");
        break;
    case CHUNK_WHOLE:
        buf_printf(lines, "whole %.*s\n", STR_ARG(text));
        break;
    case CHUNK_JOINED:
        buf_printf(lines, "joined %.*s\n", (int)text.len, text.len ? text.ptr : "");
        break;
    case CHUNK_INVALID:
        buf_printf(lines, "invalid\n");
        break;
    case CHUNK_WRONG_ORDER:
        buf_printf(lines, "order\n");
        break;
    case CHUNK_UNEXPECTED_JSON:
        buf_printf(lines, "json\n");
        break;
    case CHUNK_TOO_LARGE:
        buf_printf(lines, "too large\n");
        break;
    }
}

ParameterizedTest(struct chunk_case *c, chunk, rules)
{
    struct chunk_assembler assembler = {0};
    struct buf lines = {0};
    for (int i = 0; i < FRAMES && strcmp(c->frames[i], "-") != 0; i++) {
        /* A frame lives as long as the call, so nothing may point into it later. */
        char *frame = xstrdup(c->frames[i]);
        struct str text = {0};
        note(&lines, chunk_feed(&assembler, str_of(frame), MAX, &text), text);
        free(frame);
    }
    struct str want = str_of(c->want);
    cr_assert(str_eq(buf_str(&lines), want), "%s: got %.*s", c->name, STR_ARG(buf_str(&lines)));
    chunk_finish(&assembler);
    buf_finish(&lines);
}

/* Protocol 7.1, for text of one byte a character: cut from the end, every chunk but the first as
 * full as its prefix allows. Returns the number of chunks; chunk i goes from starts[i]. */
static size_t split(size_t len, size_t limit, size_t *starts)
{
    size_t count = 0;
    size_t end = len;
    while (end > 0) {
        char prefix[24];
        size_t room = (size_t)snprintf(prefix, sizeof(prefix), "%zu_", count);
        size_t body = limit > room ? limit - room : 1;
        end = end > body ? end - body : 0;
        starts[count++] = end;
    }
    return count;
}

Test(chunk, joins_what_a_client_cuts)
{
    enum { LEN = 500 };
    char text[LEN];
    for (size_t i = 0; i < LEN; i++) {
        text[i] = (char)('!' + i % 90);
    }
    for (size_t limit = 1; limit < 40; limit++) {
        for (size_t len = 1; len < LEN; len += 7) {
            size_t starts[LEN];
            size_t count = split(len, limit, starts);
            struct chunk_assembler assembler = {0};
            struct str got = {0};
            for (size_t i = count; i-- > 0;) {
                size_t end = i == 0 ? len : starts[i - 1];
                struct buf frame = {0};
                buf_printf(&frame, "%zu_", i);
                buf_append(&frame, text + starts[i], end - starts[i]);
                enum chunk_result result = chunk_feed(&assembler, buf_str(&frame), LEN, &got);
                cr_assert(eq(int, result, i == 0 ? CHUNK_JOINED : CHUNK_MORE));
                buf_finish(&frame);
            }
            cr_assert(str_eq(got, (struct str){text, len}));
            chunk_finish(&assembler);
        }
    }
}

Test(chunk, holds_nothing_when_idle)
{
    struct chunk_assembler assembler = {0};
    struct str text;
    chunk_feed(&assembler, STR("1_abc"), MAX, &text);
    cr_assert(eq(int, chunk_feed(&assembler, STR("nonsense"), MAX, &text), CHUNK_INVALID));
    cr_assert(zero(sz, assembler.joined.cap));
    chunk_feed(&assembler, STR("0_abc"), MAX, &text);
    cr_assert(eq(int, chunk_feed(&assembler, STR("{}"), MAX, &text), CHUNK_WHOLE));
    cr_assert(zero(sz, assembler.joined.cap));
}
