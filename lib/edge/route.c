/* Rooms, their owners, and the links to them. */
#include "base/alloc.h"
#include "edge/internal.h"
#include "ws/frame.h"

#include <stdlib.h>

void edge_link_send(struct edge_link *link, const struct link_frame *frame)
{
    link_write(&link->output, frame);
    link->edge->host->link_ready(link->edge->ctx, link);
    if (buf_len(&link->output) > EDGE_LINK_BYTES) {
        link->edge->host->link_drop(link->edge->ctx, link, ERR_TOO_LARGE);
    }
}

/* ---- rooms ---- */

void route_destroy_room(struct edge_room *room)
{
    if (room->link) {
        room_unlink(room);
    }
    struct edge_linger *linger;
    list_each(linger, &room->lingers, room_link, struct edge_linger)
    {
        linger_free(linger);
    }
    roster_finish(room);
    room_in_reach(room);
    list_remove(&room->retry_link);
    list_remove(&room->empty_link);
    map_remove(&room->edge->rooms, str_of(room->name));
    free(room->name);
    free(room);
}

static struct edge_room *room_create(struct edge *edge, struct str name)
{
    struct edge_room *room = xcalloc(1, sizeof(*room));
    room->edge = edge;
    room->name = xstrndup(name.ptr, name.len);
    room->heat_at = edge->now_ms;
    list_init(&room->link_link);
    list_init(&room->retry_link);
    list_init(&room->empty_link);
    list_init(&room->channels);
    list_init(&room->conns);
    list_init(&room->lingers);
    map_put(&edge->rooms, room);
    return room;
}

void route_join(struct edge_conn *conn, struct str name)
{
    struct edge *edge = conn->edge;
    struct edge_room *room = map_get(&edge->rooms, name);
    room = room ? room : room_create(edge, name);
    conn->room = room;
    list_remove(&room->empty_link);
    list_append(&room->conns, &conn->room_link);
    if (room->state == EDGE_ROOM_LINKED) {
        owner_take(conn);
    } else if (room->state == EDGE_ROOM_IDLE) {
        room_find_owner(room);
    }
}

void route_leave(struct edge_conn *conn, bool owner_knows)
{
    struct edge_room *room = conn->room;
    if (!room) {
        return;
    }
    if (conn->state == EDGE_OPENED && !owner_knows) {
        struct link_frame frame = {.type = LINK_GONE, .conn = conn->wire};
        edge_link_send(room->link, &frame);
    }
    if (conn->joined && !owner_knows && buf_len(&conn->kept.state) > 0) {
        linger_add(conn);
    }
    channel_leave(conn);
    conn->joined = false;
    conn->room = NULL;
    list_remove(&conn->room_link);
    if (list_empty(&room->conns)) {
        roster_finish(room);
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
        if (room->elsewhere_due > edge->now_ms) {
            room->empty_due = edge->now_ms + EDGE_ROOM_KEEP_MS;
            list_remove(&room->empty_link);
            list_append(&edge->empty, &room->empty_link);
        } else {
            route_destroy_room(room);
        }
    }
}

bool edge_is_elsewhere(const struct edge *edge, struct str room, uint64_t now_ms)
{
    const struct edge_room *known = map_get(&edge->rooms, room);
    return known && known->elsewhere_due > now_ms;
}

/* ---- links ---- */

void link_free(struct edge_link *link)
{
    list_remove(&link->try_link);
    map_finish(&link->channels);
    share_drop_all(link);
    link_reader_finish(&link->reader);
    buf_finish(&link->output);
    free(link->worker);
    free(link->address);
    free(link);
}

void edge_link_down(struct edge_link *link, uint64_t now_ms)
{
    struct edge *edge = link->edge;
    edge->now_ms = now_ms;
    /* Out of the table first: the rooms' next owner may be the same worker again. */
    map_remove(&edge->links, str_of(link->worker));
    edge->counts.links = edge->links.count;
    link_lost(link);
    link_free(link);
}

