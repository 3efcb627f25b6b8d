/* Frames of a client, events of a server. */
#include "client.h"

#include "base/alloc.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

void client_frame(struct buf *stream, unsigned opcode, bool fin, const uint8_t mask[4],
                  struct str payload)
{
    size_t start = buf_len(stream);
    ws_write_header(stream, (enum ws_opcode)opcode, fin, payload.len);
    buf_head(stream)[start + 1] |= 0x80;
    buf_append(stream, mask, 4);
    size_t at = buf_len(stream);
    buf_append_str(stream, payload);
    ws_mask(buf_head(stream) + at, payload.len, mask, 0);
}

static void note(struct buf *events, enum ws_event event, const struct ws_message *message)
{
    static const char *const names[] = {"more", "text", "binary", "ping", "pong", "close", "fail"};
    buf_printf(events, "%s ", names[event]);
    if (event == WS_CLOSE || event == WS_FAIL) {
        buf_printf(events, "%u ", message->code);
    }
    buf_append(events, message->data, message->len);
    buf_append_byte(events, '\n');
}

void client_feed(struct ws_parser *parser, struct str bytes, struct buf *events)
{
    uint8_t *copy = xmemdup(bytes.ptr, bytes.len);
    size_t at = 0;
    for (;;) {
        struct ws_message message;
        size_t consumed = SIZE_MAX;
        enum ws_event event =
            ws_parser_next(parser, copy + at, bytes.len - at, &consumed, &message);
        cr_assert(le(sz, consumed, bytes.len - at));
        cr_assert(not(zero(ptr, (void *)(uintptr_t)message.data)));
        at += consumed;
        cr_assert(zero(int, memcmp(copy + at, bytes.ptr + at, bytes.len - at)),
                  "what is not consumed is not touched");
        if (event == WS_NEED_MORE) {
            break;
        }
        note(events, event, &message);
        cr_assert(eq(int, message.why != NULL, event == WS_FAIL));
        cr_assert(event != WS_FAIL || ws_parser_bytes(parser) == 0);
    }
    cr_assert(eq(sz, at, bytes.len), "nothing is left to the caller");
    free(copy);
}

void client_feed_steps(struct ws_parser *parser, struct str bytes, size_t step, struct buf *events)
{
    for (size_t at = 0; at < bytes.len; at += step) {
        size_t len = bytes.len - at < step ? bytes.len - at : step;
        client_feed(parser, (struct str){bytes.ptr + at, len}, events);
    }
}
