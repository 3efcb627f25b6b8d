/* Sessions that come from another owner of the room (proto/ownership.md, "Resume"): their
 * unanswered messages are gathered first, then they are brought from where they were to where the
 * room is, and their messages are handled, each once. */
#include "base/alloc.h"
#include "shard/internal.h"
#include "value/pack.h"

#include <assert.h>
#include <stdlib.h>

void resume_cancel(struct shard_conn *conn)
{
    if (conn->resuming) {
        buf_finish(&conn->resuming->state);
        buf_finish(&conn->resuming->messages);
        free(conn->resuming);
        conn->resuming = NULL;
    }
}

/* How far the clock goes on where nobody knows what all clients have seen, those that are away
 * included: more changes than the last seconds of any room hold. */
enum { JUMP_UNSEEN = 1000000 };

void resume_jump(struct shard_room *room, uint64_t seen)
{
    const struct documents *documents = room_documents(room->room);
    uint64_t clock = seen + JUMP_UNSEEN;
    struct log_scope scope = shard_room_scope(room);
    log_warn(&scope, "stored room may be older than what clients have seen; its clock jumps",
             LOG_U64("from", documents->clock), LOG_U64("to", clock));
    room->before_jump = documents->clock;
    room->history_before_jump = documents->history_start;
    room_jump_clock(room->room, clock);
    /* Takes the place of an entry that only a snapshot can store, so all output waits for it. */
    room->jumped = true;
    room->whole_number = ++room->appended;
    room->dirty = true;
    persist_snapshot(room, false);
}

/* ---- one session's way from its clock to the room's ---- */

struct walk {
    struct shard_conn *conn;
    struct room *room;
    struct link_reader reader;
    struct buf *messages;    /* what is left of them, the one read included */
    struct link_frame frame; /* the first of what is left, if any */
    size_t frame_size;       /* 0: none is left */
    uint64_t now_ms;
};

static void peek(struct walk *walk)
{
    walk->frame_size = 0;
    if (buf_len(walk->messages) > 0) {
        enum err err = link_read(&walk->reader, buf_head(walk->messages), buf_len(walk->messages),
                                 &walk->frame, &walk->frame_size);
        assert(!err); /* written by resume_frame */
    }
}

static void consume(struct walk *walk)
{
    buf_consume(walk->messages, walk->frame_size);
    peek(walk);
}

static void send_event(struct shard_conn *conn, struct value event, uint64_t clock)
{
    struct link_frame frame = {
        .type = LINK_SEND,
        .conn = conn->number,
        .answered = conn->answered,
        .clock = clock,
        .presence_clock = conn->presence_seen,
        .how = LINK_HOW_EVENT,
        .payload = event,
    };
    struct long_message message = {0};
    long_send(conn->room, conn->link, &frame, &message);
    long_finish(&message);
}

static void send_patch(struct shard_conn *conn, const struct entry *entry)
{
    struct buf event = {0};
    pack_map(&event, 3);
    pack_str(&event, STR("type"));
    pack_str(&event, STR("patch"));
    pack_member(&event, STR("diff"), entry->diff);
    pack_str(&event, STR("serverClock"));
    pack_u64(&event, entry->clock);
    send_event(conn, buf_value(&event), entry->clock);
    buf_finish(&event);
}

static bool is_push(const struct link_frame *frame)
{
    struct str type;
    return frame->type == LINK_MESSAGE &&
           value_string(value_get(frame->payload, STR("type")), &type) && str_eq(type, STR("push"));
}

/* The first message that is left has been applied, with `entry` or to no effect (NULL). */
static void answer_again(struct walk *walk, const struct entry *entry)
{
    struct shard_conn *conn = walk->conn;
    conn->answered = walk->frame.seq;
    if (is_push(&walk->frame)) {
        struct room_again again = {
            .message = walk->frame.payload,
            .outcome = entry ? (enum room_outcome)entry->outcome : ROOM_OUTCOME_NONE,
            .diff = entry ? entry->diff : VALUE_NONE,
            .clock = conn->brought_to,
        };
        room_answer_again(walk->room, conn->session, &again, walk->now_ms);
    }
    consume(walk);
}

static void answer_up_to(struct walk *walk, uint64_t seq)
{
    while (walk->frame_size > 0 && walk->frame.seq <= seq) {
        answer_again(walk, NULL);
    }
}

