/* What a push does to its session's presence record (PRES-1..4). */
#include "room/internal.h"
#include "room/resume.h"
#include "value/diff.h"
#include "value/pack.h"

/* The type of a session's presence record: the schema's; where the schema does not say, what the
 * session's first record said, for nobody else to decide. Absent if nothing says. */
static struct str type_of_presence(const struct room *room, const struct room_session *session,
                                   struct value given)
{
    struct str type = schema_presence_type(room->schema);
    if (!type.ptr && session->presence) {
        type = record_type(session->presence);
    }
    struct str named;
    if (!type.ptr && value_string(value_get(given, STR("typeName")), &named) && named.len > 0) {
        type = named;
    }
    return type;
}

static bool is_identity(struct str key)
{
    return str_eq(key, STR("id")) || str_eq(key, STR("typeName"));
}

/* Copies a map without its members id and typeName, as keys and values; returns their number. */
static uint32_t pack_rest(struct buf *out, struct value map)
{
    struct value_walk walk = value_members(map);
    struct str key;
    struct value member;
    uint32_t count = 0;
    while (value_next_member(&walk, &key, &member)) {
        if (!is_identity(key)) {
            pack_member(out, key, member);
            count++;
        }
    }
    return count;
}

/* PRES-2: the record with the identity that the server gives it. */
static void pack_record(struct buf *out, const struct room_session *session, struct str type,
                        struct value given)
{
    struct buf id = {0};
    buf_append_str(&id, type);
    buf_append_byte(&id, ':');
    buf_append(&id, session->presence_token, sizeof(session->presence_token));
    struct buf rest = {0};
    uint32_t count = pack_rest(&rest, given);
    pack_map(out, count + 2);
    pack_str(out, STR("id"));
    pack_str(out, buf_str(&id));
    pack_str(out, STR("typeName"));
    pack_str(out, type);
    buf_append_str(out, buf_str(&rest));
    buf_finish(&rest);
    buf_finish(&id);
}

/* From the session's record, if there is one, to `state`; `diff` is between them. */
static enum reject change_by(struct room *room, struct room_session *session, struct value state,
                             const struct buf *diff, struct record **next, struct buf *ops)
{
    enum reject reject = REJECT_INVALID_RECORD;
    struct str type = schema_presence_type(room->schema);
    if (!type.ptr) {
        value_string(value_get(state, STR("typeName")), &type);
    }
    if (state.len <= ROOM_PRESENCE_MAX_BYTES) {
        reject = reject_invalid(schema_check(room->schema, type, state));
    }
    if (reject == REJECT_NONE) {
        *next = record_create(state, 0);
        if (session->presence && !session->presence_unsure) {
            ops_patch(ops, record_id(*next), buf_value(diff));
        } else {
            ops_put(ops, record_id(*next), state);
        }
    }
    return reject;
}

/* From the session's record, or none, to `state`. */
static enum reject change_to(struct room *room, struct room_session *session, struct value state,
                             struct arena *scratch, struct record **next, struct buf *ops)
{
    struct record *old = session->presence;
    struct buf diff = {0};
    enum reject reject = REJECT_NONE;
    if (!old ||
        diff_record(record_value(old), state, room->legacy_append_sessions > 0, scratch, &diff)) {
        reject = change_by(room, session, state, &diff, next, ops);
    }
    buf_finish(&diff);
    return reject;
}

/* MIG-5: what an older client says of its presence, as a record of the room's schema. */
static enum reject change_from_edition(struct room *room, struct room_session *session,
                                       struct value state, struct arena *scratch,
                                       struct record **next, struct buf *ops)
{
    if (!session->edition) {
        return change_to(room, session, state, scratch, next, ops);
    }
    struct schema_traveller traveller = {.record = state};
    schema_migrate(session->edition->path, SCHEMA_UP, &traveller, 1);
    enum reject reject = traveller.again ? REJECT_FOR_NOW : REJECT_CLIENT_TOO_OLD;
    if (traveller.migrated == SCHEMA_SAME) {
        reject = change_to(room, session, state, scratch, next, ops);
    } else if (traveller.migrated == SCHEMA_CHANGED) {
        reject = change_to(room, session, buf_value(&traveller.out), scratch, next, ops);
    }
    buf_finish(&traveller.out);
    return reject;
}

static enum reject put_presence(struct room *room, struct room_session *session, struct value given,
                                struct arena *scratch, struct record **next, struct buf *ops)
{
    struct str type = type_of_presence(room, session, given);
    if (!type.ptr || value_type(given) != VALUE_MAP) {
        return REJECT_INVALID_RECORD;
    }
    struct buf record = {0};
    pack_record(&record, session, type, given);
    enum reject reject = change_from_edition(room, session, buf_value(&record), scratch, next, ops);
    buf_finish(&record);
    return reject;
}

