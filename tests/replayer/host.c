/* The host of a replayed room. */
#include "host.h"

#include "base/alloc.h"
#include "edge/chunk.h"
#include "room/host.h"
#include "snapshot.h"
#include "split.h"
#include "value/json.h"
#include "value/pack.h"

#include <stdlib.h>

/* The data interval of MSG-1 as a JavaScript timer rounds it. */
enum { DATA_INTERVAL_MS = 16 };

struct socket {
    char *label;   /* owned */
    char *session; /* owned */
    bool open;
    bool lost; /* a send found it dead; the room hears of it after the call */
    struct chunk_assembler chunks;
    uint64_t seq;
    bool running; /* an interval is running (MSG-1) */
    uint64_t interval_end;
    struct items waiting; /* events for its end */
};

struct host {
    struct room_config room_config;
    struct room *room;
    struct room *copy; /* follows through the log */
    struct presence_ids *ids;
    struct items seen;
    struct buf complaints;
    struct socket *sockets; /* owned; the handle of one is its place + 1 */
    unsigned count;
    uint64_t now_ms;
    unsigned step;
    struct str opening; /* the session being opened */
    uint64_t told;      /* document clock of the last entry */
    bool closed;
};

static struct socket *socket_of(struct host *host, const struct room_session *session)
{
    return &host->sockets[room_session_conn(session) - 1];
}

static struct socket *find_socket(struct host *host, struct str label)
{
    for (unsigned i = 0; i < host->count; i++) {
        if (str_eq(label, str_of(host->sockets[i].label))) {
            return &host->sockets[i];
        }
    }
    return NULL;
}

/* The session that a socket speaks for; NULL if it is gone or has another socket (CONN-2). */
static struct room_session *session_of(struct host *host, const struct socket *socket)
{
    struct room_session *session =
        socket ? room_session_find(host->room, str_of(socket->session)) : NULL;
    return session && socket_of(host, session) == socket ? session : NULL;
}

static void complain(struct host *host, const char *what)
{
    if (buf_len(&host->complaints) == 0) {
        buf_printf(&host->complaints, "step %u: %s", host->step, what);
    }
}

static bool write_to(struct host *host, struct socket *socket, enum item_kind kind,
                     struct value value)
{
    if (!socket->open) {
        socket->lost = true;
        return false;
    }
    items_add(&host->seen, kind, host->step, "socket ", str_of(socket->label), value);
    return true;
}

static void drop_waiting(struct socket *socket)
{
    items_finish(&socket->waiting);
    socket->running = false;
}

/* MSG-2. */
static void flush(struct host *host, struct socket *socket)
{
    for (unsigned i = 0; i < socket->waiting.count; i++) {
        if (!write_to(host, socket, ITEM_EVENT, buf_value(&socket->waiting.items[i].value))) {
            break;
        }
    }
    drop_waiting(socket);
}

/* MSG-1. */
static void pace(struct host *host, struct socket *socket, struct value event)
{
    if (!socket->open) {
        socket->lost = true;
    } else if (socket->running) {
        items_add(&socket->waiting, ITEM_EVENT, host->step, "", STR(""), event);
    } else {
        write_to(host, socket, ITEM_EVENT, event);
        socket->running = true;
        socket->interval_end = host->now_ms + DATA_INTERVAL_MS;
    }
}

static void check_told(struct host *host, struct value message)
{
    uint64_t clock;
    if (value_u64(value_get(message, STR("serverClock")), &clock) && clock > host->told) {
        complain(host, "sent something of a change before its entry was appended");
    }
}

