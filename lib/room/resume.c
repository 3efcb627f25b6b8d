/* Sessions from one owner of the room to the next. */
#include "room/resume.h"

#include "base/alloc.h"
#include "room/internal.h"
#include "value/pack.h"

#include <xxhash.h>

#include <stdlib.h>
#include <string.h>

/* Openings in one epoch before its numbers reach the next one's: a number in a value must stay
 * below 2^53. */
enum { ARRIVALS_BITS = 20 };
enum { PRESENCE_CLOCK_BITS = 32 };

void room_begin_epoch(struct room *room, uint64_t epoch, struct str tenure)
{
    room->epoch = epoch;
    free(room->tenure);
    room->tenure = xstrndup(tenure.ptr, tenure.len);
    room->arrivals = epoch << ARRIVALS_BITS;
    room->presence_clock = epoch << PRESENCE_CLOCK_BITS;
}

/* Which of the schemas that an owner knows it is; few bytes in place of a kilobyte, which gateways
 * keep per session. */
static uint64_t fingerprint(struct value schema)
{
    enum { NUMBER_BITS = 53 };
    return XXH3_64bits(schema.data, schema.len) >> (64 - NUMBER_BITS);
}

/* A client that is not on the room's schema has its own with it. */
static void write_schema(const struct room *room, const struct room_session *session,
                         struct buf *out)
{
    pack_str(out, STR("schema"));
    if (session->client_schema) {
        pack_value(out, (struct value){session->client_schema->data, session->client_schema->len});
    } else {
        pack_u64(out, fingerprint(schema_serialized(room->schema)));
    }
}

/* The schema that a state speaks of; absent if it is none that is known here. A state without one
 * is of an owner who knew one schema only, that of the room. */
static struct value find_schema(const struct room *room, struct value written)
{
    uint64_t number;
    struct value own = schema_serialized(room->schema);
    struct value former =
        buf_len(&room->former_schema) > 0 ? buf_value(&room->former_schema) : VALUE_NONE;
    if (!value_present(written)) {
        return value_present(former) ? former : own;
    }
    if (!value_u64(written, &number)) {
        return written;
    }
    struct value known[] = {own, former};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (value_present(known[i]) && fingerprint(known[i]) == number) {
            return known[i];
        }
    }
    return VALUE_NONE;
}

bool room_has_changed_schema(const struct room *room)
{
    return buf_len(&room->former_schema) > 0;
}

void room_session_write_state(const struct room *room, const struct room_session *session,
                              struct buf *out)
{
    pack_map(out, session->presence ? 8 : 7);
    pack_str(out, STR("opened"));
    pack_u64(out, session->opened);
    pack_str(out, STR("place"));
    pack_u64(out, session->place);
    pack_str(out, STR("legacyRejection"));
    pack_bool(out, session->legacy_rejection);
    pack_str(out, STR("stringAppend"));
    pack_bool(out, session->string_append);
    pack_str(out, STR("tenure"));
    pack_str(out, str_of(room->tenure));
    pack_str(out, STR("token"));
    pack_str(out, (struct str){session->presence_token, sizeof(session->presence_token)});
    write_schema(room, session, out);
    if (session->presence) {
        pack_member(out, STR("presence"), record_value(session->presence));
    }
}

struct state {
    uint64_t opened, place;
    bool legacy_rejection, string_append;
    struct str tenure;
    struct str token; /* of its presence's id, also while it has none */
    struct value schema;
    struct value presence;
};

static bool read_state(struct value value, struct state *state)
{
    struct str id;
    struct str type;
    state->presence = value_get(value, STR("presence"));
    state->schema = value_get(value, STR("schema"));
    return value_u64(value_get(value, STR("opened")), &state->opened) &&
           value_u64(value_get(value, STR("place")), &state->place) &&
           value_bool(value_get(value, STR("legacyRejection")), &state->legacy_rejection) &&
           value_bool(value_get(value, STR("stringAppend")), &state->string_append) &&
           value_string(value_get(value, STR("tenure")), &state->tenure) &&
           value_string(value_get(value, STR("token")), &state->token) &&
           state->token.len == PRESENCE_TOKEN_LEN &&
           (!value_present(state->presence) || record_identity(state->presence, &id, &type));
}

/* One presence member of a push; what the room before accepted, and nobody is told again. */
static void apply_presence(struct room *room, struct room_session *session, struct value member)
{
    struct arena scratch = {0};
    struct buf ops = {0};
    struct record *next;
    if (presence_change(room, session, member, &scratch, &next, &ops) == REJECT_NONE && next) {
        record_unref(session->presence);
        session->presence = next;
    }
    buf_finish(&ops);
    arena_finish(&scratch);
}

