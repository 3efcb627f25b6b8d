/* The life of a host's request: gathered, deferred, done, answered when it is durable. What each
 * does is request_do.c's. */
#include "shard/request.h"

#include "base/alloc.h"
#include "value/check.h"
#include "value/pack.h"

#include <assert.h>
#include <stdlib.h>

_Static_assert((int)ROOM_PIECE_HEAD == (int)LINK_PIECE_HEAD &&
                   (int)ROOM_PIECE_DOCUMENTS == (int)LINK_PIECE_DOCUMENTS &&
                   (int)ROOM_PIECE_TOMBSTONES == (int)LINK_PIECE_TOMBSTONES &&
                   (int)ROOM_PIECE_END == (int)LINK_PIECE_END,
               "pieces have the same numbers on a link");

static struct shard_request *request_find(const struct shard_link *link, uint64_t number)
{
    struct shard_request *request;
    list_each(request, &link->requests, link_link, struct shard_request)
    {
        if (request->number == number) {
            return request;
        }
    }
    return NULL;
}

static struct shard_request *request_create(struct shard_link *link, const struct link_frame *frame)
{
    struct shard_request *request =
        xcalloc(1, sizeof(*request) + frame->room.len + frame->target.len);
    request->link = link;
    request->number = frame->request;
    request->verb = (enum link_verb)frame->verb;
    memcpy(request->text, frame->room.ptr, frame->room.len);
    memcpy(request->text + frame->room.len, frame->target.ptr, frame->target.len);
    request->name = (struct str){request->text, frame->room.len};
    request->target = (struct str){request->text + frame->room.len, frame->target.len};
    list_append(&link->requests, &request->link_link);
    list_init(&request->room_link);
    link->shard->requests++;
    return request;
}

static void leave_room(struct shard_request *request)
{
    if (request->room) {
        held_forget_request(request->room, request);
        request->room->request_count--;
        list_remove(&request->room_link);
        request->room = NULL;
    }
}

static void drop_operand(struct shard_request *request)
{
    request->link->shard->request_bytes -= buf_len(&request->operand);
    buf_finish(&request->operand);
}

static void request_free(struct shard_request *request)
{
    struct shard *shard = request->link->shard;
    drop_operand(request);
    leave_room(request);
    list_remove(&request->room_link);
    list_remove(&request->link_link);
    shard->requests--;
    shard->readers -= request->reader != NULL;
    room_reader_destroy(request->reader);
    value_checking_destroy(request->checking);
    buf_finish(&request->reply);
    free(request);
}

/* ---- answers ---- */

static void refuse(struct shard_request *request, enum link_status status, struct str why)
{
    static const uint8_t nil[] = {0xc0};
    struct link_frame frame = {
        .type = LINK_REPLY,
        .request = request->number,
        .code = (uint64_t)status,
        .payload = {nil, sizeof(nil)},
        .reason = why,
    };
    link_send(request->link, &frame);
    request_free(request);
}

/* The next piece of a snapshot, as a frame behind what `out` has; false: it is the last. */
static bool write_piece(struct shard_request *request, struct buf *out)
{
    struct buf payload = {0};
    enum room_piece piece = room_reader_next(request->reader, LINK_PART_BYTES, &payload);
    if (piece == ROOM_PIECE_END) {
        pack_nil(&payload);
    }
    struct link_frame frame = {
        .type = LINK_REPLY,
        .request = request->number,
        .piece = (uint64_t)piece,
        .flags = piece == ROOM_PIECE_END ? 0 : LINK_FLAG_MORE,
        .payload = buf_value(&payload),
    };
    link_write(out, &frame);
    buf_finish(&payload);
    return piece != ROOM_PIECE_END;
}

static void write_answer(struct shard_request *request, struct request_answer *answer)
{
    if (buf_len(&answer->payload) == 0) {
        pack_nil(&answer->payload);
    }
    struct link_frame frame = {
        .type = LINK_REPLY,
        .request = request->number,
        .code = (uint64_t)answer->status,
        .payload = buf_value(&answer->payload),
        .reason = buf_str(&answer->why),
    };
    link_write(&request->reply, &frame);
}

