/* Rooms as operators see them: read from Redis, page by page or one, and released from quarantine.
 * Every call ends with its last reply, which always comes. */
#include "node/internal.h"

#include "base/alloc.h"
#include "base/number_text.h"
#include "base/url.h"
#include "node/quarantine.h"
#include "store/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES_AT_ONCE 32
/* Between the keys of rooms lie those of snapshots and logs, so a page takes some steps; a long row
 * of those ends a page early. */
#define STEPS_MAX 40
#define STEP_MIN 16
/* Whole numbers up to here are exact in JSON. */
#define NUMBER_MAX ((uint64_t)1 << 53)

enum field {
    OWNER,
    NODE,
    EPOCH,
    CLOCK,
    RECORDS,
    BYTES,
    SESSIONS,
    LOAD,
    CREATED,
    CLAIMED,
    UPDATED,
    CRASHES,
    CRASHED,
    CRASH_REASON,
    QUARANTINED_UNTIL,
    ERASED,
    FIELDS,
};

static const char *const field_names[FIELDS] = {
    "owner",   "node",     "epoch",   "clock",        "records",
    "bytes",   "sessions", "load",    "created",      "claimed",
    "updated", "crashes",  "crashed", "crash_reason", "quarantined_until",
    "erased",
};

/* ---- one room's hash ---- */

static void ask_room(struct node *node, struct str name, store_ask_fn fn, void *ctx)
{
    struct str args[FIELDS + 2];
    char *key = store_room_key(name, "");
    args[0] = STR("HMGET");
    args[1] = str_of(key);
    for (size_t i = 0; i < FIELDS; i++) {
        args[2 + i] = str_of(field_names[i]);
    }
    redis_client_command(node->redis, args, FIELDS + 2, fn, ctx);
    free(key);
}

static struct str text_of(const redisReply *reply)
{
    bool is = reply->type == REDIS_REPLY_STRING;
    return is ? (struct str){reply->str, reply->len} : (struct str){0};
}

static uint64_t number_of(const redisReply *reply)
{
    uint64_t number;
    return number_parse(text_of(reply), NUMBER_MAX, &number) ? 0 : number;
}

static enum admin_room_state state_of(const struct node *node, const struct admin_room *room,
                                      uint64_t now_s)
{
    bool ours = str_eq(room->node, str_of(node->data.node_id));
    return room->quarantined_until > now_s ? ADMIN_ROOM_QUARANTINED
           : room->owner.len == 0          ? ADMIN_ROOM_CLOSED
           : ours && !room->slot           ? ADMIN_ROOM_ORPHANED
           : room->sessions > 0            ? ADMIN_ROOM_OPEN
                                           : ADMIN_ROOM_IDLE;
}

/* False if there is no such room. */
static bool read_room(const struct node *node, struct str name, const redisReply *reply,
                      uint64_t now_s, struct admin_room *room)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != FIELDS) {
        return false; /* a key of another type, in a room's place */
    }
    bool any = false;
    for (size_t i = 0; i < FIELDS; i++) {
        any |= reply->element[i]->type != REDIS_REPLY_NIL;
    }
    redisReply **at = reply->element;
    *room = (struct admin_room){
        .name = name,
        .owner = text_of(at[OWNER]),
        .node = text_of(at[NODE]),
        .epoch = number_of(at[EPOCH]),
        .clock = number_of(at[CLOCK]),
        .records = number_of(at[RECORDS]),
        .bytes = number_of(at[BYTES]),
        .sessions = number_of(at[SESSIONS]),
        .load = number_of(at[LOAD]),
        .created = text_of(at[CREATED]),
        .claimed = text_of(at[CLAIMED]),
        .updated = text_of(at[UPDATED]),
        .crashes = number_of(at[CRASHES]),
        .crashed = text_of(at[CRASHED]),
        .crash_reason = text_of(at[CRASH_REASON]),
        .quarantined_until = number_of(at[QUARANTINED_UNTIL]),
    };
    /* Redis is told of a load that has changed much, and of each session. */
    room->load = room->load > room->sessions ? room->load : room->sessions;
    const struct child *owner = node_find_worker(node, room->owner);
    room->slot = owner && child_pid(owner) > 0 ? child_name(owner) : NULL;
    room->state = state_of(node, room, now_s);
    return any && at[ERASED]->type == REDIS_REPLY_NIL;
}