/* Its id stays what it was: to others it is the same person. */
static void restore_presence(struct room *room, struct room_session *session,
                             const struct state *state, const struct room_resume *resume)
{
    struct record *old = session->presence; /* of an earlier opening */
    memcpy(session->presence_token, state->token.ptr, sizeof(session->presence_token));
    session->presence = NULL;
    if (value_present(state->presence)) {
        session->presence = record_create(state->presence, 0);
    }
    struct value_walk walk = value_items(resume->presence_ops);
    struct value member;
    while (value_next_item(&walk, &member)) {
        apply_presence(room, session, member);
    }
    session->presence_at =
        session->presence ? room_presence_clock_elsewhere(room, resume->presence_at) : 0;
    session->presence_unsure = true;
    bool same = old && session->presence && str_eq(record_id(old), record_id(session->presence));
    if (old && !same) {
        presence_broadcast_removal(room,
                                   record_id(old)); /* opened by an owner who did not know it */
    }
    record_unref(old);
}

enum room_resumed room_session_resume(struct room *room, const struct room_resume *resume,
                                      uint64_t now_ms, struct room_session **out)
{
    struct state state;
    if (!read_state(resume->state, &state)) {
        return ROOM_RESUME_MALFORMED;
    }
    struct room_session *session = map_get(&room->by_id, resume->session.id);
    if (resume->opened_since > state.opened || (session && session->opened > state.opened)) {
        return ROOM_RESUME_SUPERSEDED;
    }
    bool ours = str_eq(state.tenure, str_of(room->tenure));
    bool opened_later = !ours && state.opened >> ARRIVALS_BITS >= room->epoch;
    if (opened_later || resume->presence_seen >> PRESENCE_CLOCK_BITS > room->epoch) {
        return ROOM_RESUME_FORGOTTEN;
    }
    bool known = ours && session && session->opened == state.opened;
    if (!session) {
        session = session_create(room, resume->session.id, state.place);
    } else {
        /* Its flags must not change while it counts as connected. */
        session_set_state(room, session, ROOM_AWAITING_CONNECT, now_ms);
    }
    session->opened = state.opened;
    session->legacy_rejection = state.legacy_rejection;
    session->string_append = state.string_append;
    session->readonly = resume->session.readonly;
    session->object_write = resume->session.object_write;
    session->conn = resume->session.conn;
    struct value schema = find_schema(room, state.schema);
    if (!value_present(schema) || session_take_schema(room, session, schema) != REJECT_NONE) {
        *out = session;
        return ROOM_RESUME_SCHEMA;
    }
    if (!known) {
        restore_presence(room, session, &state, resume);
    }
    session_set_state(room, session, ROOM_CONNECTED, now_ms);
    *out = session;
    return known ? ROOM_RESUMED_KNOWN : ROOM_RESUMED;
}

void room_answer_again(struct room *room, struct room_session *session,
                       const struct room_again *again, uint64_t now_ms)
{
    if (session->state != ROOM_CONNECTED) {
        return;
    }
    session->since = now_ms;
    bool had_presence = session->presence != NULL;
    struct arena scratch = {0};
    struct buf ops = {0};
    struct record *next;
    struct value member = value_get(again->message, STR("presence"));
    if (presence_change(room, session, member, &scratch, &next, &ops) != REJECT_NONE) {
        next = NULL; /* the owner before answered it all the same */
    }
    if (next) {
        presence_set(room, session, next);
    }
    enum room_outcome outcome = again->outcome;
    if (outcome == ROOM_OUTCOME_NONE && !value_present(value_get(again->message, STR("diff")))) {
        outcome = ROOM_OUTCOME_COMMIT; /* PUSH-7: it asked for nothing */
    }
    struct buf result = {0};
    write_push_result(again->message, outcome, again->diff, again->clock, &result);
    room->host->send(room->ctx, session, ROOM_SEND_EVENT, buf_value(&result));
    if (next) {
        presence_broadcast(room, session, had_presence ? ROOM_PRESENCE_SAME : ROOM_PRESENCE_ADDED);
    }
    buf_finish(&result);
    buf_finish(&ops);
    arena_finish(&scratch);
}

/* Appends a put of the record as the edition (NULL: the room itself) has it. */
static bool put_for(struct edition *edition, struct record *record, struct buf *ops)
{
    struct record *seen = edition ? edition_record(edition, record) : record_ref(record);
    if (seen) {
        ops_put(ops, record_id(seen), record_value(seen));
        record_unref(seen);
    }
    return seen != NULL;
}

