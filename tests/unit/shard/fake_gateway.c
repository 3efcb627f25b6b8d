/* Gateways for a shard. */
#include "fake_shard.h"
#include "link/request.h"

#include "base/alloc.h"
#include "value/json.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

struct gateway *gateway_create(struct fake *fake, int number)
{
    char id[24];
    snprintf(id, sizeof(id), "gateway-%d", ++fake->greetings);
    return gateway_return(fake, number, id);
}

static struct gateway *greet(struct fake *fake, int number, const char *id, const char *node,
                             uint64_t version_max)
{
    struct gateway *gateway = xcalloc(1, sizeof(*gateway));
    gateway->fake = fake;
    snprintf(gateway->id, sizeof(gateway->id), "%s", id);
    gateway->number = number;
    gateway->shard_link = shard_link_create(fake->shard);
    list_append(&fake->gateways, &gateway->link);
    struct link_frame hello = {.type = LINK_HELLO,
                               .version_min = LINK_VERSION_MIN,
                               .version_max = version_max,
                               .id = str_of(gateway->id),
                               .node = str_of(node)};
    gateway_say(gateway, &hello);
    gateway_told(gateway);
    return gateway;
}

struct gateway *gateway_return(struct fake *fake, int number, const char *id)
{
    return greet(fake, number, id, "node-1", LINK_VERSION_MAX);
}

struct gateway *gateway_create_as(struct fake *fake, int number, const char *node,
                                  uint64_t version_max)
{
    char id[24];
    snprintf(id, sizeof(id), "gateway-%d", ++fake->greetings);
    return greet(fake, number, id, node, version_max);
}

void gateway_destroy(struct gateway *gateway)
{
    shard_link_destroy(gateway->shard_link, gateway->fake->now);
    list_remove(&gateway->link);
    buf_finish(&gateway->lines);
    for (size_t i = 0; i < sizeof(gateway->told_of) / sizeof(gateway->told_of[0]); i++) {
        buf_finish(&gateway->told_of[i]);
    }
    free(gateway);
}

/* `more`: documents that are not in the payload. */
static void print_connect(struct buf *lines, const struct link_frame *frame, uint32_t more)
{
    struct str hydration = {0};
    uint64_t clock = 0;
    value_string(value_get(frame->payload, STR("hydrationType")), &hydration);
    value_u64(value_get(frame->payload, STR("serverClock")), &clock);
    buf_printf(lines, "connect %d %d %.*s %d %d\n", (int)frame->conn, (int)frame->answered,
               STR_ARG(hydration), (int)clock,
               (int)(value_count(value_get(frame->payload, STR("diff"))) + more));
}

static void print_payload(struct buf *lines, const struct link_frame *frame)
{
    json_write(frame->payload, lines);
    buf_printf(lines, "\n");
}

/* A patch with the members of its share. */
static void print_whole(struct gateway *gateway, const struct link_frame *frame)
{
    uint64_t clock = 0;
    cr_assert(value_u64(value_get(frame->payload, STR("serverClock")), &clock));
    buf_printf(&gateway->lines, "{\"type\":\"patch\",\"diff\":{%.*s},\"serverClock\":%d}\n",
               STR_ARG(buf_str(&gateway->told_of[frame->share % 16])), (int)clock);
}

static void print_event(struct gateway *gateway, const struct link_frame *frame)
{
    if (frame->share && !gateway->fake->show_shares) {
        print_whole(gateway, frame);
        return;
    }
    if (frame->share) {
        buf_printf(&gateway->lines, "of share %d ", (int)frame->share);
    }
    print_payload(&gateway->lines, frame);
}

static void print_send(struct gateway *gateway, const struct link_frame *frame)
{
    struct buf *lines = &gateway->lines;
    switch ((enum link_how)frame->how) {
    case LINK_HOW_CONNECT:
        print_connect(lines, frame, 0);
        break;
    case LINK_HOW_PONG:
        buf_printf(lines, "pong %d %d\n", (int)frame->conn, (int)frame->answered);
        break;
    case LINK_HOW_LEGACY:
        buf_printf(lines, "legacy %d ", (int)frame->conn);
        print_payload(lines, frame);
        break;
    case LINK_HOW_EVENT:
    case LINK_HOW_CUSTOM:
        buf_printf(lines, "event %d %d ", (int)frame->conn, (int)frame->answered);
        print_event(gateway, frame);
        break;
    }
}

