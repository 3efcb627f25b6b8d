/* Carrying what an operator wants of a room to the worker that owns it, and its answer back. A room
 * that nobody owns is claimed for a worker, as a gateway does it; an owner that turns out not to be
 * one is looked up again, until time is up:
 *
 *      LOOKING ─▶ FINDING ──its owner──▶ GREETING ──it greets──▶ ASKED ──▶ (answered)
 *         ▲          │ none now              │ gone                │ ──▶ STREAMING ──▶ (answered)
 *         └──────── RESTING ◀────────────────┴──── refused ────────┘
 *
 * Each has a link of its own, so that no answer waits for another one, and closing it is giving up.
 * What an owner may have done before it was lost is asked again only if that does no harm. */
#include "link/request.h"
#include "base/alloc.h"
#include "base/random.h"
#include "link/frame.h"
#include "net/loop.h"
#include "node/internal.h"
#include "store/key.h"
#include "store/membership.h"
#include "value/pack.h"

#include <stdio.h>
#include <stdlib.h>

#define REQUESTS_AT_ONCE 128
/* Of operands that wait for their owners. */
#define BYTES_AT_ONCE ((size_t)256 << 20)
#define LIMIT_MS 20000
#define REST_MS 50

enum request_state {
    REQUEST_LOOKING,  /* Redis is asked whether there is such a room */
    REQUEST_FINDING,  /* and whose it is */
    REQUEST_GREETING, /* its owner is connected to */
    REQUEST_ASKED,
    REQUEST_STREAMING, /* the answer has begun */
    REQUEST_RESTING,   /* until the timer */
    REQUEST_OVER,      /* answered; the link ends */
};

struct request {
    struct list link;
    struct node *node;
    struct admin_call *call; /* NULL: answered */
    enum request_state state;
    enum link_verb verb;
    char *room, *target; /* owned */
    struct buf operand;
    struct workers workers; /* as read for this one */
    char *owner;            /* owned; a worker's id */
    struct stream *stream;
    struct link_reader reader;
    struct buf output;
    uint64_t give_up_at;
    uint64_t epoch;      /* of the room, when it was looked at last */
    char *from;          /* owned; of a move: who owned it when it began, or NULL */
    bool no_store;       /* the owner had no Redis when it was asked last */
    struct event *timer; /* owned */
};

static void request_free(struct request *request)
{
    list_remove(&request->link);
    request->node->request_bytes -= buf_len(&request->operand);
    stream_destroy(request->stream);
    link_reader_finish(&request->reader);
    buf_finish(&request->output);
    buf_finish(&request->operand);
    workers_finish(&request->workers);
    event_free(request->timer);
    free(request->owner);
    free(request->from);
    free(request->room);
    free(request->target);
    free(request);
}

/* It was answered. What Redis still owes, or the end of its link, frees it. */
static void request_end(struct request *request)
{
    bool owed = request->state == REQUEST_LOOKING || request->state == REQUEST_FINDING;
    request->call = NULL;
    request->node->request_count--;
    evtimer_del(request->timer);
    if (owed) {
        return;
    }
    request->state = REQUEST_OVER;
    if (request->stream) {
        stream_end(request->stream, ERR_CLOSED);
    } else {
        loop_arm(request->timer, 0);
    }
}

#define REQUEST_PROBLEM(request, problem, ...)                                                     \
    do {                                                                                           \
        admin_answer_problem((request)->call, problem, __VA_ARGS__);                               \
        request_end(request);                                                                      \
    } while (0)

static void rest(struct request *request)
{
    request->state = REQUEST_RESTING;
    if (request->stream) {
        stream_end(request->stream, ERR_CLOSED); /* and goes on when it has ended */
    } else {
        loop_arm(request->timer, REST_MS);
    }
}

static void answer_unknown(struct request *request, const char *why)
{
    REQUEST_PROBLEM(request, PROBLEM_OUTCOME_UNKNOWN, "%s %s", request->owner, why);
}

/* ---- the owner's words ---- */

