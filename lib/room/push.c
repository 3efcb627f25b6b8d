/* Pushes: work out everything against the state before, then change all of it or nothing (PUSH). */
#include "room/internal.h"
#include "value/check.h"
#include "value/diff.h"
#include "value/pack.h"

/* One push being worked out. Nothing in the room changes until it is committed. */
struct push {
    struct room *room;
    struct room_session *session;
    struct arena scratch;
    bool legacy_append; /* APP-1 */
    struct change *changes;
    size_t bytes;   /* of the new states */
    uint32_t count; /* of changes */
    struct buf ops; /* document ops of the effective diff, as many as changes */
    struct buf presence_ops;
    struct record *presence; /* new presence record, or NULL */
    bool removes;            /* some change is a removal */
};

/* RO-1, OBJ-1. */
static bool lane_closed(const struct push *push, struct str type)
{
    return schema_is_object_type(push->room->schema, type) ? !push->session->object_write
                                                           : push->session->readonly;
}

static void add_change(struct push *push, struct change change)
{
    push->changes[push->count++] = change;
}

/* Records grow by patches, so what a single message may hold does not bound them. */
static bool within_limits(struct value state)
{
    enum { HARMLESS_BYTES = 256 << 10 };
    return state.len <= HARMLESS_BYTES ||
           (state.len <= ROOM_RECORD_MAX_BYTES && value_walkable(state));
}

/* Stores a new state under `key`, found valid for `type`; its id is looked at only now (PUSH-3 f).
 */
static enum reject add_state(struct push *push, struct str key, struct str type, struct value state)
{
    struct str id;
    if (!within_limits(state) || !schema_validate(push->room->schema, type, state)) {
        return REJECT_INVALID_RECORD;
    }
    if (!value_string(value_get(state, STR("id")), &id) || !str_eq(id, key)) {
        return REJECT_UNKNOWN_ERROR;
    }
    push->bytes += state.len;
    if (push->room->documents.bytes + push->bytes > ROOM_MAX_BYTES) {
        return REJECT_ROOM_FULL;
    }
    add_change(push, (struct change){.record = record_create(state, 0)});
    return REJECT_NONE;
}

/* ND-1, ND-2: from an existing record to `state`, if that is a difference at all. */
static enum reject replace(struct push *push, struct record *old, struct value state)
{
    struct buf diff = {0};
    if (!diff_record(record_value(old), state, push->legacy_append, &push->scratch, &diff)) {
        buf_finish(&diff);
        return REJECT_NONE;
    }
    enum reject reject = add_state(push, record_id(old), record_type(old), state);
    if (reject == REJECT_NONE) {
        ops_patch(&push->ops, record_id(old), buf_value(&diff));
    }
    buf_finish(&diff);
    return reject;
}

/* Whether documents of that type may be stored; presence never is (CLK-4), also where only the
 * session itself says what type its presence has. */
static bool is_document_type(const struct push *push, struct str type)
{
    const struct record *presence = push->presence ? push->presence : push->session->presence;
    return schema_scope_of(push->room->schema, type) == SCHEMA_DOCUMENT &&
           !(presence && str_eq(type, record_type(presence)));
}

/* PUSH-3. */
static enum reject push_put(struct push *push, struct str id, struct value state)
{
    if (!value_present(state) || value_type(state) == VALUE_NIL) {
        return REJECT_UNKNOWN_ERROR;
    }
    struct str type = {0};
    bool typed = value_string(value_get(state, STR("typeName")), &type);
    if (lane_closed(push, type)) {
        return REJECT_NONE;
    }
    if (!typed || !is_document_type(push, type)) {
        return REJECT_INVALID_RECORD;
    }
    struct record *old = documents_get(&push->room->documents, id);
    if (old) {
        return str_eq(record_type(old), type) ? replace(push, old, state) : REJECT_NONE;
    }
    enum reject reject = add_state(push, id, type, state);
    if (reject == REJECT_NONE) {
        ops_put(&push->ops, id, state);
    }
    return reject;
}

/* PUSH-4. */
static enum reject push_patch(struct push *push, struct str id, struct value diff)
{
    struct record *old = documents_get(&push->room->documents, id);
    if (!old || lane_closed(push, record_type(old))) {
        return REJECT_NONE;
    }
    if (!value_present(diff) || value_type(diff) == VALUE_NIL) {
        return REJECT_UNKNOWN_ERROR;
    }
    struct value state;
    bool holes;
    switch (apply_diff(record_value(old), diff, &push->scratch, &state, &holes)) {
    case APPLY_UNCHANGED:
        return REJECT_NONE;
    case APPLY_CHANGED:
        return holes ? REJECT_INVALID_RECORD : replace(push, old, state);
    case APPLY_TOO_LARGE:
        return REJECT_INVALID_RECORD;
    case APPLY_MALFORMED:
        break;
    }
    return REJECT_UNKNOWN_ERROR;
}

/* PUSH-5. */
static void push_remove(struct push *push, struct str id)
{
    struct record *old = documents_get(&push->room->documents, id);
    if (old && !lane_closed(push, record_type(old))) {
        add_change(push, (struct change){.removed_id = id});
        push->removes = true;
        ops_remove(&push->ops, id);
    }
}

static enum reject push_op(struct push *push, struct str id, struct value op)
{
    if (value_type(op) == VALUE_NIL) {
        return REJECT_UNKNOWN_ERROR;
    }
    struct str name = {0};
    value_string(value_item(op, 0), &name);
    if (str_eq(name, STR("put"))) {
        return push_put(push, id, value_item(op, 1));
    }
    if (str_eq(name, STR("patch"))) {
        return push_patch(push, id, value_item(op, 1));
    }
    if (str_eq(name, STR("remove"))) {
        push_remove(push, id);
    }
    return REJECT_NONE;
}