static void print_frame(struct gateway *gateway, const struct link_frame *frame)
{
    struct buf *lines = &gateway->lines;
    static const char *const refusals[] = {"",     "not-owner",   "unreadable",
                                           "busy", "unavailable", "version"};
    switch (frame->type) {
    case LINK_HELLO:
        buf_printf(lines, "hello %.*s %.*s\n", STR_ARG(frame->id), STR_ARG(frame->node));
        break;
    case LINK_SEND:
        print_send(gateway, frame);
        break;
    case LINK_CAST:
        buf_printf(lines, "cast %d ", (int)frame->conn);
        print_event(gateway, frame);
        break;
    case LINK_CLOSE:
        buf_printf(lines, "close %d %d %.*s\n", (int)frame->conn, (int)frame->code,
                   STR_ARG(frame->reason));
        break;
    case LINK_DETACH:
        buf_printf(lines, "detach %d\n", (int)frame->conn);
        break;
    case LINK_REFUSE:
        cr_assert(le(u64, frame->code, LINK_REFUSED_VERSION));
        buf_printf(lines, "refuse %d %s\n", (int)frame->conn, refusals[frame->code]);
        break;
    case LINK_ACK:
        buf_printf(lines, "ack %d %d\n", (int)frame->conn, (int)frame->answered);
        break;
    case LINK_RESUMED:
        buf_printf(lines, "resumed %d %d %d\n", (int)frame->conn, (int)frame->answered,
                   (int)frame->clock);
        break;
    case LINK_MOVED:
        buf_printf(lines, "moved %.*s %.*s\n", STR_ARG(frame->room), STR_ARG(frame->id));
        break;
    case LINK_STATE:
        buf_printf(lines, "state %d %d ", (int)frame->conn, (int)frame->answered);
        print_payload(lines, frame);
        break;
    case LINK_ROSTER:
        buf_printf(lines, "roster %.*s ", STR_ARG(frame->room));
        print_payload(lines, frame);
        break;
    case LINK_REPLY:
        buf_printf(lines, "reply %d %d ", (int)frame->request, (int)frame->code);
        if (frame->flags & LINK_FLAG_MORE) {
            buf_printf(lines, "more ");
        }
        print_payload(lines, frame);
        break;
    case LINK_FLAGS:
        buf_printf(lines, "flags %d %d\n", (int)frame->conn, (int)frame->flags);
        break;
    default:
        cr_assert(false, "a frame for workers");
    }
}

static void print_join(struct buf *lines, const struct link_frame *frame)
{
    struct str hydration = {0};
    value_string(value_get(frame->payload, STR("hydrationType")), &hydration);
    buf_printf(lines, "join %d %d %.*s %d %d %d\n", (int)frame->conn, (int)frame->answered,
               STR_ARG(hydration), (int)frame->clock,
               (int)value_count(value_get(frame->payload, STR("diff"))), (int)frame->share);
}

static void note_members(struct buf *told_of, struct value members)
{
    struct buf text = {0};
    json_write(members, &text);
    buf_append(told_of, ",", buf_len(told_of) > 0);
    buf_append(told_of, buf_head(&text) + 1, buf_len(&text) - 2); /* without the braces */
    buf_finish(&text);
}

static void print_begin(struct buf *lines, const struct link_frame *frame)
{
    buf_printf(lines, "share %d %d", (int)frame->share, (int)frame->members);
    if (frame->base) {
        buf_printf(lines, " of %d ", (int)frame->base);
        json_write(frame->payload, lines);
    }
    buf_printf(lines, "\n");
}

/* A frame about shares; false if it is none. */
static bool print_share(struct gateway *gateway, const struct link_frame *frame)
{
    struct buf *lines = &gateway->lines;
    bool show = gateway->fake->show_shares;
    uint32_t *members = &gateway->members[frame->share % 16];
    bool join = frame->type == LINK_SEND && frame->how == LINK_HOW_CONNECT && frame->share;
    if (join && show) {
        print_join(lines, frame);
    } else if (join) {
        print_connect(lines, frame, *members);
    } else if (frame->type == LINK_SHARE) {
        *members = (uint32_t)frame->members;
        buf_clear(&gateway->told_of[frame->share % 16], SIZE_MAX);
        if (show) {
            print_begin(lines, frame);
        }
    } else if (frame->type == LINK_MEMBERS) {
        note_members(&gateway->told_of[frame->share % 16], frame->payload);
        buf_printf(lines, show ? "members %d %d\n" : "", (int)frame->share,
                   (int)value_count(frame->payload));
    } else if (frame->type == LINK_FORGET) {
        buf_printf(lines, show ? "forget %d\n" : "", (int)frame->share);
    }
    return join || frame->type >= LINK_SHARE;
}