static void send_operand(struct request *request)
{
    size_t len = buf_len(&request->operand);
    for (size_t at = 0; at < len; at += LINK_PART_BYTES) {
        size_t part = len - at < LINK_PART_BYTES ? len - at : LINK_PART_BYTES;
        struct link_frame frame = {
            .type = LINK_PART,
            .request = 1,
            .flags = at + part < len ? LINK_FLAG_MORE : 0,
            .bytes = {(const char *)buf_head(&request->operand) + at, part},
        };
        link_write(&request->output, &frame);
    }
}

static void ask(struct request *request)
{
    struct buf bytes = {0}; /* of all parts, so that there is room for them at once */
    pack_u64(&bytes, buf_len(&request->operand));
    bool parts = buf_len(&request->operand) > LINK_PART_BYTES;
    struct link_frame hello = {
        .type = LINK_HELLO,
        .version_min = LINK_VERSION_MIN,
        .version_max = link_version_own(request->node->config->link_version_max),
        .id = str_of(request->node->data.node_id),
        .node = str_of(request->node->data.node_id),
    };
    struct link_frame frame = {
        .type = LINK_REQUEST,
        .request = 1,
        .verb = (uint64_t)request->verb,
        .room = str_of(request->room),
        .target = str_of(request->target),
        .flags = parts ? LINK_FLAG_MORE : 0,
        .payload = parts ? buf_value(&bytes) : buf_value(&request->operand),
    };
    link_write(&request->output, &hello);
    link_write(&request->output, &frame);
    if (parts) {
        send_operand(request);
    }
    request->state = REQUEST_ASKED;
    stream_flush(request->stream);
    buf_finish(&bytes);
}

static void on_drained(void *arg)
{
    struct request *request = arg;
    struct link_frame frame = {.type = LINK_MORE, .request = 1};
    if (request->state == REQUEST_STREAMING) {
        link_write(&request->output, &frame);
        stream_flush(request->stream);
    }
}

static void on_gone(void *arg)
{
    struct request *request = arg;
    admin_snapshot_break(request->call);
    request_end(request);
}

static const struct admin_snapshot_handlers snapshot_handlers = {on_drained, on_gone};

static void on_piece(struct request *request, const struct link_frame *frame)
{
    if (request->state == REQUEST_ASKED) {
        evtimer_del(request->timer); /* how long it takes is the client's business from here on */
        request->state = REQUEST_STREAMING;
        if (!admin_snapshot_begin(request->call, &snapshot_handlers, request)) {
            request_end(request);
            return;
        }
    }
    bool last = !(frame->flags & LINK_FLAG_MORE);
    admin_snapshot_piece(request->call, last ? LINK_PIECE_END : (enum link_piece)frame->piece,
                         frame->payload);
    if (last) {
        request_end(request);
    }
}

static void on_refused(struct request *request, const struct link_frame *frame)
{
    switch ((enum link_refusal)frame->code) {
    case LINK_REFUSED_NOT_OWNER:
    case LINK_REFUSED_UNAVAILABLE:
        request->no_store = frame->code == LINK_REFUSED_UNAVAILABLE;
        rest(request);
        return;
    case LINK_REFUSED_BUSY:
        REQUEST_PROBLEM(request, PROBLEM_BUSY, "%s: %.*s", request->owner, STR_ARG(frame->reason));
        return;
    case LINK_REFUSED_UNREADABLE:
    case LINK_REFUSED_VERSION:
        break;
    }
    REQUEST_PROBLEM(request, PROBLEM_UNREADABLE, "%.*s", STR_ARG(frame->reason));
}

static void on_reply(struct request *request, const struct link_frame *frame)
{
    if (frame->code > LINK_STATUS_OK && frame->code < LINK_STATUS_UNKNOWN) {
        on_refused(request, frame);
    } else if (request->verb == LINK_VERB_SNAPSHOT && frame->code == LINK_STATUS_OK) {
        on_piece(request, frame);
    } else {
        admin_answer_request(request->call, (enum link_status)frame->code, frame->payload,
                             frame->reason);
        request_end(request);
    }
}

