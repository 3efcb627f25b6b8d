/* The room: creation, persistence, and which message goes where. */
#include "room/room.h"

#include "base/alloc.h"
#include "room/intake.h"
#include "room/internal.h"
#include "value/diff.h"
#include "value/pack.h"

#include <stdlib.h>

static struct str session_key(const void *entry)
{
    return room_session_id(entry);
}

struct room *room_create(const struct room_config *config, const struct room_host *host, void *ctx)
{
    struct room *room = xcalloc(1, sizeof(*room));
    room->config = config;
    room->host = host;
    room->ctx = ctx;
    room->prune_at = UINT64_MAX;
    room->deadline = UINT64_MAX;
    documents_init(&room->documents);
    map_init(&room->by_id, session_key);
    list_init(&room->sessions);
    list_init(&room->editions);
    return room;
}

void room_destroy(struct room *room)
{
    if (!room) {
        return;
    }
    struct room_session *session;
    list_each(session, &room->sessions, link, struct room_session)
    {
        session_set_state(room, session, ROOM_AWAITING_REMOVAL, 0);
        session_free(session);
    }
    map_finish(&room->by_id);
    documents_finish(&room->documents);
    schema_unref(room->schema);
    buf_finish(&room->stored_schema);
    buf_finish(&room->former_schema);
    free(room->tenure);
    free(room);
}

const struct documents *room_documents(const struct room *room)
{
    return &room->documents;
}

const struct schema *room_schema(const struct room *room)
{
    return room->schema;
}

void room_write_snapshot(const struct room *room, struct buf *out)
{
    pack_map(out, room->schema ? 5 : 4);
    documents_write(&room->documents, out);
    if (room->schema) {
        pack_member(out, STR("schema"), stored_schema(room));
    }
}

struct value stored_schema(const struct room *room)
{
    return buf_len(&room->stored_schema) > 0 ? buf_value(&room->stored_schema)
                                             : schema_serialized(room->schema);
}

static enum err set_schema(struct room *room, struct value serialized)
{
    struct schema *schema;
    if (schema_adopt(serialized, &schema) != SCHEMA_SERVED) {
        return ERR_MALFORMED;
    }
    schema_unref(room->schema);
    room->schema = schema;
    return ERR_OK;
}

struct room_reading {
    struct room *room;
    struct intake *intake; /* owned */
    enum err err;
};

struct room_reading *room_read_begin(struct room *room, struct value snapshot)
{
    struct room_reading *reading = xcalloc(1, sizeof(*reading));
    reading->room = room;
    reading->intake = intake_create(&room->documents, snapshot);
    reading->err = ERR_AGAIN;
    return reading;
}

enum err room_read_step(struct room_reading *reading, struct slice *slice)
{
    if (reading->err == ERR_AGAIN) {
        reading->err = intake_step(reading->intake, slice);
        struct value schema = intake_schema(reading->intake);
        if (!reading->err && value_present(schema)) {
            reading->err = set_schema(reading->room, schema);
        }
    }
    return reading->err;
}

void room_read_end(struct room_reading *reading)
{
    if (reading) {
        intake_destroy(reading->intake);
        free(reading);
    }
}

enum err room_read_snapshot(struct room *room, struct value snapshot)
{
    struct slice all = SLICE_ALL;
    struct room_reading *reading = room_read_begin(room, snapshot);
    enum err err = room_read_step(reading, &all);
    room_read_end(reading);
    return err;
}

void commit_edit(struct room *room, const struct edit *edit, uint64_t clock)
{
    if (edit->after) {
        edit->after->clock = clock;
        documents_put(&room->documents, record_ref(edit->after));
    } else {
        documents_remove(&room->documents, edit->id, clock);
    }
}

void commit_edits(struct room *room, const struct edit *edits, uint32_t count, uint64_t clock)
{
    for (uint32_t i = 0; i < count; i++) {
        commit_edit(room, &edits[i], clock);
    }
    room->documents.clock = clock;
}