/* What it says is as lasting as can be. */
static void send_reply(struct shard_request *request)
{
    struct shard_link *link = request->link;
    buf_append_str(&link->output, buf_str(&request->reply));
    buf_finish(&request->reply);
    link->shard->host->link_ready(link->shard->ctx, link);
    if (request->reader) {
        leave_room(request); /* what it reads is its own */
        request->state = REQUEST_STREAMING;
    } else {
        request_free(request);
    }
}

void requests_settle(struct shard_room *room)
{
    struct shard_request *request;
    list_each(request, &room->requests, room_link, struct shard_request)
    {
        if (request->state == REQUEST_ANSWERING && request->need <= room->durable &&
            request->gate <= room->gate_passed) {
            send_reply(request);
        }
    }
}

void requests_refuse(struct shard_room *room, enum link_refusal why, struct str text)
{
    struct shard_request *request;
    list_each(request, &room->requests, room_link, struct shard_request)
    {
        if (request->state == REQUEST_DEFERRED) {
            refuse(request, (enum link_status)why, text);
        }
    }
}

void requests_end(struct shard_room *room)
{
    requests_refuse(room, LINK_REFUSED_NOT_OWNER, STR("the room is not here any more"));
    struct shard_request *request;
    list_each(request, &room->requests, room_link, struct shard_request)
    {
        if (request->state == REQUEST_WORKING) {
            refuse(request, (enum link_status)LINK_REFUSED_NOT_OWNER, STR("the room is not here"));
        } else if (request->need <= room->durable && !link_verb_reads(request->verb)) {
            send_reply(request); /* it was stored, whoever has the room now */
        } else if (link_verb_reads(request->verb)) {
            refuse(request, (enum link_status)LINK_REFUSED_NOT_OWNER, STR("the room has moved"));
        } else {
            refuse(request, LINK_STATUS_UNKNOWN, STR("the room was lost before it was stored"));
        }
    }
}

void requests_forget_link(struct shard_link *link)
{
    struct shard_request *request;
    list_each(request, &link->requests, link_link, struct shard_request)
    {
        request_free(request);
    }
}

/* ---- doing it ---- */

static void wait_for(struct shard_request *request, struct shard_room *room,
                     enum request_state state)
{
    if (!request->room) {
        request->room = room;
        room->request_count++;
        list_append(&room->requests, &request->room_link);
    }
    request->state = state;
}

/* Before a room is changed for somebody who can come again: the change would only wait. */
static bool needs_store(const struct shard_request *request)
{
    bool changes = request->verb == LINK_VERB_UPDATE || request->verb == LINK_VERB_LOAD ||
                   request->verb == LINK_VERB_ERASE;
    return changes && !request->link->shard->store_up;
}

/* It waits until the room is gone, or stays for good. */
static void move(struct shard_request *request, struct shard_room *room, uint64_t now_ms)
{
    struct shard_target to = {0};
    struct shard *shard = room->shard;
    if (!value_string(value_get(request->payload, STR("worker")), &to.worker) ||
        !value_string(value_get(request->payload, STR("node")), &to.node) ||
        !value_string(value_get(request->payload, STR("address")), &to.address) ||
        !value_string(value_get(request->payload, STR("remote")), &to.remote)) {
        refuse(request, LINK_STATUS_MALFORMED, STR("no target"));
    } else if (str_eq(to.worker, shard->id)) {
        refuse(request, (enum link_status)LINK_REFUSED_NOT_OWNER, STR("the room is there"));
    } else {
        wait_for(request, room, REQUEST_DEFERRED);
        enum err err = shard_move(shard, str_of(room->name), &to, now_ms);
        assert(!err); /* it serves */
    }
}

