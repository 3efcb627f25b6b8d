/* What a gateway does with an event for a room's clients: each client's frame, up to its socket.
 * And with a join's reply. */
#include "edge/edge.h"
#include "base/alloc.h"
#include "counting.h"
#include "value/pack.h"
#include "wire.h"

#include <stdlib.h>

enum { CHANNEL = 7, CONNS_MAX = 100 };

struct scene {
    struct edge *edge;
    struct edge_link *link;
    struct edge_conn *conns[CONNS_MAX];
    unsigned count;
    uint64_t now;
    uint64_t taken; /* bytes that the sockets took */
};

/* ---- the host ---- */

static void on_find_owner(void *ctx, struct str room)
{
    (void)ctx, (void)room;
}

static void on_link_connect(void *ctx, struct edge_link *link)
{
    struct scene *scene = ctx;
    scene->link = link;
}

static void on_link_ready(void *ctx, struct edge_link *link)
{
    (void)ctx, (void)link;
}

static void on_link_drop(void *ctx, struct edge_link *link, enum err why)
{
    (void)ctx, (void)link, (void)why;
    must(false, "a link is dropped");
}

static void on_conn_ready(void *ctx, void *user)
{
    (void)ctx, (void)user;
}

static void on_conn_read(void *ctx, void *user, bool on)
{
    (void)ctx, (void)user, (void)on;
}

static void on_conn_end(void *ctx, void *user, bool abort)
{
    (void)ctx, (void)user, (void)abort;
    must(false, "a connection is closed");
}

static const struct edge_host host = {
    .find_owner = on_find_owner,
    .link_connect = on_link_connect,
    .link_ready = on_link_ready,
    .link_drop = on_link_drop,
    .conn_ready = on_conn_ready,
    .conn_read = on_conn_read,
    .conn_end = on_conn_end,
};

static const struct edge_config config = {.max_message = 1 << 20};

/* ---- a room of clients ---- */

static void from_worker(struct scene *scene, const struct buf *bytes)
{
    size_t used;
    must(edge_link_input(scene->link, buf_head(bytes), buf_len(bytes), &used, scene->now) ==
                 ERR_OK &&
             used == buf_len(bytes),
         "a worker's frame is refused");
}

static void say(struct scene *scene, const struct link_frame *frame)
{
    struct buf bytes = {0};
    link_write(&bytes, frame);
    from_worker(scene, &bytes);
    buf_finish(&bytes);
}

/* Sockets take whatever there is. */
static void take_all(struct scene *scene)
{
    for (unsigned i = 0; i < scene->count; i++) {
        struct outq *out = edge_conn_output(scene->conns[i]);
        while (out->bytes > 0) {
            struct iovec iov[16];
            size_t len = 0;
            int pieces = outq_peek(out, iov, 16);
            for (int j = 0; j < pieces; j++) {
                len += iov[j].iov_len;
            }
            scene->taken += len;
            edge_conn_wrote(scene->conns[i], len, scene->now);
        }
    }
}

/* Time goes on until frames may be sent again. */
static void pass(struct scene *scene)
{
    scene->now += EDGE_PACE_MS;
    edge_tick(scene->edge, scene->now);
}

/* What a client says first decides in which encoding it is spoken to. */
static void say_connect(struct scene *scene, struct edge_conn *conn, enum encoding encoding)
{
    struct str text = STR("{\"type\":\"connect\"}");
    struct buf packed = {0};
    struct buf frame = {0};
    from_json(text, &packed);
    encoding == ENCODING_JSON ? wire_write(&frame, WS_OP_TEXT, text)
                              : wire_write(&frame, WS_OP_BINARY, buf_str(&packed));
    edge_conn_input(conn, buf_head(&frame), buf_len(&frame), scene->now);
    buf_finish(&packed);
    buf_finish(&frame);
}

static void answer_connect(struct scene *scene, uint64_t conn, const struct buf *reply)
{
    struct link_frame frame = {.type = LINK_SEND,
                               .conn = conn,
                               .answered = 1,
                               .how = LINK_HOW_CONNECT,
                               .channel = CHANNEL,
                               .payload = buf_value(reply)};
    say(scene, &frame);
}

