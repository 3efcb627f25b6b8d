/* The handshake: protocol version, schema, hydration (CONN-5, NEG, SCH, HYD). */
#include "base/alloc.h"
#include "room/internal.h"
#include "schema/path.h"
#include "value/pack.h"

#include <math.h>
#include <stdlib.h>

/* NEG-1, NEG-2. */
static enum reject negotiate(struct room_session *session, struct value version)
{
    double number;
    if (!value_number(version, &number)) {
        return REJECT_CLIENT_TOO_OLD;
    }
    session->legacy_rejection = number == 5 || number == 6;
    if (number == 5 || number == 6 || number == 7) {
        session->string_append = false;
        return REJECT_NONE;
    }
    return number < ROOM_PROTOCOL_VERSION   ? REJECT_CLIENT_TOO_OLD
           : number > ROOM_PROTOCOL_VERSION ? REJECT_SERVER_TOO_OLD
                                            : REJECT_NONE;
}

static enum reject reject_of(enum schema_match match)
{
    switch (match) {
    case SCHEMA_SERVED:
        return REJECT_NONE;
    case SCHEMA_CLIENT_TOO_OLD:
        return REJECT_CLIENT_TOO_OLD;
    case SCHEMA_SERVER_TOO_OLD:
        return REJECT_SERVER_TOO_OLD;
    case SCHEMA_MALFORMED:
        break;
    }
    return REJECT_UNKNOWN_ERROR;
}

/* The room's first change: its schema, and the documents that a room of that schema starts with
 * (SNAP-9), at clock 0. */
static void store_schema(struct room *room, struct schema *schema)
{
    room->schema = schema;
    struct value documents = schema_default_documents(schema);
    if (room->documents.records.count > 0) {
        documents = VALUE_NONE; /* loaded without schema; it has its documents */
    }
    struct buf ops = {0};
    struct value_walk walk = value_items(documents);
    struct value state;
    while (value_next_item(&walk, &state)) {
        struct record *record = record_create(state, room->documents.clock);
        ops_put(&ops, record_id(record), state);
        documents_put(&room->documents, record);
    }
    struct buf diff = {0};
    ops_diff(&diff, value_count(documents), &ops);
    struct room_entry entry = {
        .clock = room->documents.clock,
        .diff = buf_value(&diff),
        .schema = schema_serialized(schema),
    };
    room->host->append(room->ctx, &entry);
    buf_finish(&ops);
    buf_finish(&diff);
}

bool room_begin_schema(struct room *room, struct value theirs, enum schema_match *match)
{
    *match = SCHEMA_SERVED;
    if (!room->schema && room->config->schema) {
        store_schema(room, schema_ref(room->config->schema));
    } else if (!room->schema) {
        struct schema *adopted;
        *match = schema_adopt(theirs, &adopted);
        if (*match == SCHEMA_SERVED) {
            store_schema(room, adopted);
        }
    }
    return *match == SCHEMA_SERVED;
}

void room_begin(struct room *room)
{
    enum schema_match match;
    if (room->config->schema) {
        room_begin_schema(room, VALUE_NONE, &match);
    }
}

void session_drop_schema(struct room_session *session)
{
    edition_release(session->edition);
    session->edition = NULL;
    blob_unref(session->client_schema);
    session->client_schema = NULL;
}

enum reject session_take_schema(struct room *room, struct room_session *session,
                                struct value theirs)
{
    session_drop_schema(session);
    struct schema_path *path;
    enum reject reject = reject_of(schema_match(room->schema, theirs, &path));
    if (reject != REJECT_NONE) {
        room->host->schema_refused(room->ctx, session, reject_reason(reject),
                                   schema_serialized(room->schema), theirs);
        return reject;
    }
    session->edition = path ? edition_hold(room, path) : NULL;
    if (!value_equal(theirs, schema_serialized(room->schema))) {
        session->client_schema = blob_create(theirs.data, theirs.len);
    }
    return REJECT_NONE;
}

/* SCH. A room without schema gets one. */
static enum reject check_schema(struct room *room, struct room_session *session,
                                struct value theirs)
{
    enum schema_match match;
    if (!value_present(theirs) || value_type(theirs) == VALUE_NIL) {
        return REJECT_CLIENT_TOO_OLD;
    }
    return room_begin_schema(room, theirs, &match) ? session_take_schema(room, session, theirs)
                                                   : reject_of(match);
}

/* What a client is told to bring it up to date. */
struct hydration {
    bool wipe_all;
    struct documents_delta documents;
    uint32_t presences; /* of others (HYD-5) */
};

static bool has_other_presence(const struct room_session *other, const struct room_session *to)
{
    return other != to && other->presence;
}

