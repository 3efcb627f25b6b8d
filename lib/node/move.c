/* Moving a room to a worker because an operator wants it there. What the room needs is its owner's
 * business (proto/ownership.md, "Handover"); here it is found out who that is, asked, and heard. A
 * room can get another owner at any moment, so a move goes round until the room is where it is to
 * be, it is clear that it will not come there, or time is up:
 *
 *      FINDING ─▶ READING ──the owner is ours──▶ ASKED ──moved──▶ (answered)
 *                  ▲  └─another node's─▶ (request.c)  │ lost, busy, absent, its owner died
 *                  └────────── RESTING ◀──────────────┘
 *
 * A worker of this node is named by its slot or its id, another node's by its id, and is found in
 * Redis. An owner of another node is asked over a link, as for all else that is wanted of a room.
 */
#include "node/internal.h"

#include "base/alloc.h"
#include "base/list.h"
#include "net/loop.h"
#include "store/key.h"

#include <stdio.h>
#include <stdlib.h>

#define MOVES_AT_ONCE 256
/* More than a worker takes for a handover (10 s), and Redis for its last answer. */
#define LIMIT_MS 20000
#define REST_MS 50
/* How long an owner that is dead, or does not know the room, is waited for to become another one:
 * gateways with clients in the room need less. */
#define PATIENCE_MS 3000

enum move_state {
    MOVE_FINDING, /* Redis is asked for the worker that is to get it */
    MOVE_READING, /* Redis is asked who owns it */
    MOVE_ASKED,   /* its owner is */
    MOVE_RESTING, /* until the timer */
};

struct move {
    struct list link;
    struct node *node;
    struct admin_call *call; /* NULL: answered */
    enum move_state state;
    struct control_move wish;
    uint64_t request;
    char owner[CONTROL_ID_MAX + 1]; /* as it was read last */
    char from[CONTROL_ID_MAX + 1];  /* the one that was asked last */
    uint64_t give_up_at, patient_until;
    struct event *timer; /* owned */
};

static void move_free(struct move *move)
{
    list_remove(&move->link);
    event_free(move->timer);
    free(move);
}

/* It was answered. What Redis still owes ends it then. */
static void move_end(struct move *move)
{
    move->call = NULL;
    move->node->move_count--;
    evtimer_del(move->timer);
    if (move->state != MOVE_READING && move->state != MOVE_FINDING) {
        move_free(move);
    }
}

#define MOVE_PROBLEM(move, problem, ...)                                                           \
    do {                                                                                           \
        admin_answer_problem((move)->call, problem, __VA_ARGS__);                                  \
        move_end(move);                                                                            \
    } while (0)

static void rest(struct move *move)
{
    move->state = MOVE_RESTING;
    loop_arm(move->timer, REST_MS);
}

/* Somebody else is about to own it. */
static bool is_patient(struct move *move)
{
    uint64_t now = loop_now_ms(move->node->base);
    move->patient_until = move->patient_until ? move->patient_until : now + PATIENCE_MS;
    return now < move->patient_until;
}

/* Its owner is dead. */
static void rest_or_answer_dead(struct move *move)
{
    if (is_patient(move)) {
        rest(move);
    } else {
        MOVE_PROBLEM(move, PROBLEM_NO_OWNER, "its owner %s is dead, and nobody has come since",
                     move->owner);
    }
}

static void answer_done(struct move *move, uint64_t epoch)
{
    const struct child *target = node_find_worker(move->node, str_of(move->wish.worker));
    bool ours = strcmp(move->wish.node, move->node->data.node_id) == 0;
    if (ours && (!target || child_pid(target) == 0)) {
        MOVE_PROBLEM(move, PROBLEM_NOT_MOVED,
                     "%s has got it and died; the next worker takes it over", move->wish.worker);
        return;
    }
    struct admin_moved moved = {
        .room = str_of(move->wish.room),
        .from = str_of(move->from),
        .owner = str_of(move->wish.worker),
        .node = str_of(move->wish.node),
        .slot = target ? child_name(target) : NULL,
        .epoch = epoch,
    };
    if (moved.from.len > 0) {
        struct log_scope scope = {"room", moved.room};
        log_info(&scope, "an operator has moved the room", LOG_TEXTZ("from", move->from),
                 LOG_TEXTZ("to", move->wish.worker), LOG_U64("epoch", epoch));
    }
    admin_answer_moved(move->call, &moved);
    move_end(move);
}

/* ---- its owner ---- */

static bool target_takes_rooms(const struct move *move)
{
    const struct child *target = node_find_worker(move->node, str_of(move->wish.worker));
    bool ours = strcmp(move->wish.node, move->node->data.node_id) == 0;
    return !ours || (target && node_worker_takes_rooms(target));
}

