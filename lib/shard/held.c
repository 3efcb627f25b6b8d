/* A room that does something long is held: it does it in slices, other rooms have their turns in
 * between, and its own frames and requests wait for it to serve again. So what is long meets nobody
 * half-way; nothing of the room is stored meanwhile, for what it has done by then is half of it. */
#include "base/alloc.h"
#include "shard/request.h"

#include <stdlib.h>

struct held {
    struct room_loading *loading;  /* owned */
    struct buf operand;            /* that it loads; counted among the shard's */
    struct shard_request *request; /* borrowed; NULL: whoever asked is gone, and it is done all the
                                    * same */
};

void held_drop(struct shard_room *room)
{
    struct held *held = room->held;
    if (held) {
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

static void finish(struct shard_room *room)
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
    if (room->sent < room->appended && list_empty(&room->unsent_link)) {
        list_append(&room->shard->unsent, &room->unsent_link); /* it may be stored again */
    }
}

void held_load(struct shard_room *room, struct shard_request *request, uint64_t now_ms)
{
    struct slice slice = shard_slice(room->shard);
    room->held = xcalloc(1, sizeof(*room->held));
    room->held->request = request;
    room->held->operand = request->operand; /* `payload` is in there */
    request->operand = (struct buf){0};
    room->held->loading = room_load_begin(room->room, request->payload);
    room->state = SHARD_ROOM_HELD;
    if (room_load_step(room->held->loading, &slice, now_ms)) {
        finish(room);
    } else {
        shard_room_worked(room);
    }
}

void held_work(struct shard_room *room, struct slice *slice, uint64_t now_ms)
{
    if (room_load_step(room->held->loading, slice, now_ms)) {
        finish(room);
        deferred_replay(room, now_ms);
        requests_replay(room, now_ms);
    }
}
