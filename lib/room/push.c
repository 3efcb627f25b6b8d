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
    struct edit *edits; /* of documents; with references to the states after */
    size_t bytes;       /* of the new states */
    uint32_t count;     /* of edits */
    struct buf ops;     /* document ops of the effective diff, as many as edits */
    struct buf presence_ops;
    struct record *presence; /* owned reference: new presence record, or NULL */
    bool presence_unsure;    /* others may have seen more than the state before */
    bool removes;            /* some change is a removal */
};

/* RO-1, OBJ-1. */
static bool lane_closed(const struct push *push, struct str type)
{
    return schema_is_object_type(push->room->schema, type) ? !push->session->object_write
                                                           : push->session->readonly;
}

/* Records grow by patches, so what a single message may hold does not bound them. */
static bool within_limits(struct value state)
{
    enum { HARMLESS_BYTES = 256 << 10 };
    return state.len <= HARMLESS_BYTES ||
           (state.len <= ROOM_RECORD_MAX_BYTES && value_walkable(state));
}

/* Stores a new state under `key`, in the place of `old` if there is one, found valid for `type`;
 * its id is looked at only now (PUSH-3 f). */
static enum reject add_state(struct push *push, struct str key, struct record *old, struct str type,
                             struct value state)
{
    struct str id;
    if (!within_limits(state)) {
        return REJECT_INVALID_RECORD;
    }
    enum reject reject = reject_invalid(schema_check(push->room->schema, type, state));
    if (reject != REJECT_NONE) {
        return reject;
    }
    if (!value_string(value_get(state, STR("id")), &id) || !str_eq(id, key)) {
        return REJECT_UNKNOWN_ERROR;
    }
    push->bytes += state.len;
    if (push->room->documents.bytes + push->bytes > ROOM_MAX_BYTES) {
        return REJECT_ROOM_FULL;
    }
    struct record *after = record_create(state, 0);
    struct record *before = old ? record_ref(old) : NULL;
    push->edits[push->count++] = (struct edit){record_id(after), before, after};
    return REJECT_NONE;
}

/* ND-1, ND-2: from an existing record to `state`, of which `diff` is the difference; none, if that
 * is empty. */
static enum reject replace_by(struct push *push, struct record *old, struct value state,
                              const struct buf *diff)
{
    if (buf_len(diff) == 0) {
        return REJECT_NONE;
    }
    enum reject reject = add_state(push, record_id(old), old, record_type(old), state);
    if (reject == REJECT_NONE) {
        ops_patch(&push->ops, record_id(old), buf_value(diff));
    }
    return reject;
}