static enum err on_frame(struct request *request, const struct link_frame *frame)
{
    if (request->state == REQUEST_GREETING) {
        uint64_t own = link_version_own(request->node->config->link_version_max);
        bool fine = frame->type == LINK_HELLO && str_eq(frame->id, str_of(request->owner)) &&
                    link_version_common(own, frame->version_min, frame->version_max);
        if (!fine) {
            return ERR_REFUSED; /* another worker lives at that address now */
        }
        ask(request);
    } else if (frame->type == LINK_REPLY && frame->request == 1 &&
               (request->state == REQUEST_ASKED || request->state == REQUEST_STREAMING)) {
        on_reply(request, frame);
    }
    return ERR_OK; /* what it tells all links is not for us */
}

static enum err on_input(void *ctx, const uint8_t *data, size_t len, size_t *used)
{
    struct request *request = ctx;
    *used = 0;
    while (request->state != REQUEST_OVER && request->state != REQUEST_RESTING) {
        struct link_frame frame;
        size_t size;
        enum err err = link_read(&request->reader, data + *used, len - *used, &frame, &size);
        if (err == ERR_AGAIN) {
            return ERR_OK;
        }
        err = err ? err : on_frame(request, &frame);
        if (err) {
            return err;
        }
        *used += size;
    }
    return ERR_OK;
}

/* The owner is gone, or we have let go of it. */
static void on_end(void *ctx, enum err why)
{
    struct request *request = ctx;
    (void)why;
    stream_destroy(request->stream);
    request->stream = NULL;
    buf_finish(&request->output);
    switch (request->state) {
    case REQUEST_ASKED:
        if (link_verb_reads(request->verb)) {
            rest(request);
        } else {
            answer_unknown(request, "was asked, and was lost before it answered");
        }
        break;
    case REQUEST_STREAMING:
        admin_snapshot_break(request->call);
        request_end(request);
        break;
    case REQUEST_OVER:
        request_free(request);
        break;
    case REQUEST_LOOKING:
    case REQUEST_FINDING:
    case REQUEST_GREETING:
    case REQUEST_RESTING:
        rest(request);
        break;
    }
}

static const struct stream_handlers stream_handlers = {.on_input = on_input, .on_end = on_end};

/* ---- who is the owner ---- */

static void connect_to(struct request *request, struct str address)
{
    struct buf why = {0};
    struct peer_target target = {address, str_of(request->owner)};
    request->state = REQUEST_GREETING;
    request->stream = peer_connect(request->node->peer, request->node->base, &target,
                                   &request->output, &stream_handlers, request, &why);
    if (!request->stream) {
        rest(request); /* it is starting, or dead: then the room gets another owner */
    }
    buf_finish(&why);
}

/* Whether we have a way to it. */
static bool is_in_reach(const struct request *request, const struct worker_info *worker)
{
    return str_eq(str_of(worker->node), str_of(request->node->data.node_id)) ||
           (worker->remote[0] && request->node->config->cluster_secret_file);
}

/* A move has ended when the target owns the room; then it is answered. */
static bool is_moved(struct request *request, const struct worker_info *owner)
{
    if (!str_eq(str_of(owner->id), str_of(request->target))) {
        request->from = request->from ? request->from : xstrdup(owner->id);
        return false;
    }
    const struct child *child = node_find_worker(request->node, str_of(owner->id));
    struct admin_moved moved = {
        .room = str_of(request->room),
        .from = request->from ? str_of(request->from) : (struct str){0},
        .owner = str_of(owner->id),
        .node = str_of(owner->node),
        .slot = child ? child_name(child) : NULL,
        .epoch = request->epoch,
    };
    struct log_scope scope = {"room", moved.room};
    if (request->from) {
        log_info(&scope, "an operator has moved the room", LOG_TEXTZ("from", request->from),
                 LOG_TEXTZ("to", owner->id), LOG_TEXTZ("node", owner->node));
    }
    admin_answer_moved(request->call, &moved);
    request_end(request);
    return true;
}

