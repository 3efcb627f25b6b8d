#include "link/frame.h"

#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <stdlib.h>
#include <string.h>

enum {
    VERSIONS = 1 << 0,
    ID = 1 << 1,
    CONN = 1 << 2,
    OPENING = 1 << 3, /* room and session */
    FLAGS = 1 << 4,
    SEQ = 1 << 5,
    ANSWERED = 1 << 6,
    CLOCK = 1 << 7,
    HOW = 1 << 8,
    CHANNEL = 1 << 9,
    CODE = 1 << 10, /* and reason */
    PAYLOAD = 1 << 11,
    ROOM = 1 << 12,
    PRESENCE_CLOCK = 1 << 13,
    PRESENCE_AT = 1 << 14,
    PRESENCE = 1 << 15,
    OPS = 1 << 16,
    NAME = 1 << 17, /* id without node */
    ADDRESS = 1 << 18,
    REQUEST = 1 << 19,
    WANTED = 1 << 20, /* verb and target */
    BYTES = 1 << 21,
    PIECE = 1 << 22,
    SHARE = 1 << 23,
    MEMBERS = 1 << 24,
    BASE = 1 << 25,
};

struct type_case {
    enum link_type type;
    char name[16];
    int carries;
};

static struct type_case types[] = {
    {LINK_HELLO, "hello", VERSIONS | ID},
    {LINK_OPEN, "open", CONN | OPENING | FLAGS},
    {LINK_MESSAGE, "message", CONN | SEQ | PAYLOAD},
    {LINK_BROKEN, "broken", CONN | SEQ | FLAGS},
    {LINK_GONE, "gone", CONN},
    {LINK_RESUME, "resume",
     CONN | OPENING | FLAGS | CLOCK | PRESENCE_CLOCK | PRESENCE_AT | ANSWERED | SEQ | PAYLOAD |
         OPS},
    {LINK_ROSTER, "roster", ROOM | PAYLOAD},
    {LINK_SEND, "send",
     CONN | ANSWERED | CLOCK | HOW | CHANNEL | PAYLOAD | PRESENCE_CLOCK | PRESENCE_AT | SHARE},
    {LINK_CAST, "cast",
     CHANNEL | CONN | CLOCK | PAYLOAD | PRESENCE_CLOCK | PRESENCE | FLAGS | SHARE},
    {LINK_CLOSE, "close", CONN | CODE},
    {LINK_DETACH, "detach", CONN},
    {LINK_REFUSE, "refuse", CONN | CODE},
    {LINK_ACK, "ack", CONN | ANSWERED},
    {LINK_STATE, "state", CONN | ANSWERED | PAYLOAD},
    {LINK_RESUMED, "resumed", CONN | ANSWERED | CLOCK | PRESENCE_CLOCK | CHANNEL | PRESENCE_AT},
    {LINK_MOVED, "moved", ROOM | NAME | ADDRESS},
    {LINK_REQUEST, "request", REQUEST | WANTED | ROOM | FLAGS | PAYLOAD},
    {LINK_PART, "part", REQUEST | FLAGS | BYTES},
    {LINK_MORE, "more", REQUEST},
    {LINK_REPLY, "reply", REQUEST | CODE | PIECE | FLAGS | PAYLOAD},
    {LINK_FLAGS, "flags", CONN | FLAGS},
    {LINK_SHARE, "share", SHARE | MEMBERS | BASE | PAYLOAD},
    {LINK_MEMBERS, "members", SHARE | PAYLOAD},
    {LINK_FORGET, "forget", SHARE},
};
enum { TYPES = sizeof(types) / sizeof(types[0]) };

/* A frame with something in every field; each type carries some of them. */
static struct link_frame full_frame(enum link_type type, struct buf *payload)
{
    struct str text =
        STR("{\"type\":\"push\",\"diff\":{\"\\ud83d\":[\"put\",{\"x\":[1.5,null]}]}}");
    if (buf_len(payload) == 0) {
        cr_assert(eq(int, json_parse(text, payload), ERR_OK));
    }
    return (struct link_frame){
        .type = type,
        .version_min = 1,
        .version_max = 200,
        .conn = 70000,
        .seq = UINT64_MAX,
        .answered = 5000000000,
        .clock = 9007199254740992,
        .presence_clock = (7ull << 32) + 1,
        .presence_at = 7ull << 32,
        .presence = STR("cursor:1"),
        .address = STR("unix:/w"),
        .channel = 128,
        .flags = 3,
        .how = LINK_HOW_LEGACY,
        .code = 4099,
        .id = STR("worker-1"),
        .node = STR(""),
        .room = STR("r\xc3\xb6\xf0\x9f\x98\x80m"),
        .session = STR("a\0b"),
        .reason = STR("INVALID_RECORD"),
        .request = 70001,
        .verb = 11,
        .piece = 2,
        .share = 70002,
        .members = 3,
        .base = 70003,
        .target = STR("shape:a/b"),
        .bytes = STR("\xc1\0\xff"),
        .payload = buf_value(payload),
        .ops = buf_value(payload),
    };
}