static void on_send(void *ctx, struct room_session *to, enum room_send how, struct value message)
{
    struct host *host = ctx;
    struct socket *socket = socket_of(host, to);
    check_told(host, message);
    switch (how) {
    case ROOM_SEND_EVENT:
        pace(host, socket, message);
        return;
    case ROOM_SEND_CONNECT:
        drop_waiting(socket);
        break;
    case ROOM_SEND_CUSTOM:
        flush(host, socket);
        break;
    case ROOM_SEND_PONG:
        write_to(host, socket, ITEM_PONG, message);
        return;
    case ROOM_SEND_LEGACY:
        break;
    }
    write_to(host, socket, ITEM_MESSAGE, message);
}

static void on_broadcast(void *ctx, const struct room_broadcast *broadcast)
{
    struct host *host = ctx;
    check_told(host, broadcast->event);
    struct room_session *to = NULL;
    while ((to = room_next_session(host->room, to))) {
        if (to != broadcast->except && room_session_state(to) == ROOM_CONNECTED &&
            room_session_edition(to) == broadcast->edition) {
            pace(host, socket_of(host, to), broadcast->event);
        }
    }
}

static void on_close(void *ctx, struct room_session *session, int code, struct str reason)
{
    struct host *host = ctx;
    struct socket *socket = socket_of(host, session);
    drop_waiting(socket);
    if (socket->open) {
        items_close(&host->seen, host->step, str_of(socket->label), code, reason);
    }
    socket->open = false;
}

static void on_append(void *ctx, const struct room_entry *entry)
{
    struct host *host = ctx;
    host->told = entry->clock;
    if (room_replay(host->copy, entry)) {
        complain(host, "an entry of the log cannot be replayed");
    }
}

static void on_event(void *ctx, enum room_event event, struct room_session *session)
{
    struct host *host = ctx;
    switch (event) {
    case ROOM_SESSION_REMOVED:
        items_removed(&host->seen, host->step, room_session_id(session),
                      room_session_count(host->room));
        break;
    case ROOM_BECAME_EMPTY:
        items_became_empty(&host->seen, host->step);
        break;
    case ROOM_DOCUMENT_CHANGED:
        items_changed(&host->seen, host->step, room_documents(host->room)->clock);
        break;
    }
}

static void on_session_snapshot(void *ctx, struct room_session *session)
{
    struct host *host = ctx;
    struct buf snapshot = {0};
    if (room_session_write_snapshot(host->room, session, &snapshot)) {
        items_session_snapshot(&host->seen, host->step, room_session_id(session),
                               buf_value(&snapshot));
    }
    buf_finish(&snapshot);
}

static void on_random_id(void *ctx, char out[21])
{
    struct host *host = ctx;
    presence_ids_add(host->ids, host->opening, out);
}

static void on_schema_refused(void *ctx, struct room_session *session, struct str reason,
                              struct value ours, struct value theirs)
{
    (void)ctx;
    (void)session;
    (void)reason;
    (void)ours;
    (void)theirs;
}

static const struct room_host callbacks = {
    .send = on_send,
    .broadcast = on_broadcast,
    .close = on_close,
    .append = on_append,
    .event = on_event,
    .random_id = on_random_id,
    .session_snapshot = on_session_snapshot,
    .schema_refused = on_schema_refused,
};

/* Both rooms, from what is stored; or none. */
static bool build_rooms(struct host *host, struct value snapshot, struct buf *why)
{
    host->room = room_create(&host->room_config, &callbacks, host);
    host->copy = room_create(&host->room_config, &callbacks, host);
    if (value_type(snapshot) == VALUE_MAP &&
        (room_read_snapshot(host->room, snapshot) || room_read_snapshot(host->copy, snapshot))) {
        buf_append_str(why, STR("the snapshot cannot be read"));
        return false;
    }
    host->told = room_documents(host->room)->clock;
    bool ok = room_settle_schema(host->room, why) == ERR_OK;
    room_begin(host->room);
    return ok;
}

