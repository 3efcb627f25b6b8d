/* The incremental parser of client frames. */
#include "ws/parser.h"

#include "ws/frame.h"

#include <assert.h>

enum state {
    STATE_HEADER,  /* at or inside a frame's header */
    STATE_PAYLOAD, /* inside a frame's payload */
    STATE_ENDED,   /* closed or failed */
};

enum { BIT_FIN = 0x80, BITS_RESERVED = 0x70, BITS_OPCODE = 0x0f, BIT_MASKED = 0x80 };

static_assert(sizeof(struct ws_parser) <= 64, "thousands of these sit idle");

struct input {
    uint8_t *data;
    size_t len;
};

struct fault {
    uint16_t code;
    const char *why; /* NULL: there is none */
};

#define NO_FAULT ((struct fault){0, NULL})
#define BROKEN(why) ((struct fault){WS_CODE_PROTOCOL, why})

void ws_parser_init(struct ws_parser *parser, uint32_t max_len)
{
    *parser = (struct ws_parser){.max_len = max_len, .state = STATE_HEADER};
}

static enum ws_event fail(struct ws_parser *parser, struct fault fault, struct ws_message *out)
{
    buf_finish(&parser->partial);
    parser->state = STATE_ENDED;
    *out = (struct ws_message){.data = (const uint8_t *)"", .code = fault.code, .why = fault.why};
    return WS_FAIL;
}

static uint8_t opcode_of(const struct ws_parser *parser)
{
    return parser->header[0] & BITS_OPCODE;
}

static bool is_control(const struct ws_parser *parser)
{
    return opcode_of(parser) >= WS_OP_CLOSE;
}

static bool is_final(const struct ws_parser *parser)
{
    return parser->header[0] & BIT_FIN;
}

/* Bytes that the extended length takes; known once two bytes are. */
static uint8_t length_width(const struct ws_parser *parser)
{
    uint8_t field = parser->header[1] & (uint8_t)~BIT_MASKED;
    return field == 127 ? 8 : field == 126 ? 2 : 0;
}

static uint64_t payload_len(const struct ws_parser *parser)
{
    uint8_t width = length_width(parser);
    uint64_t len = 0;
    for (uint8_t i = 0; i < width; i++) {
        len = len << 8 | parser->header[2 + i];
    }
    return width ? len : parser->header[1] & (uint8_t)~BIT_MASKED;
}

static uint8_t header_size(const struct ws_parser *parser)
{
    return parser->header_len < 2 ? 2 : (uint8_t)(2 + length_width(parser) + 4);
}

static struct fault check_first_byte(const struct ws_parser *parser)
{
    if (parser->header[0] & BITS_RESERVED) {
        return BROKEN("reserved bit set");
    }
    switch (opcode_of(parser)) {
    case WS_OP_CONTINUATION:
        return parser->message ? NO_FAULT : BROKEN("continuation without a message");
    case WS_OP_TEXT:
    case WS_OP_BINARY:
        return parser->message ? BROKEN("new message inside a fragmented one") : NO_FAULT;
    case WS_OP_CLOSE:
    case WS_OP_PING:
    case WS_OP_PONG:
        return is_final(parser) ? NO_FAULT : BROKEN("fragmented control frame");
    }
    return BROKEN("unknown opcode");
}

static struct fault check_length(const struct ws_parser *parser)
{
    uint64_t len = payload_len(parser);
    uint8_t width = length_width(parser);
    if (len > INT64_MAX) {
        return BROKEN("frame length with the top bit set");
    }
    if ((width == 2 && len <= 125) || (width == 8 && len <= UINT16_MAX)) {
        return BROKEN("frame length not in its shortest form");
    }
    if (!is_control(parser) && len > parser->max_len - parser->message_len) {
        return (struct fault){WS_CODE_TOO_LARGE, "message too long"};
    }
    return NO_FAULT;
}

/* What the header's newest byte shows to be wrong. */
static struct fault check_header(const struct ws_parser *parser)
{
    if (parser->header_len == 1) {
        return check_first_byte(parser);
    }
    if (parser->header_len == 2) {
        if (!(parser->header[1] & BIT_MASKED)) {
            return BROKEN("frame without a mask");
        }
        if (is_control(parser) && length_width(parser) > 0) {
            return BROKEN("control frame too long");
        }
    }
    return parser->header_len == 2 + length_width(parser) ? check_length(parser) : NO_FAULT;
}

static enum ws_event close_event(struct ws_parser *parser, struct ws_message *out)
{
    if (out->len == 1) {
        return fail(parser, BROKEN("close frame of one byte"), out);
    }
    if (out->len >= 2) {
        out->code = (uint16_t)(out->data[0] << 8 | out->data[1]);
        out->data += 2;
        out->len -= 2;
        if (!ws_code_valid(out->code)) {
            return fail(parser, BROKEN("invalid close code"), out);
        }
        if (!utf8_valid(out->data, out->len)) {
            return fail(parser, (struct fault){WS_CODE_BAD_TEXT, "close reason not UTF-8"}, out);
        }
    }
    parser->state = STATE_ENDED;
    return WS_CLOSE;
}

