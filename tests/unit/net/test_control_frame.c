/* Control messages as bytes: both ways, in pieces, of other versions, and broken. */
#include "net/control_frame.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdio.h>

static void check_text(const char *got, const char *want)
{
    cr_assert(zero(int, strcmp(got, want)), "got \"%s\", want \"%s\"", got, want);
}

static struct control_message sample(enum control_kind kind)
{
    struct control_message message = {.kind = kind,
                                      .state = CONTROL_DRAINING,
                                      .store_ok = true,
                                      .why = "caf\xc3\xa9",
                                      .request = 1ull << 40,
                                      .version = "1.2.3-x",
                                      .deadline_ms = 12345,
                                      .spread_ms = 5000,
                                      .away = true,
                                      .on = true,
                                      .move = {"r {%}\xc3\xa9", "n-w1-abc", "n", "unix:/s", "tcp:h:1"},
                                      .outcome = CONTROL_BUSY,
                                      .epoch = 1ull << 50};
    memset(message.move.room + 8, 'r', CONTROL_ROOM_MAX - 8);
    message.metrics.values[METRIC_PUSHES] = 3;
    message.metrics.values[METRIC_ROOMS] = -1.5;
    message.metrics.histograms[HISTOGRAM_SNAPSHOT].counts[METRICS_BOUNDS] = 1ull << 50;
    message.metrics.histograms[HISTOGRAM_SNAPSHOT].sum = 0.25;
    return message;
}

static void check_same(const struct control_message *got, const struct control_message *want)
{
    cr_assert(eq(int, got->kind, want->kind));
    switch (want->kind) {
    case CONTROL_REPORT:
        cr_assert(eq(int, got->state, want->state));
        cr_assert(eq(int, got->store_ok, want->store_ok));
        check_text(got->why, want->why);
        check_text(got->version, want->version);
        break;
    case CONTROL_METRICS:
        cr_assert(eq(u64, got->request, want->request));
        cr_assert(eq(int, memcmp(&got->metrics, &want->metrics, sizeof(got->metrics)), 0));
        break;
    case CONTROL_STATS:
        cr_assert(eq(u64, got->request, want->request));
        break;
    case CONTROL_STOP:
        cr_assert(eq(u64, got->deadline_ms, want->deadline_ms));
        cr_assert(eq(u64, got->spread_ms, want->spread_ms));
        break;
    case CONTROL_DRAIN:
        cr_assert(eq(u64, got->deadline_ms, want->deadline_ms));
        cr_assert(eq(int, got->away, want->away));
        break;
    case CONTROL_SET_DRAINING:
        cr_assert(eq(int, got->on, want->on));
        cr_assert(eq(int, got->away, want->away));
        break;
    case CONTROL_MOVE:
        cr_assert(eq(u64, got->request, want->request));
        check_text(got->move.room, want->move.room);
        check_text(got->move.worker, want->move.worker);
        check_text(got->move.node, want->move.node);
        check_text(got->move.address, want->move.address);
        check_text(got->move.remote, want->move.remote);
        break;
    case CONTROL_RELOAD:
        break;
    case CONTROL_OUTCOME:
        cr_assert(eq(u64, got->request, want->request));
        cr_assert(eq(int, got->outcome, want->outcome));
        cr_assert(eq(u64, got->epoch, want->epoch));
        break;
    }
}

static const enum control_kind kinds[] = {CONTROL_REPORT, CONTROL_METRICS, CONTROL_STATS,
                                          CONTROL_STOP,   CONTROL_DRAIN,   CONTROL_SET_DRAINING,
                                          CONTROL_MOVE,   CONTROL_RELOAD,  CONTROL_OUTCOME};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

Test(control_frame, comes_out_as_it_went_in_byte_by_byte)
{
    struct buf wire = {0}, in = {0};
    for (size_t i = 0; i < KINDS; i++) {
        struct control_message message = sample(kinds[i]);
        control_frame_write(&message, &wire);
    }
    size_t got = 0;
    for (size_t i = 0; i < buf_len(&wire); i++) {
        buf_append_byte(&in, buf_head(&wire)[i]);
        struct control_message message;
        enum control_parse parsed = control_frame_read(&in, &message);
        cr_assert(ne(int, parsed, CONTROL_BROKEN));
        if (parsed == CONTROL_MESSAGE) {
            struct control_message want = sample(kinds[got++]);
            check_same(&message, &want);
        }
    }
    cr_assert(eq(sz, got, KINDS));
    cr_assert(eq(sz, buf_len(&in), 0));
    buf_finish(&wire);
    buf_finish(&in);
}

struct bytes_case {
    char name[48];
    uint8_t bytes[80];
    uint8_t len;
    enum control_parse want;
};