static bool has_identity(struct value map)
{
    return value_present(value_get(map, STR("id"))) ||
           value_present(value_get(map, STR("typeName")));
}

/* MIG-3: the patch is about the record as the client sees it, and up from down need not lead back,
 * so that one which changes nothing may change something. */
static enum reject patch_edition(struct room *room, struct room_session *session, struct value diff,
                                 struct arena *scratch, struct record **next, struct buf *ops)
{
    struct record *seen = edition_record(session->edition, session->presence);
    if (!seen) {
        return reject_edition(session->edition);
    }
    struct value state;
    bool holes = false;
    enum apply_result applied = apply_diff(record_value(seen), diff, scratch, &state, &holes);
    enum reject reject = reject_applied(applied, holes);
    if (reject == REJECT_NONE) {
        reject = change_from_edition(room, session, state, scratch, next, ops);
    }
    record_unref(seen);
    return reject;
}

static enum reject patch_record(struct room *room, struct room_session *session, struct value diff,
                                struct arena *scratch, struct record **next, struct buf *ops)
{
    struct value state;
    bool holes = false;
    struct buf effective = {0};
    enum apply_result applied =
        apply_to_record(record_value(session->presence), diff, room->legacy_append_sessions > 0,
                        scratch, &state, &holes, &effective);
    enum reject reject = reject_applied(applied, holes);
    if (reject == REJECT_NONE && buf_len(&effective) > 0) {
        reject = change_by(room, session, state, &effective, next, ops);
    }
    buf_finish(&effective);
    return reject;
}

static enum reject patch_presence(struct room *room, struct room_session *session,
                                  struct value given, struct arena *scratch, struct record **next,
                                  struct buf *ops)
{
    if (!session->presence || value_type(given) != VALUE_MAP) {
        return REJECT_NONE;
    }
    struct buf diff = {0};
    if (has_identity(given)) {
        struct buf rest = {0};
        ops_diff(&diff, pack_rest(&rest, given), &rest);
        buf_finish(&rest);
        given = buf_value(&diff);
    }
    enum reject reject =
        (session->edition ? patch_edition : patch_record)(room, session, given, scratch, next, ops);
    buf_finish(&diff);
    return reject;
}

enum reject presence_change(struct room *room, struct room_session *session, struct value field,
                            struct arena *scratch, struct record **next, struct buf *ops)
{
    *next = NULL;
    if (!schema_is_open(room->schema) && !schema_presence_type(room->schema).ptr) {
        return REJECT_NONE; /* PRES-1 */
    }
    bool flag;
    switch (value_type(field)) {
    case VALUE_ABSENT:
    case VALUE_NIL:
    case VALUE_STRING:
        return REJECT_NONE;
    case VALUE_BOOL:
        return value_bool(field, &flag) && flag ? REJECT_UNKNOWN_ERROR : REJECT_NONE;
    case VALUE_NUMBER:
    case VALUE_MAP:
        return REJECT_UNKNOWN_ERROR;
    case VALUE_ARRAY:
        break;
    }
    struct str name = {0};
    value_string(value_item(field, 0), &name);
    struct value given = value_item(field, 1);
    if (str_eq(name, STR("put"))) {
        return put_presence(room, session, given, scratch, next, ops);
    }
    if (str_eq(name, STR("patch"))) {
        return patch_presence(room, session, given, scratch, next, ops);
    }
    return REJECT_NONE;
}

void presence_set(struct room *room, struct room_session *session, struct record *next)
{
    record_unref(session->presence);
    session->presence = next;
    session->presence_at = ++room->presence_clock;
    session->presence_unsure = false;
}

void presence_broadcast(struct room *room, struct room_session *session,
                        enum room_presence_effect effect)
{
    struct buf ops = {0};
    struct buf event = {0};
    ops_put(&ops, record_id(session->presence), record_value(session->presence));
    event_patch(&event, 1, &ops, room->documents.clock);
    struct record *presence = record_ref(session->presence);
    struct news news = {
        .source = session,
        .presence = {record_id(presence), NULL, presence},
        .effect = effect,
        .event = buf_value(&event),
    };
    room_tell(room, &news);
    record_unref(presence);
    buf_finish(&event);
    buf_finish(&ops);
}

void presence_broadcast_removal(struct room *room, struct str id)
{
    struct buf ops = {0};
    struct buf event = {0};
    room->presence_clock++;
    ops_remove(&ops, id);
    event_patch(&event, 1, &ops, room->documents.clock);
    struct news news = {
        .presence = {.id = id},
        .effect = ROOM_PRESENCE_REMOVED,
        .event = buf_value(&event),
    };
    room_tell(room, &news);
    buf_finish(&ops);
    buf_finish(&event);
}
