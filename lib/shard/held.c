/* A room that does something long is held: it does it in slices, other rooms have their turns in
 * between, and its own frames and requests wait for it to serve again. So what is long meets nobody
 * half-way; nothing of the room is stored meanwhile, for what it has done by then is half of it. */
#include "base/alloc.h"
#include "shard/request.h"

#include <stdlib.h>

/* One of the two. */
struct held {
    struct room_settling *settling; /* owned; of a room that was just read */
    struct room_loading *loading;   /* owned */
    struct buf operand;             /* that it loads; counted among the shard's */
    struct shard_request *request;  /* borrowed; NULL: whoever asked is gone, and it is done all the
                                     * same */
};

void held_drop(struct shard_room *room)
{
    struct held *held = room->held;
    if (held) {
        room_settle_end(held->settling);
        room_load_end(held->loading);
        room->shard->request_bytes -= buf_len(&held->operand);
        buf_finish(&held->operand);
        free(held);
        room->held = NULL;
    }
}

void held_forget_request(struct shard_room *room, const struct shard_request *request)
{
    if (room->held && room->held->request == request) {
        room->held->request = NULL;
    }
}

bool held_waits(const struct shard_room *room)
{
    const struct held *held = room->held;
    return held &&
           (held->settling ? room_settle_waits(held->settling) : room_load_waits(held->loading));
}

static void hold(struct shard_room *room)
{
    room->held = xcalloc(1, sizeof(*room->held));
    room->state = SHARD_ROOM_HELD;
}

/* What has waited may be stored. */
static void store_again(struct shard_room *room)
{
    if (room->sent < room->appended && list_empty(&room->unsent_link)) {
        list_append(&room->shard->unsent, &room->unsent_link);
    }
}

/* Whoever waits has his turn. */
static void serve(struct shard_room *room, uint64_t now_ms)
{
    deferred_replay(room, now_ms);
    requests_replay(room, now_ms);
    shard_room_worked(room);
}

/* ---- a load ---- */

static void end_load(struct shard_room *room)
{
    struct shard_request *request = room->held->request;
    struct request_answer answer = {0};
    struct str why;
    request_answer_edit(room, room_load_edited(room->held->loading, &why), &answer);
    buf_append_str(&answer.why, why);
    room->state = SHARD_ROOM_SERVING;
    held_drop(room);
    if (request) {
        request_answer(request, room, &answer);
    }
    buf_finish(&answer.payload);
    buf_finish(&answer.why);
    store_again(room);
}

void held_load(struct shard_room *room, struct shard_request *request, uint64_t now_ms)
{
    struct slice slice = shard_slice(room->shard);
    hold(room);
    room->held->request = request;
    room->held->operand = request->operand; /* `payload` is in there */
    request->operand = (struct buf){0};
    room->held->loading = room_load_begin(room->room, request->payload);
    if (room_load_step(room->held->loading, &slice, now_ms)) {
        end_load(room);
    } else {
        shard_room_worked(room);
    }
}

/* ---- a schema ---- */

/* False: there is more to do. */
static bool settle(struct shard_room *room, struct slice *slice, uint64_t now_ms)
{
    struct room_settling *settling = room->held->settling;
    enum err err = room_settle_step(settling, slice);
    if (err == ERR_AGAIN) {
        return false;
    }
    struct buf why = {0};
    buf_append_str(&why, room_settle_why(settling));
    held_drop(room);
    persist_settled(room, err, buf_str(&why), now_ms);
    buf_finish(&why);
    if (!err) {
        store_again(room);
        serve(room, now_ms);
        room->fresh = false;
    }
    return true;
}

void held_settle(struct shard_room *room, uint64_t now_ms)
{
    struct slice slice = shard_slice(room->shard);
    hold(room);
    room->held->settling = room_settle_begin(room->room);
    if (!settle(room, &slice, now_ms)) {
        room->fresh = false; /* that was a while ago by then */
        shard_room_worked(room);
    }
}

/* ---- either ---- */

/* False: there is more to do. */
static bool work(struct shard_room *room, struct slice *slice, uint64_t now_ms)
{
    if (room->held->settling) {
        return settle(room, slice, now_ms);
    }
    if (!room_load_step(room->held->loading, slice, now_ms)) {
        return false;
    }
    end_load(room);
    serve(room, now_ms);
    return true;
}

bool held_work(struct shard_room *room, struct slice *slice, uint64_t now_ms)
{
    return !work(room, slice, now_ms);
}

bool held_stop(struct shard_room *room, uint64_t now_ms)
{
    struct slice all = SLICE_ALL;
    while (room->held && !held_waits(room)) {
        held_work(room, &all, now_ms);
    }
    if (!room->held) {
        return true;
    }
    if (room->held->settling) {
        shard_room_lose(room, 1012, STR("server is stopping")); /* it is stored as it was */
        return false;
    }
    held_drop(room); /* nothing has happened yet, as who asked is told when the room ends */
    room->state = SHARD_ROOM_SERVING;
    return true;
}
