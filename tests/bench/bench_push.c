/* bench_push SCHEMA RECORDS
 *
 * What a push costs that moves one shape, in microseconds of CPU, in rooms of 100, 10,000 and
 * 100,000 records: under a schema file, and under the open schema. It must not depend on the size
 * of the room. RECORDS is a file of vectors, of which a geo shape is taken. By hand, in a build of
 * type release:
 *
 *   bench_push deploy/schema/tldraw.schema tests/vectors/validate.json */
#include "room/room.h"
#include "schema/file.h"
#include "value/json.h"
#include "value/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 5, PUSHES = 20000, SIZES = 3 };

static unsigned long commits; /* entries told, so that a room that refuses is noticed */

static void on_send(void *ctx, struct room_session *to, enum room_send how, struct value message)
{
    (void)ctx, (void)to, (void)how, (void)message;
}

static void on_broadcast(void *ctx, const struct room_broadcast *broadcast)
{
    (void)ctx, (void)broadcast;
}

static void on_close(void *ctx, struct room_session *session, int code, struct str reason)
{
    (void)ctx, (void)session;
    fprintf(stderr, "closed: %d %.*s\n", code, STR_ARG(reason));
    exit(1);
}

static void on_append(void *ctx, const struct room_entry *entry)
{
    (void)ctx, (void)entry;
    commits++;
}

static void on_event(void *ctx, enum room_event event, struct room_session *session)
{
    (void)ctx, (void)event, (void)session;
}

static void on_random_id(void *ctx, char out[21])
{
    (void)ctx;
    memset(out, 'x', 21);
}

