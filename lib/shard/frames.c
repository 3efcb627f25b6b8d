/* Frames of gateways: connections and their messages. */
#include "base/alloc.h"
#include "shard/internal.h"
#include "value/pack.h"

#include <stdlib.h>

static struct str number_key(const void *entry)
{
    const struct shard_conn *conn = entry;
    return (struct str){(const char *)&conn->number, sizeof(conn->number)};
}

struct shard_conn *conn_find(struct shard_link *link, uint64_t number)
{
    return map_get(&link->conns, (struct str){(const char *)&number, sizeof(number)});
}

struct shard_conn *conn_by_handle(struct shard *shard, uint64_t handle)
{
    return map_get(&shard->conns, (struct str){(const char *)&handle, sizeof(handle)});
}

void conn_refuse(struct shard_link *link, uint64_t number, enum link_refusal why, struct str text)
{
    struct link_frame frame = {
        .type = LINK_REFUSE, .conn = number, .code = (uint64_t)why, .reason = text};
    link_send(link, &frame);
}

static struct shard_conn *conn_create(struct shard_link *link, struct shard_room *room,
                                      const struct link_frame *frame)
{
    struct shard_conn *conn = xcalloc(1, sizeof(*conn));
    conn->handle = ++room->shard->next_handle;
    conn->number = frame->conn;
    conn->resumed = frame->type == LINK_RESUME;
    conn->link = link;
    conn->room = room;
    list_append(&room->conns, &conn->room_link);
    map_put(&link->conns, conn);
    map_put(&room->shard->conns, conn);
    return conn;
}

void conn_forget(struct shard_conn *conn)
{
    resume_cancel(conn);
    recent_leave(conn->room, conn);
    conn->room->ahead_left |= conn->ahead;
    if (conn->joined) {
        audience_leave(conn);
    }
    list_remove(&conn->room_link);
    map_remove(&conn->link->conns, number_key(conn));
    map_remove(&conn->link->shard->conns,
               (struct str){(const char *)&conn->handle, sizeof(conn->handle)});
    free(conn);
}

/* A session that comes back on a new connection leaves the old one behind (CONN-1): it stays open,
 * hears nothing and is not listened to (CONN-2). */
static void detach_previous(struct shard_room *room, struct str session_id)
{
    struct room_session *session = room_session_find(room->room, session_id);
    struct shard_conn *old =
        session ? conn_by_handle(room->shard, room_session_conn(session)) : NULL;
    if (old) {
        conn_detach(old);
    }
}

void conn_detach(struct shard_conn *conn)
{
    struct link_frame frame = {.type = LINK_DETACH, .conn = conn->number};
    outbox_send(conn->room, conn->link, &frame);
    conn_forget(conn);
}

bool conn_is_listening(const struct shard_conn *conn)
{
    const struct shard_room *room = conn->room;
    return conn->joined && room->durable >= conn->joined_at &&
           room->gate_passed >= conn->joined_gate;
}

void conn_send_state(struct shard_conn *conn)
{
    struct buf state = {0};
    room_session_write_state(conn->room->room, conn->session, &state);
    struct link_frame frame = {
        .type = LINK_STATE,
        .conn = conn->number,
        .answered = conn->answered,
        .payload = buf_value(&state),
    };
    if (conn->joined && ahead_is_due(conn->room) && ahead_may_answer(conn)) {
        link_send(conn->link, &frame);
    } else {
        outbox_send(conn->room, conn->link, &frame);
    }
    conn->state_ops = conn->state_bytes = 0;
    buf_finish(&state);
}

static void open_session(struct shard_conn *conn, const struct link_frame *frame, uint64_t now_ms)
{
    detach_previous(conn->room, frame->session);
    struct room_session_config config = {
        .id = frame->session,
        .readonly = frame->flags & LINK_OPEN_READONLY,
        .object_write = frame->flags & LINK_OPEN_OBJECT_WRITE,
        .conn = conn->handle,
    };
    conn->room->shown = false;
    conn->logged = recent_claim(conn->room, conn);
    conn->session = room_session_open(conn->room->room, &config, now_ms);
}

