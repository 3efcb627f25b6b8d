/* Sessions: from the accepted socket to the removal (CONN-1, LIFE, REJ). */
#include "base/alloc.h"
#include "room/host.h"
#include "room/internal.h"
#include "value/pack.h"

#include <assert.h>
#include <stdlib.h>

struct str reject_reason(enum reject reject)
{
    switch (reject) {
    case REJECT_CLIENT_TOO_OLD:
        return STR("CLIENT_TOO_OLD");
    case REJECT_SERVER_TOO_OLD:
        return STR("SERVER_TOO_OLD");
    case REJECT_INVALID_RECORD:
        return STR("INVALID_RECORD");
    case REJECT_ROOM_FULL:
        return STR("ROOM_FULL");
    case REJECT_NONE:
    case REJECT_UNKNOWN_ERROR:
    case REJECT_FOR_NOW:
        break;
    }
    return STR("UNKNOWN_ERROR");
}

static struct str legacy_reason(struct str reason)
{
    return str_eq(reason, STR("CLIENT_TOO_OLD"))   ? STR("clientTooOld")
           : str_eq(reason, STR("SERVER_TOO_OLD")) ? STR("serverTooOld")
           : str_eq(reason, STR("INVALID_RECORD")) ? STR("invalidRecord")
                                                   : STR("invalidOperation");
}

/* When a session's state ends by itself; strictly after this moment (LIFE-1). */
static uint64_t session_deadline(const struct room *room, const struct room_session *session)
{
    switch (session->state) {
    case ROOM_AWAITING_CONNECT:
        return session->since + ROOM_START_WAIT_MS;
    case ROOM_CONNECTED:
        return room->config->idle_timeout_ms ? session->since + room->config->idle_timeout_ms
                                             : UINT64_MAX;
    case ROOM_AWAITING_REMOVAL:
        return session->since + ROOM_REMOVAL_WAIT_MS;
    }
    return UINT64_MAX;
}

static void lower_deadline(struct room *room, uint64_t at)
{
    room->deadline = at < room->deadline ? at : room->deadline;
}

/* What is counted of connected sessions; their flags and edition do not change meanwhile. */
static void count_connected(struct room *room, const struct room_session *session, int step)
{
    if (session->state != ROOM_CONNECTED) {
        return;
    }
    if (!session->string_append) {
        assert(step > 0 || room->legacy_append_sessions > 0);
        room->legacy_append_sessions += (uint32_t)step;
    }
    if (session->edition) {
        assert(step > 0 || session->edition->connected > 0);
        session->edition->connected += (uint32_t)step;
    }
}

void session_delay_snapshot(const struct room *room, struct room_session *session, uint64_t now_ms)
{
    if (room->config->session_snapshots) {
        session->snapshot_at = now_ms + ROOM_SNAPSHOT_DELAY_MS;
    }
}

void session_set_state(struct room *room, struct room_session *session,
                       enum room_session_state state, uint64_t now_ms)
{
    count_connected(room, session, -1);
    session->state = state;
    session->since = now_ms;
    count_connected(room, session, 1);
    if (state != ROOM_CONNECTED) {
        session->snapshot_at = 0;
    }
    session_unpark(room, session);
    lower_deadline(room, session_deadline(room, session));
}

struct room_session *session_create(struct room *room, struct str id, uint64_t place)
{
    struct room_session *session = xcalloc(1, sizeof(*session) + id.len);
    session->id_len = (uint32_t)id.len;
    memcpy(session->id, id.ptr, id.len);
    session->place = place;
    session->state = ROOM_AWAITING_CONNECT;
    room->host->random_id(room->ctx, session->presence_token);
    struct list *before = room->sessions.prev; /* nearly always the last */
    while (before != &room->sessions &&
           list_entry(before, struct room_session, link)->place > place) {
        before = before->prev;
    }
    list_insert_before(before->next, &session->link);
    map_put(&room->by_id, session);
    return session;
}

struct room_session *room_session_open(struct room *room, const struct room_session_config *config,
                                       uint64_t now_ms)
{
    struct room_session *session = map_get(&room->by_id, config->id);
    if (session) {
        session_set_state(room, session, ROOM_AWAITING_CONNECT, now_ms);
    } else {
        session = session_create(room, config->id, room->arrivals + 1);
    }
    session_drop_schema(session);
    session->opened = ++room->arrivals;
    session->readonly = config->readonly;
    session->object_write = config->object_write;
    session->legacy_rejection = false;
    session->string_append = true;
    session->conn = config->conn;
    session_set_state(room, session, ROOM_AWAITING_CONNECT, now_ms);
    return session;
}

void session_free(struct room_session *session)
{
    session_drop_schema(session);
    blob_unref(session->parked);
    record_unref(session->presence);
    free(session);
}

/* LIFE-5. The socket has been closed already. */
static void session_remove(struct room *room, struct room_session *session)
{
    session_set_state(room, session, ROOM_AWAITING_REMOVAL, session->since);
    map_remove(&room->by_id, room_session_id(session));
    list_remove(&session->link);
    if (session->presence) {
        presence_broadcast_removal(room, record_id(session->presence));
    }
    room->host->event(room->ctx, ROOM_SESSION_REMOVED, session);
    session_free(session);
    if (list_empty(&room->sessions)) {
        room->host->event(room->ctx, ROOM_BECAME_EMPTY, NULL);
    }
}