void edge_link_up(struct edge_link *link, uint64_t now_ms)
{
    link->edge->now_ms = now_ms;
    link->edge->host->link_ready(link->edge->ctx, link);
}

/* ---- frames ---- */

/* Casts of the room are for it from here on. */
static void conn_attach(struct edge_conn *conn, uint64_t channel)
{
    conn->tries = 0;
    channel_join(conn, channel);
}

static void on_resumed(struct edge_conn *conn, const struct link_frame *frame)
{
    inbox_answered(conn, frame->answered);
    kept_brought(&conn->kept, frame);
    conn_attach(conn, frame->channel);
}

/* Until a reply is sent that says so, nothing was answered. */
static void on_answered(struct edge_conn *conn, uint64_t seq)
{
    struct share_wait *joining = share_joining(conn);
    if (!joining) {
        inbox_answered(conn, seq);
    } else if (seq > joining->answered) {
        joining->answered = seq;
    }
}

/* A connect reply whose documents come by a share. */
static void on_join(struct edge_conn *conn, const struct link_frame *frame)
{
    share_leave(conn); /* a reply before it is not what the client waits for any more */
    deliver_drop_events(conn);
    conn->joined = false;
    kept_brought(&conn->kept, frame);
    conn->kept.clock = frame->clock;
    conn_attach(conn, frame->channel);
    share_wait_for(conn, frame);
}

