/* A room's owner, as a gateway sees it: looked for, found, lost, and what becomes of the room's
 * connections meanwhile (proto/ownership.md). */
#include "base/alloc.h"
#include "edge/internal.h"
#include "ws/frame.h"

#include <stdlib.h>

void room_find_owner(struct edge_room *room)
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

void room_unlink(struct edge_room *room)
{
    channels_drop(room);
    list_remove(&room->link_link);
    room->link = NULL;
}

static void forget_tries(struct edge_room *room)
{
    free(room->unreachable);
    room->unreachable = NULL;
}

void room_in_reach(struct edge_room *room)
{
    forget_tries(room);
    room->elsewhere_due = 0;
}

/* The first try to reach that owner begins, or another one after it. */
static void room_out_of_reach(struct edge_room *room, const struct edge_link *link)
{
    if (!room->unreachable || strcmp(room->unreachable, link->worker) != 0) {
        forget_tries(room);
        room->unreachable = xstrdup(link->worker);
        room->unreachable_at = room->edge->now_ms;
    }
}

/* A worker of this machine that is there and does not answer is stopped, or long at something: no
 * other gateway reaches it either. Nor does any reach one that is dead, however long it takes until
 * the store gives its rooms to others. */
static bool others_may_reach(const struct edge_link *link)
{
    return link->lives && !str_starts(str_of(link->address), STR("unix:"));
}

static uint64_t give_up_due(const struct edge_room *room)
{
    return room->unreachable_at + EDGE_UNREACHABLE_MS;
}

/* A try may take longer than the room waits. */
static void bound_try(struct edge_link *link, uint64_t due)
{
    if (list_empty(&link->try_link)) {
        list_append(&link->edge->trying, &link->try_link);
        link->give_up_due = due;
    } else if (due < link->give_up_due) {
        link->give_up_due = due;
    }
}

uint64_t owner_try_due(const struct edge *edge)
{
    uint64_t due = UINT64_MAX;
    struct edge_link *link;
    list_each(link, &edge->trying, try_link, struct edge_link)
    {
        due = link->give_up_due < due ? link->give_up_due : due;
    }
    return due;
}

void owner_try_tick(struct edge *edge)
{
    struct edge_link *link;
    list_each(link, &edge->trying, try_link, struct edge_link)
    {
        if (link->give_up_due <= edge->now_ms) {
            list_remove(&link->try_link);
            edge->host->link_drop(edge->ctx, link, ERR_TIMEOUT);
        }
    }
}

/* ---- a connection and an owner ---- */

uint64_t owner_access(bool readonly, bool object_readonly)
{
    return (object_readonly ? 0 : LINK_OPEN_OBJECT_WRITE) | (readonly ? LINK_OPEN_READONLY : 0);
}

static uint64_t open_flags(const struct edge_conn *conn)
{
    return owner_access(conn->readonly, conn->object_readonly);
}

static void conn_resume(struct edge_conn *conn)
{
    struct buf ops = {0};
    struct link_frame frame = {
        .type = LINK_RESUME,
        .conn = conn->wire,
        .room = str_of(conn->room->name),
        .session = {conn->session, conn->session_len},
        .flags = open_flags(conn),
    };
    kept_write(&conn->kept, &frame, &ops);
    frame.seq = inbox_last(&conn->inbox, frame.answered);
    edge_link_send(conn->room->link, &frame);
    buf_finish(&ops);
    conn->edge->counts.resumes++;
}

static void conn_open(struct edge_conn *conn)
{
    struct link_frame frame = {
        .type = LINK_OPEN,
        .conn = conn->wire,
        .room = str_of(conn->room->name),
        .session = {conn->session, conn->session_len},
        .flags = open_flags(conn),
    };
    edge_link_send(conn->room->link, &frame);
}

void owner_take(struct edge_conn *conn)
{
    conn_set_wait(conn, EDGE_OPENED);
    if (conn->joined) {
        conn_resume(conn);
    } else {
        conn_open(conn);
    }
    inbox_send(conn->room->link, conn->wire, &conn->inbox);
}

/* The next opening of the same connection is another one to its owner. */
static uint64_t next_wire(uint64_t wire)
{
    uint64_t opening = wire >> LINK_CONN_BITS;
    return LINK_CONN_NUMBER(wire) | ((opening + 1) % LINK_OPENINGS) << LINK_CONN_BITS;
}

