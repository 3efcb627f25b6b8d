/* Gates: what is sent behind one waits in the outbox until it is passed. They are numbered in the
 * order of what is sent, and passed in that order.
 *
 * Most ask: is the room still ours? A worker that did not run for a while may have lost it without
 * a word, and must not tell anybody who comes how the room looked then. The store answers; a few
 * gates wanted while one is under way share the next question. While the store cannot be asked they
 * are open: nobody can become owner through that store either, and people want to see their room.
 *
 * Others are shut until a share is sent that an event refers to. */
#include "shard/internal.h"

void gate_find_passed(struct shard_room *room)
{
    uint64_t shut = shares_gate(room);
    room->gate_passed = shut && shut <= room->gate_checked ? shut - 1 : room->gate_checked;
}

static void ask(struct shard_room *room)
{
    struct shard *shard = room->shard;
    if (!shard->store_up) {
        room->gate_checked = room->gate;
        gate_find_passed(room);
        return;
    }
    struct shard_room_info info;
    shard_room_info(room, &info);
    room->gate_asked = room->gate;
    shard->host->check(shard->ctx, room->number, &info);
}

void gate_want(struct shard_room *room)
{
    if (room->fresh) {
        return;
    }
    room->gate++;
    if (!room->gate_asked) {
        ask(room);
    }
}

uint64_t gate_shut(struct shard_room *room)
{
    bool checked = room->gate_checked == room->gate;
    room->gate++;
    if (checked) {
        room->gate_checked = room->gate; /* there is nothing to ask */
    }
    return room->gate;
}

void gate_opened(struct shard_room *room)
{
    gate_find_passed(room);
    outbox_release(room);
    ahead_settle(room);
    move_step(room, room->shard->now_ms);
}

void shard_checked(struct shard *shard, uint64_t number, enum err err, uint64_t now_ms)
{
    shard->now_ms = now_ms;
    struct shard_room *room = shard_room_by_number(shard, number);
    if (!room || !room->gate_asked) {
        return;
    }
    shard_turn_to(shard, str_of(room->name));
    if (err == ERR_FENCED) {
        persist_lost(room);
        return;
    }
    /* At once, not with its next change: until then a gateway that asks would find no owner. */
    bool serves = room->state == SHARD_ROOM_SERVING || room->state == SHARD_ROOM_HELD;
    if (err == ERR_GAP && serves) {
        room->suspect = room->dirty = true;
        persist_snapshot(room, false);
    }
    room->gate_checked = room->gate_asked;
    room->gate_asked = 0;
    if (room->gate_checked != room->gate) {
        ask(room);
    }
    gate_opened(room);
}

void shard_verify(struct shard *shard)
{
    uint32_t pos = 0;
    struct shard_room *room;
    while ((room = map_next(&shard->rooms, &pos))) {
        if (room->state == SHARD_ROOM_SERVING || room->state == SHARD_ROOM_HELD) {
            gate_want(room);
        }
    }
}