/* Big-endian length, then msgpack. */
ParameterizedTestParameters(control_frame, read)
{
    static struct bytes_case cases[] = {
        {"a kind we do not know is skipped", "\0\0\0\5\x91\xa3new\0\0\0\7\x92\xa4stop\x05", 20,
         CONTROL_MESSAGE},
        {"what a newer version appends is ignored", "\0\0\0\x9\x94\xa4stop\x05\x00\xc3", 13,
         CONTROL_MESSAGE},
        {"stop as an older supervisor says it", "\0\0\0\7\x92\xa4stop\x05", 11, CONTROL_MESSAGE},
        {"stop with a spread that is no time", "\0\0\0\x8\x93\xa4stop\x05\xc3", 12, CONTROL_BROKEN},
        {"drain to a number",
         "\0\0\0\x9\x93\xa5"
         "drain\x05\x01",
         13, CONTROL_BROKEN},
        {"too long", "\0\1\0\1", 4, CONTROL_BROKEN},
        {"as long as allowed", "\0\1\0\0", 4, CONTROL_NEED_MORE},
        {"empty", "\0\0\0\0", 4, CONTROL_BROKEN},
        {"not an array", "\0\0\0\1\x80", 5, CONTROL_BROKEN},
        {"an empty array", "\0\0\0\1\x90", 5, CONTROL_BROKEN},
        {"a kind that is no text", "\0\0\0\2\x91\x01", 6, CONTROL_BROKEN},
        {"cut short", "\0\0\0\6\x92\xa4stop", 10, CONTROL_BROKEN},
        {"bytes behind the array", "\0\0\0\x8\x92\xa4stop\x05\x05", 12, CONTROL_BROKEN},
        {"stop without a time", "\0\0\0\6\x91\xa4stop", 10, CONTROL_BROKEN},
        {"stop with a negative time", "\0\0\0\7\x92\xa4stop\xff", 11, CONTROL_BROKEN},
        {"drain",
         "\0\0\0\x8\x92\xa5"
         "drain\x05",
         12, CONTROL_MESSAGE},
        {"drain without a time",
         "\0\0\0\7\x91\xa5"
         "drain",
         11, CONTROL_BROKEN},
        {"draining",
         "\0\0\0\xb\x92\xa8"
         "draining\xc3",
         15, CONTROL_MESSAGE},
        {"draining by a number",
         "\0\0\0\xb\x92\xa8"
         "draining\x01",
         15, CONTROL_BROKEN},
        {"a move",
         "\0\0\0\xf\x96\xa4move\x01\xa1r\xa1w\xa1n\xa1"
         "a",
         19, CONTROL_MESSAGE},
        {"a move of a room without a name",
         "\0\0\0\xe\x96\xa4move\x01\xa0\xa1w\xa1n\xa1"
         "a",
         18, CONTROL_BROKEN},
        {"a move to no address", "\0\0\0\xd\x95\xa4move\x01\xa1r\xa1w\xa1n", 17, CONTROL_BROKEN},
        {"a move with a negative number",
         "\0\0\0\xf\x96\xa4move\xff\xa1r\xa1w\xa1n\xa1"
         "a",
         19, CONTROL_BROKEN},
        {"an outcome", "\0\0\0\xe\x94\xa5moved\x01\xa4lost\0", 18, CONTROL_MESSAGE},
        {"an outcome of another kind", "\0\0\0\xe\x94\xa5moved\x01\xa4gone\0", 18, CONTROL_BROKEN},
        {"an outcome without an epoch", "\0\0\0\xd\x93\xa5moved\x01\xa4lost", 17, CONTROL_BROKEN},
        {"a version that is no text", "\0\0\0\x10\x95\xa5state\xa5ready\xc3\xa0\x01", 20,
         CONTROL_BROKEN},
        {"an unknown state", "\0\0\0\xc\x94\xa5state\xa2hi\xc3\xa0", 16, CONTROL_BROKEN},
        {"a number for a bool", "\0\0\0\xf\x94\xa5state\xa5ready\x01\xa0", 19, CONTROL_BROKEN},
        {"ready", "\0\0\0\xf\x94\xa5state\xa5ready\xc3\xa0", 19, CONTROL_MESSAGE},
        {"unknown metrics", "\0\0\0\x12\x94\xa7metrics\x01\x81\xa1x\x01\x81\xa1y\x90", 22,
         CONTROL_MESSAGE},
        {"a metric that is no number", "\0\0\0\xf\x94\xa7metrics\x01\x81\xa1x\xc3\x80", 19,
         CONTROL_BROKEN},
        {"a histogram that is no array", "\0\0\0\xf\x94\xa7metrics\x01\x80\x81\xa1y\x01", 19,
         CONTROL_BROKEN},
    };
    return cr_make_param_array(struct bytes_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct bytes_case *c, control_frame, read)
{
    struct buf in = {0};
    buf_append(&in, c->bytes, c->len);
    struct control_message message;
    cr_assert(eq(int, control_frame_read(&in, &message), c->want), "%s", c->name);
    buf_finish(&in);
}

Test(control_frame, a_name_that_does_not_fit_is_broken)
{
    struct buf wire = {0};
    struct control_message got;
    buf_append(&wire, "\0\0\1\x11\x96\xa4move\x01\xda\1\1", 14);
    for (int i = 0; i < CONTROL_ROOM_MAX + 1; i++) {
        buf_append_byte(&wire, 'r');
    }
    buf_append(&wire,
               "\xa1w\xa1n\xa1"
               "a",
               6);
    cr_assert(eq(int, control_frame_read(&wire, &got), CONTROL_BROKEN));
    buf_finish(&wire);
}

Test(control_frame, a_long_reason_is_cut)
{
    struct control_message message = {.kind = CONTROL_REPORT}, got;
    memset(message.why, 'x', CONTROL_WHY_MAX);
    struct buf wire = {0};
    control_frame_write(&message, &wire);
    cr_assert(eq(int, control_frame_read(&wire, &got), CONTROL_MESSAGE));
    cr_assert(eq(sz, strlen(got.why), CONTROL_WHY_MAX));
    buf_finish(&wire);
}
