/* Control messages as bytes. */
#include "net/control_frame.h"

#include <assert.h>
#include <msgpack.h>
#include <stdio.h>

#define HEADER 4

static const char *const state_names[] = {"starting", "ready", "draining", "failed"};
enum { STATES = sizeof(state_names) / sizeof(state_names[0]) };
static const char *const outcome_names[] = {"moved", "stays", "lost", "busy", "absent"};
enum { OUTCOMES = sizeof(outcome_names) / sizeof(outcome_names[0]) };

const char *control_state_name(enum control_state state)
{
    return state_names[state];
}

/* ---- writing ---- */

static int write_bytes(void *out, const char *data, size_t len)
{
    buf_append(out, data, len);
    return 0;
}

static void pack_text(msgpack_packer *packer, const char *text)
{
    size_t len = strlen(text);
    msgpack_pack_str(packer, len);
    msgpack_pack_str_body(packer, text, len);
}

static void pack_metrics(msgpack_packer *packer, const struct metrics *metrics)
{
    msgpack_pack_map(packer, METRIC_COUNT);
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        pack_text(packer, metric_infos[i].name);
        msgpack_pack_double(packer, metrics->values[i]);
    }
    msgpack_pack_map(packer, HISTOGRAM_COUNT);
    for (size_t i = 0; i < HISTOGRAM_COUNT; i++) {
        const struct histogram *histogram = &metrics->histograms[i];
        pack_text(packer, histogram_infos[i].name);
        msgpack_pack_array(packer, METRICS_BOUNDS + 2);
        msgpack_pack_double(packer, histogram->sum);
        for (size_t k = 0; k <= METRICS_BOUNDS; k++) {
            msgpack_pack_uint64(packer, histogram->counts[k]);
        }
    }
}

static void pack_message(msgpack_packer *packer, const struct control_message *message)
{
    switch (message->kind) {
    case CONTROL_REPORT:
        msgpack_pack_array(packer, 5);
        pack_text(packer, "state");
        pack_text(packer, state_names[message->state]);
        message->store_ok ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
        pack_text(packer, message->why);
        pack_text(packer, message->version);
        break;
    case CONTROL_METRICS:
        msgpack_pack_array(packer, 4);
        pack_text(packer, "metrics");
        msgpack_pack_uint64(packer, message->request);
        pack_metrics(packer, &message->metrics);
        break;
    case CONTROL_STATS:
        msgpack_pack_array(packer, 2);
        pack_text(packer, "stats");
        msgpack_pack_uint64(packer, message->request);
        break;
    case CONTROL_STOP:
        msgpack_pack_array(packer, 3);
        pack_text(packer, "stop");
        msgpack_pack_uint64(packer, message->deadline_ms);
        msgpack_pack_uint64(packer, message->spread_ms);
        break;
    case CONTROL_DRAIN:
        msgpack_pack_array(packer, 3);
        pack_text(packer, "drain");
        msgpack_pack_uint64(packer, message->deadline_ms);
        message->away ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
        break;
    case CONTROL_SET_DRAINING:
        msgpack_pack_array(packer, 3);
        pack_text(packer, "draining");
        message->on ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
        message->away ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
        break;
    case CONTROL_MOVE:
        msgpack_pack_array(packer, 7);
        pack_text(packer, "move");
        msgpack_pack_uint64(packer, message->request);
        pack_text(packer, message->move.room);
        pack_text(packer, message->move.worker);
        pack_text(packer, message->move.node);
        pack_text(packer, message->move.address);
        pack_text(packer, message->move.remote);
        break;
    case CONTROL_RELOAD:
        msgpack_pack_array(packer, 1);
        pack_text(packer, "reload");
        break;
    case CONTROL_OUTCOME:
        msgpack_pack_array(packer, 4);
        pack_text(packer, "moved");
        msgpack_pack_uint64(packer, message->request);
        pack_text(packer, outcome_names[message->outcome]);
        msgpack_pack_uint64(packer, message->epoch);
        break;
    }
}

void control_frame_write(const struct control_message *message, struct buf *out)
{
    size_t before = buf_len(out);
    buf_append(out, "\0\0\0\0", HEADER);
    msgpack_packer packer;
    msgpack_packer_init(&packer, out, write_bytes);
    pack_message(&packer, message);
    size_t len = buf_len(out) - before - HEADER;
    assert(len <= CONTROL_FRAME_MAX);
    uint8_t *header = buf_head(out) + before;
    for (int i = 0; i < HEADER; i++) {
        header[i] = (uint8_t)(len >> (8 * (HEADER - 1 - i)));
    }
}