/* HYD-1..5: what the client misses. */
static struct hydration hydrate(const struct room *room, const struct room_session *to,
                                struct value last_clock)
{
    const struct documents *documents = &room->documents;
    struct hydration hydration = {0};
    double current = (double)documents->clock;
    double client;
    if (!value_number(last_clock, &client) || client > current) {
        client = -1;
    }
    if (client != current) {
        hydration.wipe_all = client < (double)documents->history_start;
        documents_delta(documents, hydration.wipe_all,
                        hydration.wipe_all ? 0 : (uint64_t)floor(client), &hydration.documents);
    }
    struct room_session *other;
    list_each(other, &room->sessions, link, struct room_session)
    {
        if (has_other_presence(other, to)) {
            hydration.presences++;
            hydration.documents.bytes += other->presence->len + record_id(other->presence).len;
        }
    }
    return hydration;
}

/* What an older client is told instead: everything in it has been migrated. */
struct migrating {
    struct edition *edition;
    struct record **records; /* that are to be put */
    size_t count;
    struct buf removes; /* ops */
};

static void collect(void *ctx, struct record *record, struct str id)
{
    struct migrating *migrating = ctx;
    if (record) {
        migrating->records[migrating->count++] = record;
    } else {
        ops_remove(&migrating->removes, id);
    }
}

static bool write_migrated(struct migrating *migrating, struct buf *reply)
{
    enum { BATCH = 256 };
    struct record *out[BATCH];
    for (size_t at = 0; at < migrating->count; at += BATCH) {
        size_t count = migrating->count - at < BATCH ? migrating->count - at : BATCH;
        if (!edition_records(migrating->edition, migrating->records + at, count, out)) {
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            ops_put(reply, record_id(out[i]), record_value(out[i]));
            record_unref(out[i]);
        }
    }
    buf_append_str(reply, buf_str(&migrating->removes));
    return true;
}

/* What is to be migrated for it. */
static void collect_all(const struct room *room, const struct room_session *to,
                        const struct hydration *hydration, struct migrating *migrating)
{
    size_t most = (size_t)hydration->documents.count + hydration->presences;
    *migrating = (struct migrating){
        .edition = to->edition,
        .records = xcalloc(most + 1, sizeof(*migrating->records)),
    };
    if (hydration->documents.count > 0) {
        documents_each_changed(&room->documents, &hydration->documents, collect, migrating);
    }
    struct room_session *other;
    list_each(other, &room->sessions, link, struct room_session)
    {
        if (has_other_presence(other, to)) {
            collect(migrating, other->presence, record_id(other->presence));
        }
    }
}

static void migrating_finish(struct migrating *migrating)
{
    free(migrating->records);
    buf_finish(&migrating->removes);
}

/* HYD-6. False: something cannot be migrated. */
static bool write_diff_of_edition(const struct room *room, const struct room_session *to,
                                  const struct hydration *hydration, struct buf *reply)
{
    struct migrating migrating;
    collect_all(room, to, hydration, &migrating);
    bool ok = write_migrated(&migrating, reply);
    migrating_finish(&migrating);
    return ok;
}

static bool write_diff(const struct room *room, const struct room_session *to,
                       const struct hydration *hydration, struct buf *reply)
{
    pack_map(reply, hydration->documents.count + hydration->presences);
    if (to->edition) {
        return write_diff_of_edition(room, to, hydration, reply);
    }
    if (hydration->documents.count > 0) {
        documents_write_delta(&room->documents, &hydration->documents, reply);
    }
    struct room_session *other;
    list_each(other, &room->sessions, link, struct room_session)
    {
        if (has_other_presence(other, to)) {
            ops_put(reply, record_id(other->presence), record_value(other->presence));
        }
    }
    return true;
}

/* Who sees the room itself, and all of it, can be told by the host. */
static void leave_to_host(const struct room *room, const struct room_session *session,
                          struct hydration *hydration)
{
    if (hydration->documents.all && hydration->documents.count > 0 && !session->edition &&
        room->host->tells_documents && room->host->tells_documents(room->ctx, session)) {
        hydration->documents = (struct documents_delta){0};
    }
}

static bool write_reply(const struct room *room, const struct room_session *session,
                        struct value request_id, struct value last_clock, struct buf *reply)
{
    struct hydration hydration = hydrate(room, session, last_clock);
    leave_to_host(room, session, &hydration);
    struct value schema = schema_serialized(room->schema);
    enum { REST_BYTES = 512 };
    buf_reserve(reply, hydration.documents.bytes + schema.len + request_id.len + REST_BYTES);
    pack_map(reply, value_present(request_id) ? 9 : 8);
    pack_str(reply, STR("type"));
    pack_str(reply, STR("connect"));
    if (value_present(request_id)) {
        pack_member(reply, STR("connectRequestId"), request_id);
    }
    pack_str(reply, STR("hydrationType"));
    pack_str(reply, hydration.wipe_all ? STR("wipe_all") : STR("wipe_presence"));
    pack_str(reply, STR("protocolVersion"));
    pack_u64(reply, ROOM_PROTOCOL_VERSION);
    pack_member(reply, STR("schema"), schema);
    pack_str(reply, STR("serverClock"));
    pack_u64(reply, room->documents.clock);
    pack_str(reply, STR("isReadonly"));
    pack_bool(reply, session->readonly);
    pack_str(reply, STR("objectAccess"));
    pack_str(reply, session->object_write ? STR("write") : STR("read"));
    pack_str(reply, STR("diff"));
    return write_diff(room, session, &hydration, reply);
}