struct host *host_create(const struct host_config *config, struct presence_ids *ids,
                         struct buf *why)
{
    struct host *host = xcalloc(1, sizeof(*host));
    host->ids = ids;
    host->room_config.idle_timeout_ms = config->idle_timeout_ms;
    host->room_config.schema = config->schema;
    host->room_config.session_snapshots = config->session_snapshots;
    if (!build_rooms(host, config->snapshot, why)) {
        host_destroy(host);
        return NULL;
    }
    return host;
}

bool host_restart(struct host *host)
{
    struct buf snapshot = {0};
    struct buf why = {0};
    room_write_snapshot(host->room, &snapshot);
    room_destroy(host->room);
    room_destroy(host->copy);
    bool ok = build_rooms(host, buf_value(&snapshot), &why);
    buf_finish(&why);
    buf_finish(&snapshot);
    return ok;
}

void host_destroy(struct host *host)
{
    if (!host) {
        return;
    }
    room_destroy(host->room);
    room_destroy(host->copy);
    for (unsigned i = 0; i < host->count; i++) {
        free(host->sockets[i].label);
        free(host->sockets[i].session);
        chunk_finish(&host->sockets[i].chunks);
        items_finish(&host->sockets[i].waiting);
    }
    free(host->sockets);
    items_finish(&host->seen);
    buf_finish(&host->complaints);
    free(host);
}

void host_set_step(struct host *host, unsigned step)
{
    host->step = step;
}

/* LIFE-4: sends have found some sockets dead. */
static void tell_lost(struct host *host)
{
    for (unsigned i = 0; i < host->count; i++) {
        struct socket *socket = &host->sockets[i];
        struct room_session *session = socket->lost ? session_of(host, socket) : NULL;
        socket->lost = false;
        if (session) {
            room_socket_gone(host->room, session, host->now_ms);
        }
    }
}

void host_open(struct host *host, const struct host_session *config)
{
    struct room_session *old = room_session_find(host->room, config->session);
    if (old) {
        drop_waiting(socket_of(host, old));
    }
    host->sockets = xrealloc(host->sockets, (host->count + 1) * sizeof(*host->sockets));
    host->sockets[host->count++] = (struct socket){
        .label = xstrndup(config->socket.ptr, config->socket.len),
        .session = xstrndup(config->session.ptr, config->session.len),
        .open = true,
    };
    struct room_session_config session = {
        .id = config->session,
        .readonly = config->readonly,
        .object_write = config->object_write,
        .conn = host->count,
    };
    host->opening = config->session;
    room_session_open(host->room, &session, host->now_ms);
}

void host_frame(struct host *host, struct str label, struct str frame)
{
    enum { NO_LIMIT = 1 << 30 };
    struct socket *socket = find_socket(host, label);
    struct room_session *session = session_of(host, socket);
    if (!session) {
        return;
    }
    struct str text;
    enum chunk_result result = chunk_feed(&socket->chunks, frame, NO_LIMIT, &text);
    bool complete = result == CHUNK_WHOLE || result == CHUNK_JOINED;
    struct buf message = {0};
    if (complete) {
        struct buf json = {0};
        split_escape(text, &json);
        complete = json_parse(buf_str(&json), &message) == ERR_OK;
        buf_finish(&json);
    }
    if (complete) {
        room_message(host->room, session, buf_value(&message), ++socket->seq, host->now_ms);
    } else if (result != CHUNK_MORE) {
        room_broken_frame(host->room, session, result == CHUNK_WHOLE, host->now_ms);
    }
    buf_finish(&message);
    tell_lost(host);
}

void host_socket_gone(struct host *host, struct str label, bool open)
{
    struct socket *socket = find_socket(host, label);
    if (!socket) {
        return;
    }
    struct room_session *session = session_of(host, socket);
    socket->open = socket->open && open;
    if (session) {
        room_socket_gone(host->room, session, host->now_ms);
    }
    tell_lost(host);
}

void host_kill(struct host *host, struct str label)
{
    struct socket *socket = find_socket(host, label);
    if (socket) {
        socket->open = false;
    }
}