/* Redis' own clock is what quarantine goes by: [seconds, microseconds]. */
static uint64_t read_time(const redisReply *reply)
{
    bool is = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
    return is ? number_of(reply->element[0]) : 0;
}

static void ask_time(struct node *node, store_ask_fn fn, void *ctx)
{
    static const struct str time[] = {{"TIME", 4}};
    redis_client_command(node->redis, time, 1, fn, ctx);
}

void node_answer_no_redis(const struct node *node, const redisReply *reply, struct admin_call *call)
{
    const char *why = redis_client_why(node->redis);
    bool refused = reply && reply->type == REDIS_REPLY_ERROR;
    admin_answer_problem(call, PROBLEM_REDIS_AWAY, "%s",
                         refused  ? reply->str
                         : why[0] ? why
                                  : "no connection");
}

static void answer_no_room(struct admin_call *call, const char *name)
{
    admin_answer_problem(call, PROBLEM_NO_ROOM, "\"%s\" has never been opened, or was deleted",
                         name);
}

/* ---- a page of rooms ---- */

struct page {
    struct node *node;
    struct admin_call *call;
    uint64_t cursor, limit, found;
    unsigned steps, left; /* SCANs sent, replies of rooms still to come */
    bool failed;
    uint64_t now_s;
    char *worker; /* owned; the id of the owner wanted, or NULL */
    char *of;     /* owned; the node of the owner wanted, or NULL */
    bool by_state;
    enum admin_room_state state; /* wanted, then */
};

struct page_room {
    struct page *page;
    size_t len;
    char name[];
};

static void page_step(struct page *page);

/* Ends the page with the answer, or with what has gone wrong. */
static void page_end(struct page *page, const redisReply *reply)
{
    page->node->pages--;
    if (page->failed) {
        node_answer_no_redis(page->node, reply, page->call);
    } else {
        admin_answer_rooms(page->call, page->cursor);
    }
    free(page->worker);
    free(page->of);
    free(page);
}

static void page_went_on(struct page *page)
{
    if (--page->left > 0) {
        return;
    }
    bool over = page->cursor == 0 || page->found >= page->limit || page->steps >= STEPS_MAX;
    if (page->failed || over) {
        page_end(page, NULL);
    } else {
        page_step(page);
    }
}

static bool is_wanted(const struct page *page, const struct admin_room *room)
{
    return (!page->worker || str_eq(room->owner, str_of(page->worker))) &&
           (!page->of || (room->owner.len > 0 && str_eq(room->node, str_of(page->of)))) &&
           (!page->by_state || room->state == page->state);
}

static void on_page_room(void *ctx, const redisReply *reply)
{
    struct page_room *asked = ctx;
    struct page *page = asked->page;
    struct admin_room room;
    struct str name = {asked->name, asked->len};
    if (reply && read_room(page->node, name, reply, page->now_s, &room) && is_wanted(page, &room)) {
        admin_add_room(page->call, &room);
        page->found++;
    }
    page->failed |= !reply;
    free(asked);
    page_went_on(page);
}

/* "roomd:{NAME}"; keys of somebody else's making are passed over. */
static void ask_page_room(struct page *page, struct str key)
{
    static const struct str prefix = {"roomd:{", 7};
    if (!str_starts(key, prefix) || key.len < prefix.len + 2 || key.ptr[key.len - 1] != '}') {
        return;
    }
    char text[URL_NAME_MAX + 1];
    struct str name;
    struct str encoded = {key.ptr + prefix.len, key.len - prefix.len - 1};
    if (url_decode_name(encoded, false, text, &name)) {
        return;
    }
    struct page_room *asked = xmalloc(sizeof(*asked) + name.len);
    asked->page = page;
    asked->len = name.len;
    memcpy(asked->name, name.ptr, name.len);
    page->left++;
    ask_room(page->node, name, on_page_room, asked);
}

static void on_scanned(void *ctx, const redisReply *reply, uint64_t next)
{
    struct page *page = ctx;
    bool fine = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                reply->element[1]->type == REDIS_REPLY_ARRAY;
    if (!fine) {
        page->failed = true;
        page_end(page, reply);
        return;
    }
    page->cursor = next;
    page->left++; /* this reply */
    for (size_t i = 0; i < reply->element[1]->elements; i++) {
        ask_page_room(page, text_of(reply->element[1]->element[i]));
    }
    page_went_on(page);
}