/* ---- what takes long is done in slices, while the session waits for its reply ---- */

void session_unpark(struct room *room, struct room_session *session)
{
    if (session->parked) {
        room->parked--;
        blob_unref(session->parked);
        session->parked = NULL;
    }
}

static void park(struct room *room, struct room_session *session, struct value message)
{
    session_unpark(room, session);
    session->parked = blob_create(message.data, message.len);
    room->parked++;
}

/* Migrates so many of them that code has to, and that are not kept yet. False: one cannot be. */
static bool migrate_slice(struct migrating *migrating)
{
    struct record *missing[EDITION_SLICE];
    struct record *out[EDITION_SLICE];
    size_t count = 0;
    for (size_t i = 0; i < migrating->count && count < EDITION_SLICE; i++) {
        if (edition_missing(migrating->edition, &migrating->records[i], 1) > 0) {
            missing[count++] = migrating->records[i];
        }
    }
    if (!edition_records(migrating->edition, missing, count, out)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        record_unref(out[i]); /* the edition keeps it */
    }
    return true;
}

enum readiness { READY, NOT_YET, NEVER };

/* Whether its reply can be written without running code for long; if not, and `work`, some of that
 * is done. */
static enum readiness readiness_of(const struct room *room, const struct room_session *session,
                                   struct value last_clock, bool work)
{
    if (!session->edition) {
        return READY;
    }
    struct hydration hydration = hydrate(room, session, last_clock);
    struct migrating migrating;
    collect_all(room, session, &hydration, &migrating);
    size_t missing = edition_missing(session->edition, migrating.records, migrating.count);
    enum readiness readiness = missing > EDITION_SLICE ? NOT_YET : READY;
    if (readiness == NOT_YET && work && !migrate_slice(&migrating)) {
        readiness = NEVER;
    }
    migrating_finish(&migrating);
    return readiness;
}

static void reply(struct room *room, struct room_session *session, struct value message,
                  uint64_t now_ms)
{
    struct buf reply = {0};
    if (write_reply(room, session, value_get(message, STR("connectRequestId")),
                    value_get(message, STR("lastServerClock")), &reply)) {
        session_set_state(room, session, ROOM_CONNECTED, now_ms);
        session_delay_snapshot(room, session, now_ms);
        room->host->send(room->ctx, session, ROOM_SEND_CONNECT, buf_value(&reply));
    } else {
        session_turn_away(room, session, reject_edition(session->edition), now_ms);
    }
    buf_finish(&reply);
}

void handle_connect(struct room *room, struct room_session *session, struct value message,
                    uint64_t now_ms)
{
    /* Handshaking again starts over (CONN-6), and must not count as connected meanwhile. */
    session_set_state(room, session, ROOM_AWAITING_CONNECT, now_ms);
    enum reject reject = negotiate(session, value_get(message, STR("protocolVersion")));
    if (reject == REJECT_NONE) {
        reject = check_schema(room, session, value_get(message, STR("schema")));
    }
    if (reject != REJECT_NONE) {
        session_reject(room, session, reject_reason(reject));
    } else if (readiness_of(room, session, value_get(message, STR("lastServerClock")), false) ==
               NOT_YET) {
        park(room, session, message);
    } else {
        reply(room, session, message, now_ms);
    }
}

static struct room_session *find_parked(struct room *room)
{
    struct room_session *session;
    list_each(session, &room->sessions, link, struct room_session)
    {
        if (session->parked) {
            return session;
        }
    }
    return NULL;
}

bool room_is_busy(const struct room *room)
{
    return room->parked > 0;
}

void room_work(struct room *room, uint64_t now_ms)
{
    struct room_session *session = find_parked(room);
    if (!session) {
        return;
    }
    struct blob *blob = blob_ref(session->parked);
    struct value message = {blob->data, blob->len};
    session->since = now_ms; /* it waits for us, not we for it */
    switch (readiness_of(room, session, value_get(message, STR("lastServerClock")), true)) {
    case READY:
        session_unpark(room, session);
        reply(room, session, message, now_ms);
        break;
    case NEVER:
        session_turn_away(room, session, reject_edition(session->edition), now_ms);
        break;
    case NOT_YET:
        break;
    }
    blob_unref(blob);
}