/* It was opened there and nothing has come of that yet: the open may have crossed the word that the
 * room is gone, and find it there again. What comes of it then is not for the next opening, which
 * may go to the same worker. */
static void take_back(struct edge_link *link, struct edge_conn *conn)
{
    struct link_frame gone = {.type = LINK_GONE, .conn = conn->wire};
    edge_link_send(link, &gone);
    conn->wire = next_wire(conn->wire);
}

/* Without an owner the connection waits for the next; who was turned away too often gives up.
 * `link`: of the owner that was lost, if it stands. */
static void conn_lost(struct edge_conn *conn, struct edge_link *link)
{
    if (conn->state != EDGE_OPENED) {
        return;
    }
    if (link && !conn->channel) {
        take_back(link, conn);
    }
    channel_leave(conn);
    if (share_joining(conn)) {
        share_leave(conn);
        deliver_drop_events(conn);
        kept_restart(&conn->kept);
    }
    conn_set_wait(conn, EDGE_WAITING);
    inbox_answer_pings(conn);
    if (conn->joined && buf_len(&conn->kept.state) == 0) {
        conn_close(conn, WS_CODE_RESTART, STR("room moved")); /* its worker never said who it is */
    } else if (++conn->tries >= (conn->joined ? EDGE_RESUME_TRIES : EDGE_OWNER_TRIES)) {
        conn_close(conn, WS_CODE_TRY_LATER, STR("no worker serves the room"));
    }
}

static bool link_stands(const struct edge_link *link)
{
    return map_get(&link->edge->links, str_of(link->worker)) == link;
}

void room_lost(struct edge_room *room, bool at_once)
{
    struct edge_link *link = link_stands(room->link) ? room->link : NULL;
    struct edge_conn *conn;
    list_each(conn, &room->conns, room_link, struct edge_conn)
    {
        conn_lost(conn, link);
    }
    struct edge_linger *linger;
    list_each(linger, &room->lingers, room_link, struct edge_linger)
    {
        linger->wire = link ? next_wire(linger->wire) : linger->wire; /* it leaves by itself */
    }
    room_unlink(room);
    if (list_empty(&room->conns) && list_empty(&room->lingers)) {
        room->state = EDGE_ROOM_IDLE;
    } else if (at_once) {
        room_find_owner(room);
    } else {
        room_retry(room);
    }
}

/* ---- owners ---- */

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
    list_init(&link->try_link);
    map_init(&link->channels, channel_key);
    map_init(&link->shares, share_key);
    map_put(&edge->links, link);
    edge->counts.links = edge->links.count;
    struct link_frame hello = {
        .type = LINK_HELLO,
        .version_min = LINK_VERSION_MIN,
        .version_max = link_version_own(edge->config->link_version_max),
        .id = edge->id,
        .node = edge->node,
    };
    link_write(&link->output, &hello);
    edge->host->link_connect(edge->ctx, link);
    return link;
}

static void room_use(struct edge_room *room, const struct edge_owner *owner)
{
    struct edge_link *link = link_get(room->edge, owner);
    link->lives = owner->lives;
    room->state = EDGE_ROOM_LINKED;
    room->link = link;
    if (link->version) {
        room_in_reach(room);
    } else {
        room_out_of_reach(room, link);
        if (others_may_reach(link)) {
            bound_try(link, give_up_due(room));
        }
    }
    list_append(&link->rooms, &room->link_link);
    struct edge_linger *linger;
    list_each(linger, &room->lingers, room_link, struct edge_linger)
    {
        linger_resume(linger); /* before a connection that may be the same session's next */
    }
    struct edge_conn *conn;
    list_each(conn, &room->conns, room_link, struct edge_conn)
    {
        owner_take(conn);
    }
    roster_send(room);
}

static void send_away(struct edge_room *room, struct str reason)
{
    room->state = EDGE_ROOM_IDLE;
    struct edge_conn *conn;
    list_each(conn, &room->conns, room_link, struct edge_conn)
    {
        conn_close(conn, WS_CODE_TRY_LATER, reason);
    }
}