static void on_send(struct edge_conn *conn, const struct link_frame *frame)
{
    struct rendered message = rendered_of(frame->payload);
    if (frame->how == LINK_HOW_CONNECT || frame->how == LINK_HOW_LEGACY) {
        share_leave(conn); /* likewise */
    }
    inbox_answer_superseded(conn, frame);
    if (conn->state != EDGE_OPENED) {
        return;
    }
    on_answered(conn, frame->answered);
    kept_brought(&conn->kept, frame);
    switch ((enum link_how)frame->how) {
    case LINK_HOW_CONNECT:
        deliver_drop_events(conn);
        conn->joined = true;
        conn->kept.clock = frame->clock;
        conn_attach(conn, frame->channel);
        deliver_message(conn, &message, false);
        break;
    case LINK_HOW_EVENT:
        if (frame->share) {
            deliver_long_event(conn, frame);
        } else {
            deliver_event(conn, &message);
        }
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
    const struct edge_channel *channel = channel_find(link, frame->channel);
    struct edge_room *room = channel ? channel->room : NULL;
    if (!room || list_empty(&room->conns)) {
        return; /* the last of its listeners has just left */
    }
    if (frame->flags & LINK_CAST_ADDS) {
        roster_add(room, frame->presence);
    } else if (frame->flags & LINK_CAST_REMOVES) {
        roster_remove(room, frame->presence);
    }
    struct rendered event = rendered_of(frame->payload);
    struct edge_conn *conn;
    list_each(conn, &room->conns, room_link, struct edge_conn)
    {
        if (conn->channel == channel && conn->wire != frame->conn) {
            kept_brought(&conn->kept, frame);
            if (frame->share) {
                deliver_long_event(conn, frame);
            } else {
                deliver_event(conn, &event);
            }
        }
    }
    rendered_finish(&event);
}

enum { SYNC_FATAL = 4099 }; /* sync protocol 8: the client gives up for good */

static void on_refuse(struct edge_conn *conn, const struct link_frame *frame)
{
    switch ((enum link_refusal)frame->code) {
    case LINK_REFUSED_NOT_OWNER:
    case LINK_REFUSED_UNAVAILABLE:
        room_lost(conn->room, false); /* what holds for one of its connections holds for all */
        return;
    case LINK_REFUSED_VERSION:
        if (!conn->joined) {
            /* As if its own schema were newer. Who is in the room already may live to see the
             * server's next version, and comes back until then. */
            route_leave(conn, true);
            conn_close(conn, SYNC_FATAL, STR("SERVER_TOO_OLD"));
            return;
        }
        break;
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
        if (frame->share && frame->how == LINK_HOW_CONNECT) {
            on_join(conn, frame);
        } else {
            on_send(conn, frame);
        }
        break;
    case LINK_ACK:
        on_answered(conn, frame->answered);
        break;
    case LINK_STATE:
        kept_state(&conn->kept, frame);
        break;
    case LINK_RESUMED:
        on_resumed(conn, frame);
        break;
    case LINK_CLOSE:
        route_leave(conn, true);
        conn_close(conn, (uint16_t)frame->code, frame->reason);
        break;
    case LINK_DETACH:
        route_leave(conn, true);
        share_leave(conn);
        deliver_drop_events(conn);
        deliver_stop_pacing(conn);
        inbox_clear(conn);
        conn_set_wait(conn, EDGE_DETACHED);
        break;
    case LINK_REFUSE:
        on_refuse(conn, frame);
        break;
    case LINK_FLAGS: /* for the next owner, which is told by a resume */
        conn->readonly = frame->flags & LINK_OPEN_READONLY;
        break;
    case LINK_HELLO:
    case LINK_OPEN:
    case LINK_MESSAGE:
    case LINK_BROKEN:
    case LINK_GONE:
    case LINK_RESUME:
    case LINK_ROSTER:
    case LINK_REQUEST:
    case LINK_PART:
    case LINK_MORE:
    case LINK_CAST:
    case LINK_SHARE:
    case LINK_MEMBERS:
    case LINK_FORGET:
    case LINK_MOVED:
    case LINK_REPLY: /* to hosts only */
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

static void on_roster(struct edge_link *link, const struct link_frame *frame)
{
    struct edge_room *room = map_get(&link->edge->rooms, frame->room);
    if (room && room->link == link) {
        roster_add_all(room, frame->payload);
    }
}

static enum err on_frame(struct edge_link *link, const struct link_frame *frame)
{
    struct edge *edge = link->edge;
    if (!link->version) {
        if (frame->type != LINK_HELLO) {
            return ERR_MALFORMED;
        }
        if (!str_eq(frame->id, str_of(link->worker))) {
            return ERR_REFUSED; /* another worker lives at that address now */
        }
        uint64_t own = link_version_own(edge->config->link_version_max);
        link->version = link_version_common(own, frame->version_min, frame->version_max);
        link_greeted(link);
        return link->version ? ERR_OK : ERR_VERSION;
    }
    if (frame->type == LINK_ROSTER) {
        on_roster(link, frame);
        return ERR_OK;
    }
    if (frame->type == LINK_MOVED) {
        room_moved(link, frame);
        return ERR_OK;
    }
    if (frame->type < LINK_SEND) {
        return ERR_MALFORMED; /* those go the other way */
    }
    if (frame->type == LINK_CLOSE && !close_valid(frame)) {
        return ERR_MALFORMED;
    }
    if (frame->share && (frame->type == LINK_SEND || frame->type == LINK_CAST) &&
        !share_serves(link, frame)) {
        return ERR_MALFORMED;
    }
    if (frame->type == LINK_CAST) {
        on_cast(link, frame);
        return ERR_OK;
    }
    if (frame->type == LINK_SHARE || frame->type == LINK_MEMBERS || frame->type == LINK_FORGET) {
        return share_frame(link, frame);
    }
    uint64_t number = LINK_CONN_NUMBER(frame->conn);
    struct edge_conn *conn =
        map_get(&edge->conns, (struct str){(const char *)&number, sizeof(number)});
    if ((!conn || !conn->room) && (frame->type == LINK_DETACH || frame->type == LINK_CLOSE ||
                                   frame->type == LINK_REFUSE || frame->type == LINK_FLAGS)) {
        linger_frame(link, frame);
    }
    /* What was under way for a connection that has left, or has another owner now, is void. */
    if (conn && conn->state == EDGE_OPENED && conn->room->link == link &&
        conn->wire == frame->conn) {
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
            shed_slow(link->edge);
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
