/* What the parts are given. */
#include "counting.h"
#include "value/json.h"
#include "value/pack.h"

const char cursor_push[] =
    "{\"type\":\"push\",\"clientClock\":1234,\"presence\":[\"patch\",{\"lastActivityTimestamp\":"
    "[\"put\",1760000012345],\"cursor\":[\"put\",{\"x\":123.45678,\"y\":-4567.25,\"type\":"
    "\"default\",\"rotation\":0}]}]}";

const char cursor_event[] =
    "{\"type\":\"patch\",\"diff\":{\"instance_presence:V1StGXR8Z5jdHi6Bmyt0u\":[\"patch\","
    "{\"lastActivityTimestamp\":[\"put\",1760000012345],\"cursor\":[\"put\",{\"x\":123.45678,"
    "\"y\":-4567.25,\"type\":\"default\",\"rotation\":0}]}]},\"serverClock\":4711}";

static const char shape_rest[] =
    "\",\"typeName\":\"shape\",\"type\":\"geo\",\"x\":10.5,\"y\":-20.25,\"rotation\":0,\"index\":"
    "\"a1\",\"parentId\":\"page:page\",\"isLocked\":false,\"opacity\":1,\"props\":{\"geo\":"
    "\"rectangle\",\"dash\":\"draw\",\"url\":\"\",\"w\":100,\"h\":50,\"growY\":0,\"scale\":1,"
    "\"flipX\":false,\"flipY\":false,\"labelColor\":\"black\",\"color\":\"blue\",\"fill\":\"none\","
    "\"size\":\"m\",\"font\":\"draw\",\"align\":\"middle\",\"verticalAlign\":\"middle\","
    "\"richText\":{\"type\":\"doc\",\"content\":[{\"type\":\"paragraph\",\"content\":[{\"type\":"
    "\"text\",\"text\":\"hi\"}]}]}},\"meta\":{}}";

void from_json(struct str text, struct buf *out)
{
    must(json_parse(text, out) == ERR_OK, "an input is not JSON");
}

void shape_json(unsigned number, struct buf *out)
{
    buf_printf(out, "{\"id\":\"shape:%u%s", number, shape_rest);
}

void snapshot_of(unsigned count, struct value schema, struct buf *out)
{
    pack_map(out, value_present(schema) ? 3 : 2);
    if (value_present(schema)) {
        pack_member(out, STR("schema"), schema);
    }
    pack_str(out, STR("documentClock"));
    pack_u64(out, 1);
    pack_str(out, STR("documents"));
    pack_array(out, count);
    for (unsigned i = 0; i < count; i++) {
        struct buf text = {0};
        buf_printf(&text, "{\"lastChangedClock\":1,\"state\":");
        shape_json(i, &text);
        buf_printf(&text, "}");
        from_json(buf_str(&text), out);
        buf_finish(&text);
    }
}
