/* Presence while the store is away. Documents wait, for nobody may hear of what could be lost; but
 * cursors that stand still would look like a dead room. So presence is told at once, ahead of what
 * waits: whole, and with the clock of what has been told. What waits may hold older presence, and
 * is followed by the newest when it goes out.
 *
 * Not while a long message waits, for its members or behind them for the store to say whose the
 * room is: who made the change may have been told of it, and others not yet, so there is no clock
 * up to which all have been told. That is over soon (shares.c, gate.c). */
#include "shard/internal.h"
#include "value/pack.h"

enum { LATE_MS = 250 };

bool ahead_is_due(const struct shard_room *room)
{
    const struct shard *shard = room->shard;
    return outbox_holds(room) && shares_gate(room) == 0 && !outbox_is_amid_change(room) &&
           (!shard->store_up ||
            (buf_len(&room->outbox) > 0 && shard->now_ms - room->held_since >= LATE_MS));
}

bool ahead_may_answer(const struct shard_conn *conn)
{
    const struct shard_room *room = conn->room;
    return conn_is_listening(conn) && room->durable >= conn->told_at &&
           room->gate_passed >= conn->told_gate;
}

/* A record that is taken away stays in gateways' rosters until what waits is followed by the same
 * again: a connect reply may wait that still shows it, and be the last thing that comes from here.
 */
static void cast(struct shard_room *room, const struct shard_conn *source,
                 const struct room_broadcast *broadcast, struct value event)
{
    bool adds = broadcast->effect == ROOM_PRESENCE_ADDED;
    for (uint32_t i = 0; i < room->audience_count; i++) {
        struct shard_link *link = room->audience[i].link;
        if (room->audience[i].edition != broadcast->edition) {
            continue;
        }
        struct link_frame frame = {
            .type = LINK_CAST,
            .channel = room->audience[i].channel,
            .conn = source && source->link == link ? source->number : 0,
            .payload = event,
            .presence = adds ? broadcast->presence : (struct str){0},
            .flags = adds ? LINK_CAST_ADDS : 0,
        };
        link_send(link, &frame);
    }
}

static void write_removal(struct str id, uint64_t server_clock, struct buf *event)
{
    pack_map(event, 3);
    pack_str(event, STR("type"));
    pack_str(event, STR("patch"));
    pack_str(event, STR("diff"));
    pack_map(event, 1);
    pack_str(event, id);
    pack_array(event, 1);
    pack_str(event, STR("remove"));
    pack_str(event, STR("serverClock"));
    pack_u64(event, server_clock);
}

bool ahead_broadcast(struct shard_room *room, const struct room_broadcast *broadcast)
{
    if (!broadcast->presence.ptr || !ahead_is_due(room)) {
        return false;
    }
    struct buf event = {0};
    struct shard_conn *source = NULL;
    enum room_catch_up wrote = ROOM_CAUGHT_UP;
    if (broadcast->effect == ROOM_PRESENCE_REMOVED) {
        write_removal(broadcast->presence, room->told_clock, &event);
    } else {
        source = conn_by_handle(room->shard, room_session_conn(broadcast->except));
        wrote = room_write_presence(room->room, broadcast->except, broadcast->edition,
                                    room->told_clock, &event);
    }
    if (wrote == ROOM_CAUGHT_UP) {
        cast(room, source, broadcast, buf_value(&event));
    }
    buf_finish(&event);
    if (!source) {
        return false; /* a removal follows what waits as well, or that would bring it back */
    }
    if (!room->ahead) {
        room->ahead_of = room_session_presence_at(broadcast->except) - 1;
    }
    source->ahead = room->ahead = true;
    return !broadcast->documents;
}

/* Not what is told ahead: it passes those by whose connect reply waits. */
uint64_t ahead_presence_seen(const struct shard_room *room)
{
    return room->ahead ? room->ahead_of : room_presence_clock(room->room);
}

static bool is_ahead(const struct shard_room *room, const struct room_session *session)
{
    const struct shard_conn *conn = conn_by_handle(room->shard, room_session_conn(session));
    return conn && conn->ahead;
}

void ahead_settle(struct shard_room *room)
{
    if (!room->ahead || ahead_is_due(room)) {
        return;
    }
    room->ahead = false;
    struct room_session *session;
    for (session = room_next_session(room->room, NULL); session;
         session = room_next_session(room->room, session)) {
        /* Whose link was cut may be back with a connection that has not been ahead. */
        if (room->ahead_left || is_ahead(room, session)) {
            room_session_renew_presence(room->room, session);
        }
    }
    struct shard_conn *conn;
    list_each(conn, &room->conns, room_link, struct shard_conn)
    {
        conn->ahead = false;
    }
    room->ahead_left = false;
}
