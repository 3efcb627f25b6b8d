/* What a room does: pushes, joins, snapshots. */
#include "room/room.h"
#include "base/alloc.h"
#include "cluster/stored_snapshot.h"
#include "counting.h"
#include "value/pack.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOW_MS = 1000, MANY = 64 };

/* ---- a host that counts what it is told ---- */

static uint64_t appended, broadcasts, sent;

static void on_send(void *ctx, struct room_session *to, enum room_send how, struct value message)
{
    (void)ctx, (void)to, (void)how, (void)message;
    sent++;
}

static void on_broadcast(void *ctx, const struct room_broadcast *broadcast)
{
    (void)ctx, (void)broadcast;
    broadcasts++;
}

static void on_close(void *ctx, struct room_session *session, int code, struct str reason)
{
    (void)ctx, (void)session, (void)code, (void)reason;
    must(false, "a room closes a session");
}

static void on_append(void *ctx, const struct room_entry *entry)
{
    (void)ctx, (void)entry;
    appended++;
}

static void on_event(void *ctx, enum room_event event, struct room_session *session)
{
    (void)ctx, (void)event, (void)session;
}

static void on_random_id(void *ctx, char out[21])
{
    static unsigned number;
    char text[32];
    (void)ctx;
    snprintf(text, sizeof(text), "%021u", number++);
    memcpy(out, text, 21);
}

static void on_schema_refused(void *ctx, struct room_session *session, struct str reason,
                              struct value ours, struct value theirs)
{
    (void)ctx, (void)session, (void)reason, (void)ours, (void)theirs;
    must(false, "a room refuses its own schema");
}

static const struct room_host host = {
    .send = on_send,
    .broadcast = on_broadcast,
    .close = on_close,
    .append = on_append,
    .event = on_event,
    .random_id = on_random_id,
    .schema_refused = on_schema_refused,
};

/* ---- a room with records and sessions ---- */

struct scene {
    struct schema *schema;
    struct room_config config;
    struct room *room;
    struct room_session *session; /* the last */
    struct buf messages[2 * MANY];
    uint64_t seq;
};

static void tell(struct scene *scene, const struct buf *message)
{
    room_message(scene->room, scene->session, buf_value(message), ++scene->seq, NOW_MS);
    while (room_is_busy(scene->room)) {
        room_work(scene->room, NOW_MS);
    }
}

static void tell_json(struct scene *scene, struct str text)
{
    struct buf message = {0};
    from_json(text, &message);
    tell(scene, &message);
    buf_finish(&message);
}

static void write_connect(const struct scene *scene, struct buf *out)
{
    pack_map(out, 5);
    pack_str(out, STR("type"));
    pack_str(out, STR("connect"));
    pack_str(out, STR("connectRequestId"));
    pack_str(out, STR("r"));
    pack_str(out, STR("protocolVersion"));
    pack_u64(out, ROOM_PROTOCOL_VERSION);
    pack_str(out, STR("lastServerClock"));
    pack_value(out, VALUE_NONE);
    pack_member(out, STR("schema"), schema_serialized(scene->schema));
}

static void open_session(struct scene *scene, unsigned number)
{
    char id[32];
    snprintf(id, sizeof(id), "session-%u", number);
    struct room_session_config config = {.id = str_of(id), .object_write = true};
    scene->session = room_session_open(scene->room, &config, NOW_MS);
}

static void connect_session(struct scene *scene, unsigned number)
{
    struct buf connect = {0};
    open_session(scene, number);
    write_connect(scene, &connect);
    tell(scene, &connect);
    buf_finish(&connect);
    must(room_session_state(scene->session) == ROOM_CONNECTED, "a session is not connected");
}

static void scene_init(struct scene *scene, unsigned records, unsigned sessions)
{
    struct buf snapshot = {0};
    struct buf why = {0};
    *scene = (struct scene){.schema = counting_schema()};
    scene->config.schema = scene->schema;
    scene->room = room_create(&scene->config, &host, NULL);
    snapshot_of(records, schema_serialized(scene->schema), &snapshot);
    must(room_read_snapshot(scene->room, buf_value(&snapshot)) == ERR_OK &&
             room_settle_schema(scene->room, &why) == ERR_OK,
         "a snapshot is not accepted");
    for (unsigned i = 0; i < sessions; i++) {
        connect_session(scene, i);
    }
    buf_finish(&snapshot);
    buf_finish(&why);
}

static void scene_finish(struct scene *scene)
{
    for (int i = 0; i < 2 * MANY; i++) {
        buf_finish(&scene->messages[i]);
    }
    room_destroy(scene->room);
    schema_unref(scene->schema);
}

/* ---- pushes ---- */