static void scene_init(struct scene *scene, unsigned count, enum encoding encoding)
{
    struct edge_owner owner = {STR("w1"), STR("unix:w1.sock"), .lives = true};
    struct link_frame hello = {.type = LINK_HELLO,
                               .version_min = LINK_VERSION_MIN,
                               .version_max = LINK_VERSION_MAX,
                               .id = STR("w1")};
    struct buf reply = {0};
    *scene = (struct scene){.now = 1000, .count = count};
    scene->edge = edge_create(&config, &host, scene, STR("gateway-1"), STR("node-1"));
    for (unsigned i = 0; i < count; i++) {
        char id[16];
        struct edge_conn_config conn = {.room = STR("room"), .session = {id, 4}, .user = scene};
        memcpy(id, "s000", 4);
        id[2] = (char)('0' + i / 10);
        id[3] = (char)('0' + i % 10);
        scene->conns[i] = edge_conn_create(scene->edge, &conn, scene->now);
        say_connect(scene, scene->conns[i], encoding);
    }
    edge_owner_found(scene->edge, STR("room"), ERR_OK, &owner, scene->now);
    edge_link_up(scene->link, scene->now);
    say(scene, &hello);
    from_json(STR("{\"type\":\"connect\"}"), &reply);
    for (unsigned i = 0; i < count; i++) {
        answer_connect(scene, i + 1, &reply);
    }
    buf_finish(&reply);
    take_all(scene);
    pass(scene);
    buf_clear(edge_link_output(scene->link), SIZE_MAX);
}

static void scene_finish(struct scene *scene)
{
    for (unsigned i = 0; i < scene->count; i++) {
        edge_conn_destroy(scene->conns[i], scene->now);
    }
    edge_destroy(scene->edge);
}

/* One event to all but the first. */
static void cast(uint64_t count, unsigned conns, enum encoding encoding)
{
    struct scene scene;
    struct buf event = {0};
    struct buf bytes = {0};
    scene_init(&scene, conns, encoding);
    from_json(str_of(cursor_event), &event);
    struct link_frame frame = {.type = LINK_CAST,
                               .channel = CHANNEL,
                               .conn = 1,
                               .presence = STR("instance_presence:V1StGXR8Z5jdHi6Bmyt0u"),
                               .payload = buf_value(&event)};
    link_write(&bytes, &frame);
    scene.taken = 0;
    for (uint64_t i = 0; i < count; i++) {
        from_worker(&scene, &bytes);
        pass(&scene);
        take_all(&scene);
    }
    size_t least = encoding == ENCODING_JSON ? strlen(cursor_event) : buf_len(&event);
    must(scene.taken >= count * (conns - 1) * least, "events are not sent");
    buf_finish(&event);
    buf_finish(&bytes);
    scene_finish(&scene);
}

static void run_cast_10_json(uint64_t count)
{
    cast(count, 10, ENCODING_JSON);
}

static void run_cast_10_msgpack(uint64_t count)
{
    cast(count, 10, ENCODING_MSGPACK);
}

static void run_cast_100_json(uint64_t count)
{
    cast(count, 100, ENCODING_JSON);
}

static void run_cast_100_msgpack(uint64_t count)
{
    cast(count, 100, ENCODING_MSGPACK);
}

/* The reply to one client, rendered anew each time. */
static void join(uint64_t count, enum encoding encoding)
{
    enum { RECORDS = 1000 };
    struct scene scene;
    struct buf reply = {0};
    scene_init(&scene, 1, encoding);
    pack_map(&reply, 3);
    pack_str(&reply, STR("type"));
    pack_str(&reply, STR("connect"));
    pack_str(&reply, STR("serverClock"));
    pack_u64(&reply, 1);
    pack_str(&reply, STR("diff"));
    pack_map(&reply, RECORDS);
    for (unsigned i = 0; i < RECORDS; i++) {
        struct buf text = {0};
        struct buf id = {0};
        buf_printf(&id, "shape:%u", i);
        shape_json(i, &text);
        pack_str(&reply, buf_str(&id));
        pack_array(&reply, 2);
        pack_str(&reply, STR("put"));
        from_json(buf_str(&text), &reply);
        buf_finish(&text);
        buf_finish(&id);
    }
    scene.taken = 0;
    for (uint64_t i = 0; i < count; i++) {
        answer_connect(&scene, 1, &reply);
        take_all(&scene);
    }
    must(scene.taken >= count * RECORDS * 100, "replies are not sent");
    buf_finish(&reply);
    scene_finish(&scene);
}

static void run_join_json(uint64_t count)
{
    join(count, ENCODING_JSON);
}

static void run_join_msgpack(uint64_t count)
{
    join(count, ENCODING_MSGPACK);
}

const struct part edge_parts[] = {
    {"fan-out-10-json", 1000, run_cast_10_json, "an event's way from the link to 10 sockets"},
    {"fan-out-10-msgpack", 1000, run_cast_10_msgpack, "the same, msgpack"},
    {"fan-out-100-json", 200, run_cast_100_json, "the same, 100 sockets"},
    {"fan-out-100-msgpack", 200, run_cast_100_msgpack, "the same, msgpack"},
    {"join-render-json", 4, run_join_json, "a join's reply of 1,000 records, link to socket"},
    {"join-render-msgpack", 4, run_join_msgpack, "the same, msgpack"},
    {0},
};
