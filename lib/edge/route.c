/* Rooms, their owners, and the links to them. */
#include "base/alloc.h"
#include "edge/internal.h"
#include "ws/frame.h"

#include <stdlib.h>

void link_send(struct edge_link *link, const struct link_frame *frame)
{
    link_write(&link->output, frame);
    link->edge->host->link_ready(link->edge->ctx, link);
    if (buf_len(&link->output) > EDGE_LINK_BYTES) {
        link->edge->host->link_drop(link->edge->ctx, link, ERR_TOO_LARGE);
    }
}

/* ---- rooms ---- */

static void room_find_owner(struct edge_room *room)
{
    list_remove(&room->retry_link);
    room->state = EDGE_ROOM_FINDING;
    room->edge->host->find_owner(room->edge->ctx, str_of(room->name));
}

static void room_retry(struct edge_room *room)
{
    struct edge *edge = room->edge;
    room->state = EDGE_ROOM_RETRYING;
    room->retry_due = edge->now_ms + EDGE_RETRY_MS;
    list_remove(&room->retry_link);
    list_append(&edge->retrying, &room->retry_link);
}

static void room_unlink(struct edge_room *room)
{
    if (room->channel) {
        map_remove(&room->link->channels,
                   (struct str){(const char *)&room->channel, sizeof(room->channel)});
        room->channel = 0;
    }
    list_remove(&room->link_link);
    room->link = NULL;
}

void route_destroy_room(struct edge_room *room)
{
    if (room->link) {
        room_unlink(room);
    }
    list_remove(&room->retry_link);
    list_remove(&room->empty_link);
    map_remove(&room->edge->rooms, str_of(room->name));
    free(room->name);
    free(room);
}

static void conn_open(struct edge_conn *conn)
{
    struct edge_room *room = conn->room;
    struct link_frame frame = {
        .type = LINK_OPEN,
        .conn = conn->number,
        .room = str_of(room->name),
        .session = {conn->session, conn->session_len},
        .flags = LINK_OPEN_OBJECT_WRITE | (conn->readonly ? LINK_OPEN_READONLY : 0),
    };
    conn_set_wait(conn, EDGE_OPENED);
    link_send(room->link, &frame);
    inbox_send_all(conn);
}

void route_join(struct edge_conn *conn, struct str name)
{
    struct edge *edge = conn->edge;
    struct edge_room *room = map_get(&edge->rooms, name);
    if (!room) {
        room = xcalloc(1, sizeof(*room));
        room->edge = edge;
        room->name = xstrndup(name.ptr, name.len);
        list_init(&room->link_link);
        list_init(&room->retry_link);
        list_init(&room->empty_link);
        list_init(&room->conns);
        map_put(&edge->rooms, room);
        room_find_owner(room);
    }
    conn->room = room;
    list_remove(&room->empty_link);
    list_append(&room->conns, &conn->room_link);
    if (room->state == EDGE_ROOM_LINKED) {
        conn_open(conn);
    }
}

void route_leave(struct edge_conn *conn, bool owner_knows)
{
    struct edge_room *room = conn->room;
    if (!room) {
        return;
    }
    if (conn->state == EDGE_OPENED && !owner_knows) {
        struct link_frame frame = {.type = LINK_GONE, .conn = conn->number};
        link_send(room->link, &frame);
    }
    conn->joined = false;
    conn->room = NULL;
    list_remove(&conn->room_link);
    if (list_empty(&room->conns)) {
        /* Not freed here: callers may be walking its connections. And who comes back at once finds
         * the owner still known. */
        room->empty_due = room->edge->now_ms + EDGE_ROOM_KEEP_MS;
        list_append(&room->edge->empty, &room->empty_link);
    }
}

void route_empty_tick(struct edge *edge)
{
    while (!list_empty(&edge->empty)) {
        struct edge_room *room = list_entry(edge->empty.next, struct edge_room, empty_link);
        if (room->empty_due > edge->now_ms) {
            return;
        }
        route_destroy_room(room);
    }
}

void route_retry_tick(struct edge *edge)
{
    while (!list_empty(&edge->retrying)) {
        struct edge_room *room = list_entry(edge->retrying.next, struct edge_room, retry_link);
        if (room->retry_due > edge->now_ms) {
            return;
        }
        room_find_owner(room);
    }
}

/* ---- links ---- */

static struct str channel_key(const void *entry)
{
    const struct edge_room *room = entry;
    return (struct str){(const char *)&room->channel, sizeof(room->channel)};
}