struct writing {
    struct edition *edition;
    struct buf ops;
    bool failed;
};

static void write_change(void *ctx, struct record *record, struct str id)
{
    struct writing *writing = ctx;
    if (!record) {
        ops_remove(&writing->ops, id);
    } else if (!put_for(writing->edition, record, &writing->ops)) {
        writing->failed = true;
    }
}

enum room_catch_up room_write_changes(const struct room *room, const struct room_session *to,
                                      uint64_t since, struct buf *event)
{
    struct documents_delta delta;
    documents_delta(&room->documents, false, since, &delta);
    if (delta.count == 0) {
        return ROOM_NOTHING_MISSED;
    }
    struct writing writing = {.edition = to->edition};
    buf_reserve(&writing.ops, delta.bytes);
    documents_each_changed(&room->documents, &delta, write_change, &writing);
    if (!writing.failed) {
        event_patch(event, delta.count, &writing.ops, room->documents.clock);
    }
    buf_finish(&writing.ops);
    return writing.failed ? ROOM_CATCH_UP_FAILED : ROOM_CAUGHT_UP;
}

enum room_catch_up room_write_presences(const struct room *room, const struct room_session *to,
                                        uint64_t seen, struct buf *event)
{
    struct buf ops = {0};
    uint32_t count = 0;
    bool ok = true;
    const struct room_session *other = NULL;
    while ((other = room_next_session(room, other))) {
        if (other != to && other->presence && !room_presence_seen(seen, other->presence_at)) {
            ok = ok && put_for(to->edition, other->presence, &ops);
            count++;
        }
    }
    if (ok && count > 0) {
        event_patch(event, count, &ops, room->documents.clock);
    }
    buf_finish(&ops);
    return !ok ? ROOM_CATCH_UP_FAILED : count > 0 ? ROOM_CAUGHT_UP : ROOM_NOTHING_MISSED;
}

static struct edition *find_edition(const struct room *room, uint64_t number)
{
    struct edition *edition;
    list_each(edition, &room->editions, link, struct edition)
    {
        if (edition->number == number) {
            return edition;
        }
    }
    return NULL;
}

enum room_catch_up room_write_presence(const struct room *room, const struct room_session *session,
                                       uint64_t edition, uint64_t server_clock, struct buf *event)
{
    struct edition *of = find_edition(room, edition);
    struct buf ops = {0};
    bool ok = (edition == 0 || of) && put_for(of, session->presence, &ops);
    if (ok) {
        event_patch(event, 1, &ops, server_clock);
    }
    buf_finish(&ops);
    return ok ? ROOM_CAUGHT_UP : ROOM_CATCH_UP_FAILED;
}

uint64_t room_session_opened(const struct room_session *session)
{
    return session->opened;
}

uint64_t room_presence_clock(const struct room *room)
{
    return room->presence_clock;
}

uint64_t room_presence_clock_elsewhere(const struct room *room, uint64_t clock)
{
    return clock >> PRESENCE_CLOCK_BITS == room->presence_clock >> PRESENCE_CLOCK_BITS ? 0 : clock;
}

bool room_presence_seen(uint64_t seen, uint64_t at)
{
    return seen > 0 && seen >> PRESENCE_CLOCK_BITS == at >> PRESENCE_CLOCK_BITS && seen >= at;
}

uint64_t room_session_presence_at(const struct room_session *session)
{
    return session->presence ? session->presence_at : 0;
}

void room_session_renew_presence(struct room *room, struct room_session *session)
{
    if (session->presence) {
        /* A new clock: what was told before does not show who has heard this. */
        session->presence_at = ++room->presence_clock;
        presence_broadcast(room, session, ROOM_PRESENCE_ADDED);
    }
}

void room_write_roster(const struct room *room, struct buf *out)
{
    uint32_t count = 0;
    const struct room_session *session;
    for (session = room_next_session(room, NULL); session;
         session = room_next_session(room, session)) {
        count += session->presence != NULL;
    }
    pack_array(out, count);
    for (session = room_next_session(room, NULL); session;
         session = room_next_session(room, session)) {
        if (session->presence) {
            pack_str(out, record_id(session->presence));
        }
    }
}

void room_drop_ghost(struct room *room, struct str presence_id)
{
    struct room_session *session;
    list_each(session, &room->sessions, link, struct room_session)
    {
        if (session->presence && str_eq(record_id(session->presence), presence_id)) {
            return;
        }
    }
    presence_broadcast_removal(room, presence_id);
}

void room_jump_clock(struct room *room, uint64_t clock)
{
    room->documents.clock = clock;
    room->documents.history_start = clock;
}