static void push_presence(uint64_t count, unsigned sessions)
{
    struct scene scene;
    scene_init(&scene, 1, sessions);
    tell_json(
        &scene,
        STR("{\"type\":\"push\",\"clientClock\":0,\"presence\":[\"put\",{\"id\":\"p\","
            "\"typeName\":\"instance_presence\",\"userId\":\"user:u\",\"userName\":\"Bench\","
            "\"lastActivityTimestamp\":1760000000000,\"followingUserId\":null,\"cursor\":"
            "{\"x\":0,\"y\":0,\"type\":\"default\",\"rotation\":0},\"color\":\"#aabbcc\","
            "\"camera\":{\"x\":0,\"y\":0,\"z\":1},\"screenBounds\":{\"x\":0,\"y\":0,\"w\":1280,"
            "\"h\":720},\"selectedShapeIds\":[],\"currentPageId\":\"page:page\",\"brush\":"
            "null,\"scribbles\":[],\"chatMessage\":\"\",\"meta\":{}}]}"));
    for (int i = 0; i < 2 * MANY; i++) {
        struct buf text = {0};
        buf_printf(&text,
                   "{\"type\":\"push\",\"clientClock\":%d,\"presence\":[\"patch\","
                   "{\"lastActivityTimestamp\":[\"put\",%d],\"cursor\":[\"put\",{\"x\":%d.25,"
                   "\"y\":-4567.25,\"type\":\"default\",\"rotation\":0}]}]}",
                   i + 1, 1760000 + i, 100 + i);
        from_json(buf_str(&text), &scene.messages[i]);
        buf_finish(&text);
    }
    broadcasts = 0;
    for (uint64_t i = 0; i < count; i++) {
        tell(&scene, &scene.messages[i % ((size_t)2 * MANY)]);
    }
    must(broadcasts == count, "a cursor's move is not told");
    scene_finish(&scene);
}

/* MANY records are moved to one place, and then to another. */
static void push_document(uint64_t count, unsigned records)
{
    struct scene scene;
    scene_init(&scene, records, 1);
    for (int i = 0; i < 2 * MANY; i++) {
        struct buf text = {0};
        buf_printf(&text,
                   "{\"type\":\"push\",\"clientClock\":%d,\"diff\":{\"shape:%u\":[\"patch\","
                   "{\"x\":[\"put\",%d.25]}]}}",
                   i, (unsigned)(i % MANY) * 7919u % records, i < MANY ? 111 : 222);
        from_json(buf_str(&text), &scene.messages[i]);
        buf_finish(&text);
    }
    appended = 0;
    for (uint64_t i = 0; i < count; i++) {
        tell(&scene, &scene.messages[i % ((size_t)2 * MANY)]);
    }
    must(appended == count, "a push changes nothing");
    scene_finish(&scene);
}

static void run_presence_10(uint64_t count)
{
    push_presence(count, 10);
}

static void run_presence_200(uint64_t count)
{
    push_presence(count, 200);
}

static void run_document_100(uint64_t count)
{
    push_document(count, 100);
}

static void run_document_10000(uint64_t count)
{
    push_document(count, 10000);
}

static void run_document_100000(uint64_t count)
{
    push_document(count, 100000);
}

/* ---- joins and snapshots ---- */

enum { RECORDS = 1000 };

/* The same session asks again and again, each time from the beginning. */
static void run_join(uint64_t count)
{
    struct scene scene;
    scene_init(&scene, RECORDS, 0);
    sent = 0;
    for (uint64_t i = 0; i < count; i++) {
        connect_session(&scene, 0);
    }
    must(sent >= count, "a join has no reply");
    scene_finish(&scene);
}

/* The stored form, and in it no pushes that might come twice. */
static void write_stored(const struct scene *scene, struct buf *body, struct buf *out)
{
    struct buf recent = {0};
    pack_array(&recent, 0);
    room_write_snapshot(scene->room, body);
    stored_snapshot_write(buf_value(body), buf_value(&recent), 1, out);
    buf_finish(&recent);
}

static void run_snapshot_write(uint64_t count)
{
    struct scene scene;
    struct buf body = {0};
    struct buf stored = {0};
    scene_init(&scene, RECORDS, 0);
    for (uint64_t i = 0; i < count; i += RECORDS) {
        write_stored(&scene, &body, &stored);
        buf_clear(&body, SIZE_MAX);
        buf_clear(&stored, SIZE_MAX);
    }
    buf_finish(&body);
    buf_finish(&stored);
    scene_finish(&scene);
}

static void run_snapshot_read(uint64_t count)
{
    struct scene scene;
    struct buf body = {0};
    struct buf stored = {0};
    struct buf recent = {0};
    scene_init(&scene, RECORDS, 0);
    write_stored(&scene, &body, &stored);
    for (uint64_t i = 0; i < count; i += RECORDS) {
        struct room *room = room_create(&scene.config, &host, NULL);
        buf_clear(&body, SIZE_MAX);
        buf_clear(&recent, SIZE_MAX);
        must(stored_snapshot_read(buf_str(&stored), &body, &recent) == ERR_OK &&
                 room_read_snapshot(room, buf_value(&body)) == ERR_OK,
             "a snapshot is not what it was");
        room_destroy(room);
    }
    buf_finish(&body);
    buf_finish(&stored);
    buf_finish(&recent);
    scene_finish(&scene);
}

const struct part room_parts[] = {
    {"push-presence-10", 1280, run_presence_10, "a cursor's move in a room of 10 sessions"},
    {"push-presence-200", 1280, run_presence_200, "the same, 200 sessions"},
    {"push-document-100", 1280, run_document_100, "a shape's move in a room of 100 records"},
    {"push-document-10000", 1280, run_document_10000, "the same, 10,000 records"},
    {"push-document-100000", 1280, run_document_100000, "the same, 100,000 records"},
    {"join-reply", 4, run_join, "a join of 1,000 records, as the room says it"},
    {"snapshot-write", RECORDS, run_snapshot_write, "each record of a snapshot, as it is stored"},
    {"snapshot-read", RECORDS, run_snapshot_read, "each record of a snapshot that becomes a room"},
    {0},
};
