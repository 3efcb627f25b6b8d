/* Bytes to values and back: WebSocket, JSON, msgpack, the link; and whether a record is valid. */
#include "base/alloc.h"
#include "counting.h"
#include "link/frame.h"
#include "schema/file.h"
#include "value/check.h"
#include "value/json.h"
#include "wire.h"
#include "ws/parser.h"

#include <stdio.h>
#include <stdlib.h>

/* The parser unmasks in place, so each time has a copy of the frame. */
static void run_ws(uint64_t count)
{
    enum { MAX_MESSAGE = 1 << 20 };
    struct ws_parser parser;
    struct buf frame = {0};
    wire_write(&frame, WS_OP_TEXT, str_of(cursor_push));
    size_t len = buf_len(&frame);
    uint8_t *copy = xmalloc(len);
    ws_parser_init(&parser, MAX_MESSAGE);
    for (uint64_t i = 0; i < count; i++) {
        struct ws_message message;
        size_t used;
        memcpy(copy, buf_head(&frame), len);
        must(ws_parser_next(&parser, copy, len, &used, &message) == WS_TEXT, "no message");
        must(ws_parser_next(&parser, copy + used, len - used, &used, &message) == WS_NEED_MORE,
             "more than a message");
    }
    ws_parser_finish(&parser);
    buf_finish(&frame);
    free(copy);
}

static void run_json_parse(uint64_t count)
{
    struct buf out = {0};
    for (uint64_t i = 0; i < count; i++) {
        from_json(str_of(cursor_push), &out);
        buf_clear(&out, SIZE_MAX);
    }
    buf_finish(&out);
}

static void run_json_write(uint64_t count)
{
    struct buf event = {0};
    struct buf out = {0};
    from_json(str_of(cursor_event), &event);
    for (uint64_t i = 0; i < count; i++) {
        json_write((struct value){buf_head(&event), buf_len(&event)}, &out);
        buf_clear(&out, SIZE_MAX);
    }
    buf_finish(&event);
    buf_finish(&out);
}

static void run_normalize(uint64_t count)
{
    struct buf push = {0};
    struct buf out = {0};
    from_json(str_of(cursor_push), &push);
    for (uint64_t i = 0; i < count; i++) {
        must(value_normalize(buf_head(&push), buf_len(&push), &out) == ERR_OK, "not normal");
        buf_clear(&out, SIZE_MAX);
    }
    buf_finish(&push);
    buf_finish(&out);
}

static void run_check(uint64_t count)
{
    struct buf push = {0};
    struct value value;
    from_json(str_of(cursor_push), &push);
    for (uint64_t i = 0; i < count; i++) {
        must(value_check(buf_head(&push), buf_len(&push), &value) == ERR_OK, "not canonical");
    }
    buf_finish(&push);
}

static void run_validate(uint64_t count)
{
    struct schema *schema = counting_schema();
    struct buf text = {0};
    struct buf shape = {0};
    shape_json(1, &text);
    from_json(buf_str(&text), &shape);
    struct value value = {buf_head(&shape), buf_len(&shape)};
    for (uint64_t i = 0; i < count; i++) {
        must(schema_validate(schema, STR("shape"), value), "a shape is not valid");
    }
    schema_unref(schema);
    buf_finish(&text);
    buf_finish(&shape);
}

static void run_link(uint64_t count)
{
    struct link_reader reader;
    struct buf event = {0};
    struct buf bytes = {0};
    from_json(str_of(cursor_event), &event);
    struct link_frame frame = {.type = LINK_CAST,
                               .channel = 7,
                               .conn = 11,
                               .clock = 4711,
                               .presence_clock = 12345,
                               .presence = STR("instance_presence:V1StGXR8Z5jdHi6Bmyt0u"),
                               .payload = {buf_head(&event), buf_len(&event)}};
    link_reader_init(&reader);
    for (uint64_t i = 0; i < count; i++) {
        struct link_frame got;
        size_t size;
        link_write(&bytes, &frame);
        must(link_read(&reader, buf_head(&bytes), buf_len(&bytes), &got, &size) == ERR_OK &&
                 got.conn == frame.conn,
             "a frame is not what it was");
        buf_clear(&bytes, SIZE_MAX);
    }
    link_reader_finish(&reader);
    buf_finish(&event);
    buf_finish(&bytes);
}

const struct part codec_parts[] = {
    {"ws-read", 2000, run_ws, "a cursor's move: its frame is unmasked and parsed"},
    {"json-to-msgpack", 2000, run_json_parse, "a cursor's move"},
    {"msgpack-to-json", 2000, run_json_write, "the event that others get of a cursor's move"},
    {"msgpack-normalize", 2000, run_normalize, "a cursor's move"},
    {"msgpack-check", 2000, run_check, "a cursor's move"},
    {"link-frame", 2000, run_link, "an event for a channel, written and read"},
    {"validate-shape", 2000, run_validate, "a geo shape, under tldraw's schema"},
    {0},
};