void edge_owner_found(struct edge *edge, struct str name, enum err err,
                      const struct edge_owner *owner, uint64_t now_ms)
{
    edge->now_ms = now_ms;
    struct edge_room *room = map_get(&edge->rooms, name);
    if (!room || room->state != EDGE_ROOM_FINDING) {
        return; /* nobody waits for it any more */
    }
    if (list_empty(&room->conns) && list_empty(&room->lingers)) {
        room->state = EDGE_ROOM_IDLE;
    } else if (err == ERR_QUARANTINED) {
        send_away(room, STR("room is quarantined"));
    } else if (err) {
        room_in_reach(room);
        room_retry(room);
    } else {
        room_use(room, owner);
    }
}

void room_moved(struct edge_link *link, const struct link_frame *frame)
{
    struct edge_room *room = map_get(&link->edge->rooms, frame->room);
    if (!room || room->link != link) {
        return;
    }
    room_lost(room, frame->id.len == 0);
    if (frame->id.len > 0 && room->state == EDGE_ROOM_RETRYING) {
        struct edge_owner owner = {frame->id, frame->address, .lives = true};
        list_remove(&room->retry_link);
        room_use(room, &owner);
    }
}

/* ---- links ---- */

static uint32_t heat_now(struct edge_room *room)
{
    enum { HALF_LIFE_MS = 8192 };
    uint64_t halvings = (room->edge->now_ms - room->heat_at) / HALF_LIFE_MS;
    room->heat = halvings < 32 ? room->heat >> halvings : 0;
    room->heat_at += halvings * HALF_LIFE_MS;
    return room->heat;
}

static int hottest_first(const void *a, const void *b)
{
    const struct edge_room *x = *(struct edge_room *const *)a;
    const struct edge_room *y = *(struct edge_room *const *)b;
    return (x->heat < y->heat) - (x->heat > y->heat);
}

void link_greeted(struct edge_link *link)
{
    struct edge_room *room;
    list_remove(&link->try_link);
    list_each(room, &link->rooms, link_link, struct edge_room)
    {
        room_in_reach(room);
    }
}

/* Another try has failed; whether it was one too many (proto/cluster.md, "When a link breaks"). */
static bool fail_to_reach(struct edge_room *room, const struct edge_link *link)
{
    if (!others_may_reach(link)) {
        return false;
    }
    bool over = room->edge->now_ms >= give_up_due(room);
    if (over) {
        forget_tries(room); /* who comes anew has as long again */
    }
    return over;
}

/* Its clients find it through another gateway, to which they are sent when they come back. */
static void give_up(struct edge_room *room)
{
    room->elsewhere_due = room->edge->now_ms + EDGE_ELSEWHERE_MS;
    struct edge_conn *conn;
    list_each(conn, &room->conns, room_link, struct edge_conn)
    {
        conn_close(conn, WS_CODE_TRY_LATER, STR("the room's worker cannot be reached from here"));
    }
}

void link_lost(struct edge_link *link)
{
    size_t count = 0;
    struct edge_room *room;
    list_each(room, &link->rooms, link_link, struct edge_room)
    {
        count++;
    }
    struct edge_room **rooms = xmalloc((count + 1) * sizeof(struct edge_room *));
    count = 0;
    list_each(room, &link->rooms, link_link, struct edge_room)
    {
        heat_now(room);
        rooms[count++] = room;
    }
    qsort(rooms, count, sizeof(*rooms), hottest_first);
    for (size_t i = 0; i < count; i++) {
        bool over = !link->version && fail_to_reach(rooms[i], link);
        /* A worker that could not even be reached will not be there an instant later. */
        room_lost(rooms[i], link->version);
        if (over) {
            give_up(rooms[i]);
        }
    }
    free(rooms);
}

/* Not by leaving its rooms on a link that stands: what the worker still holds for their connections
 * must not reach them once they have found their next owner, which may be this worker again. */
void edge_worker_listed(struct edge_link *link, bool listed, bool sure, uint64_t now_ms)
{
    struct edge *edge = link->edge;
    edge->now_ms = now_ms;
    link->lives = listed;
    if (!sure) {
        return;
    }
    bool again = !listed && link->missed;
    link->missed = !listed;
    if (again) {
        edge->host->link_drop(edge->ctx, link, ERR_UNAVAILABLE);
    }
}

struct edge_link *edge_next_link(const struct edge *edge, uint32_t *pos)
{
    return map_next(&edge->links, pos);
}