/* Says that a message is dealt with, if no frame to its connection did. */
static void acknowledge(struct shard *shard, uint64_t handle)
{
    struct shard_conn *conn = conn_by_handle(shard, handle);
    if (conn && !conn->answer_sent) {
        struct link_frame frame = {
            .type = LINK_ACK, .conn = conn->number, .answered = conn->answered};
        outbox_send(conn->room, conn->link, &frame);
    }
}

/* What its gateway has to keep of a session's presence is bounded by a new state now and then. */
static void checkpoint(struct shard *shard, uint64_t handle, struct value message)
{
    struct value presence = value_get(message, STR("presence"));
    struct shard_conn *conn = conn_by_handle(shard, handle);
    if (!conn || !conn->joined || value_type(presence) != VALUE_ARRAY) {
        return;
    }
    conn->state_ops++;
    conn->state_bytes += (uint32_t)presence.len;
    if (conn->state_ops >= LINK_STATE_OPS || conn->state_bytes >= LINK_STATE_BYTES) {
        conn_send_state(conn);
    }
}

static bool is_push(struct value message)
{
    struct str type;
    return value_string(value_get(message, STR("type")), &type) && str_eq(type, STR("push"));
}

static void on_message(struct shard_conn *conn, const struct link_frame *frame, uint64_t now_ms)
{
    struct shard *shard = conn->link->shard;
    struct shard_room *owner = conn->room;
    struct room *room = owner->room;
    uint64_t handle = conn->handle;
    conn->answer_sent = false;
    shard->counts.messages++;
    measure_message(owner);
    if (frame->seq <= conn->logged && is_push(frame->payload)) {
        /* Applied before its connection was; what it did is in the connect reply. */
        struct room_again again = {.message = frame->payload, .clock = room_documents(room)->clock};
        room_answer_again(room, conn->session, &again, now_ms);
    } else {
        room_message(room, conn->session, frame->payload, frame->seq, now_ms);
        shard_room_worked(owner);
    }
    acknowledge(shard, handle);
    checkpoint(shard, handle, frame->payload);
}

void conn_message(struct shard_conn *conn, const struct link_frame *frame, uint64_t now_ms)
{
    if (frame->seq <= conn->answered) {
        return;
    }
    conn->answered = frame->seq;
    if (frame->type == LINK_MESSAGE) {
        on_message(conn, frame, now_ms);
    } else {
        room_broken_frame(conn->room->room, conn->session, frame->flags & LINK_BROKEN_FATAL,
                          now_ms);
    }
}

void conn_gone(struct shard_conn *conn, uint64_t now_ms)
{
    struct room_session *session = conn->session;
    struct room *room = conn->room->room;
    /* Forgotten first, so that the room's answer does not go to a socket that is closed. */
    conn_forget(conn);
    if (session) {
        room_socket_gone(room, session, now_ms);
    }
}

void conn_frame(struct shard_conn *conn, const struct link_frame *frame, uint64_t now_ms)
{
    if (frame->type == LINK_GONE) {
        conn_gone(conn, now_ms);
    } else if (conn->resuming) {
        resume_frame(conn, frame, now_ms);
    } else if (conn->session) {
        conn_message(conn, frame, now_ms);
    } else if (frame->type == LINK_OPEN) {
        open_session(conn, frame, now_ms);
    } else if (frame->type == LINK_RESUME) {
        resume_begin(conn, frame, now_ms);
    }
}

static void open_and_load(struct shard_link *link, const struct link_frame *frame)
{
    struct shard *shard = link->shard;
    if (!shard->store_up) {
        conn_refuse(link, frame->conn, LINK_REFUSED_UNAVAILABLE, STR("storage is unavailable"));
        return;
    }
    struct shard_room *room = shard_room_create(shard, frame->room);
    deferred_add(room, link, frame);
    conn_create(link, room, frame);
    persist_request_load(room);
}