/* ---- reading ---- */

static bool is_text(const msgpack_object *object, struct str *out)
{
    *out = (struct str){object->via.str.ptr, object->via.str.size};
    return object->type == MSGPACK_OBJECT_STR;
}

static bool is_count(const msgpack_object *object, uint64_t *out)
{
    *out = object->via.u64;
    return object->type == MSGPACK_OBJECT_POSITIVE_INTEGER;
}

static bool is_number(const msgpack_object *object, double *out)
{
    if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
        *out = (double)object->via.u64;
        return true;
    }
    *out = object->via.f64;
    return object->type == MSGPACK_OBJECT_FLOAT64 || object->type == MSGPACK_OBJECT_FLOAT32;
}

static bool read_report(const msgpack_object *fields, uint32_t count, struct control_message *out)
{
    struct str state, why, version = STR("");
    if (count < 4 || !is_text(&fields[1], &state) || fields[2].type != MSGPACK_OBJECT_BOOLEAN ||
        !is_text(&fields[3], &why) || (count > 4 && !is_text(&fields[4], &version))) {
        return false;
    }
    for (unsigned i = 0; i < STATES; i++) {
        if (str_eq(state, str_of(state_names[i]))) {
            out->kind = CONTROL_REPORT;
            out->state = (enum control_state)i;
            out->store_ok = fields[2].via.boolean;
            snprintf(out->why, sizeof(out->why), "%.*s", STR_ARG(why));
            snprintf(out->version, sizeof(out->version), "%.*s", STR_ARG(version));
            return true;
        }
    }
    return false;
}

static bool read_values(const msgpack_object *map, struct metrics *out)
{
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        struct str name;
        double value;
        if (!is_text(&map->via.map.ptr[i].key, &name) ||
            !is_number(&map->via.map.ptr[i].val, &value)) {
            return false;
        }
        int metric = metric_find(name);
        if (metric >= 0) {
            out->values[metric] = value;
        }
    }
    return true;
}

/* [sum, count of the first bucket, ...]; one with other buckets than ours is not comparable. */
static bool read_histogram(const msgpack_object *array, struct histogram *out)
{
    if (array->type != MSGPACK_OBJECT_ARRAY) {
        return false;
    }
    if (array->via.array.size != METRICS_BOUNDS + 2) {
        return true;
    }
    struct histogram histogram = {0};
    const msgpack_object *items = array->via.array.ptr;
    bool fine = is_number(&items[0], &histogram.sum);
    for (size_t i = 0; fine && i <= METRICS_BOUNDS; i++) {
        fine = is_count(&items[i + 1], &histogram.counts[i]);
    }
    if (fine) {
        *out = histogram;
    }
    return fine;
}

static bool read_histograms(const msgpack_object *map, struct metrics *out)
{
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        struct str name;
        struct histogram ignored;
        if (!is_text(&map->via.map.ptr[i].key, &name)) {
            return false;
        }
        int which = histogram_find(name);
        if (!read_histogram(&map->via.map.ptr[i].val,
                            which >= 0 ? &out->histograms[which] : &ignored)) {
            return false;
        }
    }
    return true;
}

static bool read_metrics(const msgpack_object *fields, uint32_t count, struct control_message *out)
{
    out->kind = CONTROL_METRICS;
    return count >= 4 && is_count(&fields[1], &out->request) &&
           fields[2].type == MSGPACK_OBJECT_MAP && fields[3].type == MSGPACK_OBJECT_MAP &&
           read_values(&fields[2], &out->metrics) && read_histograms(&fields[3], &out->metrics);
}