static void run(struct shard_request *request, struct shard_room *room, uint64_t now_ms)
{
    struct shard *shard = room->shard;
    if (request->verb == LINK_VERB_MOVE) {
        move(request, room, now_ms);
        return;
    }
    if (needs_store(request)) {
        refuse(request, (enum link_status)LINK_REFUSED_UNAVAILABLE, STR("Redis is unavailable"));
        return;
    }
    if (request->verb == LINK_VERB_SNAPSHOT && shard->readers >= SHARD_READERS_MAX) {
        refuse(request, (enum link_status)LINK_REFUSED_BUSY, STR("too many snapshots are read"));
        return;
    }
    room->empty_at = now_ms; /* stays loaded for a while */
    struct request_answer answer = {0};
    if (request->verb == LINK_VERB_LOAD) {
        wait_for(request, room, REQUEST_WORKING);
        held_load(room, request, now_ms);
        return;
    }
    if (request->verb == LINK_VERB_SNAPSHOT) {
        request->reader = room_reader_create(room->room);
        shard->readers++;
        write_piece(request, &request->reply);
    } else {
        request_do(request, room, &answer, now_ms);
    }
    request_answer(request, room, &answer);
    buf_finish(&answer.payload);
    buf_finish(&answer.why);
}

void request_answer(struct shard_request *request, struct shard_room *room,
                    struct request_answer *answer)
{
    if (!request->reader) {
        write_answer(request, answer);
    }
    drop_operand(request);
    if (room->durable == room->appended) {
        gate_want(room); /* nothing that is under way says whose the room is */
    }
    request->need = room->appended;
    request->gate = room->gate;
    wait_for(request, room, REQUEST_ANSWERING);
    requests_settle(room);
}

void requests_replay(struct shard_room *room, uint64_t now_ms)
{
    struct list waiting; /* of struct shard_request.room_link */
    list_init(&waiting);
    list_splice(&waiting, &room->requests);
    struct shard_request *request;
    while (!list_empty(&waiting)) {
        request = list_entry(waiting.next, struct shard_request, room_link);
        list_remove(&request->room_link);
        list_append(&room->requests, &request->room_link);
        if (request->state == REQUEST_DEFERRED && room->state == SHARD_ROOM_SERVING) {
            run(request, room, now_ms);
        }
    }
}

static void load_for(struct shard_request *request)
{
    struct shard *shard = request->link->shard;
    if (!shard->store_up) {
        refuse(request, (enum link_status)LINK_REFUSED_UNAVAILABLE, STR("Redis is unavailable"));
        return;
    }
    struct shard_room *room = shard_room_create(shard, request->name);
    wait_for(request, room, REQUEST_DEFERRED);
    persist_request_load(room);
}

/* Its operand is complete, and a value. */
static void start(struct shard_request *request, uint64_t now_ms)
{
    struct shard *shard = request->link->shard;
    struct shard_room *room = shard_room_get(shard, request->name);
    shard_turn_to(shard, request->name);
    request->payload = buf_value(&request->operand);
    if (shard->stopping) {
        refuse(request, (enum link_status)LINK_REFUSED_NOT_OWNER, STR("worker is stopping"));
    } else if (!room) {
        load_for(request);
    } else if (room->state == SHARD_ROOM_MOVING) {
        refuse(request, (enum link_status)LINK_REFUSED_NOT_OWNER, STR("the room moves"));
    } else if (room->state == SHARD_ROOM_FAILED) {
        refuse(request, (enum link_status)shard_room_refusal(room),
               str_of(err_name(room->failure)));
    } else if (room->request_count >= SHARD_ROOM_REQUESTS_MAX) {
        refuse(request, (enum link_status)LINK_REFUSED_BUSY,
               STR("too many requests wait for the room"));
    } else if (room->state == SHARD_ROOM_SERVING) {
        run(request, room, now_ms);
    } else {
        wait_for(request, room, REQUEST_DEFERRED);
    }
}

/* ERR_AGAIN: there is more of it to look at. */
static enum err check(struct shard_request *request, struct slice *slice, uint64_t now_ms)
{
    enum err err = value_checking_step(request->checking, slice);
    if (err == ERR_AGAIN) {
        return err;
    }
    value_checking_destroy(request->checking);
    request->checking = NULL;
    if (err) {
        refuse(request, LINK_STATUS_MALFORMED, STR("the operand is no value"));
    } else {
        start(request, now_ms);
    }
    return ERR_OK;
}