static void assert_number(uint64_t found, uint64_t sent, bool carried)
{
    cr_assert(eq(u64, found, carried ? sent : 0));
}

static void assert_text(struct str found, struct str sent, bool carried)
{
    cr_assert(str_eq(found, carried ? sent : STR("")), "%.*s", STR_ARG(found));
}

static void assert_carried(const struct link_frame *found, const struct link_frame *sent,
                           int carries)
{
    cr_assert(eq(int, (int)found->type, (int)sent->type));
    assert_number(found->version_min, sent->version_min, carries & VERSIONS);
    assert_number(found->version_max, sent->version_max, carries & VERSIONS);
    assert_number(found->conn, sent->conn, carries & CONN);
    assert_number(found->seq, sent->seq, carries & SEQ);
    assert_number(found->answered, sent->answered, carries & ANSWERED);
    assert_number(found->clock, sent->clock, carries & CLOCK);
    assert_number(found->channel, sent->channel, carries & CHANNEL);
    assert_number(found->flags, sent->flags, carries & FLAGS);
    assert_number(found->how, sent->how, carries & HOW);
    assert_number(found->code, sent->code, carries & CODE);
    assert_number(found->presence_clock, sent->presence_clock, carries & PRESENCE_CLOCK);
    assert_number(found->presence_at, sent->presence_at, carries & PRESENCE_AT);
    assert_text(found->presence, sent->presence, carries & PRESENCE);
    assert_number(found->request, sent->request, carries & REQUEST);
    assert_number(found->verb, sent->verb, carries & WANTED);
    assert_number(found->piece, sent->piece, carries & PIECE);
    assert_number(found->share, sent->share, carries & SHARE);
    assert_number(found->members, sent->members, carries & MEMBERS);
    assert_number(found->base, sent->base, carries & BASE);
    assert_text(found->target, sent->target, carries & WANTED);
    assert_text(found->bytes, sent->bytes, carries & BYTES);
    assert_text(found->address, sent->address, carries & ADDRESS);
    cr_assert(value_equal(found->ops, carries & OPS ? sent->ops : VALUE_NONE));
    assert_text(found->id, sent->id, carries & (ID | NAME));
    assert_text(found->node, sent->node, carries & ID);
    assert_text(found->room, sent->room, carries & (OPENING | ROOM));
    assert_text(found->session, sent->session, carries & OPENING);
    assert_text(found->reason, sent->reason, carries & CODE);
    cr_assert(value_equal(found->payload, carries & PAYLOAD ? sent->payload : VALUE_NONE));
}

/* Reads from memory of the exact size, so that reading beyond it is seen. */
static enum err read_copy(struct link_reader *reader, const uint8_t *data, size_t len,
                          struct link_frame *frame, size_t *size, uint8_t **copy)
{
    *copy = malloc(len ? len : 1);
    if (len > 0) {
        memcpy(*copy, data, len);
    }
    return link_read(reader, *copy, len, frame, size);
}

ParameterizedTestParameters(frame, round_trip)
{
    return cr_make_param_array(struct type_case, types, TYPES);
}

ParameterizedTest(struct type_case *c, frame, round_trip)
{
    struct buf payload = {0};
    struct buf out = {0};
    struct link_reader reader;
    struct link_frame found;
    size_t size;
    uint8_t *copy;
    struct link_frame sent = full_frame(c->type, &payload);
    link_reader_init(&reader);
    link_write(&out, &sent);
    cr_assert(
        eq(int, read_copy(&reader, buf_head(&out), buf_len(&out), &found, &size, &copy), ERR_OK),
        "%s", c->name);
    cr_assert(eq(sz, size, buf_len(&out)), "%s", c->name);
    assert_carried(&found, &sent, c->carries);
    cr_assert(str_eq(str_of(link_type_name(c->type)), str_of(c->name)));
    free(copy);
    link_reader_finish(&reader);
    buf_finish(&out);
    buf_finish(&payload);
}

Test(frame, a_stream_is_read_one_by_one)
{
    struct buf payload = {0};
    struct buf out = {0};
    struct link_reader reader;
    struct link_frame found;
    size_t size;
    link_reader_init(&reader);
    for (int i = 0; i < TYPES; i++) {
        struct link_frame frame = full_frame(types[i].type, &payload);
        link_write(&out, &frame);
    }
    for (int i = 0; i < TYPES; i++) {
        struct link_frame sent = full_frame(types[i].type, &payload);
        cr_assert(
            eq(int, link_read(&reader, buf_head(&out), buf_len(&out), &found, &size), ERR_OK));
        assert_carried(&found, &sent, types[i].carries);
        buf_consume(&out, size);
    }
    cr_assert(eq(sz, buf_len(&out), 0));
    cr_assert(eq(int, link_read(&reader, buf_head(&out), 0, &found, &size), ERR_AGAIN));
    link_reader_finish(&reader);
    buf_finish(&out);
    buf_finish(&payload);
}

