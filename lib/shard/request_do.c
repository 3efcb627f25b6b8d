/* What each request of a host does to a room that serves. */
#include "shard/request.h"
#include "value/pack.h"

/* A close frame takes that many bytes of a reason (RFC 6455 5.5). */
enum { REASON_MAX = 123 };

/* ---- edits ---- */

static enum link_status status_of(enum room_edited edited)
{
    switch (edited) {
    case ROOM_EDITED:
    case ROOM_UNCHANGED:
        return LINK_STATUS_OK;
    case ROOM_EDIT_INVALID:
        return LINK_STATUS_INVALID;
    case ROOM_EDIT_CLOCK:
        return LINK_STATUS_CLOCK;
    case ROOM_EDIT_TOO_LARGE:
        return LINK_STATUS_TOO_LARGE;
    case ROOM_EDIT_NO_SCHEMA:
        return LINK_STATUS_NO_SCHEMA;
    case ROOM_EDIT_MIGRATION:
        break;
    }
    return LINK_STATUS_MIGRATION;
}

static void pack_clock(const struct shard_room *room, struct buf *out)
{
    pack_str(out, STR("clock"));
    pack_u64(out, room_documents(room->room)->clock);
}

void request_answer_edit(const struct shard_room *room, enum room_edited edited,
                         struct request_answer *answer)
{
    answer->status = status_of(edited);
    pack_map(&answer->payload, 2);
    pack_clock(room, &answer->payload);
    pack_str(&answer->payload, STR("changed"));
    pack_bool(&answer->payload, edited == ROOM_EDITED);
}

static bool is_list(struct value value)
{
    return !value_present(value) || value_type(value) == VALUE_ARRAY;
}

static void update(struct shard_request *request, struct shard_room *room,
                   struct request_answer *answer, uint64_t now_ms)
{
    struct room_update update = {
        .puts = value_get(request->payload, STR("puts")),
        .deletes = value_get(request->payload, STR("deletes")),
    };
    struct value expected = value_get(request->payload, STR("expectedClock"));
    update.check_clock = value_present(expected);
    if (!is_list(update.puts) || !is_list(update.deletes) ||
        (update.check_clock && !value_u64(expected, &update.clock))) {
        answer->status = LINK_STATUS_MALFORMED;
        return;
    }
    request_answer_edit(room, room_update(room->room, &update, now_ms, &answer->why), answer);
}

static void erase(struct shard_room *room, struct request_answer *answer, uint64_t now_ms)
{
    erase_room(room, now_ms);
    pack_map(&answer->payload, 1);
    pack_clock(room, &answer->payload);
}

/* ---- looking ---- */

static void objects(struct shard_room *room, struct request_answer *answer)
{
    pack_map(&answer->payload, 2);
    pack_clock(room, &answer->payload);
    pack_str(&answer->payload, STR("objects"));
    room_write_objects(room->room, &answer->payload);
}

static void record(struct shard_request *request, struct shard_room *room,
                   struct request_answer *answer)
{
    const struct record *found = documents_get(room_documents(room->room), request->target);
    if (!found) {
        answer->status = LINK_STATUS_NO_RECORD;
        return;
    }
    pack_map(&answer->payload, 2);
    pack_member(&answer->payload, STR("state"), record_value(found));
    pack_str(&answer->payload, STR("lastChangedClock"));
    pack_u64(&answer->payload, found->clock);
}

/* ---- sessions ---- */

static struct str name_of(enum room_session_state state)
{
    switch (state) {
    case ROOM_AWAITING_CONNECT:
        return STR("awaiting-connect");
    case ROOM_CONNECTED:
        return STR("connected");
    case ROOM_AWAITING_REMOVAL:
        break;
    }
    return STR("awaiting-removal");
}

static void pack_text_or_nil(struct buf *out, struct str text)
{
    if (text.ptr) {
        pack_str(out, text);
    } else {
        pack_nil(out);
    }
}

/* LIFE-9, and what operators want. */
static void pack_session(struct shard_room *room, const struct room_session *session,
                         struct buf *out)
{
    enum { MEMBERS = 7 };
    const struct shard_conn *conn = conn_by_handle(room->shard, room_session_conn(session));
    const struct record *presence = room_session_presence(session);
    enum room_session_state state = room_session_state(session);
    pack_map(out, MEMBERS);
    pack_str(out, STR("sessionId"));
    pack_str(out, room_session_id(session));
    pack_str(out, STR("isConnected"));
    pack_bool(out, state == ROOM_CONNECTED);
    pack_str(out, STR("isReadonly"));
    pack_bool(out, room_session_readonly(session));
    pack_str(out, STR("objectAccess"));
    pack_str(out, room_session_object_write(session) ? STR("write") : STR("read"));
    pack_str(out, STR("state"));
    pack_str(out, name_of(state));
    pack_str(out, STR("presenceId"));
    pack_text_or_nil(out, presence ? record_id(presence) : (struct str){0});
    pack_str(out, STR("gateway"));
    pack_text_or_nil(out, conn ? str_of(conn->link->peer) : (struct str){0});
}