static void on_owner(void *ctx, struct str room, enum err err, const struct member_owner *owner)
{
    struct request *request = ctx;
    (void)room;
    request->state = REQUEST_RESTING;
    if (!request->call) {
        request_free(request);
        return;
    }
    if (err == ERR_QUARANTINED) {
        REQUEST_PROBLEM(request, PROBLEM_QUARANTINED, "workers have died of it; see its crashes");
        return;
    }
    const struct worker_info *worker = err ? NULL : workers_find(&request->workers, owner->worker);
    if (!worker) {
        rest(request); /* nobody takes rooms now, or Redis is away; that may pass */
        return;
    }
    if (!is_in_reach(request, worker)) {
        REQUEST_PROBLEM(request, PROBLEM_OTHER_NODE, "it is owned by %s of node %s; ask that node",
                        worker->id, worker->node);
        return;
    }
    if (request->verb == LINK_VERB_MOVE && is_moved(request, worker)) {
        return;
    }
    free(request->owner);
    request->owner = xstrdup(worker->id);
    connect_to(request, owner->address);
}

static void on_members(void *ctx, enum err err)
{
    struct request *request = ctx;
    if (err || !request->call) {
        on_owner(request, (struct str){0}, err ? err : ERR_UNAVAILABLE, NULL);
        return;
    }
    membership_find_owner(request->node->store, &request->workers, str_of(request->room),
                          str_of(request->node->data.node_id), random_u64(), on_owner, request);
}

static void on_store(void *ctx)
{
    (void)ctx; /* those who rest look again soon */
}

static void on_store_writable(void *ctx, bool writable)
{
    (void)ctx;
    (void)writable;
}

static const struct store_handlers store_handlers = {
    .on_up = on_store, .on_down = on_store, .on_writable = on_store_writable};

static void find_owner(struct request *request)
{
    struct node *node = request->node;
    if (!node->store) { /* the first time that it is needed: then Redis is there */
        node->store = store_create(node->base, &node->config->redis, &store_handlers, node);
    }
    if (!store_is_up(node->store)) {
        rest(request);
        return;
    }
    request->state = REQUEST_FINDING;
    membership_read(node->store, &request->workers, on_members, request);
}

/* False: nobody owns it, so there is nobody to move it. */
static bool look_at_owner(struct request *request, const redisReply *reply)
{
    bool known = reply->element[0]->type == REDIS_REPLY_STRING;
    request->epoch = known ? strtoull(reply->element[0]->str, NULL, 10) : 0;
    return reply->element[2]->type == REDIS_REPLY_STRING;
}

/* [epoch, erased, owner]. */
static void on_looked(void *ctx, const redisReply *reply)
{
    struct request *request = ctx;
    request->state = REQUEST_RESTING;
    if (!request->call) {
        request_free(request);
    } else if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3) {
        node_answer_no_redis(request->node, reply, request->call);
        request_end(request);
    } else if (request->verb == LINK_VERB_MOVE && !look_at_owner(request, reply)) {
        REQUEST_PROBLEM(request, PROBLEM_NO_OWNER, "nobody is in it any more");
    } else if (request->verb != LINK_VERB_LOAD && (reply->element[0]->type == REDIS_REPLY_NIL ||
                                                   reply->element[1]->type != REDIS_REPLY_NIL)) {
        REQUEST_PROBLEM(request, PROBLEM_NO_ROOM, "\"%s\" has never been opened, or was deleted",
                        request->room);
    } else {
        find_owner(request);
    }
}

static void look(struct request *request)
{
    char *key = store_room_key(str_of(request->room), "");
    const struct str args[] = {STR("HMGET"), str_of(key), STR("epoch"), STR("erased"),
                               STR("owner")};
    request->state = REQUEST_LOOKING;
    redis_client_command(request->node->redis, args, sizeof(args) / sizeof(args[0]), on_looked,
                         request);
    free(key);
}

/* ---- beginning and end ---- */