Test(frame, a_part_is_no_frame_yet)
{
    struct buf payload = {0};
    struct link_reader reader;
    link_reader_init(&reader);
    for (int i = 0; i < TYPES; i++) {
        struct buf out = {0};
        struct link_frame sent = full_frame(types[i].type, &payload);
        link_write(&out, &sent);
        for (size_t len = 0; len < buf_len(&out); len++) {
            struct link_frame found;
            size_t size;
            uint8_t *copy;
            cr_assert(
                eq(int, read_copy(&reader, buf_head(&out), len, &found, &size, &copy), ERR_AGAIN),
                "%s cut to %zu", types[i].name, len);
            free(copy);
        }
        buf_finish(&out);
    }
    link_reader_finish(&reader);
    buf_finish(&payload);
}

static void set_length(struct buf *out)
{
    uint32_t length = __builtin_bswap32((uint32_t)(buf_len(out) - 4));
    memcpy(buf_head(out), &length, 4);
}

Test(frame, one_whose_length_lies_is_refused)
{
    struct buf payload = {0};
    struct link_reader reader;
    link_reader_init(&reader);
    for (int i = 0; i < TYPES; i++) {
        struct buf out = {0};
        struct link_frame sent = full_frame(types[i].type, &payload);
        link_write(&out, &sent);
        while (buf_len(&out) > 4) {
            struct link_frame found;
            size_t size;
            uint8_t *copy;
            buf_truncate(&out, buf_len(&out) - 1);
            set_length(&out);
            cr_assert(eq(int,
                         read_copy(&reader, buf_head(&out), buf_len(&out), &found, &size, &copy),
                         ERR_MALFORMED),
                      "%s cut to %zu", types[i].name, buf_len(&out));
            free(copy);
        }
        buf_finish(&out);
    }
    link_reader_finish(&reader);
    buf_finish(&payload);
}

static int append(void *data, const char *bytes, size_t len)
{
    buf_append(data, bytes, len);
    return 0;
}

/* A newer peer appends fields: a number, text, a list, a map, bytes. */
static void append_elements(struct buf *out)
{
    struct buf fields = *out;
    *out = (struct buf){0};
    uint8_t count = buf_head(&fields)[4];
    msgpack_packer packer;
    cr_assert(eq(int, count & 0xf0, 0x90), "a frame has fewer than 16 elements");
    msgpack_packer_init(&packer, out, append);
    buf_append(out, buf_head(&fields), 4);
    msgpack_pack_array(&packer, (count & 15u) + 5);
    buf_append(out, buf_head(&fields) + 5, buf_len(&fields) - 5);
    buf_finish(&fields);
    msgpack_pack_int64(&packer, -5);
    msgpack_pack_str_with_body(&packer, "new", 3);
    msgpack_pack_array(&packer, 2);
    msgpack_pack_nil(&packer);
    msgpack_pack_double(&packer, 1.5);
    msgpack_pack_map(&packer, 1);
    msgpack_pack_int64(&packer, 1);
    msgpack_pack_true(&packer);
    msgpack_pack_bin_with_body(&packer, "\0\xff", 2);
    set_length(out);
}

/* An older peer does not write the fields of a later version. */
Test(frame, a_field_of_a_later_version_may_be_missing)
{
    static const enum link_type later[] = {LINK_SEND, LINK_CAST};
    struct buf payload = {0};
    struct link_reader reader;
    link_reader_init(&reader);
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        enum { SHARE_LEN = 5 }; /* 70002 */
        struct buf out = {0};
        struct link_frame found;
        size_t size;
        struct link_frame sent = full_frame(later[i], &payload);
        link_write(&out, &sent);
        buf_truncate(&out, buf_len(&out) - SHARE_LEN);
        buf_head(&out)[4]--;
        set_length(&out);
        cr_assert(
            eq(int, link_read(&reader, buf_head(&out), buf_len(&out), &found, &size), ERR_OK));
        cr_assert(eq(u64, found.share, 0));
        cr_assert(value_equal(found.payload, sent.payload));
        cr_assert(eq(u64, found.presence_clock, sent.presence_clock));
        buf_finish(&out);
    }
    link_reader_finish(&reader);
    buf_finish(&payload);
}