/* An open, or a resume, which is one with a past. */
static void on_open(struct shard_link *link, const struct link_frame *frame, uint64_t now_ms)
{
    struct shard *shard = link->shard;
    struct shard_room *room = shard_room_get(shard, frame->room);
    if (conn_find(link, frame->conn)) {
        return; /* the gateway's mistake; the first one counts */
    }
    if (shard->stopping && (!room || room->state != SHARD_ROOM_RELEASING)) {
        conn_refuse(link, frame->conn, LINK_REFUSED_NOT_OWNER, STR("worker is stopping"));
        return;
    }
    if (!room) {
        open_and_load(link, frame);
        return;
    }
    if (room->state == SHARD_ROOM_FAILED) {
        conn_refuse(link, frame->conn, shard_room_refusal(room), str_of(err_name(room->failure)));
    } else if (room->state == SHARD_ROOM_MOVING) {
        return; /* its gateway sends it to the next owner */
    } else if (room->state == SHARD_ROOM_SERVING) {
        conn_frame(conn_create(link, room, frame), frame, now_ms);
    } else if (deferred_add(room, link, frame)) {
        conn_create(link, room, frame);
    } else {
        conn_refuse(link, frame->conn, LINK_REFUSED_BUSY, STR("too much waits for the room"));
    }
}

static void on_roster(struct shard_link *link, const struct link_frame *frame, uint64_t now_ms)
{
    struct shard_room *room = shard_room_get(link->shard, frame->room);
    if (room) {
        ghosts_add(room, frame->payload, now_ms);
    }
}

static void on_conn_frame(struct shard_conn *conn, const struct link_frame *frame, uint64_t now_ms)
{
    enum shard_room_state state = conn->room->state;
    /* In a room that is held or loads, a client's last messages come before its end. */
    bool waits = state == SHARD_ROOM_HELD || (state == SHARD_ROOM_LOADING && conn->resumed);
    bool leaves = frame->type == LINK_GONE && !waits;
    if (state == SHARD_ROOM_SERVING || leaves) {
        conn_frame(conn, frame, now_ms);
    } else if (state == SHARD_ROOM_MOVING) {
        return; /* as above */
    } else if (!deferred_add(conn->room, conn->link, frame)) {
        conn_refuse(conn->link, conn->number, LINK_REFUSED_BUSY,
                    STR("too much waits for the room"));
        conn_gone(conn, now_ms); /* in a room that is held it has a session */
    }
}

enum err shard_frame(struct shard_link *link, const struct link_frame *frame, uint64_t now_ms)
{
    struct shard_conn *conn;
    switch (frame->type) {
    case LINK_OPEN:
    case LINK_RESUME:
        shard_turn_to(link->shard, frame->room);
        on_open(link, frame, now_ms);
        return ERR_OK;
    case LINK_ROSTER:
        shard_turn_to(link->shard, frame->room);
        on_roster(link, frame, now_ms);
        return ERR_OK;
    case LINK_MESSAGE:
    case LINK_BROKEN:
    case LINK_GONE:
        conn = conn_find(link, frame->conn);
        if (conn) { /* else we have closed it, and the gateway did not know yet */
            shard_turn_to(link->shard, str_of(conn->room->name));
            sleep_wake(conn->room);
            on_conn_frame(conn, frame, now_ms);
        }
        return ERR_OK;
    case LINK_REQUEST:
    case LINK_PART:
    case LINK_MORE:
        return request_frame(link, frame, now_ms);
    case LINK_HELLO:
    case LINK_SEND:
    case LINK_CAST:
    case LINK_CLOSE:
    case LINK_DETACH:
    case LINK_REFUSE:
    case LINK_ACK:
    case LINK_STATE:
    case LINK_RESUMED:
    case LINK_MOVED:
    case LINK_REPLY:
    case LINK_FLAGS:
    case LINK_SHARE:
    case LINK_MEMBERS:
    case LINK_FORGET:
        break;
    }
    return ERR_MALFORMED; /* not for a worker, or not now */
}
