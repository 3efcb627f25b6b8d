/* Any bytes as a client's stream. The first two bytes choose the limit on messages and where the
 * stream is cut; the rest is fed whole, byte by byte and in pieces, and must lead to the same
 * events each time. */
#include "base/alloc.h"
#include "ws/frame.h"
#include "ws/parser.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An assertion that names the rule and is there in every build. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            __builtin_trap();                                                                      \
        }                                                                                          \
    } while (0)

struct run {
    struct ws_parser parser;
    struct buf events; /* everything that came out, as bytes to compare */
    size_t fed;
    bool ended;
};

static void check_message(const struct run *run, enum ws_event event,
                          const struct ws_message *message)
{
    MUST(message->data != NULL);
    MUST((message->why != NULL) == (event == WS_FAIL));
    switch (event) {
    case WS_NEED_MORE:
        break;
    case WS_TEXT:
        MUST(utf8_valid(message->data, message->len));
        MUST(message->len <= run->parser.max_len && message->code == 0);
        break;
    case WS_BINARY:
        MUST(message->len <= run->parser.max_len && message->code == 0);
        break;
    case WS_PING:
    case WS_PONG:
        MUST(message->len <= WS_CONTROL_MAX && message->code == 0);
        break;
    case WS_CLOSE:
        MUST(message->len <= WS_REASON_MAX && utf8_valid(message->data, message->len));
        MUST(ws_code_valid(message->code) || (message->code == 0 && message->len == 0));
        break;
    case WS_FAIL:
        MUST(message->len == 0);
        MUST(message->code == WS_CODE_PROTOCOL || message->code == WS_CODE_BAD_TEXT ||
             message->code == WS_CODE_TOO_LARGE);
        break;
    }
}

static void note(struct run *run, enum ws_event event, const struct ws_message *message)
{
    MUST(!run->ended);
    run->ended = event == WS_CLOSE || event == WS_FAIL;
    buf_append_byte(&run->events, (uint8_t)event);
    buf_append(&run->events, &message->code, sizeof(message->code));
    buf_append(&run->events, &message->why, sizeof(message->why));
    buf_append(&run->events, &message->len, sizeof(message->len));
    buf_append(&run->events, message->data, message->len);
}

/* A copy of the exact size that dies at the end: what looks beyond or keeps a view is caught. */
static void feed(struct run *run, const uint8_t *data, size_t len)
{
    uint8_t *copy = xmemdup(data, len);
    size_t at = 0;
    enum ws_event event;
    do {
        struct ws_message message;
        size_t consumed = SIZE_MAX;
        event = ws_parser_next(&run->parser, copy + at, len - at, &consumed, &message);
        MUST(consumed <= len - at);
        at += consumed;
        MUST(memcmp(copy + at, data + at, len - at) == 0);
        check_message(run, event, &message);
        if (event != WS_NEED_MORE) {
            note(run, event, &message);
        }
    } while (event != WS_NEED_MORE);
    MUST(at == len);
    run->fed += len;
    MUST(ws_parser_bytes(&run->parser) <= (run->fed < 32 ? 64 : 2 * run->fed));
    MUST(!run->ended || ws_parser_bytes(&run->parser) == 0);
    free(copy);
}

/* Pieces of 1 to `most` bytes, chosen by `random`. */
static void feed_all(struct run *run, const uint8_t *data, size_t size, uint32_t max_len,
                     size_t most, uint32_t random)
{
    *run = (struct run){0};
    ws_parser_init(&run->parser, max_len);
    while (size > 0) {
        random = random * 1664525u + 1013904223u;
        size_t len = 1 + (random >> 8) % most;
        len = len < size ? len : size;
        feed(run, data, len);
        data += len;
        size -= len;
    }
    ws_parser_finish(&run->parser);
}

static void feed_whole(struct run *run, const uint8_t *data, size_t size, uint32_t max_len)
{
    *run = (struct run){0};
    ws_parser_init(&run->parser, max_len);
    feed(run, data, size);
    ws_parser_finish(&run->parser);
}

static void compare(struct run *a, const struct run *b)
{
    MUST(str_eq(buf_str(&a->events), buf_str(&b->events)));
    MUST(a->ended == b->ended);
    buf_finish(&a->events);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    uint32_t max_len = 1u << (data[0] % 32);
    uint32_t random = data[1];
    struct run whole;
    struct run pieces;
    data += 2;
    size -= 2;
    feed_whole(&whole, data, size, max_len);
    feed_all(&pieces, data, size, max_len, 1, random);
    compare(&pieces, &whole);
    feed_all(&pieces, data, size, max_len, 2 + random % 64, random);
    compare(&pieces, &whole);
    buf_finish(&whole.events);
    return 0;
}