static void sessions(struct shard_room *room, struct request_answer *answer)
{
    struct buf *out = &answer->payload;
    pack_map(out, 2);
    pack_clock(room, out);
    pack_str(out, STR("sessions"));
    pack_array(out, room_session_count(room->room));
    struct room_session *session = NULL;
    while ((session = room_next_session(room->room, session))) {
        pack_session(room, session, out);
    }
}

/* Its gateway too: it tells the next owner how the session is. */
static void set_readonly(struct shard_request *request, struct shard_room *room,
                         struct room_session *session, struct request_answer *answer)
{
    bool readonly;
    if (!value_bool(request->payload, &readonly)) {
        answer->status = LINK_STATUS_MALFORMED;
        return;
    }
    room_session_set_readonly(session, readonly);
    struct shard_conn *conn = conn_by_handle(room->shard, room_session_conn(session));
    if (conn && conn->link->version >= LINK_VERSION_FLAGS) {
        struct link_frame frame = {
            .type = LINK_FLAGS,
            .conn = conn->number,
            .flags = (readonly ? LINK_OPEN_READONLY : 0) |
                     (room_session_object_write(session) ? LINK_OPEN_OBJECT_WRITE : 0),
        };
        outbox_send(room, conn->link, &frame);
    }
    pack_session(room, session, &answer->payload);
}

/* Not within a character. */
static struct str cut(struct str text)
{
    if (text.len > REASON_MAX) {
        text.len = REASON_MAX;
        while (text.len > 0 && ((uint8_t)text.ptr[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    return text;
}

static void close_session(struct shard_request *request, struct shard_room *room,
                          struct room_session *session)
{
    struct str reason = {0};
    value_string(request->payload, &reason);
    room_session_close(room->room, session, cut(reason));
    room->shown = false;
}

static void custom(struct shard_request *request, struct shard_room *room,
                   struct room_session *session, struct request_answer *answer)
{
    if (room_session_state(session) != ROOM_CONNECTED) {
        answer->status = LINK_STATUS_NOT_CONNECTED;
    } else {
        room_send_custom(room->room, session, request->payload);
    }
}

static void session_snapshot(struct shard_room *room, const struct room_session *session,
                             struct request_answer *answer)
{
    if (!room_session_write_snapshot(room->room, session, &answer->payload)) {
        answer->status = LINK_STATUS_NOT_CONNECTED;
    }
}

static void do_to_session(struct shard_request *request, struct shard_room *room,
                          struct request_answer *answer)
{
    struct room_session *session = room_session_find(room->room, request->target);
    if (!session) {
        answer->status = LINK_STATUS_NO_SESSION;
    } else if (request->verb == LINK_VERB_SET_READONLY) {
        set_readonly(request, room, session, answer);
    } else if (request->verb == LINK_VERB_CLOSE) {
        close_session(request, room, session);
    } else if (request->verb == LINK_VERB_CUSTOM) {
        custom(request, room, session, answer);
    } else {
        session_snapshot(room, session, answer);
    }
}

void request_do(struct shard_request *request, struct shard_room *room,
                struct request_answer *answer, uint64_t now_ms)
{
    switch (request->verb) {
    case LINK_VERB_UPDATE:
        update(request, room, answer, now_ms);
        return;
    case LINK_VERB_OBJECTS:
        objects(room, answer);
        return;
    case LINK_VERB_RECORD:
        record(request, room, answer);
        return;
    case LINK_VERB_SESSIONS:
        sessions(room, answer);
        return;
    case LINK_VERB_SESSION_SNAPSHOT:
    case LINK_VERB_SET_READONLY:
    case LINK_VERB_CLOSE:
    case LINK_VERB_CUSTOM:
        do_to_session(request, room, answer);
        return;
    case LINK_VERB_ERASE:
        erase(room, answer, now_ms);
        return;
    case LINK_VERB_LOAD:
    case LINK_VERB_SNAPSHOT:
    case LINK_VERB_MOVE:
        break; /* in slices, in pieces, and in time */
    }
    answer->status = LINK_STATUS_MALFORMED; /* a newer host's */
}