void session_cancel(struct room *room, struct room_session *session, uint64_t now_ms)
{
    if (session->state == ROOM_AWAITING_REMOVAL) {
        return;
    }
    session_set_state(room, session, ROOM_AWAITING_REMOVAL, now_ms);
    room->host->close(room->ctx, session, ROOM_CLOSE_PLAIN, (struct str){0});
}

void session_reject(struct room *room, struct room_session *session, struct str reason)
{
    if (session->legacy_rejection) {
        struct buf message = {0};
        pack_map(&message, 2);
        pack_str(&message, STR("type"));
        pack_str(&message, STR("incompatibility_error"));
        pack_str(&message, STR("reason"));
        pack_str(&message, legacy_reason(reason));
        room->host->send(room->ctx, session, ROOM_SEND_LEGACY, buf_value(&message));
        buf_finish(&message);
        room->host->close(room->ctx, session, ROOM_CLOSE_PLAIN, (struct str){0});
    } else {
        room->host->close(room->ctx, session, ROOM_CLOSE_FATAL, reason);
    }
    session_remove(room, session);
}

void session_turn_away(struct room *room, struct room_session *session, enum reject reject,
                       uint64_t now_ms)
{
    if (reject == REJECT_FOR_NOW) {
        session_cancel(room, session, now_ms);
    } else {
        session_reject(room, session, reject_reason(reject));
    }
}

void room_session_close(struct room *room, struct room_session *session, struct str reason)
{
    if (reason.ptr) {
        session_reject(room, session, reason);
        return;
    }
    room->host->close(room->ctx, session, ROOM_CLOSE_PLAIN, (struct str){0});
    session_remove(room, session);
}

void room_remove_sessions(struct room *room)
{
    struct room_session *session;
    list_each(session, &room->sessions, link, struct room_session)
    {
        session_set_state(room, session, ROOM_AWAITING_REMOVAL, session->since);
        map_remove(&room->by_id, room_session_id(session));
        list_remove(&session->link);
        session_free(session);
    }
}

void room_socket_gone(struct room *room, struct room_session *session, uint64_t now_ms)
{
    session_cancel(room, session, now_ms);
}

void room_broken_frame(struct room *room, struct room_session *session, bool fatal, uint64_t now_ms)
{
    if (session->state == ROOM_AWAITING_REMOVAL) {
        return; /* what was under way when its socket was closed */
    }
    if (fatal) {
        session_reject(room, session, reject_reason(REJECT_UNKNOWN_ERROR));
    } else {
        session_cancel(room, session, now_ms);
    }
}

static void prune_tombstones(struct room *room, uint64_t now_ms)
{
    if (now_ms >= room->prune_at) {
        documents_prune(&room->documents, PRUNE_DEFAULTS);
        room->prune_at = UINT64_MAX;
        room->last_prune = now_ms;
    }
}

static void tell_snapshots(struct room *room, uint64_t now_ms)
{
    struct room_session *session;
    list_each(session, &room->sessions, link, struct room_session)
    {
        if (session->snapshot_at && now_ms >= session->snapshot_at) {
            session->snapshot_at = 0;
            room->host->session_snapshot(room->ctx, session);
        }
    }
}

void room_tick(struct room *room, uint64_t now_ms)
{
    prune_tombstones(room, now_ms);
    tell_snapshots(room, now_ms);
    struct room_session *session;
    list_each(session, &room->sessions, link, struct room_session)
    {
        if (now_ms <= session_deadline(room, session)) {
            continue;
        }
        switch (session->state) {
        case ROOM_CONNECTED:
            session_cancel(room, session, now_ms);
            break;
        case ROOM_AWAITING_CONNECT:
            room->host->close(room->ctx, session, ROOM_CLOSE_PLAIN, (struct str){0});
            session_remove(room, session);
            break;
        case ROOM_AWAITING_REMOVAL:
            session_remove(room, session);
            break;
        }
    }
    room->deadline = UINT64_MAX;
    list_each(session, &room->sessions, link, struct room_session)
    {
        lower_deadline(room, session_deadline(room, session));
    }
}

uint64_t room_deadline(const struct room *room)
{
    uint64_t next = room->deadline == UINT64_MAX ? UINT64_MAX : room->deadline + 1;
    next = room->prune_at < next ? room->prune_at : next;
    const struct room_session *session = NULL;
    while (room->config->session_snapshots && (session = room_next_session(room, session))) {
        next = session->snapshot_at && session->snapshot_at < next ? session->snapshot_at : next;
    }
    return next;
}

uint32_t room_session_count(const struct room *room)
{
    return room->by_id.count;
}

struct room_session *room_next_session(const struct room *room, const struct room_session *after)
{
    struct list *next = after ? after->link.next : room->sessions.next;
    return next == &room->sessions ? NULL : list_entry(next, struct room_session, link);
}

struct room_session *room_session_find(struct room *room, struct str id)
{
    return map_get(&room->by_id, id);
}

struct str room_session_id(const struct room_session *session)
{
    return (struct str){session->id, session->id_len};
}

enum room_session_state room_session_state(const struct room_session *session)
{
    return session->state;
}

uint64_t room_session_conn(const struct room_session *session)
{
    return session->conn;
}

bool room_session_readonly(const struct room_session *session)
{
    return session->readonly;
}

void room_session_set_readonly(struct room_session *session, bool readonly)
{
    session->readonly = readonly;
}

uint64_t room_session_edition(const struct room_session *session)
{
    return session->edition ? session->edition->number : 0;
}

bool room_session_object_write(const struct room_session *session)
{
    return session->object_write;
}

const struct record *room_session_presence(const struct room_session *session)
{
    return session->presence;
}