/* Entry by entry, as the owner before would have told it. */
static void walk_tail(struct walk *walk)
{
    struct shard_conn *conn = walk->conn;
    const struct tail *tail = &conn->room->tail;
    char name[CONN_NAME_MAX];
    struct str own = conn_name(conn, name);
    size_t at = tail->count;
    while (at > 0 && tail->entries[at - 1]->clock > conn->brought_to) {
        at--;
    }
    for (; at < tail->count; at++) {
        const struct entry *entry = tail->entries[at];
        bool mine = str_eq(entry->by, own);
        if (mine) {
            answer_up_to(walk, entry->seq - 1);
        }
        conn->brought_to = entry->clock;
        if (mine && walk->frame_size > 0 && walk->frame.seq == entry->seq) {
            answer_again(walk, entry);
        } else {
            send_patch(conn, entry);
        }
    }
}

/* False: what it missed cannot be migrated for it. */
static bool bring_documents(struct walk *walk)
{
    struct shard_conn *conn = walk->conn;
    uint64_t clock = room_documents(walk->room)->clock;
    /* Entries are as the room has it; who sees an edition is told of whole states. */
    if (conn->brought_to >= conn->room->tail.from && room_session_edition(conn->session) == 0) {
        walk_tail(walk);
    }
    struct buf event = {0};
    uint64_t since = conn->brought_to;
    conn->brought_to = clock;
    enum room_catch_up wrote = since < clock
                                   ? room_write_changes(walk->room, conn->session, since, &event)
                                   : ROOM_NOTHING_MISSED;
    if (wrote == ROOM_CAUGHT_UP) {
        send_event(conn, buf_value(&event), clock);
    }
    buf_finish(&event);
    answer_up_to(walk, conn->logged);
    return wrote != ROOM_CATCH_UP_FAILED;
}

/* Where a session's presence comes from. */
enum origin {
    ORIGIN_KNOWN,    /* the room has it: others have been told of it all along */
    ORIGIN_STATE,    /* the owner before had it: others may have been told by it */
    ORIGIN_STRAYED,  /* likewise, but so late that nobody knows what they believe of each other */
    ORIGIN_REPLACES, /* likewise, but here others may have been shown an older one meanwhile: its
                        connection before came back first, from another gateway or as gone */
};

/* Its own presence to one who cannot have seen it. */
static void show_presence(struct shard_conn *conn, struct shard_conn *to, uint64_t clock)
{
    struct buf event = {0};
    enum room_catch_up wrote =
        room_write_presence(conn->room->room, conn->session, to->edition, clock, &event);
    if (wrote == ROOM_CAUGHT_UP) {
        send_event(to, buf_value(&event), clock);
    }
    buf_finish(&event);
}

static void show_to_others(struct shard_conn *conn, uint64_t clock)
{
    uint64_t at = room_session_presence_at(conn->session);
    struct shard_conn *other;
    list_each(other, &conn->room->conns, room_link, struct shard_conn)
    {
        if (other != conn && other->joined && !room_presence_seen(other->presence_seen, at)) {
            show_presence(conn, other, clock);
        }
    }
}

/* Others' presence to the session, and its own to those who cannot have seen it. False: theirs
 * cannot be migrated for it. */
static bool bring_presence(struct walk *walk, enum origin origin)
{
    struct shard_conn *conn = walk->conn;
    struct shard_room *room = conn->room;
    uint64_t clock = room_documents(walk->room)->clock;
    struct buf event = {0};
    enum room_catch_up wrote =
        room_write_presences(walk->room, conn->session, conn->presence_seen, &event);
    if (wrote == ROOM_CAUGHT_UP) {
        send_event(conn, buf_value(&event), clock);
    }
    buf_finish(&event);
    if (origin != ORIGIN_KNOWN && room_session_presence(conn->session)) {
        audience_show(room, room_session_presence(conn->session));
        if (origin == ORIGIN_STATE) {
            show_to_others(conn, clock);
        } else {
            room_session_renew_presence(walk->room, conn->session);
        }
    }
    return wrote != ROOM_CATCH_UP_FAILED;
}