void gateway_collect(struct gateway *gateway)
{
    struct buf *output = shard_link_output(gateway->shard_link);
    struct link_reader reader;
    link_reader_init(&reader);
    while (buf_len(output) > 0) {
        struct link_frame frame;
        size_t size;
        cr_assert(zero(int, link_read(&reader, buf_head(output), buf_len(output), &frame, &size)));
        if (frame.type == LINK_MOVED) {
            snprintf(gateway->moved_to, sizeof(gateway->moved_to), "%.*s", STR_ARG(frame.address));
        }
        bool about_session = frame.type == LINK_STATE || frame.type == LINK_ROSTER;
        if (about_session && !gateway->fake->show_sessions && !gateway->fake->on_frame) {
            buf_consume(output, size);
            continue;
        }
        if (gateway->fake->on_frame) {
            gateway->fake->on_frame(gateway->fake, gateway->number, &frame);
        } else if (!print_share(gateway, &frame)) {
            print_frame(gateway, &frame);
        }
        buf_consume(output, size);
    }
    link_reader_finish(&reader);
}

const char *gateway_told(struct gateway *gateway)
{
    fake_answer_checks(gateway->fake);
    gateway_collect(gateway);
    return fake_take(gateway->fake, &gateway->lines);
}

void gateway_say(struct gateway *gateway, const struct link_frame *frame)
{
    struct buf bytes = {0};
    size_t used;
    link_write(&bytes, frame);
    enum err err = shard_link_input(gateway->shard_link, buf_head(&bytes), buf_len(&bytes), &used,
                                    gateway->fake->now);
    cr_assert(zero(int, err));
    cr_assert(eq(sz, used, buf_len(&bytes)));
    buf_finish(&bytes);
}

void gateway_open(struct gateway *gateway, uint64_t conn, const char *room, const char *session)
{
    struct link_frame frame = {.type = LINK_OPEN,
                               .conn = conn,
                               .room = str_of(room),
                               .session = str_of(session),
                               .flags = LINK_OPEN_OBJECT_WRITE};
    gateway_say(gateway, &frame);
}

void gateway_message(struct gateway *gateway, uint64_t conn, uint64_t seq, const char *json)
{
    struct buf payload = {0};
    cr_assert(zero(int, json_parse(str_of(json), &payload)), "%s", json);
    struct link_frame frame = {.type = LINK_MESSAGE,
                               .conn = conn,
                               .seq = seq,
                               .payload = {buf_head(&payload), buf_len(&payload)}};
    gateway_say(gateway, &frame);
    buf_finish(&payload);
}

void gateway_resume(struct gateway *gateway, const struct resume *resume)
{
    struct buf state = {0};
    struct buf ops = {0};
    cr_assert(zero(int, json_parse(str_of(resume->state), &state)), "%s", resume->state);
    cr_assert(zero(int, json_parse(str_of(resume->ops ? resume->ops : "[]"), &ops)));
    struct link_frame frame = {
        .type = LINK_RESUME,
        .conn = resume->conn,
        .room = str_of(resume->room),
        .session = str_of(resume->session),
        .flags = LINK_OPEN_OBJECT_WRITE | resume->flags,
        .clock = resume->clock,
        .presence_clock = resume->presence_clock,
        .presence_at = resume->presence_at,
        .answered = resume->answered,
        .seq = resume->seq,
        .payload = {buf_head(&state), buf_len(&state)},
        .ops = {buf_head(&ops), buf_len(&ops)},
    };
    gateway_say(gateway, &frame);
    buf_finish(&state);
    buf_finish(&ops);
}

void gateway_roster(struct gateway *gateway, const char *room, const char *json)
{
    struct buf ids = {0};
    cr_assert(zero(int, json_parse(str_of(json), &ids)));
    struct link_frame frame = {
        .type = LINK_ROSTER, .room = str_of(room), .payload = {buf_head(&ids), buf_len(&ids)}};
    gateway_say(gateway, &frame);
    buf_finish(&ids);
}

void gateway_gone(struct gateway *gateway, uint64_t conn)
{
    struct link_frame frame = {.type = LINK_GONE, .conn = conn};
    gateway_say(gateway, &frame);
}

void gateway_join(struct gateway *gateway, uint64_t conn, const char *room, const char *session)
{
    gateway_open(gateway, conn, room, session);
    gateway_message(gateway, conn, 1, CONNECT("-1", SCHEMA));
    fake_turn(gateway->fake);
}

void gateway_found(struct gateway *gateway, uint64_t conn, const char *room, const char *session)
{
    gateway_join(gateway, conn, room, session);
    fake_answer_all(gateway->fake);
    gateway_told(gateway);
    fake_asked(gateway->fake);
}

void gateway_put(struct gateway *gateway, uint64_t conn, uint64_t seq, const char *id, int number)
{
    char json[256];
    snprintf(json, sizeof(json),
             "{\"type\":\"push\",\"clientClock\":%d,\"diff\":{\"%s\":[\"put\",{\"id\":\"%s\","
             "\"typeName\":\"note\",\"n\":%d}]}}",
             (int)seq, id, id, number);
    gateway_message(gateway, conn, seq, json);
}