static struct edge_link *link_get(struct edge *edge, const struct edge_owner *owner)
{
    struct edge_link *link = map_get(&edge->links, owner->worker);
    if (link) {
        return link;
    }
    link = xcalloc(1, sizeof(*link));
    link->edge = edge;
    link->worker = xstrndup(owner->worker.ptr, owner->worker.len);
    link->address = xstrndup(owner->address.ptr, owner->address.len);
    link_reader_init(&link->reader);
    list_init(&link->rooms);
    map_init(&link->channels, channel_key);
    map_put(&edge->links, link);
    edge->counts.links = edge->links.count;
    struct link_frame hello = {
        .type = LINK_HELLO,
        .version_min = LINK_VERSION_MIN,
        .version_max = LINK_VERSION_MAX,
        .id = edge->id,
        .node = edge->node,
    };
    link_write(&link->output, &hello);
    edge->host->link_connect(edge->ctx, link);
    return link;
}

void edge_owner_found(struct edge *edge, struct str name, enum err err,
                      const struct edge_owner *owner, uint64_t now_ms)
{
    edge->now_ms = now_ms;
    struct edge_room *room = map_get(&edge->rooms, name);
    if (!room || room->state != EDGE_ROOM_FINDING) {
        return; /* nobody waits for it any more */
    }
    if (err) {
        room_retry(room);
        return;
    }
    struct edge_link *link = link_get(edge, owner);
    room->state = EDGE_ROOM_LINKED;
    room->link = link;
    list_append(&link->rooms, &room->link_link);
    struct edge_conn *conn;
    list_each(conn, &room->conns, room_link, struct edge_conn)
    {
        conn_open(conn);
    }
}

/* The room has no owner any more. Who had joined starts over; who had not never notices. */
static void room_lost(struct edge_room *room)
{
    room_unlink(room);
    room_retry(room);
    struct edge_conn *conn;
    list_each(conn, &room->conns, room_link, struct edge_conn)
    {
        bool joined = conn->joined;
        if (conn->state == EDGE_OPENED) {
            conn_set_wait(conn, EDGE_WAITING);
            conn->tries++;
        }
        if (joined) {
            conn_close(conn, WS_CODE_RESTART, STR("room moved"));
        } else if (conn->tries == EDGE_OWNER_TRIES) {
            conn_close(conn, WS_CODE_TRY_LATER, STR("no worker serves the room"));
        }
    }
}

void link_free(struct edge_link *link)
{
    map_remove(&link->edge->links, str_of(link->worker));
    link->edge->counts.links = link->edge->links.count;
    map_finish(&link->channels);
    link_reader_finish(&link->reader);
    buf_finish(&link->output);
    free(link->worker);
    free(link->address);
    free(link);
}

void edge_link_down(struct edge_link *link, uint64_t now_ms)
{
    link->edge->now_ms = now_ms;
    struct edge_room *room;
    list_each(room, &link->rooms, link_link, struct edge_room)
    {
        room_lost(room);
    }
    link_free(link);
}

void edge_link_up(struct edge_link *link, uint64_t now_ms)
{
    link->edge->now_ms = now_ms;
    link->edge->host->link_ready(link->edge->ctx, link);
}

/* ---- frames ---- */

static void on_send(struct edge_conn *conn, const struct link_frame *frame)
{
    struct edge_room *room = conn->room;
    struct rendered message = rendered_of(frame->payload);
    inbox_answered(conn, frame->answered);
    switch ((enum link_how)frame->how) {
    case LINK_HOW_CONNECT:
        deliver_drop_events(conn);
        conn->joined = true;
        if (room->channel != frame->channel) {
            if (room->channel) {
                map_remove(&room->link->channels, channel_key(room));
            }
            room->channel = frame->channel;
            map_put(&room->link->channels, room);
        }
        deliver_message(conn, &message, false);
        break;
    case LINK_HOW_EVENT:
        deliver_event(conn, &message);
        break;
    case LINK_HOW_CUSTOM:
        deliver_message(conn, &message, true);
        break;
    case LINK_HOW_PONG:
        deliver_pong(conn, &message);
        break;
    case LINK_HOW_LEGACY:
        deliver_message(conn, &message, false);
        break;
    }
    rendered_finish(&message);
}