static enum ws_event control_event(struct ws_parser *parser, struct ws_message *out)
{
    switch (opcode_of(parser)) {
    case WS_OP_PING:
        return WS_PING;
    case WS_OP_PONG:
        return WS_PONG;
    }
    return close_event(parser, out);
}

static enum ws_event message_event(struct ws_parser *parser, struct ws_message *out)
{
    bool text = parser->message == WS_OP_TEXT;
    if (text && !utf8_check_complete(&parser->utf8)) {
        return fail(parser, (struct fault){WS_CODE_BAD_TEXT, "text ends inside a character"}, out);
    }
    parser->message = WS_OP_CONTINUATION;
    parser->message_len = 0;
    return text ? WS_TEXT : WS_BINARY;
}

/* Unmasks and takes what there is of the current frame's payload. */
static struct str take_chunk(struct ws_parser *parser, struct input *in)
{
    size_t left = (size_t)payload_len(parser) - parser->frame_got;
    size_t len = in->len < left ? in->len : left;
    if (len == 0) {
        return STR("");
    }
    const uint8_t *mask = parser->header + parser->header_len - 4;
    ws_mask(in->data, len, mask, parser->frame_got);
    struct str chunk = {(const char *)in->data, len};
    parser->frame_got += (uint32_t)len;
    in->data += len;
    in->len -= len;
    return chunk;
}

static enum ws_event take_payload(struct ws_parser *parser, struct input *in,
                                  struct ws_message *out)
{
    uint64_t frame_len = payload_len(parser);
    struct str chunk = take_chunk(parser, in);
    bool control = is_control(parser);
    if (!control && parser->message == WS_OP_TEXT &&
        !utf8_check_feed(&parser->utf8, (const uint8_t *)chunk.ptr, chunk.len)) {
        return fail(parser, (struct fault){WS_CODE_BAD_TEXT, "text not UTF-8"}, out);
    }

    struct str whole = chunk;
    bool gathers = !control && (!is_final(parser) || parser->message_len > 0);
    if (gathers || chunk.len < frame_len) {
        buf_append_str(&parser->partial, chunk);
        whole = buf_len(&parser->partial) > 0 ? buf_str(&parser->partial) : STR("");
    }
    if (parser->frame_got < frame_len) {
        return WS_NEED_MORE;
    }
    parser->state = STATE_HEADER;
    parser->header_len = 0;
    if (control) {
        /* Its bytes are the last ones; those of a message may lie before them. */
        *out = (struct ws_message){.data = (const uint8_t *)whole.ptr + whole.len - frame_len,
                                   .len = frame_len};
        return control_event(parser, out);
    }
    if (!is_final(parser)) {
        parser->message_len = (uint32_t)whole.len;
        return WS_NEED_MORE;
    }
    *out = (struct ws_message){.data = (const uint8_t *)whole.ptr, .len = whole.len};
    return message_event(parser, out);
}

static enum ws_event take_header(struct ws_parser *parser, struct input *in, struct ws_message *out)
{
    while (parser->header_len < header_size(parser)) {
        if (in->len == 0) {
            return WS_NEED_MORE;
        }
        parser->header[parser->header_len++] = *in->data++;
        in->len--;
        struct fault fault = check_header(parser);
        if (fault.why) {
            return fail(parser, fault, out);
        }
    }
    parser->state = STATE_PAYLOAD;
    parser->frame_got = 0;
    if (!is_control(parser) && opcode_of(parser) != WS_OP_CONTINUATION) {
        parser->message = opcode_of(parser);
        parser->utf8 = (struct utf8_check){0};
    }
    return take_payload(parser, in, out); /* an empty frame ends without another byte */
}

/* Frees what the last event lent out; a message under way keeps its bytes. */
static void drop_delivered(struct ws_parser *parser)
{
    if (parser->state == STATE_PAYLOAD) {
        return; /* nothing was delivered since these bytes came */
    }
    if (parser->state == STATE_ENDED || parser->message_len == 0) {
        buf_finish(&parser->partial);
    } else {
        buf_truncate(&parser->partial, parser->message_len);
    }
}

enum ws_event ws_parser_next(struct ws_parser *parser, uint8_t *data, size_t len, size_t *consumed,
                             struct ws_message *out)
{
    struct input in = {data, len};
    enum ws_event event = WS_NEED_MORE;
    drop_delivered(parser);
    *out = (struct ws_message){.data = (const uint8_t *)""};
    do {
        switch ((enum state)parser->state) {
        case STATE_HEADER:
            event = take_header(parser, &in, out);
            break;
        case STATE_PAYLOAD:
            event = take_payload(parser, &in, out);
            break;
        case STATE_ENDED:
            in.len = 0;
            break;
        }
    } while (event == WS_NEED_MORE && in.len > 0);
    *consumed = len - in.len;
    return event;
}

size_t ws_parser_bytes(const struct ws_parser *parser)
{
    return parser->partial.cap;
}

void ws_parser_finish(struct ws_parser *parser)
{
    buf_finish(&parser->partial);
}
