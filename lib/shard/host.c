/* What a room says, turned into frames for gateways and entries for the log. */
#include "schema/serialized.h"
#include "shard/internal.h"
#include "value/pack.h"

static struct shard_conn *conn_of(struct shard_room *room, const struct room_session *session)
{
    return conn_by_handle(room->shard, room_session_conn(session));
}

static enum link_how how_on_link(enum room_send how)
{
    switch (how) {
    case ROOM_SEND_CONNECT:
        return LINK_HOW_CONNECT;
    case ROOM_SEND_EVENT:
        return LINK_HOW_EVENT;
    case ROOM_SEND_PONG:
        return LINK_HOW_PONG;
    case ROOM_SEND_CUSTOM:
        return LINK_HOW_CUSTOM;
    case ROOM_SEND_LEGACY:
        break;
    }
    return LINK_HOW_LEGACY;
}

/* Its connect reply is on its way; casts on the channel returned are for it from here on. */
static uint64_t begin_to_listen(struct shard_conn *conn)
{
    struct shard_room *room = conn->room;
    gate_want(room);
    conn->joined_at = room->appended;
    conn->joined_gate = room->gate;
    return audience_join(conn);
}

/* A push that changes presence only need not wait for others' documents. One that changes documents
 * has made its entry by now. */
static bool answers_ahead(const struct shard_conn *conn)
{
    return conn->joined && ahead_is_due(conn->room) && ahead_may_answer(conn);
}

static uint64_t host_result_clock(void *ctx, const struct room_session *session)
{
    struct shard_room *room = ctx;
    const struct shard_conn *conn = conn_of(room, session);
    return conn && answers_ahead(conn) ? room->told_clock : room_documents(room->room)->clock;
}

static bool host_tells_documents(void *ctx, const struct room_session *to)
{
    struct shard_conn *conn = conn_of(ctx, to);
    if (conn) {
        conn->share = share_for(conn);
    }
    return conn && conn->share;
}

/* The connect reply, `frame`, refers to the connection's share. */
static void send_join(struct shard_conn *conn, struct link_frame *frame)
{
    struct shard_share *share = conn->share;
    conn->share = NULL;
    frame->share = share_number(share);
    outbox_send(conn->room, conn->link, frame);
    share_used(share);
}

static void host_send(void *ctx, struct room_session *to, enum room_send how, struct value message)
{
    struct shard_room *room = ctx;
    struct shard_conn *conn = conn_of(room, to);
    if (!conn) {
        return;
    }
    bool up_to_date = conn->brought_to == 0;
    struct link_frame frame = {
        .type = LINK_SEND,
        .conn = conn->number,
        .answered = conn->answered,
        .clock = up_to_date ? room_documents(room->room)->clock : conn->brought_to,
        .presence_clock = up_to_date ? ahead_presence_seen(room) : conn->presence_seen,
        .presence_at = room_session_presence_at(to),
        .how = (uint64_t)how_on_link(how),
        .payload = message,
    };
    if (how == ROOM_SEND_PONG && outbox_holds(room) && conn_is_listening(conn)) {
        /* A sign of life waits for no store (MSG-4), or clients would give the connection up; but
         * it must not say anything of what waits. */
        frame.answered = frame.clock = frame.presence_clock = frame.presence_at = 0;
        link_send(conn->link, &frame);
        return;
    }
    conn->answer_sent = true;
    room->shard->counts.pushes += how == ROOM_SEND_EVENT; /* its own events are push results */
    if (how == ROOM_SEND_EVENT && answers_ahead(conn)) {
        frame.clock = room->told_clock;
        frame.presence_clock = 0; /* others' presence may wait */
        link_send(conn->link, &frame);
        return;
    }
    conn->told_at = room->appended;
    conn->told_gate = room->gate;
    if (how == ROOM_SEND_CONNECT) {
        frame.channel = begin_to_listen(conn);
        conn_send_state(conn); /* first: who has joined can be resumed */
    }
    if (conn->share) {
        send_join(conn, &frame);
    } else {
        struct long_message long_message = {0};
        long_send(room, conn->link, &frame, &long_message);
        long_finish(&long_message);
    }
}

static uint64_t cast_flags(enum room_presence_effect effect)
{
    switch (effect) {
    case ROOM_PRESENCE_SAME:
        return 0;
    case ROOM_PRESENCE_ADDED:
        return LINK_CAST_ADDS;
    case ROOM_PRESENCE_REMOVED:
        break;
    }
    return LINK_CAST_REMOVES;
}