static void ask_owner(struct move *move, struct child *owner)
{
    if (!target_takes_rooms(move)) {
        MOVE_PROBLEM(move, PROBLEM_NOT_READY, "%s takes no rooms any more", move->wish.worker);
        return;
    }
    move->request = ++move->node->move_requests;
    snprintf(move->from, sizeof(move->from), "%s", child_id(owner));
    if (child_state(owner) == CHILD_UP && child_ask_move(owner, move->request, &move->wish)) {
        move->state = MOVE_ASKED;
        loop_arm(move->timer, LIMIT_MS);
    } else {
        rest(move); /* it starts, stops or dies: the room will be another's, or it ready */
    }
}

static uint64_t number_of(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? strtoull(reply->str, NULL, 10) : 0;
}

static const char *text_of(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? reply->str : "";
}

/* ---- an owner of another node ---- */

/* The call goes with it. */
static void ask_other_node(struct move *move)
{
    if (target_takes_rooms(move)) {
        node_request_move(move->node, &move->wish, move->call);
        move_end(move);
    } else {
        MOVE_PROBLEM(move, PROBLEM_NOT_READY, "%s takes no rooms any more", move->wish.worker);
    }
}

static void answer_other_node(struct move *move, const char *node)
{
    MOVE_PROBLEM(move, PROBLEM_OTHER_NODE, "it is owned by %s of node %s; ask that node",
                 move->owner, node);
}

/* [node, remote]. */
static void on_far_owner(void *ctx, const redisReply *reply)
{
    struct move *move = ctx;
    move->state = MOVE_RESTING;
    if (!move->call) {
        move_free(move);
    } else if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        node_answer_no_redis(move->node, reply, move->call);
        move_end(move);
    } else if (!text_of(reply->element[0])[0]) {
        rest_or_answer_dead(move);
    } else if (!text_of(reply->element[1])[0]) {
        answer_other_node(move, text_of(reply->element[0]));
    } else {
        ask_other_node(move);
    }
}

static void look_at_far_owner(struct move *move)
{
    char *key = redis_client_worker_key(move->node->redis, move->owner);
    const struct str args[] = {STR("HMGET"), str_of(key), STR("node"), STR("remote")};
    move->state = MOVE_READING;
    redis_client_command(move->node->redis, args, sizeof(args) / sizeof(args[0]), on_far_owner,
                         move);
    free(key);
}

/* ---- whoever it is ---- */

static void look_at_owner(struct move *move, const char *owner, const char *node, uint64_t epoch)
{
    struct child *child = node_find_worker(move->node, str_of(owner));
    bool ours = strcmp(node, move->node->data.node_id) == 0;
    snprintf(move->owner, sizeof(move->owner), "%s", owner);
    if (strcmp(owner, move->wish.worker) == 0) {
        answer_done(move, epoch);
    } else if (!owner[0]) {
        MOVE_PROBLEM(move, PROBLEM_NO_OWNER,
                     "nobody is in it; whoever comes first opens it at some worker");
    } else if (child && child_pid(child) > 0) {
        ask_owner(move, child);
    } else if (!ours && !move->node->config->cluster_secret_file) {
        answer_other_node(move, node);
    } else if (!ours) {
        look_at_far_owner(move);
    } else {
        rest_or_answer_dead(move);
    }
}

/* [owner, node, epoch]. */
static void on_owner(void *ctx, const redisReply *reply)
{
    struct move *move = ctx;
    move->state = MOVE_RESTING;
    if (!move->call) {
        move_free(move);
    } else if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3) {
        node_answer_no_redis(move->node, reply, move->call);
        move_end(move);
    } else if (reply->element[2]->type == REDIS_REPLY_NIL) {
        MOVE_PROBLEM(move, PROBLEM_NO_ROOM, "\"%s\" has never been opened", move->wish.room);
    } else {
        redisReply **at = reply->element;
        look_at_owner(move, text_of(at[0]), text_of(at[1]), number_of(at[2]));
    }
}

static void read_owner(struct move *move)
{
    char *key = store_room_key(str_of(move->wish.room), "");
    const struct str args[] = {STR("HMGET"), str_of(key), STR("owner"), STR("node"), STR("epoch")};
    move->state = MOVE_READING;
    redis_client_command(move->node->redis, args, sizeof(args) / sizeof(args[0]), on_owner, move);
    free(key);
}

/* ---- what happens ---- */

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    struct move *move = ctx;
    if (loop_now_ms(move->node->base) < move->give_up_at && move->state == MOVE_RESTING) {
        read_owner(move);
    } else if (move->state == MOVE_ASKED) {
        MOVE_PROBLEM(move, PROBLEM_TIMEOUT,
                     "its owner %s has not answered in %d s; the room may still be moved",
                     move->from, LIMIT_MS / 1000);
    } else {
        MOVE_PROBLEM(move, PROBLEM_NOT_MOVED, "its owner was busy with it for %d s",
                     LIMIT_MS / 1000);
    }
}

static struct move *find_asked(struct node *node, uint64_t request)
{
    struct move *move;
    list_each(move, &node->moves, link, struct move)
    {
        if (move->state == MOVE_ASKED && move->request == request) {
            return move;
        }
    }
    return NULL;
}