static void flush_due(struct host *host)
{
    for (unsigned i = 0; i < host->count; i++) {
        if (host->sockets[i].running && host->sockets[i].interval_end <= host->now_ms) {
            flush(host, &host->sockets[i]);
        }
    }
    tell_lost(host);
}

static uint64_t next_due(const struct host *host)
{
    uint64_t due = room_deadline(host->room);
    for (unsigned i = 0; i < host->count; i++) {
        const struct socket *socket = &host->sockets[i];
        due = socket->running && socket->interval_end < due ? socket->interval_end : due;
    }
    return due;
}

/* A tick before the deadline does nothing; it may find that the next one is later. */
static void check_early_tick(struct host *host, uint64_t due)
{
    unsigned before = host->seen.count;
    if (due > host->now_ms + 1 && due == room_deadline(host->room)) {
        room_tick(host->room, due - 1);
        if (host->seen.count != before || room_deadline(host->room) < due) {
            complain(host, "something happened before the deadline");
        }
    }
}

void host_advance(struct host *host, uint64_t ms)
{
    uint64_t target = host->now_ms + ms;
    uint64_t due;
    while (!host->closed && (due = next_due(host)) <= target) {
        check_early_tick(host, due);
        host->now_ms = due > host->now_ms ? due : host->now_ms;
        flush_due(host);
        room_tick(host->room, host->now_ms);
        tell_lost(host);
        if (room_deadline(host->room) <= host->now_ms) {
            complain(host, "the deadline stays where it was");
            break;
        }
    }
    host->now_ms = target;
}

void host_custom(struct host *host, struct str session_id, struct value data)
{
    struct room_session *session = room_session_find(host->room, session_id);
    if (session) {
        room_send_custom(host->room, session, data);
    }
    tell_lost(host);
}

void host_close_session(struct host *host, struct str session_id, struct str reason)
{
    struct room_session *session = room_session_find(host->room, session_id);
    if (session) {
        room_session_close(host->room, session, reason);
    }
    tell_lost(host);
}

void host_close_room(struct host *host)
{
    struct room_session *session = NULL;
    while ((session = room_next_session(host->room, session))) {
        on_close(host, session, ROOM_CLOSE_PLAIN, (struct str){0});
    }
    room_remove_sessions(host->room);
    host->closed = true;
}

bool host_load(struct host *host, struct value snapshot)
{
    struct buf why = {0};
    enum room_edited edited = room_load(host->room, snapshot, host->now_ms, &why);
    buf_finish(&why);
    tell_lost(host);
    return edited == ROOM_EDITED || edited == ROOM_UNCHANGED;
}

void host_session_snapshot(struct host *host, struct str session_id, struct buf *out)
{
    struct room_session *session = room_session_find(host->room, session_id);
    if (!session || !room_session_write_snapshot(host->room, session, out)) {
        pack_nil(out);
    }
}

void host_resume(struct host *host, struct str label, struct str session, struct value snapshot)
{
    struct socket *socket = find_socket(host, label);
    if (!socket) {
        return;
    }
    struct room_session_config config = {.id = session,
                                         .conn = (uint64_t)(socket - host->sockets) + 1};
    host->opening = session;
    if (!room_session_restore(host->room, &config, snapshot, host->now_ms)) {
        complain(host, "a session could not be resumed");
    }
}

bool host_is_closed(const struct host *host)
{
    return host->closed;
}

uint64_t host_now(const struct host *host)
{
    return host->now_ms;
}

void host_tell_lost(struct host *host)
{
    tell_lost(host);
}

struct room *host_room(const struct host *host)
{
    return host->room;
}

const struct items *host_seen(const struct host *host)
{
    return &host->seen;
}

const struct buf *host_complaints(struct host *host)
{
    if (!snapshot_same(host->room, host->copy)) {
        complain(host, "snapshot and log lead to other documents");
    }
    return &host->complaints;
}
