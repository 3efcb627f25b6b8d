/* Session snapshots (RES): what a host keeps of a connected session, and how it comes back. Between
 * owners of a room there is more to it: see resume.h. */
#include "room/host.h"
#include "room/internal.h"
#include "value/pack.h"

/* What a tldraw presence must not keep over a restart, and what takes its place (RES-1). */
static bool fleeting(struct str key, struct buf *out)
{
    if (str_eq(key, STR("scribbles")) || str_eq(key, STR("selectedShapeIds"))) {
        pack_str(out, key);
        pack_array(out, 0);
    } else if (str_eq(key, STR("chatMessage"))) {
        pack_str(out, key);
        pack_str(out, STR(""));
    } else if (str_eq(key, STR("brush"))) {
        pack_str(out, key);
        pack_nil(out);
    } else {
        return false;
    }
    return true;
}

static bool is_fleeting(struct str key)
{
    struct buf unused = {0};
    bool is = fleeting(key, &unused);
    buf_finish(&unused);
    return is;
}

/* The reference sets all four, whether they were there or not. */
static void pack_tldraw_presence(struct value record, struct buf *out)
{
    static const struct str names[] = {
        {"scribbles", 9}, {"chatMessage", 11}, {"selectedShapeIds", 16}, {"brush", 5}};
    enum { NAMES = sizeof(names) / sizeof(names[0]) };
    struct buf rest = {0};
    uint32_t count = 0;
    struct value_walk walk = value_members(record);
    struct str key;
    struct value member;
    while (value_next_member(&walk, &key, &member)) {
        if (!is_fleeting(key)) {
            pack_member(&rest, key, member);
            count++;
        }
    }
    pack_map(out, count + NAMES);
    buf_append_str(out, buf_str(&rest));
    for (size_t i = 0; i < NAMES; i++) {
        fleeting(names[i], out);
    }
    buf_finish(&rest);
}

static void pack_presence(const struct room_session *session, struct buf *out)
{
    const struct record *presence = session->presence;
    if (!presence) {
        pack_nil(out);
    } else if (str_eq(record_type(presence), STR("instance_presence"))) {
        pack_tldraw_presence(record_value(presence), out);
    } else {
        pack_value(out, record_value(presence));
    }
}

static void pack_presence_id(const struct room *room, const struct room_session *session,
                             struct buf *out)
{
    struct str type = schema_presence_type(room->schema);
    struct buf id = {0};
    if (session->presence) {
        pack_str(out, record_id(session->presence));
    } else if (type.ptr) {
        buf_append_str(&id, type);
        buf_append_byte(&id, ':');
        buf_append(&id, session->presence_token, sizeof(session->presence_token));
        pack_str(out, buf_str(&id));
    } else {
        pack_nil(out);
    }
    buf_finish(&id);
}

bool room_session_write_snapshot(const struct room *room, const struct room_session *session,
                                 struct buf *out)
{
    if (session->state != ROOM_CONNECTED) {
        return false;
    }
    struct value schema = schema_serialized(room->schema);
    if (session->client_schema) {
        schema = (struct value){session->client_schema->data, session->client_schema->len};
    }
    pack_map(out, 7);
    pack_member(out, STR("serializedSchema"), schema);
    pack_str(out, STR("isReadonly"));
    pack_bool(out, session->readonly);
    pack_str(out, STR("objectAccess"));
    pack_str(out, session->object_write ? STR("write") : STR("read"));
    pack_str(out, STR("presenceId"));
    pack_presence_id(room, session, out);
    pack_str(out, STR("presenceRecord"));
    pack_presence(session, out);
    pack_str(out, STR("requiresLegacyRejection"));
    pack_bool(out, session->legacy_rejection);
    pack_str(out, STR("supportsStringAppend"));
    pack_bool(out, session->string_append);
    return true;
}

/* The random part of an id that was made here; false: it is none. */
static bool take_token(struct room_session *session, struct value id)
{
    struct str text;
    if (!value_string(id, &text) || text.len < PRESENCE_TOKEN_LEN) {
        return false;
    }
    memcpy(session->presence_token, text.ptr + text.len - PRESENCE_TOKEN_LEN, PRESENCE_TOKEN_LEN);
    return true;
}

static void take_presence(struct room *room, struct room_session *session, struct value record)
{
    struct str id;
    struct str type;
    record_unref(session->presence);
    session->presence = NULL;
    if (record_identity(record, &id, &type)) {
        session->presence = record_create(record, 0);
        session->presence_at = ++room->presence_clock;
    }
}

bool room_session_restore(struct room *room, const struct room_session_config *config,
                          struct value snapshot, uint64_t now_ms)
{
    struct value schema = value_get(snapshot, STR("serializedSchema"));
    bool legacy = false;
    bool append = true;
    struct str access = {0};
    struct room_session_config as = *config;
    if (!value_present(schema) || !room->schema) {
        return false;
    }
    value_bool(value_get(snapshot, STR("isReadonly")), &as.readonly);
    value_bool(value_get(snapshot, STR("requiresLegacyRejection")), &legacy);
    value_bool(value_get(snapshot, STR("supportsStringAppend")), &append);
    value_string(value_get(snapshot, STR("objectAccess")), &access);
    as.object_write = str_eq(access, STR("write")); /* missing: read (RES-2) */
    struct room_session *session = room_session_open(room, &as, now_ms);
    session->legacy_rejection = legacy;
    session->string_append = append;
    enum reject reject = session_take_schema(room, session, schema);
    if (reject != REJECT_NONE) {
        session_reject(room, session, reject_reason(reject)); /* RES-3 */
        return false;
    }
    if (take_token(session, value_get(snapshot, STR("presenceId")))) {
        take_presence(room, session, value_get(snapshot, STR("presenceRecord")));
    }
    session_set_state(room, session, ROOM_CONNECTED, now_ms);
    return true;
}