/* Copies what fits. */
static bool read_text(const msgpack_object *object, char *out, size_t max)
{
    struct str text;
    if (!is_text(object, &text) || text.len > max) {
        return false;
    }
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

/* The same for what must not be empty. */
static bool read_name(const msgpack_object *object, char *out, size_t max)
{
    return read_text(object, out, max) && out[0] != '\0';
}

static bool read_move(const msgpack_object *fields, uint32_t count, struct control_message *out)
{
    struct control_move *move = &out->move;
    out->kind = CONTROL_MOVE;
    return count >= 6 && is_count(&fields[1], &out->request) &&
           read_name(&fields[2], move->room, CONTROL_ROOM_MAX) &&
           read_name(&fields[3], move->worker, CONTROL_ID_MAX) &&
           read_name(&fields[4], move->node, CONTROL_ID_MAX) &&
           read_name(&fields[5], move->address, CONTROL_ADDRESS_MAX) &&
           (count < 7 || read_text(&fields[6], move->remote, CONTROL_ADDRESS_MAX));
}

static bool read_outcome(const msgpack_object *fields, uint32_t count, struct control_message *out)
{
    struct str outcome;
    if (count < 4 || !is_count(&fields[1], &out->request) || !is_text(&fields[2], &outcome) ||
        !is_count(&fields[3], &out->epoch)) {
        return false;
    }
    for (unsigned i = 0; i < OUTCOMES; i++) {
        if (str_eq(outcome, str_of(outcome_names[i]))) {
            out->kind = CONTROL_OUTCOME;
            out->outcome = (enum control_outcome)i;
            return true;
        }
    }
    return false;
}

/* Supervisors of before say nothing of a spread. */
static bool read_stop(const msgpack_object *fields, uint32_t count, struct control_message *out)
{
    out->kind = CONTROL_STOP;
    out->spread_ms = 0;
    return count >= 2 && is_count(&fields[1], &out->deadline_ms) &&
           (count < 3 || is_count(&fields[2], &out->spread_ms));
}

/* Nor of where to. */
static bool read_drain(const msgpack_object *fields, uint32_t count, struct control_message *out)
{
    out->kind = CONTROL_DRAIN;
    out->away = count >= 3 && fields[2].type == MSGPACK_OBJECT_BOOLEAN && fields[2].via.boolean;
    return count >= 2 && is_count(&fields[1], &out->deadline_ms) &&
           (count < 3 || fields[2].type == MSGPACK_OBJECT_BOOLEAN);
}

static bool read_draining(const msgpack_object *fields, uint32_t count, struct control_message *out)
{
    bool fine = count >= 2 && fields[1].type == MSGPACK_OBJECT_BOOLEAN &&
                (count < 3 || fields[2].type == MSGPACK_OBJECT_BOOLEAN);
    out->kind = CONTROL_SET_DRAINING;
    out->on = fine && fields[1].via.boolean;
    out->away = fine && count >= 3 && fields[2].via.boolean;
    return fine;
}

/* CONTROL_NEED_MORE stands for a kind that we do not know. */
static enum control_parse read_message(const msgpack_object *object, struct control_message *out)
{
    struct str kind;
    if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size == 0 ||
        !is_text(&object->via.array.ptr[0], &kind)) {
        return CONTROL_BROKEN;
    }
    const msgpack_object *fields = object->via.array.ptr;
    uint32_t count = object->via.array.size;
    bool fine;
    if (str_eq(kind, STR("state"))) {
        fine = read_report(fields, count, out);
    } else if (str_eq(kind, STR("metrics"))) {
        fine = read_metrics(fields, count, out);
    } else if (str_eq(kind, STR("stats"))) {
        out->kind = CONTROL_STATS;
        fine = count >= 2 && is_count(&fields[1], &out->request);
    } else if (str_eq(kind, STR("stop"))) {
        fine = read_stop(fields, count, out);
    } else if (str_eq(kind, STR("drain"))) {
        fine = read_drain(fields, count, out);
    } else if (str_eq(kind, STR("draining"))) {
        fine = read_draining(fields, count, out);
    } else if (str_eq(kind, STR("move"))) {
        fine = read_move(fields, count, out);
    } else if (str_eq(kind, STR("moved"))) {
        fine = read_outcome(fields, count, out);
    } else if (str_eq(kind, STR("reload"))) {
        out->kind = CONTROL_RELOAD;
        fine = true;
    } else {
        return CONTROL_NEED_MORE;
    }
    return fine ? CONTROL_MESSAGE : CONTROL_BROKEN;
}

static enum control_parse read_body(struct str body, struct control_message *out)
{
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t used = 0;
    enum control_parse parsed = CONTROL_BROKEN;
    if (msgpack_unpack_next(&unpacked, body.ptr, body.len, &used) == MSGPACK_UNPACK_SUCCESS &&
        used == body.len) {
        parsed = read_message(&unpacked.data, out);
    }
    msgpack_unpacked_destroy(&unpacked);
    return parsed;
}

enum control_parse control_frame_read(struct buf *in, struct control_message *message)
{
    enum control_parse parsed = CONTROL_NEED_MORE;
    while (parsed == CONTROL_NEED_MORE && buf_len(in) >= HEADER) {
        const uint8_t *head = buf_head(in);
        size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
        if (len > CONTROL_FRAME_MAX) {
            return CONTROL_BROKEN;
        }
        if (buf_len(in) < HEADER + len) {
            break;
        }
        *message = (struct control_message){0};
        parsed = read_body((struct str){(const char *)head + HEADER, len}, message);
        buf_consume(in, HEADER + len);
    }
    return parsed;
}
