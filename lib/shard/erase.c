/* Erasing a room: what is stored of it becomes one snapshot without documents, under the epoch of
 * its owner, and nobody owns it afterwards. So an owner of before is as fenced as ever, and the
 * clock goes on: whoever has seen the room as it was is behind the beginning of its history, and is
 * sent what there is by then (HYD-3). */
#include "shard/internal.h"

static void send_away(struct shard_room *room)
{
    static const struct str reason = {"NOT_FOUND", 9};
    struct room_session *session;
    while ((session = room_next_session(room->room, NULL))) {
        room_session_close(room->room, session, reason);
    }
    struct shard_conn *conn; /* whose session is not here yet */
    list_each(conn, &room->conns, room_link, struct shard_conn)
    {
        struct link_frame frame = {
            .type = LINK_CLOSE, .conn = conn->number, .code = ROOM_CLOSE_FATAL, .reason = reason};
        outbox_send(room, conn->link, &frame);
        conn_forget(conn);
    }
}

static void empty(struct shard_room *room)
{
    uint64_t clock = room_documents(room->room)->clock + 1;
    room_destroy(room->room);
    room->room = room_create(&room->shard->config->room, &shard_room_host, room);
    room_jump_clock(room->room, clock);
    persist_drop_tail(room);
    recent_finish(room);
    ghosts_finish(room);
}

void erase_room(struct shard_room *room, uint64_t now_ms)
{
    struct log_scope scope = shard_room_scope(room);
    log_info(&scope, "room is erased",
             LOG_U64("records", room_documents(room->room)->records.count),
             LOG_U64("clock", room_documents(room->room)->clock));
    /* In the place of an entry that only a snapshot can store: nobody hears of it before. */
    room->whole_number = ++room->appended;
    room->dirty = room->erased = true;
    send_away(room);
    empty(room);
    room->state = SHARD_ROOM_RELEASING;
    room->retry_at = 0;
    room->shard->now_ms = now_ms;
    persist_snapshot(room, true);
}
