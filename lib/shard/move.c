/* Handover: a room goes to another worker under its sessions (proto/ownership.md). From the order
 * on no frame of the room is handled; gateways keep what has no answer and send it to the next
 * owner. What was handled before is stored and sent first. */
#include "base/alloc.h"
#include "shard/internal.h"

#include <stdlib.h>

enum {
    MOVES_AT_ONCE = 16,
    MOVE_WAIT_MS = 10000, /* for the store; then the room stays */
};

struct move {
    char *worker, *node, *address, *remote; /* owned */
    uint64_t give_up_at;
    bool stored; /* a snapshot was begun for it; only where there is no log */
    bool asked;
};

void move_end(struct shard_room *room, enum shard_move_end end)
{
    struct shard *shard = room->shard;
    if (!room->move) {
        return;
    }
    free(room->move->worker);
    free(room->move->node);
    free(room->move->address);
    free(room->move->remote);
    free(room->move);
    room->move = NULL;
    shard->moves--;
    if (shard->host->move_ended) {
        uint64_t epoch = end == SHARD_MOVE_DONE ? room->epoch + 1 : 0;
        shard->host->move_ended(shard->ctx, str_of(room->name), end, epoch);
    }
}

bool move_asked(const struct shard_room *room)
{
    return room->move && room->move->asked;
}

static struct shard_target target_of(const struct move *move)
{
    return (struct shard_target){str_of(move->worker), str_of(move->node), str_of(move->address),
                                 str_of(move->remote)};
}

/* It stays. Frames were dropped, so its sessions come back as if from another owner. */
static void give_up(struct shard_room *room)
{
    struct log_scope scope = shard_room_scope(room);
    log_warn(&scope, "room could not be handed over and stays",
             LOG_TEXTZ("to", room->move->worker));
    move_end(room, SHARD_MOVE_STAYS);
    requests_refuse(room, LINK_REFUSED_UNAVAILABLE, STR("the room could not be handed over"));
    room->state = SHARD_ROOM_SERVING;
    /* What waits is told anew to those who come back, on the same links. */
    outbox_abandon(room, 1012, STR("room has moved on"));
    shard_room_announce_move(room, NULL);
    struct shard_conn *conn;
    list_each(conn, &room->conns, room_link, struct shard_conn)
    {
        conn_gone(conn, room->shard->now_ms);
    }
}

void move_step(struct shard_room *room, uint64_t now_ms)
{
    struct move *move = room->move;
    struct shard *shard = room->shard;
    if (!move || move->asked) {
        return;
    }
    if (now_ms >= move->give_up_at) {
        give_up(room);
        return;
    }
    if (shard->config->durability != SHARD_LOG && !move->stored && !room->snapshot_running) {
        persist_snapshot(room, false);
        move->stored = room->snapshot_running;
    }
    if (room->snapshot_running || room->suspect || outbox_holds(room) || !shard->store_up) {
        return;
    }
    struct shard_room_info info;
    struct shard_target to = target_of(move);
    shard_room_info(room, &info);
    move->asked = true;
    shard->host->hand_over(shard->ctx, room->number, &info, &to);
}

void shard_handed(struct shard *shard, uint64_t number, enum err err, uint64_t now_ms)
{
    shard->now_ms = now_ms;
    struct shard_room *room = shard_room_by_number(shard, number);
    if (!room || !room->move) {
        return;
    }
    shard_turn_to(shard, str_of(room->name));
    if (err == ERR_FENCED) {
        persist_lost(room);
    } else if (err == ERR_GAP) {
        /* The store has lost something. It is given the room whole, and then asked again. */
        room->suspect = room->dirty = true;
        room->move->asked = false;
        persist_tick(room, now_ms);
    } else if (err) {
        give_up(room);
    } else {
        struct log_scope scope = shard_room_scope(room);
        struct shard_target to = target_of(room->move);
        log_info(&scope, "room handed over", LOG_TEXTZ("to", room->move->worker),
                 LOG_U64("clock", room_documents(room->room)->clock));
        event_changed(room, true);
        shard_room_announce_move(room, &to);
        move_end(room, SHARD_MOVE_DONE);
        shard_room_free(room);
    }
}

static void begin(struct shard_room *room, const struct shard_target *to, uint64_t now_ms)
{
    struct move *move = xcalloc(1, sizeof(*move));
    move->worker = xstrndup(to->worker.ptr, to->worker.len);
    move->node = xstrndup(to->node.ptr, to->node.len);
    move->address = xstrndup(to->address.ptr, to->address.len);
    move->remote = xstrndup(to->remote.ptr ? to->remote.ptr : "", to->remote.len);
    move->give_up_at = now_ms + MOVE_WAIT_MS;
    room->move = move;
    room->shard->moves++;
    room->state = SHARD_ROOM_MOVING;
    move_step(room, now_ms);
}

enum err shard_move(struct shard *shard, struct str name, const struct shard_target *to,
                    uint64_t now_ms)
{
    shard->now_ms = now_ms;
    struct shard_room *room = shard_room_get(shard, name);
    if (!room) {
        return ERR_NOT_FOUND;
    }
    if (room->state != SHARD_ROOM_SERVING) {
        return ERR_AGAIN;
    }
    begin(room, to, now_ms);
    return ERR_OK;
}

void shard_drain(struct shard *shard, bool on)
{
    shard->draining = on;
    sleep_wake_all(shard);
}

bool move_away(struct shard_room *room, uint64_t now_ms)
{
    struct shard *shard = room->shard;
    struct shard_target to;
    if (shard->moves >= MOVES_AT_ONCE || !shard->store_up ||
        !shard->host->place(shard->ctx, str_of(room->name), &to)) {
        return false;
    }
    begin(room, &to, now_ms);
    return true;
}