static void give_up(struct request *request)
{
    if (request->state == REQUEST_ASKED && !link_verb_reads(request->verb)) {
        answer_unknown(request, "has not answered in 20 s; it may still do it");
    } else if (request->no_store) {
        REQUEST_PROBLEM(request, PROBLEM_REDIS_AWAY, "%s cannot reach it, or it refuses",
                        request->owner);
    } else if (request->state == REQUEST_ASKED) {
        REQUEST_PROBLEM(request, PROBLEM_TIMEOUT, "its owner %s has not answered in %d s",
                        request->owner, LIMIT_MS / 1000);
    } else {
        REQUEST_PROBLEM(request, PROBLEM_TIMEOUT, "no owner of it was found in %d s",
                        LIMIT_MS / 1000);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    struct request *request = ctx;
    uint64_t now = loop_now_ms(request->node->base);
    if (request->state == REQUEST_OVER) {
        request_free(request);
    } else if (now >= request->give_up_at) {
        give_up(request);
    } else {
        look(request);
    }
}

static bool has_room_for_one(const struct node *node, const struct buf *operand)
{
    return node->request_count < REQUESTS_AT_ONCE &&
           node->request_bytes + buf_len(operand) <= BYTES_AT_ONCE;
}

static void begin(struct node *node, const struct admin_request *from, struct admin_call *call)
{
    struct request *request = xcalloc(1, sizeof(*request));
    request->node = node;
    request->call = call;
    request->verb = from->verb;
    request->room = xstrndup(from->room.ptr, from->room.len);
    request->target = xstrndup(from->target.ptr ? from->target.ptr : "", from->target.len);
    request->operand = *from->operand;
    *from->operand = (struct buf){0};
    workers_init(&request->workers);
    link_reader_init(&request->reader);
    request->timer = evtimer_new(node->base, on_timer, request);
    request->give_up_at = loop_now_ms(node->base) + LIMIT_MS;
    list_append(&node->requests, &request->link);
    node->request_count++;
    node->request_bytes += buf_len(&request->operand);
    look(request);
}

void node_request(void *ctx, const struct admin_request *request, struct admin_call *call)
{
    struct node *node = ctx;
    if (node->phase != PHASE_UP || node->stop) {
        admin_answer_problem(call, PROBLEM_STOPPING, "%s", phase_name(node->phase));
    } else if (!has_room_for_one(node, request->operand)) {
        admin_answer_problem(call, PROBLEM_BUSY, "%u requests about rooms are under way",
                             node->request_count);
    } else {
        begin(node, request, call);
    }
}

void node_request_move(struct node *node, const struct control_move *wish, struct admin_call *call)
{
    struct buf operand = {0};
    struct admin_request request = {
        .verb = LINK_VERB_MOVE,
        .room = str_of(wish->room),
        .target = str_of(wish->worker),
        .operand = &operand,
    };
    const struct {
        const char *name, *value;
    } members[] = {{"worker", wish->worker},
                   {"node", wish->node},
                   {"address", wish->address},
                   {"remote", wish->remote}};
    pack_map(&operand, sizeof(members) / sizeof(members[0]));
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        pack_str(&operand, str_of(members[i].name));
        pack_str(&operand, str_of(members[i].value));
    }
    node_request(node, &request, call);
    buf_finish(&operand);
}

void node_requests_stop(struct node *node)
{
    struct request *request;
    list_each(request, &node->requests, link, struct request)
    {
        if (!request->call) {
            continue;
        }
        if (request->state == REQUEST_STREAMING) {
            admin_snapshot_break(request->call);
            request_end(request);
        } else if (request->state == REQUEST_ASKED && !link_verb_reads(request->verb)) {
            answer_unknown(request, "was asked, and the node stops");
        } else {
            REQUEST_PROBLEM(request, PROBLEM_STOPPING, "nothing was done");
        }
    }
    store_destroy(node->store);
    node->store = NULL;
}

void node_requests_finish(struct node *node)
{
    node_requests_stop(node);
    struct request *request;
    list_each(request, &node->requests, link, struct request)
    {
        request_free(request);
    }
}