static void on_cast(struct edge_link *link, const struct link_frame *frame)
{
    struct edge_room *room = map_get(
        &link->channels, (struct str){(const char *)&frame->channel, sizeof(frame->channel)});
    if (!room) {
        return; /* the last of its listeners has just left */
    }
    struct rendered event = rendered_of(frame->payload);
    struct edge_conn *conn;
    list_each(conn, &room->conns, room_link, struct edge_conn)
    {
        if (conn->joined && conn->number != frame->conn) {
            deliver_event(conn, &event);
        }
    }
    rendered_finish(&event);
}

static void on_refuse(struct edge_conn *conn, const struct link_frame *frame)
{
    switch ((enum link_refusal)frame->code) {
    case LINK_REFUSED_NOT_OWNER:
        room_lost(conn->room); /* what holds for one of its connections holds for all */
        return;
    case LINK_REFUSED_UNREADABLE:
    case LINK_REFUSED_BUSY:
        break;
    }
    route_leave(conn, true);
    conn_close(conn, WS_CODE_TRY_LATER, frame->reason);
}

static void on_conn_frame(struct edge_conn *conn, const struct link_frame *frame)
{
    switch (frame->type) {
    case LINK_SEND:
        on_send(conn, frame);
        break;
    case LINK_ACK:
        inbox_answered(conn, frame->answered);
        break;
    case LINK_CLOSE:
        route_leave(conn, true);
        conn_close(conn, (uint16_t)frame->code, frame->reason);
        break;
    case LINK_DETACH:
        route_leave(conn, true);
        deliver_drop_events(conn);
        deliver_stop_pacing(conn);
        inbox_clear(conn);
        conn_set_wait(conn, EDGE_DETACHED);
        break;
    case LINK_REFUSE:
        on_refuse(conn, frame);
        break;
    case LINK_HELLO:
    case LINK_OPEN:
    case LINK_MESSAGE:
    case LINK_BROKEN:
    case LINK_GONE:
    case LINK_CAST:
        break;
    }
}

/* What a close frame can carry (RFC 6455 7.4); a code is needed for a reason. */
static bool close_valid(const struct link_frame *frame)
{
    return frame->code == WS_CODE_NONE
               ? frame->reason.len == 0
               : frame->code <= UINT16_MAX && ws_code_valid((uint16_t)frame->code);
}

static enum err on_frame(struct edge_link *link, const struct link_frame *frame)
{
    struct edge *edge = link->edge;
    if (!link->greeted) {
        link->greeted = frame->type == LINK_HELLO;
        if (!link->greeted) {
            return ERR_MALFORMED;
        }
        if (!str_eq(frame->id, str_of(link->worker))) {
            return ERR_REFUSED; /* another worker lives at that address now */
        }
        return frame->version_min <= LINK_VERSION_MAX && frame->version_max >= LINK_VERSION_MIN
                   ? ERR_OK
                   : ERR_VERSION;
    }
    if (frame->type < LINK_SEND) {
        return ERR_MALFORMED; /* those go the other way */
    }
    if (frame->type == LINK_CLOSE && !close_valid(frame)) {
        return ERR_MALFORMED;
    }
    if (frame->type == LINK_CAST) {
        on_cast(link, frame);
        return ERR_OK;
    }
    struct edge_conn *conn =
        map_get(&edge->conns, (struct str){(const char *)&frame->conn, sizeof(frame->conn)});
    /* What was under way for a connection that has left, or has another owner now, is void. */
    if (conn && conn->state == EDGE_OPENED && conn->room->link == link) {
        on_conn_frame(conn, frame);
    }
    return ERR_OK;
}

enum err edge_link_input(struct edge_link *link, const uint8_t *data, size_t len, size_t *used,
                         uint64_t now_ms)
{
    link->edge->now_ms = now_ms;
    *used = 0;
    for (;;) {
        struct link_frame frame;
        size_t size;
        enum err err = link_read(&link->reader, data + *used, len - *used, &frame, &size);
        if (err == ERR_AGAIN) {
            return ERR_OK;
        }
        err = err ? err : on_frame(link, &frame);
        if (err) {
            return err;
        }
        *used += size;
    }
}

struct buf *edge_link_output(struct edge_link *link)
{
    return &link->output;
}

struct str edge_link_address(const struct edge_link *link)
{
    return str_of(link->address);
}

struct str edge_link_worker(const struct edge_link *link)
{
    return str_of(link->worker);
}

void edge_link_set_user(struct edge_link *link, void *user)
{
    link->user = user;
}

void *edge_link_user(const struct edge_link *link)
{
    return link->user;
}