/* Its operand is here. Looks at it, in slices if it is long, so that it begins in another turn. */
static void start_soon(struct shard_request *request, uint64_t now_ms)
{
    enum { LONG_BYTES = 8 << 20 };
    struct shard *shard = request->link->shard;
    size_t len = buf_len(&request->operand);
    struct slice slice = shard_slice(shard);
    request->checking = value_checking_create(buf_head(&request->operand), len);
    if (len <= slice.left) {
        slice = SLICE_ALL;
        check(request, &slice, now_ms);
        return;
    }
    request->state = REQUEST_READY;
    list_append(&shard->ready, &request->room_link);
    if (len > LONG_BYTES && shard->host->long_step) {
        shard->host->long_step(shard->ctx);
    }
}

void requests_work(struct shard *shard, uint64_t now_ms)
{
    struct slice slice = shard_slice(shard);
    struct shard_request *request = list_entry(shard->ready.next, struct shard_request, room_link);
    list_remove(&request->room_link);
    shard_turn_to(shard, request->name);
    if (check(request, &slice, now_ms) == ERR_AGAIN) {
        list_append(&shard->ready, &request->room_link);
    }
}

/* ---- frames ---- */

/* False: it was refused. */
static bool add_operand(struct shard_request *request, struct str bytes)
{
    struct shard *shard = request->link->shard;
    if (buf_len(&request->operand) + bytes.len > SHARD_REQUEST_MAX) {
        refuse(request, LINK_STATUS_TOO_LARGE, STR("the operand is too long"));
        return false;
    }
    if (shard->request_bytes + bytes.len > SHARD_REQUEST_MAX) {
        refuse(request, (enum link_status)LINK_REFUSED_BUSY, STR("too much is on its way"));
        return false;
    }
    shard->request_bytes += bytes.len;
    buf_append_str(&request->operand, bytes);
    return true;
}

/* Bit by bit it would be copied again and again, the last times for longer than others should
 * wait. */
static void make_room(struct shard_request *request, struct value bytes)
{
    uint64_t len;
    if (value_u64(bytes, &len) && len <= SHARD_REQUEST_MAX) {
        buf_reserve(&request->operand, len);
    }
}

static enum err on_request(struct shard_link *link, const struct link_frame *frame, uint64_t now_ms)
{
    if (request_find(link, frame->request)) {
        return ERR_MALFORMED;
    }
    struct shard_request *request = request_create(link, frame);
    if (link->shard->requests > SHARD_REQUESTS_MAX) {
        refuse(request, (enum link_status)LINK_REFUSED_BUSY, STR("too many requests"));
    } else if (frame->flags & LINK_FLAG_MORE) {
        request->state = REQUEST_GATHERING;
        make_room(request, frame->payload);
    } else if (add_operand(request,
                           (struct str){(const char *)frame->payload.data, frame->payload.len})) {
        start_soon(request, now_ms);
    }
    return ERR_OK;
}

enum err request_frame(struct shard_link *link, const struct link_frame *frame, uint64_t now_ms)
{
    if (frame->type == LINK_REQUEST) {
        return on_request(link, frame, now_ms);
    }
    struct shard_request *request = request_find(link, frame->request);
    if (!request) {
        return ERR_OK; /* it has been refused, and the host did not know yet */
    }
    if (frame->type == LINK_PART && request->state == REQUEST_GATHERING) {
        if (add_operand(request, frame->bytes) && !(frame->flags & LINK_FLAG_MORE)) {
            start_soon(request, now_ms);
        }
    } else if (frame->type == LINK_MORE && request->state == REQUEST_STREAMING) {
        bool more = write_piece(request, &link->output);
        link->shard->host->link_ready(link->shard->ctx, link);
        if (!more) {
            request_free(request);
        }
    }
    return ERR_OK;
}