static void host_broadcast(void *ctx, const struct room_broadcast *broadcast)
{
    struct shard_room *room = ctx;
    struct shard_conn *source = broadcast->except ? conn_of(room, broadcast->except) : NULL;
    bool telling = broadcast->effect != ROOM_PRESENCE_SAME; /* the gateway too */
    room->shard->counts.broadcasts++;
    if (ahead_broadcast(room, broadcast)) {
        return;
    }
    struct long_message message = {.holder = broadcast->holder};
    for (uint32_t i = 0; i < room->audience_count; i++) {
        struct shard_audience *audience = &room->audience[i];
        if (audience->edition != broadcast->edition) {
            continue;
        }
        bool here = source && source->link == audience->link;
        bool own = here && source->joined && source->edition == audience->edition;
        if (own && audience->joined == 1 && !telling) {
            continue;
        }
        struct link_frame frame = {
            .type = LINK_CAST,
            .channel = audience->channel,
            .conn = here ? source->number : 0,
            .clock = room_documents(room->room)->clock,
            .presence_clock = ahead_presence_seen(room),
            .presence = telling ? broadcast->presence : (struct str){0},
            .flags = cast_flags(broadcast->effect),
            .payload = broadcast->event,
        };
        long_send(room, audience->link, &frame, &message);
    }
    long_finish(&message);
}

static void host_close(void *ctx, struct room_session *session, int code, struct str reason)
{
    struct shard_room *room = ctx;
    struct shard_conn *conn = conn_of(room, session);
    if (conn) {
        struct link_frame frame = {
            .type = LINK_CLOSE, .conn = conn->number, .code = (uint64_t)code, .reason = reason};
        outbox_send(room, conn->link, &frame);
        conn_forget(conn);
    }
}

static void host_append(void *ctx, const struct room_entry *entry)
{
    struct shard_room *room = ctx;
    struct shard *shard = room->shard;
    if (!room->dirty) {
        room->dirty = true;
        room->dirty_at = shard->now_ms;
    }
    room->shown = false;
    char name[CONN_NAME_MAX];
    struct room_session *session =
        entry->session.ptr ? room_session_find(room->room, entry->session) : NULL;
    struct shard_conn *conn = session ? conn_of(room, session) : NULL;
    struct entry copy = {
        .clock = entry->clock,
        .seq = entry->seq,
        .outcome = (uint32_t)entry->outcome,
        .session = entry->session,
        .opened = conn ? room_session_opened(session) : 0,
        .by = conn ? conn_name(conn, name) : (struct str){0},
        .diff = entry->diff,
        .schema = entry->schema,
    };
    if (conn) {
        recent_note(room, &copy, false);
        conn->told_at = room->appended + 1; /* its answer has to wait */
    }
    if (shard->config->durability != SHARD_LOG) {
        return; /* nothing waits for the store */
    }
    copy.number = ++room->appended;
    size_t diff_max = shard->config->room.diff_max;
    if (!value_present(copy.diff) || (diff_max > 0 && copy.diff.len > diff_max)) {
        room->whole_number = copy.number;
        copy.diff = copy.schema = VALUE_NONE; /* the snapshot has them */
    }
    struct entry *kept = entry_create(&copy);
    list_append(&room->pending, &kept->link);
    room->log_bytes += entry_bytes(kept);
    if (list_empty(&room->unsent_link)) {
        list_append(&shard->unsent, &room->unsent_link);
    }
}

static void host_event(void *ctx, enum room_event event, struct room_session *session)
{
    struct shard_room *room = ctx;
    struct shard_conn *conn;
    switch (event) {
    case ROOM_SESSION_REMOVED:
        room->shown = false;
        conn = conn_of(room, session);
        if (conn) {
            conn->session = NULL;
        }
        event_session_removed(room, session);
        break;
    case ROOM_BECAME_EMPTY:
        room->empty_at = room->shard->now_ms;
        event_became_empty(room);
        break;
    case ROOM_DOCUMENT_CHANGED:
        break; /* the entry said so already */
    }
}

static void host_random_id(void *ctx, char out[21])
{
    struct shard_room *room = ctx;
    room->shard->host->random_id(room->shard->ctx, out);
}

/* Names both schemas, so that whoever reads it sees which side to upgrade. */
static void host_schema_refused(void *ctx, struct room_session *session, struct str reason,
                                struct value ours, struct value theirs)
{
    struct shard_room *room = ctx;
    uint32_t suppressed;
    enum { PER_MINUTE = 20 };
    if (!log_limit_pass(&room->shard->schema_refusals, PER_MINUTE, room->shard->now_ms,
                        &suppressed)) {
        return;
    }
    struct buf mine = {0};
    struct buf other = {0};
    schema_describe(ours, theirs, &mine);
    schema_describe(theirs, ours, &other);
    struct log_scope scope = shard_room_scope(room);
    log_warn(&scope, "client refused for its schema", LOG_STR("reason", reason),
             LOG_STR("session", room_session_id(session)), LOG_STR("room_schema", buf_str(&mine)),
             LOG_STR("client_schema", buf_str(&other)), LOG_U64("suppressed", suppressed));
    buf_finish(&mine);
    buf_finish(&other);
}

const struct room_host shard_room_host = {
    .send = host_send,
    .broadcast = host_broadcast,
    .close = host_close,
    .tells_documents = host_tells_documents,
    .append = host_append,
    .result_clock = host_result_clock,
    .event = host_event,
    .random_id = host_random_id,
    .schema_refused = host_schema_refused,
};