static enum reject replace(struct push *push, struct record *old, struct value state)
{
    struct buf diff = {0};
    diff_record(record_value(old), state, push->legacy_append, &push->scratch, &diff);
    enum reject reject = replace_by(push, old, state, &diff);
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

/* What an older client sent, as a record of the room's schema (MIG-2). */
static enum reject migrate_up(struct push *push, struct value *state)
{
    if (!push->session->edition) {
        return REJECT_NONE;
    }
    struct schema_traveller traveller = {.record = *state};
    schema_migrate(push->session->edition->path, SCHEMA_UP, &traveller, 1);
    bool arrived = traveller.migrated == SCHEMA_SAME || traveller.migrated == SCHEMA_CHANGED;
    if (traveller.migrated == SCHEMA_CHANGED) {
        size_t len = buf_len(&traveller.out);
        uint8_t *copy = arena_alloc(&push->scratch, len);
        memcpy(copy, buf_head(&traveller.out), len);
        *state = (struct value){copy, len};
    }
    buf_finish(&traveller.out);
    return arrived ? REJECT_NONE : traveller.again ? REJECT_FOR_NOW : REJECT_CLIENT_TOO_OLD;
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
    if (old && !str_eq(record_type(old), type)) {
        return REJECT_NONE;
    }
    enum reject reject = migrate_up(push, &state);
    if (reject != REJECT_NONE) {
        return reject;
    }
    if (old) {
        return replace(push, old, state);
    }
    /* A migration may have made anything of it, so what counts is what it says now. */
    if (!value_string(value_get(state, STR("typeName")), &type) || !is_document_type(push, type)) {
        return REJECT_INVALID_RECORD;
    }
    reject = add_state(push, id, NULL, type, state);
    if (reject == REJECT_NONE) {
        ops_put(&push->ops, id, state);
    }
    return reject;
}

/* MIG-3: the patch is about the record as the client sees it. */
static enum reject patch_edition(struct push *push, struct record *old, struct value diff)
{
    struct record *seen = edition_record(push->session->edition, old);
    if (!seen) {
        return reject_edition(push->session->edition);
    }
    struct value state;
    bool holes = false;
    enum apply_result applied =
        apply_diff(record_value(seen), diff, &push->scratch, &state, &holes);
    enum reject reject = reject_applied(applied, holes);
    if (reject == REJECT_NONE) {
        reject = migrate_up(push, &state);
    }
    if (reject == REJECT_NONE) {
        reject = replace(push, old, state);
    }
    record_unref(seen);
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
    if (push->session->edition) {
        return patch_edition(push, old, diff);
    }
    struct value state;
    bool holes;
    struct buf effective = {0};
    enum apply_result applied = apply_to_record(record_value(old), diff, push->legacy_append,
                                                &push->scratch, &state, &holes, &effective);
    enum reject reject = reject_applied(applied, holes);
    if (reject == REJECT_NONE) {
        reject = replace_by(push, old, state, &effective);
    }
    buf_finish(&effective);
    return reject;
}

/* PUSH-5. */
static void push_remove(struct push *push, struct str id)
{
    struct record *old = documents_get(&push->room->documents, id);
    if (old && !lane_closed(push, record_type(old))) {
        struct record *before = record_ref(old);
        push->edits[push->count++] = (struct edit){.id = record_id(before), .before = before};
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
    push->edits = arena_alloc(&push->scratch, value_count(diff) * sizeof(*push->edits) + 1);
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

void schedule_prune(struct room *room, uint64_t now_ms)
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

/* The effective diff as an older client sees it. False: it cannot be migrated. */
static bool write_migrated(struct push *push, struct buf *diff)
{
    struct buf ops = {0};
    uint32_t count = 0;
    bool ok = edition_write_ops(push->session->edition, push->edits, push->count,
                                push->legacy_append, &push->scratch, &ops, &count);
    if (ok) {
        ops_diff(diff, count, &ops);
    }
    buf_finish(&ops);
    return ok;
}

static void tell_entry(struct push *push, uint64_t seq, enum room_outcome outcome,
                       struct value effective)
{
    struct room_entry entry = {
        .clock = push->room->documents.clock,
        .session = room_session_id(push->session),
        .seq = seq,
        .outcome = outcome,
        .diff = effective,
    };
    push->room->host->append(push->room->ctx, &entry);
}

static void tell_others(struct push *push, struct record *presence_before, uint64_t now_ms)
{
    struct room *room = push->room;
    struct buf event = {0};
    struct news news = {
        .source = push->session, .edits = push->edits, .edit_count = push->count, .now_ms = now_ms};
    if (push->presence) {
        news.presence = (struct edit){record_id(push->presence), presence_before, push->presence};
        news.presence_appeared = !presence_before || push->presence_unsure;
        news.effect = presence_before ? ROOM_PRESENCE_SAME : ROOM_PRESENCE_ADDED;
    }
    buf_append_str(&push->ops, buf_str(&push->presence_ops));
    event_patch(&event, push->count + (push->presence != NULL), &push->ops, room->documents.clock);
    news.event = buf_value(&event);
    room_tell(room, &news);
    buf_finish(&event);
}

/* Everything has been found right: from here on it happens. */
static void commit(struct push *push, struct value message, uint64_t seq, enum room_outcome outcome,
                   struct value effective, struct value answer, uint64_t now_ms)
{
    struct room *room = push->room;
    if (push->count > 0) {
        commit_edits(room, push->edits, push->count, room->documents.clock + 1);
    }
    if (push->removes) {
        schedule_prune(room, now_ms); /* TOMB-2 */
    }
    struct record *presence_before = push->session->presence;
    if (push->presence) {
        push->presence_unsure = push->session->presence_unsure;
        push->session->presence = NULL; /* kept until everyone is told */
        presence_set(room, push->session, record_ref(push->presence));
    }
    struct buf result = {0};
    write_push_result(message, outcome, answer, result_clock(push), &result);
    if (push->count > 0) {
        tell_entry(push, seq, outcome, effective);
    }
    room->host->send(room->ctx, push->session, ROOM_SEND_EVENT, buf_value(&result));
    buf_finish(&result);
    if (push->count > 0 || push->presence) {
        tell_others(push, push->presence ? presence_before : NULL, now_ms);
    }
    if (push->count > 0) {
        room->host->event(room->ctx, ROOM_DOCUMENT_CHANGED, NULL);
    }
    if (push->presence) {
        record_unref(presence_before);
    }
}

static enum reject conclude(struct push *push, struct value message, uint64_t seq, uint64_t now_ms)
{
    struct buf effective = {0};
    struct buf migrated = {0};
    if (push->count > 0) {
        ops_diff(&effective, push->count, &push->ops);
    }
    struct value diff = push->count > 0 ? buf_value(&effective) : VALUE_NONE;
    enum room_outcome outcome = outcome_of(message, diff);
    bool migrates = push->session->edition && outcome == ROOM_OUTCOME_REBASE;
    bool ok = !migrates || write_migrated(push, &migrated);
    if (ok) {
        struct value answer = migrates ? buf_value(&migrated) : diff;
        commit(push, message, seq, outcome, diff, answer, now_ms);
    }
    buf_finish(&migrated);
    buf_finish(&effective);
    return ok ? REJECT_NONE : reject_edition(push->session->edition);
}

/* Gives up what it holds, whether it was committed or not. */
static void push_finish(struct push *push)
{
    for (uint32_t i = 0; i < push->count; i++) {
        record_unref(push->edits[i].before);
        record_unref(push->edits[i].after);
    }
    record_unref(push->presence);
    buf_finish(&push->ops);
    buf_finish(&push->presence_ops);
    arena_finish(&push->scratch);
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
        reject = conclude(&push, message, seq, now_ms);
    }
    if (reject != REJECT_NONE) {
        session_turn_away(room, session, reject, now_ms);
    }
    push_finish(&push);
}