void node_move_outcome(struct node *node, const struct control_message *message)
{
    struct move *move = find_asked(node, message->request);
    if (!move) {
        return; /* it came too late */
    }
    switch (message->outcome) {
    case CONTROL_MOVED:
        answer_done(move, message->epoch);
        break;
    case CONTROL_STAYS:
        MOVE_PROBLEM(move, PROBLEM_NOT_MOVED,
                     "Redis did not take it in time, or nobody knows; it stays with %s",
                     move->from);
        break;
    case CONTROL_ABSENT:
        if (!is_patient(move)) {
            MOVE_PROBLEM(move, PROBLEM_NOT_LOADED, "its owner %s loads it when somebody comes",
                         move->from);
            break;
        }
        rest(move);
        break;
    case CONTROL_BUSY:
    case CONTROL_LOST:
        move->patient_until = 0; /* something is going on */
        rest(move);
        break;
    }
}

void node_move_owner_ended(struct node *node, const struct child *owner)
{
    struct move *move;
    list_each(move, &node->moves, link, struct move)
    {
        if (move->state == MOVE_ASKED && strcmp(move->from, child_id(owner)) == 0) {
            rest(move);
        }
    }
}

void node_moves_stop(struct node *node)
{
    struct move *move;
    list_each(move, &node->moves, link, struct move)
    {
        if (move->call) {
            MOVE_PROBLEM(move, PROBLEM_STOPPING, "the room may have been moved");
        }
    }
}

/* ---- its beginning ---- */

static struct move *begin(struct node *node, struct str room, struct str worker,
                          struct admin_call *call)
{
    struct move *move = xcalloc(1, sizeof(*move));
    move->node = node;
    move->call = call;
    snprintf(move->wish.room, sizeof(move->wish.room), "%.*s", STR_ARG(room));
    snprintf(move->wish.worker, sizeof(move->wish.worker), "%.*s", STR_ARG(worker));
    move->timer = evtimer_new(node->base, on_timer, move);
    move->give_up_at = loop_now_ms(node->base) + LIMIT_MS;
    list_append(&node->moves, &move->link);
    node->move_count++;
    return move;
}

/* [node, address, remote, draining]. */
static void on_target(void *ctx, const redisReply *reply)
{
    struct move *move = ctx;
    move->state = MOVE_RESTING;
    if (!move->call) {
        move_free(move);
        return;
    }
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 4) {
        node_answer_no_redis(move->node, reply, move->call);
        move_end(move);
        return;
    }
    redisReply **at = reply->element;
    if (!text_of(at[0])[0]) {
        node_answer_no_worker(move->node, str_of(move->wish.worker), move->call);
        move_end(move);
    } else if (strcmp(text_of(at[3]), "1") == 0) {
        MOVE_PROBLEM(move, PROBLEM_NOT_READY, "%s of node %s is draining", move->wish.worker,
                     text_of(at[0]));
    } else if (!text_of(at[2])[0]) {
        MOVE_PROBLEM(move, PROBLEM_OTHER_NODE,
                     "%s is of node %s, whose workers other nodes do not reach", move->wish.worker,
                     text_of(at[0]));
    } else {
        snprintf(move->wish.node, sizeof(move->wish.node), "%s", text_of(at[0]));
        snprintf(move->wish.address, sizeof(move->wish.address), "%s", text_of(at[1]));
        snprintf(move->wish.remote, sizeof(move->wish.remote), "%s", text_of(at[2]));
        read_owner(move);
    }
}

/* Of another node, if it is at all. */
static void find_target(struct move *move)
{
    char *key = redis_client_worker_key(move->node->redis, move->wish.worker);
    const struct str args[] = {STR("HMGET"),   str_of(key),   STR("node"),
                               STR("address"), STR("remote"), STR("draining")};
    move->state = MOVE_FINDING;
    redis_client_command(move->node->redis, args, sizeof(args) / sizeof(args[0]), on_target, move);
    free(key);
}

static void begin_here(struct node *node, struct str room, const struct child *target,
                       struct admin_call *call)
{
    struct move *move = begin(node, room, str_of(child_id(target)), call);
    snprintf(move->wish.node, sizeof(move->wish.node), "%s", node->data.node_id);
    snprintf(move->wish.address, sizeof(move->wish.address), "unix:%s", child_socket(target));
    read_owner(move);
}

void node_move_room(void *ctx, struct str room, struct str worker, struct admin_call *call)
{
    struct node *node = ctx;
    struct child *target = node_find_worker(node, worker);
    if (node->phase != PHASE_UP || node->stop) {
        admin_answer_problem(call, PROBLEM_STOPPING, "%s", phase_name(node->phase));
    } else if (target && !node_worker_takes_rooms(target)) {
        node_answer_not_ready(target, call);
    } else if (node->move_count >= MOVES_AT_ONCE) {
        admin_answer_problem(call, PROBLEM_BUSY, "%u rooms are being moved", node->move_count);
    } else if (target) {
        begin_here(node, room, target, call);
    } else if (worker.len > CONTROL_ID_MAX) {
        node_answer_no_worker(node, worker, call);
    } else {
        find_target(begin(node, room, worker, call));
    }
}