/* The new state that one logged op leads to; false if it does not fit what there is. */
static bool replay_op(struct room *room, struct str id, struct value op, struct arena *scratch,
                      struct edit *edit)
{
    struct str name;
    if (!value_string(value_item(op, 0), &name)) {
        return false;
    }
    struct value operand = value_item(op, 1);
    struct record *old = documents_get(&room->documents, id);
    if (str_eq(name, STR("remove"))) {
        *edit = (struct edit){.id = id};
        return old != NULL;
    }
    struct value state = operand;
    if (str_eq(name, STR("patch"))) {
        bool holes;
        if (!old ||
            apply_diff(record_value(old), operand, scratch, &state, &holes) != APPLY_CHANGED) {
            return false;
        }
    } else if (!str_eq(name, STR("put"))) {
        return false;
    }
    struct str own_id;
    struct str type;
    if (!record_identity(state, &own_id, &type) || !str_eq(own_id, id)) {
        return false;
    }
    *edit = (struct edit){.id = id, .after = record_create(state, 0)};
    return true;
}

enum err room_replay(struct room *room, const struct room_entry *entry)
{
    /* An entry that sets the schema need not advance the clock: it is the room's first, or nothing
     * had to be migrated. */
    bool sets_schema = value_present(entry->schema);
    uint64_t step = entry->clock - room->documents.clock;
    if (step != 1 && !(sets_schema && step == 0)) {
        return ERR_GAP;
    }
    struct arena scratch = {0};
    uint32_t count = value_count(entry->diff);
    struct edit *edits = arena_alloc(&scratch, count * sizeof(*edits) + 1);
    struct value_walk walk = value_members(entry->diff);
    struct str id;
    struct value op;
    uint32_t done = 0;
    enum err err = ERR_OK;
    for (; !err && value_next_member(&walk, &id, &op); done++) {
        if (!replay_op(room, id, op, &scratch, &edits[done])) {
            err = ERR_MALFORMED;
            break;
        }
    }
    if (!err && sets_schema) {
        err = set_schema(room, entry->schema);
    }
    if (!err) {
        commit_edits(room, edits, count, entry->clock);
    }
    while (done-- > 0) {
        record_unref(edits[done].after);
    }
    arena_finish(&scratch);
    return err;
}

static void handle_ping(struct room *room, struct room_session *session, uint64_t now_ms)
{
    if (session->state != ROOM_CONNECTED) {
        return;
    }
    session->since = now_ms;
    struct buf pong = {0};
    pack_map(&pong, 1);
    pack_str(&pong, STR("type"));
    pack_str(&pong, STR("pong"));
    room->host->send(room->ctx, session, ROOM_SEND_PONG, buf_value(&pong));
    buf_finish(&pong);
}

void room_message(struct room *room, struct room_session *session, struct value message,
                  uint64_t seq, uint64_t now_ms)
{
    if (session->state == ROOM_AWAITING_REMOVAL) {
        return; /* what was under way when its socket was closed */
    }
    session_delay_snapshot(room, session, now_ms);
    struct str type = {0};
    value_string(value_get(message, STR("type")), &type);
    if (str_eq(type, STR("push"))) {
        handle_push(room, session, message, seq, now_ms);
    } else if (str_eq(type, STR("ping"))) {
        handle_ping(room, session, now_ms);
    } else if (str_eq(type, STR("connect"))) {
        handle_connect(room, session, message, now_ms);
    } else {
        session_reject(room, session, reject_reason(REJECT_UNKNOWN_ERROR));
    }
}

void room_send_custom(struct room *room, struct room_session *session, struct value data)
{
    if (session->state != ROOM_CONNECTED) {
        return;
    }
    struct buf message = {0};
    pack_map(&message, 2);
    pack_str(&message, STR("type"));
    pack_str(&message, STR("custom"));
    pack_member(&message, STR("data"), data);
    room->host->send(room->ctx, session, ROOM_SEND_CUSTOM, buf_value(&message));
    buf_finish(&message);
}
