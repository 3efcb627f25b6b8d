/* Messages of a client. Those that are said often are written out in both encodings; the others are
 * JSON that is turned into msgpack. */
#include "say.h"
#include "value/json.h"
#include "value/pack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* tldraw's client says with each move when it was. */
#define ACTIVE UINT64_C(1760000000000)

static const char presence[] =
    "{\"id\":\"instance_presence:p\",\"typeName\":\"instance_presence\",\"userId\":\"user:u\","
    "\"userName\":\"Bench\",\"lastActivityTimestamp\":1760000000000,\"followingUserId\":null,"
    "\"cursor\":{\"x\":0,\"y\":0,\"type\":\"default\",\"rotation\":0},\"color\":\"#aabbcc\","
    "\"camera\":{\"x\":0,\"y\":0,\"z\":1},\"screenBounds\":{\"x\":0,\"y\":0,\"w\":1280,\"h\":720},"
    "\"selectedShapeIds\":[],\"currentPageId\":\"page:page\",\"brush\":null,\"scribbles\":[],"
    "\"chatMessage\":\"\",\"meta\":{}}";

static const char shape_before_id[] = "{\"id\":\"";
static const char shape_after_id[] =
    "\",\"typeName\":\"shape\",\"type\":\"geo\",\"x\":10,\"y\":-20.5,\"rotation\":0,\"index\":"
    "\"a1\",\"parentId\":\"page:page\",\"isLocked\":false,\"opacity\":1,\"props\":{\"geo\":"
    "\"rectangle\",\"dash\":\"draw\",\"url\":\"\",\"w\":100,\"h\":50,\"growY\":0,\"scale\":1,"
    "\"flipX\":false,\"flipY\":false,\"labelColor\":\"black\",\"color\":\"blue\",\"fill\":\"none\","
    "\"size\":\"m\",\"font\":\"draw\",\"align\":\"middle\",\"verticalAlign\":\"middle\","
    "\"richText\":{\"type\":\"doc\",\"content\":[{\"type\":\"paragraph\",\"content\":[{\"type\":"
    "\"text\",\"text\":\"hi\"}]}]}},\"meta\":{}}";

static void say_json(enum encoding encoding, struct buf *text, struct buf *out)
{
    if (encoding == ENCODING_JSON) {
        buf_append_str(out, buf_str(text));
    } else if (json_parse(buf_str(text), out) != ERR_OK) {
        fprintf(stderr, "not JSON: %.*s\n", STR_ARG(buf_str(text)));
        exit(EXIT_FAILURE);
    }
    buf_finish(text);
}

void say_connect(enum encoding encoding, struct str schema, struct buf *out)
{
    struct buf text = {0};
    buf_printf(&text,
               "{\"type\":\"connect\",\"connectRequestId\":\"bench\",\"lastServerClock\":-1,"
               "\"protocolVersion\":8,\"schema\":%.*s}",
               STR_ARG(schema));
    say_json(encoding, &text, out);
}

void say_ping(enum encoding encoding, struct buf *out)
{
    struct buf text = {0};
    buf_printf(&text, "{\"type\":\"ping\"}");
    say_json(encoding, &text, out);
}

void say_presence(enum encoding encoding, uint64_t client_clock, struct buf *out)
{
    struct buf text = {0};
    buf_printf(&text, "{\"type\":\"push\",\"clientClock\":%" PRIu64 ",\"presence\":[\"put\",%s]}",
               client_clock, presence);
    say_json(encoding, &text, out);
}

/* {"type": "push", "clientClock": ..., the third member's name: to be followed by its value */
static void pack_push(struct buf *out, uint64_t client_clock, struct str name)
{
    pack_map(out, 3);
    pack_str(out, STR("type"));
    pack_str(out, STR("push"));
    pack_str(out, STR("clientClock"));
    pack_u64(out, client_clock);
    pack_str(out, name);
}

static void pack_op(struct buf *out, struct str op)
{
    pack_array(out, 2);
    pack_str(out, op);
}

void say_cursor(enum encoding encoding, uint64_t client_clock, uint64_t stamp, struct buf *out)
{
    uint64_t active = ACTIVE + stamp / 1000;
    uint64_t x = STAMP_BASE + stamp;
    if (encoding == ENCODING_JSON) {
        buf_printf(out,
                   "{\"type\":\"push\",\"clientClock\":%" PRIu64 ",\"presence\":[\"patch\","
                   "{\"lastActivityTimestamp\":[\"put\",%" PRIu64 "],\"cursor\":[\"put\",{\"x\":"
                   "%" PRIu64 ",\"y\":%" PRIu64 ",\"type\":\"default\",\"rotation\":0}]}]}",
                   client_clock, active, x, client_clock);
        return;
    }
    pack_push(out, client_clock, STR("presence"));
    pack_op(out, STR("patch"));
    pack_map(out, 2);
    pack_str(out, STR("lastActivityTimestamp"));
    pack_op(out, STR("put"));
    pack_u64(out, active);
    pack_str(out, STR("cursor"));
    pack_op(out, STR("put"));
    pack_map(out, 4);
    pack_str(out, STR("x"));
    pack_u64(out, x);
    pack_str(out, STR("y"));
    pack_u64(out, client_clock);
    pack_str(out, STR("type"));
    pack_str(out, STR("default"));
    pack_str(out, STR("rotation"));
    pack_u64(out, 0);
}

void say_shapes(enum encoding encoding, uint64_t client_clock, const char *prefix, uint64_t first,
                uint64_t count, struct buf *out)
{
    struct buf text = {0};
    buf_printf(&text, "{\"type\":\"push\",\"clientClock\":%" PRIu64 ",\"diff\":{", client_clock);
    for (uint64_t i = first; i < first + count; i++) {
        buf_printf(&text, "%s\"%s%" PRIu64 "\":[\"put\",%s%s%" PRIu64 "%s]", i > first ? "," : "",
                   prefix, i, shape_before_id, prefix, i, shape_after_id);
    }
    buf_printf(&text, "}}");
    say_json(encoding, &text, out);
}

void say_shape(enum encoding encoding, uint64_t client_clock, const char *prefix, uint64_t number,
               uint64_t stamp, struct buf *out)
{
    char id[80];
    uint64_t x = STAMP_BASE + stamp;
    snprintf(id, sizeof(id), "%s%" PRIu64, prefix, number);
    if (encoding == ENCODING_JSON) {
        buf_printf(out,
                   "{\"type\":\"push\",\"clientClock\":%" PRIu64 ",\"diff\":{\"%s\":[\"patch\","
                   "{\"x\":[\"put\",%" PRIu64 "],\"y\":[\"put\",%" PRIu64 "]}]}}",
                   client_clock, id, x, client_clock);
        return;
    }
    pack_push(out, client_clock, STR("diff"));
    pack_map(out, 1);
    pack_str(out, str_of(id));
    pack_op(out, STR("patch"));
    pack_map(out, 2);
    pack_str(out, STR("x"));
    pack_op(out, STR("put"));
    pack_u64(out, x);
    pack_str(out, STR("y"));
    pack_op(out, STR("put"));
    pack_u64(out, client_clock);
}