static void join(struct shard_conn *conn)
{
    struct shard_room *room = conn->room;
    struct link_frame frame = {
        .type = LINK_RESUMED,
        .channel = audience_join(conn),
        .conn = conn->number,
        .answered = conn->answered,
        .clock = room_documents(room->room)->clock,
        .presence_clock = ahead_presence_seen(room),
        .presence_at = room_session_presence_at(conn->session),
    };
    outbox_send(room, conn->link, &frame);
    conn->brought_to = 0;
    conn->joined_at = conn->told_at = room->appended;
    conn->joined_gate = conn->told_gate = room->gate;
}

/* Messages that nobody has applied; any of them may end the connection. */
static void handle_rest(struct walk *walk, struct shard *shard, uint64_t handle)
{
    struct shard_conn *conn;
    while (walk->frame_size > 0 && (conn = conn_by_handle(shard, handle))) {
        conn_message(conn, &walk->frame, walk->now_ms);
        consume(walk);
    }
}

static void close_conn(struct shard_conn *conn, struct str reason)
{
    struct link_frame frame = {
        .type = LINK_CLOSE, .conn = conn->number, .code = 1012, .reason = reason};
    outbox_send(conn->room, conn->link, &frame);
    conn_forget(conn);
}

/* Its client comes back, and is told what is wrong by the rules of the handshake. */
static void send_away(struct shard_conn *conn, struct str reason, uint64_t now_ms)
{
    struct room *room = conn->room->room;
    struct room_session *session = conn->session;
    close_conn(conn, reason);
    room_socket_gone(room, session, now_ms);
}

static uint64_t presence_seen(const struct shard_conn *conn, const struct resuming *resuming,
                              enum origin origin)
{
    switch (origin) {
    case ORIGIN_KNOWN:
        return resuming->presence_clock;
    case ORIGIN_STATE:
    case ORIGIN_REPLACES:
        return room_presence_clock_elsewhere(conn->room->room, resuming->presence_clock);
    case ORIGIN_STRAYED:
        break;
    }
    return 0;
}

static void bring(struct shard_conn *conn, struct resuming *resuming, enum origin origin,
                  uint64_t now_ms)
{
    struct shard *shard = conn->room->shard;
    uint64_t handle = conn->handle;
    struct walk walk = {
        .conn = conn, .room = conn->room->room, .messages = &resuming->messages, .now_ms = now_ms};
    link_reader_init(&walk.reader);
    peek(&walk);
    conn->brought_to = resuming->clock;
    conn->presence_seen = presence_seen(conn, resuming, origin);
    conn->room->shown = false;
    gate_want(conn->room);
    uint64_t answered = conn->answered;
    bool brought = bring_documents(&walk) && bring_presence(&walk, origin);
    if (brought) {
        join(conn);
        if (conn->answered != answered || room_has_changed_schema(walk.room)) {
            conn_send_state(conn); /* its gateway keeps only so many presence operations, and what
                                      it says of the schema may be out of date */
        }
        handle_rest(&walk, shard, handle);
    } else {
        send_away(conn, STR("room has another schema now"), now_ms);
    }
    link_reader_finish(&walk.reader);
    conn = conn_by_handle(shard, handle);
    if (conn && resuming->flags & LINK_OPEN_GONE) {
        conn_gone(conn, now_ms);
    }
}

/* ---- may it? ---- */

/* Whether the room can bring a client of that clock up to date; if not it comes back and gets what
 * the rules give it. */
static bool can_bring(struct shard_room *room, const struct resuming *resuming, bool known,
                      uint64_t now_ms)
{
    const struct documents *documents = room_documents(room->room);
    bool late = now_ms - room->loaded_at > RESUME_WINDOW_MS;
    if (resuming->clock > documents->clock) {
        resume_jump(room, resuming->clock);
        return false;
    }
    if (!room_schema(room->room) || (late && !known)) {
        return false;
    }
    if (room->jumped && resuming->clock <= room->before_jump) {
        return resuming->clock >= room->history_before_jump;
    }
    return resuming->clock >= documents->history_start;
}