static void page_step(struct page *page)
{
    uint64_t wanted = page->limit - page->found;
    page->steps++;
    redis_client_scan(page->node->redis, page->cursor, wanted < STEP_MIN ? STEP_MIN : wanted,
                      on_scanned, page);
}

static void on_page_time(void *ctx, const redisReply *reply)
{
    struct page *page = ctx;
    page->now_s = read_time(reply);
    if (page->now_s) {
        page_step(page);
    } else {
        page->failed = true;
        page_end(page, reply);
    }
}

void node_list_rooms(void *ctx, const struct admin_room_query *query, struct admin_call *call)
{
    struct node *node = ctx;
    const struct child *worker = node_find_worker(node, query->worker);
    if (node->pages >= PAGES_AT_ONCE) {
        admin_answer_problem(call, PROBLEM_BUSY, "%u lists of rooms are being read", node->pages);
        return;
    }
    struct page *page = xcalloc(1, sizeof(*page));
    page->node = node;
    page->call = call;
    page->cursor = query->cursor;
    page->limit = query->limit;
    page->by_state = query->by_state;
    page->state = query->state;
    if (worker) {
        page->worker = xstrdup(child_id(worker));
    } else if (query->worker.len > 0) { /* one of another node, or of the past */
        page->worker = xstrndup(query->worker.ptr, query->worker.len);
    }
    if (query->node.len > 0) {
        page->of = xstrndup(query->node.ptr, query->node.len);
    }
    node->pages++;
    ask_time(node, on_page_time, page);
}

/* ---- one room ---- */

struct one {
    struct node *node;
    struct admin_call *call;
    uint64_t now_s;
    char *name; /* owned */
};

static struct one *one_create(struct node *node, struct str name, struct admin_call *call)
{
    struct one *one = xcalloc(1, sizeof(*one));
    *one = (struct one){.node = node, .call = call, .name = xstrndup(name.ptr, name.len)};
    return one;
}

static void one_free(struct one *one)
{
    free(one->name);
    free(one);
}

static void on_one(void *ctx, const redisReply *reply)
{
    struct one *one = ctx;
    struct admin_room room;
    if (!reply || reply->type != REDIS_REPLY_ARRAY) {
        node_answer_no_redis(one->node, reply, one->call);
    } else if (read_room(one->node, str_of(one->name), reply, one->now_s, &room)) {
        admin_answer_room(one->call, &room);
    } else {
        answer_no_room(one->call, one->name);
    }
    one_free(one);
}

static void on_one_time(void *ctx, const redisReply *reply)
{
    struct one *one = ctx;
    one->now_s = read_time(reply);
    ask_room(one->node, str_of(one->name), on_one, one);
}

void node_show_room(void *ctx, struct str name, struct admin_call *call)
{
    ask_time(ctx, on_one_time, one_create(ctx, name, call));
}

/* ---- release ---- */

static void on_exists(void *ctx, const redisReply *reply)
{
    struct one *one = ctx;
    if (!reply || reply->type != REDIS_REPLY_INTEGER) {
        node_answer_no_redis(one->node, reply, one->call);
    } else if (reply->integer) {
        admin_answer_released(one->call, str_of(one->name), false);
    } else {
        answer_no_room(one->call, one->name);
    }
    one_free(one);
}

static void on_released(void *ctx, enum err err, bool was)
{
    struct one *one = ctx;
    if (err == ERR_REFUSED) {
        admin_answer_problem(one->call, PROBLEM_REDIS_AWAY, "it refuses to change the room");
        one_free(one);
    } else if (err) {
        node_answer_no_redis(one->node, NULL, one->call);
        one_free(one);
    } else if (was) {
        struct log_scope scope = {"room", str_of(one->name)};
        log_info(&scope, "an operator has released the room from quarantine");
        admin_answer_released(one->call, str_of(one->name), true);
        one_free(one);
    } else {
        char *key = store_room_key(str_of(one->name), "");
        const struct str args[] = {STR("EXISTS"), str_of(key)};
        redis_client_command(one->node->redis, args, 2, on_exists, one);
        free(key);
    }
}

void node_release_room(void *ctx, struct str name, struct admin_call *call)
{
    struct node *node = ctx;
    redis_client_release_room(node->redis, name, on_released, one_create(node, name, call));
}