Test(frame, elements_behind_those_known_are_ignored)
{
    struct buf payload = {0};
    struct link_reader reader;
    link_reader_init(&reader);
    for (int i = 0; i < TYPES; i++) {
        struct buf out = {0};
        struct link_frame found;
        size_t size;
        struct link_frame sent = full_frame(types[i].type, &payload);
        link_write(&out, &sent);
        append_elements(&out);
        cr_assert(
            eq(int, link_read(&reader, buf_head(&out), buf_len(&out), &found, &size), ERR_OK));
        cr_assert(eq(sz, size, buf_len(&out)));
        assert_carried(&found, &sent, types[i].carries);
        buf_finish(&out);
    }
    link_reader_finish(&reader);
    buf_finish(&payload);
}

struct bad_case {
    char name[48];
    char bytes[24];
    size_t len;
};

ParameterizedTestParameters(frame, malformed)
{
#define BYTES(text) text, sizeof(text) - 1
    static struct bad_case cases[] = {
        {"nothing", BYTES("\0\0\0\0")},
        {"no array", BYTES("\0\0\0\1\x05")},
        {"an empty array", BYTES("\0\0\0\1\x90")},
        {"an unknown type", BYTES("\0\0\0\3\x92\x63\x01")},
        {"a type that is text", BYTES("\0\0\0\4\x92\xa1g\x01")},
        {"a negative type", BYTES("\0\0\0\3\x92\xff\x01")},
        {"a field missing", BYTES("\0\0\0\2\x91\x05")},
        {"a number that is text", BYTES("\0\0\0\4\x92\x05\xa1x")},
        {"a negative number", BYTES("\0\0\0\3\x92\x05\xff")},
        {"a fraction", BYTES("\0\0\0\x07\x92\x05\xca\x3f\xc0\0\0")},
        {"text that is a number", BYTES("\0\0\0\4\x94\x12\1\2\3")},
        {"a payload that is text", BYTES("\0\0\0\6\x94\x03\1\1\xa1x")},
        {"an empty payload", BYTES("\0\0\0\6\x94\x03\1\1\xc4\0")},
        {"a payload with bytes behind it", BYTES("\0\0\0\x08\x94\x03\1\1\xc4\2\xc0\xc0")},
        {"a payload that is not canonical", BYTES("\0\0\0\x08\x94\x03\1\1\xc4\2\xcc\1")},
        {"bytes behind the array", BYTES("\0\0\0\4\x92\x05\1\1")},
        {"more elements announced than sent", BYTES("\0\0\0\7\xdd\0\1\0\0\5\1")},
    };
#undef BYTES
    return cr_make_param_array(struct bad_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct bad_case *c, frame, malformed)
{
    struct link_reader reader;
    struct link_frame found;
    size_t size;
    uint8_t *copy;
    link_reader_init(&reader);
    cr_assert(eq(int, read_copy(&reader, (const uint8_t *)c->bytes, c->len, &found, &size, &copy),
                 ERR_MALFORMED),
              "%s", c->name);
    free(copy);
    link_reader_finish(&reader);
}

Test(frame, one_too_long_is_refused_by_its_length)
{
    uint32_t length = __builtin_bswap32(LINK_FRAME_MAX + 1);
    struct link_reader reader;
    struct link_frame found;
    size_t size;
    link_reader_init(&reader);
    cr_assert(
        eq(int, link_read(&reader, (const uint8_t *)&length, 4, &found, &size), ERR_TOO_LARGE));
    link_reader_finish(&reader);
}

static uint32_t any(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

/* Frames with some bytes changed, most of which still look like frames. What is read is touched. */
Test(frame, garbage_is_refused_or_read_and_nothing_else, .timeout = 60)
{
    struct buf payload = {0};
    struct link_reader reader;
    uint32_t seed = 7;
    link_reader_init(&reader);
    for (int i = 0; i < 100000; i++) {
        struct buf out = {0};
        struct link_frame found;
        size_t size;
        uint8_t *copy;
        struct link_frame sent = full_frame(types[any(&seed, TYPES)].type, &payload);
        link_write(&out, &sent);
        for (uint32_t n = 1 + any(&seed, 4); n > 0; n--) {
            size_t at = i % 4 ? 4 + any(&seed, 12) : any(&seed, (uint32_t)buf_len(&out));
            if (at < buf_len(&out)) {
                buf_head(&out)[at] = (uint8_t)any(&seed, 256);
            }
        }
        if (read_copy(&reader, buf_head(&out), buf_len(&out), &found, &size, &copy) == ERR_OK) {
            struct buf text = {0};
            cr_assert(le(sz, size, buf_len(&out)));
            buf_append_str(&text, found.room);
            buf_append_str(&text, found.reason);
            buf_append_str(&text, found.id);
            json_write(found.payload, &text);
            buf_finish(&text);
        }
        free(copy);
        buf_finish(&out);
    }
    link_reader_finish(&reader);
    buf_finish(&payload);
}