static enum room_resumed put_session(struct shard_conn *conn, const struct resuming *resuming,
                                     uint64_t now_ms)
{
    struct str session = {resuming->session, resuming->session_len};
    struct room_resume resume = {
        .session =
            {
                .id = session,
                .readonly = resuming->flags & LINK_OPEN_READONLY,
                .object_write = resuming->flags & LINK_OPEN_OBJECT_WRITE,
                .conn = conn->handle,
            },
        .state = {buf_head(&resuming->state), resuming->ops_at},
        .presence_ops = {buf_head(&resuming->state) + resuming->ops_at,
                         buf_len(&resuming->state) - resuming->ops_at},
        .opened_since = recent_opening(conn->room, session),
        .presence_at = resuming->presence_at,
        .presence_seen = resuming->presence_clock,
    };
    struct room *room = conn->room->room;
    struct room_session *before = room_session_find(room, resume.session.id);
    struct shard_conn *old =
        before ? conn_by_handle(conn->room->shard, room_session_conn(before)) : NULL;
    enum room_resumed result = room_session_resume(room, &resume, now_ms, &conn->session);
    bool resumed = result == ROOM_RESUMED || result == ROOM_RESUMED_KNOWN;
    conn->room->shard->counts.resumes += resumed;
    if (resumed && old && old != conn) {
        conn_detach(old);
    }
    return result;
}

static enum origin origin_of_state(const struct shard_room *room, bool known, uint64_t now_ms)
{
    bool late = now_ms - room->loaded_at >= STRAGGLER_MS;
    return late ? ORIGIN_STRAYED : known ? ORIGIN_REPLACES : ORIGIN_STATE;
}

static void run(struct shard_conn *conn, uint64_t now_ms)
{
    struct shard_room *room = conn->room;
    struct resuming *resuming = conn->resuming;
    struct str session = {resuming->session, resuming->session_len};
    bool known = room_session_find(room->room, session) != NULL;
    conn->resuming = NULL;
    if (!can_bring(room, resuming, known, now_ms)) {
        close_conn(conn, STR("room has moved on"));
    } else {
        switch (put_session(conn, resuming, now_ms)) {
        case ROOM_RESUMED:
            bring(conn, resuming, origin_of_state(room, known, now_ms), now_ms);
            break;
        case ROOM_RESUMED_KNOWN:
            bring(conn, resuming, ORIGIN_KNOWN, now_ms);
            break;
        case ROOM_RESUME_SUPERSEDED:
            conn_detach(conn);
            break;
        case ROOM_RESUME_FORGOTTEN:
            if (resuming->clock >= room_documents(room->room)->history_start) {
                resume_jump(room, room_documents(room->room)->clock);
            }
            close_conn(conn, STR("room has moved on"));
            break;
        case ROOM_RESUME_SCHEMA:
            send_away(conn, STR("room has another schema now"), now_ms);
            break;
        case ROOM_RESUME_MALFORMED:
            close_conn(conn, STR("session cannot be resumed"));
            break;
        }
    }
    buf_finish(&resuming->state);
    buf_finish(&resuming->messages);
    free(resuming);
}

/* ---- gathering ---- */

void resume_begin(struct shard_conn *conn, const struct link_frame *frame, uint64_t now_ms)
{
    struct resuming *resuming = xcalloc(1, sizeof(*resuming) + frame->session.len);
    resuming->flags = frame->flags;
    resuming->clock = frame->clock;
    resuming->presence_clock = frame->presence_clock;
    resuming->presence_at = frame->presence_at;
    resuming->last = frame->seq;
    resuming->session_len = (uint32_t)frame->session.len;
    memcpy(resuming->session, frame->session.ptr, frame->session.len);
    buf_append(&resuming->state, frame->payload.data, frame->payload.len);
    resuming->ops_at = frame->payload.len;
    buf_append(&resuming->state, frame->ops.data, frame->ops.len);
    conn->resuming = resuming;
    conn->state_ops = value_count(frame->ops);
    conn->state_bytes = (uint32_t)frame->ops.len;
    conn->answered = frame->answered;
    conn->logged = recent_claim(conn->room, conn);
    if (resuming->last <= conn->answered) {
        run(conn, now_ms);
    }
}

void resume_frame(struct shard_conn *conn, const struct link_frame *frame, uint64_t now_ms)
{
    if (frame->type != LINK_MESSAGE && frame->type != LINK_BROKEN) {
        return;
    }
    link_write(&conn->resuming->messages, frame);
    if (frame->seq >= conn->resuming->last) {
        run(conn, now_ms);
    }
}