static void on_schema_refused(void *ctx, struct room_session *session, struct str reason,
                              struct value ours, struct value theirs)
{
    (void)ctx, (void)session, (void)ours, (void)theirs;
    fprintf(stderr, "schema refused: %.*s\n", STR_ARG(reason));
    exit(1);
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

static struct buf read_file(const char *path)
{
    enum { STEP = 65536 };
    struct buf out = {0};
    size_t got;
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    do {
        got = fread(buf_reserve(&out, STEP), 1, STEP, file);
        buf_commit(&out, got);
    } while (got > 0);
    fclose(file);
    return out;
}

static bool has_text(struct value record, const char *name, const char *text)
{
    struct str found;
    return value_string(value_get(record, str_of(name)), &found) && str_eq(found, str_of(text));
}

static struct value find_geo(struct value cases)
{
    struct value_walk walk = value_items(cases);
    struct value one;
    bool valid;
    while (value_next_item(&walk, &one)) {
        struct value record = value_get(one, STR("record"));
        if (value_bool(value_get(one, STR("valid")), &valid) && valid &&
            has_text(record, "type", "geo")) {
            return record;
        }
    }
    fprintf(stderr, "no valid geo shape\n");
    exit(1);
}

static struct value parsed(struct buf *text, struct buf *out)
{
    if (json_parse(buf_str(text), out) != ERR_OK) {
        fprintf(stderr, "not JSON\n");
        exit(1);
    }
    return buf_value(out);
}

/* A snapshot of so many copies of the shape, which differ in their id. */
static void write_snapshot(struct value geo, unsigned count, struct value schema, struct buf *out)
{
    pack_map(out, 3);
    pack_member(out, STR("schema"), schema);
    pack_str(out, STR("documentClock"));
    pack_u64(out, 1);
    pack_str(out, STR("documents"));
    pack_array(out, count);
    for (unsigned i = 0; i < count; i++) {
        struct value_walk walk = value_members(geo);
        struct str key;
        struct value member;
        pack_map(out, 2);
        pack_str(out, STR("lastChangedClock"));
        pack_u64(out, 1);
        pack_str(out, STR("state"));
        pack_map(out, walk.left);
        while (value_next_member(&walk, &key, &member)) {
            char id[32];
            snprintf(id, sizeof(id), "shape:%u", i);
            pack_str(out, key);
            str_eq(key, STR("id")) ? pack_str(out, str_of(id)) : pack_value(out, member);
        }
    }
}

static void send_json(struct room *room, struct room_session *session, struct buf *text,
                      uint64_t seq)
{
    struct buf message = {0};
    room_message(room, session, parsed(text, &message), seq, 1000);
    buf_finish(&message);
}

static struct room_session *connect_one(struct room *room, struct value schema)
{
    struct room_session_config config = {.id = STR("s"), .object_write = true};
    struct room_session *session = room_session_open(room, &config, 1000);
    struct buf text = {0};
    buf_append_str(&text, STR("{\"type\":\"connect\",\"connectRequestId\":\"r\","
                              "\"protocolVersion\":8,\"lastServerClock\":1,\"schema\":"));
    json_write(schema, &text);
    buf_append_str(&text, STR("}"));
    send_json(room, session, &text, 1);
    buf_finish(&text);
    return session;
}

static double now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* Messages are made before the clock runs: decoding is the gateway's. */
static double one_round(struct room *room, struct room_session *session, unsigned count, int round)
{
    struct buf *messages = calloc(PUSHES, sizeof(*messages));
    for (unsigned i = 0; i < PUSHES; i++) {
        struct buf text = {0};
        buf_printf(&text,
                   "{\"type\":\"push\",\"clientClock\":%u,\"diff\":{\"shape:%u\":[\"patch\","
                   "{\"x\":[\"put\",%d.25]}]}}",
                   i, i * 7919u % count, round * PUSHES + (int)i + 100);
        parsed(&text, &messages[i]);
        buf_finish(&text);
    }
    double start = now_us();
    for (unsigned i = 0; i < PUSHES; i++) {
        room_message(room, session, buf_value(&messages[i]), 2 + i, 1000);
    }
    double each = (now_us() - start) / PUSHES;
    for (unsigned i = 0; i < PUSHES; i++) {
        buf_finish(&messages[i]);
    }
    free(messages);
    return each;
}

static double measure(struct schema *schema, struct value serialized, struct value geo,
                      unsigned count)
{
    struct room_config config = {.schema = schema};
    struct room *room = room_create(&config, &host, NULL);
    struct buf snapshot = {0};
    struct buf why = {0};
    double best = 0;
    write_snapshot(geo, count, serialized, &snapshot);
    if (room_read_snapshot(room, buf_value(&snapshot)) != ERR_OK ||
        room_settle_schema(room, &why) != ERR_OK) {
        fprintf(stderr, "the snapshot is not accepted\n");
        exit(1);
    }
    struct room_session *session = connect_one(room, serialized);
    commits = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double each = one_round(room, session, count, round);
        best = round == 0 || each < best ? each : best;
    }
    if (commits != (unsigned long)ROUNDS * PUSHES) {
        fprintf(stderr, "%lu pushes changed something\n", commits);
        exit(1);
    }
    room_destroy(room);
    buf_finish(&snapshot);
    buf_finish(&why);
    return best;
}

static void compare(const char *name, struct schema *schema, struct value serialized,
                    struct value geo)
{
    static const unsigned sizes[SIZES] = {100, 10000, 100000};
    double first = 0;
    for (int i = 0; i < SIZES; i++) {
        double each = measure(schema, serialized, geo, sizes[i]);
        first = i == 0 ? each : first;
        printf("%-8s %6u records %7.2f us  %5.2f x\n", name, sizes[i], each, each / first);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s SCHEMA RECORDS\n", argv[0]);
        return 2;
    }
    struct buf text = read_file(argv[1]);
    struct buf vectors = read_file(argv[2]);
    struct buf cases = {0};
    struct buf why = {0};
    struct schema *schema;
    if (schema_parse(buf_str(&text), NULL, &schema, &why) != ERR_OK) {
        fprintf(stderr, "%s: %.*s\n", argv[1], STR_ARG(buf_str(&why)));
        return 1;
    }
    struct value geo = find_geo(value_get(parsed(&vectors, &cases), STR("cases")));
    compare("file", schema, schema_serialized(schema), geo);
    compare("open", NULL, schema_serialized(schema), geo);
    schema_unref(schema);
    buf_finish(&text);
    buf_finish(&vectors);
    buf_finish(&cases);
    buf_finish(&why);
    return 0;
}