static enum reject push_documents(struct push *push, struct value diff)
{
    if (value_type(diff) == VALUE_ARRAY) {
        return REJECT_UNKNOWN_ERROR;
    }
    push->changes = arena_alloc(&push->scratch, value_count(diff) * sizeof(*push->changes) + 1);
    struct value_walk walk = value_members(diff);
    struct str id;
    struct value op;
    enum reject reject = REJECT_NONE;
    while (reject == REJECT_NONE && value_next_member(&walk, &id, &op)) {
        reject = push_op(push, id, op);
    }
    return reject;
}

/* PUSH-7. */
static enum room_outcome outcome_of(struct value message, struct value effective)
{
    if (value_equal(effective, value_get(message, STR("diff")))) {
        return ROOM_OUTCOME_COMMIT;
    }
    return value_present(effective) ? ROOM_OUTCOME_REBASE : ROOM_OUTCOME_NONE;
}

void write_push_result(struct value message, enum room_outcome outcome, struct value effective,
                       uint64_t server_clock, struct buf *out)
{
    struct value client_clock = value_get(message, STR("clientClock"));
    pack_map(out, value_present(client_clock) ? 4 : 3);
    pack_str(out, STR("type"));
    pack_str(out, STR("push_result"));
    if (value_present(client_clock)) {
        pack_member(out, STR("clientClock"), client_clock);
    }
    pack_str(out, STR("serverClock"));
    pack_u64(out, server_clock);
    pack_str(out, STR("action"));
    switch (outcome) {
    case ROOM_OUTCOME_COMMIT:
        pack_str(out, STR("commit"));
        break;
    case ROOM_OUTCOME_NONE:
        pack_str(out, STR("discard"));
        break;
    case ROOM_OUTCOME_REBASE:
        pack_map(out, 1);
        pack_member(out, STR("rebaseWithDiff"), effective);
        break;
    }
}

static void schedule_prune(struct room *room, uint64_t now_ms)
{
    if (room->documents.tombstones.count <= PRUNE_DEFAULTS.max_tombstones) {
        return;
    }
    uint64_t earliest = room->last_prune ? room->last_prune + ROOM_PRUNE_THROTTLE_MS : now_ms + 1;
    room->prune_at = earliest > now_ms ? earliest : now_ms + 1;
}

static uint64_t result_clock(const struct push *push)
{
    const struct room *room = push->room;
    return push->count == 0 && room->host->result_clock
               ? room->host->result_clock(room->ctx, push->session)
               : room->documents.clock;
}

static void commit(struct push *push, struct value message, uint64_t seq, uint64_t now_ms)
{
    struct room *room = push->room;
    struct buf effective = {0};
    if (push->count > 0) {
        ops_diff(&effective, push->count, &push->ops);
        commit_changes(room, push->changes, push->count, room->documents.clock + 1);
    }
    if (push->removes) {
        schedule_prune(room, now_ms); /* TOMB-2 */
    }
    enum room_presence_effect effect = ROOM_PRESENCE_SAME;
    if (push->presence) {
        effect = push->session->presence ? ROOM_PRESENCE_SAME : ROOM_PRESENCE_ADDED;
        presence_set(room, push->session, push->presence);
    }
    struct buf result = {0};
    struct value diff = push->count > 0 ? buf_value(&effective) : VALUE_NONE;
    enum room_outcome outcome = outcome_of(message, diff);
    write_push_result(message, outcome, diff, result_clock(push), &result);
    if (push->count > 0) {
        struct room_entry entry = {
            .clock = room->documents.clock,
            .session = room_session_id(push->session),
            .seq = seq,
            .outcome = outcome,
            .diff = diff,
        };
        room->host->append(room->ctx, &entry);
    }
    room->host->send(room->ctx, push->session, ROOM_SEND_EVENT, buf_value(&result));
    if (push->count > 0 || push->presence) {
        struct buf event = {0};
        buf_append_str(&push->ops, buf_str(&push->presence_ops));
        event_patch(&event, push->count + (push->presence != NULL), &push->ops,
                    room->documents.clock);
        struct room_broadcast broadcast = {
            .except = push->session,
            .event = buf_value(&event),
            .documents = push->count > 0,
            .effect = effect,
            .presence = push->presence ? record_id(push->presence) : (struct str){0},
        };
        room->host->broadcast(room->ctx, &broadcast);
        buf_finish(&event);
    }
    if (push->count > 0) {
        room->host->event(room->ctx, ROOM_DOCUMENT_CHANGED, NULL);
    }
    buf_finish(&result);
    buf_finish(&effective);
}

static void undo(struct push *push)
{
    for (uint32_t i = 0; i < push->count; i++) {
        record_unref(push->changes[i].record);
    }
    record_unref(push->presence);
}

void handle_push(struct room *room, struct room_session *session, struct value message,
                 uint64_t seq, uint64_t now_ms)
{
    if (session->state != ROOM_CONNECTED) {
        return;
    }
    session->since = now_ms;
    struct push push = {
        .room = room,
        .session = session,
        .legacy_append = room->legacy_append_sessions > 0,
    };
    enum reject reject = presence_change(room, session, value_get(message, STR("presence")),
                                         &push.scratch, &push.presence, &push.presence_ops);
    if (reject == REJECT_NONE) {
        reject = push_documents(&push, value_get(message, STR("diff")));
    }
    if (reject == REJECT_NONE) {
        commit(&push, message, seq, now_ms);
    } else {
        undo(&push);
        session_reject(room, session, reject_reason(reject));
    }
    buf_finish(&push.ops);
    buf_finish(&push.presence_ops);
    arena_finish(&push.scratch);
}
