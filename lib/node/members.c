/* The whole cluster as operators see it: its workers, its nodes, and which nodes are to be empty.
 * Each call reads Redis anew, and ends with its last reply, which always comes:
 *
 *      the workers ─▶ the nodes that drain ─▶ (answered)
 *                                          └▶ one more or less of them ─▶ (answered)
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "node/internal.h"
#include "store/key.h"
#include "store/membership.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum look_kind { LOOK_WORKERS, LOOK_NODES, LOOK_DRAIN };

struct look {
    struct node *node;
    struct admin_call *call;
    enum look_kind kind;
    struct workers workers;
    struct admin_node *nodes; /* owned; strings are of `workers`, `texts` and the reply */
    size_t node_count;
    struct buf *versions; /* owned; of each of them */
    char *wanted;         /* owned; the node that is to drain, or not */
    bool on, force;
};

static void look_end(struct look *look)
{
    for (size_t i = 0; i < look->node_count; i++) {
        buf_finish(&look->versions[i]);
    }
    look->node->looks--;
    free(look->versions);
    free(look->nodes);
    free(look->wanted);
    workers_finish(&look->workers);
    free(look);
}

/* ---- workers ---- */

static int by_node_and_id(const void *a, const void *b)
{
    const struct worker_info *one = *(const struct worker_info *const *)a;
    const struct worker_info *other = *(const struct worker_info *const *)b;
    int nodes = strcmp(one->node, other->node);
    return nodes ? nodes : strcmp(one->id, other->id);
}

/* All of them, in order; the caller frees the array. */
static const struct worker_info **sort_workers(const struct look *look, size_t *count)
{
    const struct worker_info **sorted =
        xcalloc(look->workers.by_id.count + 1, sizeof(struct worker_info *));
    const struct worker_info *worker;
    *count = 0;
    for (uint32_t pos = 0; (worker = workers_next(&look->workers, &pos));) {
        sorted[(*count)++] = worker;
    }
    qsort(sorted, *count, sizeof(*sorted), by_node_and_id);
    return sorted;
}

static void answer_workers(struct look *look)
{
    size_t count;
    const struct worker_info **sorted = sort_workers(look, &count);
    for (size_t i = 0; i < count; i++) {
        const struct worker_info *worker = sorted[i];
        const struct child *child = node_find_worker(look->node, str_of(worker->id));
        struct admin_worker shown = {
            .id = str_of(worker->id),
            .node = str_of(worker->node),
            .slot = child ? child_name(child) : NULL,
            .pid = worker->pid,
            .rooms = worker->rooms,
            .sessions = worker->sessions,
            .cpu = worker->cpu,
            .load = worker_load(worker),
            .points = worker->points,
            .weight = worker->weight,
            .draining = worker->draining,
            .in_reach = strcmp(worker->node, look->node->data.node_id) == 0 || worker->remote[0],
            .version = str_of(worker->version),
            .seen = str_of(worker->seen),
        };
        admin_add_worker(look->call, &shown);
    }
    free(sorted);
    admin_answer_workers(look->call);
}

/* ---- nodes ---- */

static struct admin_node *node_of(struct look *look, struct str id)
{
    for (size_t i = 0; i < look->node_count; i++) {
        if (str_eq(look->nodes[i].id, id)) {
            return &look->nodes[i];
        }
    }
    size_t count = ++look->node_count;
    look->nodes = xrealloc(look->nodes, count * sizeof(struct admin_node));
    look->versions = xrealloc(look->versions, count * sizeof(struct buf));
    look->versions[count - 1] = (struct buf){0};
    look->nodes[count - 1] =
        (struct admin_node){.id = id, .own = str_eq(id, str_of(look->node->data.node_id))};
    return &look->nodes[count - 1];
}

static void note_version(struct look *look, size_t index, const char *version)
{
    struct buf *versions = &look->versions[index];
    buf_append_byte(versions, '\0');
    bool known = strstr((const char *)buf_head(versions), version) != NULL;
    buf_truncate(versions, buf_len(versions) - 1);
    if (!known) {
        buf_printf(versions, "%s%s", buf_len(versions) > 0 ? "," : "", version);
    }
}

static void add_to_node(struct look *look, const struct worker_info *worker)
{
    struct admin_node *node = node_of(look, str_of(worker->node));
    node->load = (node->load * node->workers + worker_load(worker)) / (node->workers + 1);
    node->workers++;
    node->rooms += worker->rooms;
    node->sessions += worker->sessions;
    node->cpu += worker->cpu;
    node->weight = worker->weight;
    node->taking += worker_takes_rooms(worker, str_of(look->node->data.node_id));
    note_version(look, (size_t)(node - look->nodes), worker->version);
}

static struct str text_of(const redisReply *reply)
{
    bool is = reply->type == REDIS_REPLY_STRING;
    return is ? (struct str){reply->str, reply->len} : (struct str){0};
}

static void make_nodes(struct look *look, const redisReply *draining)
{
    size_t count;
    const struct worker_info **sorted = sort_workers(look, &count);
    for (size_t i = 0; i < count; i++) {
        add_to_node(look, sorted[i]);
    }
    free(sorted);
    for (size_t i = 0; i + 1 < draining->elements; i += 2) {
        struct admin_node *node = node_of(look, text_of(draining->element[i]));
        node->draining = true;
        node->draining_since = text_of(draining->element[i + 1]);
    }
    for (size_t i = 0; i < look->node_count; i++) {
        look->nodes[i].version = buf_str(&look->versions[i]);
    }
}

static void answer_nodes(struct look *look)
{
    for (size_t i = 0; i < look->node_count; i++) {
        admin_add_node(look->call, &look->nodes[i]);
    }
    admin_answer_nodes(look->call);
}

/* ---- a node that is to be empty ---- */

static void on_drain_written(void *ctx, const redisReply *reply)
{
    struct look *look = ctx;
    struct log_field name = LOG_TEXTZ("node", look->wanted);
    if (!reply || reply->type != REDIS_REPLY_INTEGER) {
        node_answer_no_redis(look->node, reply, look->call);
    } else {
        bool changed = reply->integer > 0;
        if (changed) {
            log_info(NULL,
                     look->on ? "an operator drains a node" : "an operator lets a node take rooms",
                     name);
        }
        node_look_at_drain(look->node);
        admin_answer_node_drain(look->call, look->wanted, look->on, changed);
    }
    look_end(look);
}

static void write_drain(struct look *look)
{
    char *key = redis_client_drain_key(look->node->redis);
    char time[32];
    struct tm tm;
    time_t now = (time_t)(clock_unix_ms() / 1000);
    gmtime_r(&now, &tm);
    strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%SZ", &tm);
    const struct str set[] = {STR("HSETNX"), str_of(key), str_of(look->wanted), str_of(time)};
    const struct str drop[] = {STR("HDEL"), str_of(key), str_of(look->wanted)};
    redis_client_command(look->node->redis, look->on ? set : drop, look->on ? 4 : 3,
                         on_drain_written, look);
    free(key);
}

/* Whether workers of other nodes would take its rooms. */
static bool others_take(const struct look *look)
{
    const struct worker_info *worker;
    for (uint32_t pos = 0; (worker = workers_next(&look->workers, &pos));) {
        if (strcmp(worker->node, look->wanted) != 0 && !worker->draining && worker->remote[0]) {
            return true;
        }
    }
    return false;
}

static bool is_known(const struct look *look)
{
    for (size_t i = 0; i < look->node_count; i++) {
        if (str_eq(look->nodes[i].id, str_of(look->wanted))) {
            return true;
        }
    }
    return strcmp(look->wanted, look->node->data.node_id) == 0;
}

/* True: there is an answer to wait for. */
static bool drain(struct look *look)
{
    if (!is_known(look)) {
        admin_answer_problem(look->call, PROBLEM_NO_NODE, "\"%s\" has no live worker",
                             look->wanted);
    } else if (look->on && !look->force && !others_take(look)) {
        admin_answer_problem(look->call, PROBLEM_LAST_WORKER,
                             "no worker of another node takes rooms that could be reached from %s",
                             look->wanted);
    } else {
        write_drain(look);
        return true;
    }
    return false;
}

/* ---- all of them ---- */

static void on_draining(void *ctx, const redisReply *reply)
{
    struct look *look = ctx;
    bool waits = false;
    if (!reply || reply->type != REDIS_REPLY_ARRAY) {
        node_answer_no_redis(look->node, reply, look->call);
    } else {
        make_nodes(look, reply);
        if (look->kind == LOOK_DRAIN) {
            waits = drain(look);
        } else {
            answer_nodes(look);
        }
    }
    if (!waits) {
        look_end(look);
    }
}

static void on_members(void *ctx, enum err err)
{
    struct look *look = ctx;
    if (err) {
        node_answer_no_redis(look->node, NULL, look->call);
    } else if (look->kind == LOOK_WORKERS) {
        answer_workers(look);
    } else {
        char *key = redis_client_drain_key(look->node->redis);
        const struct str args[] = {STR("HGETALL"), str_of(key)};
        redis_client_command(look->node->redis, args, 2, on_draining, look);
        free(key);
        return;
    }
    look_end(look);
}

static struct look *begin(struct node *node, enum look_kind kind, struct admin_call *call)
{
    if (node->looks >= NODE_LOOKS_MAX) {
        admin_answer_problem(call, PROBLEM_BUSY, "%u requests about the cluster are under way",
                             node->looks);
        return NULL;
    }
    struct look *look = xcalloc(1, sizeof(*look));
    *look = (struct look){.node = node, .call = call, .kind = kind};
    workers_init(&look->workers);
    node->looks++;
    return look;
}

static void look_run(struct look *look)
{
    redis_client_read_members(look->node->redis, &look->workers, on_members, look);
}

void node_list_workers(void *ctx, struct admin_call *call)
{
    struct look *look = begin(ctx, LOOK_WORKERS, call);
    if (look) {
        look_run(look);
    }
}

void node_list_nodes(void *ctx, struct admin_call *call)
{
    struct look *look = begin(ctx, LOOK_NODES, call);
    if (look) {
        look_run(look);
    }
}

void node_drain_node(void *ctx, struct str name, bool on, bool force, struct admin_call *call)
{
    struct look *look = begin(ctx, LOOK_DRAIN, call);
    if (look) {
        look->wanted = xstrndup(name.ptr, name.len);
        look->on = on;
        look->force = force;
        look_run(look);
    }
}

/* ---- whether this one is ---- */

void node_apply_drain(struct node *node)
{
    for (size_t i = 0; i < node->child_count && !node->stop; i++) {
        struct child *child = node->children[i];
        bool ours = child_role(child) == ROLE_WORKER || child_role(child) == ROLE_GATEWAY;
        /* Also one that has just been started: its first sign of life is to say it. */
        if (ours && (child_state(child) == CHILD_STARTING || child_state(child) == CHILD_UP)) {
            child_set_node_draining(child, node->drains);
        }
    }
}

static void on_own_drain(void *ctx, const redisReply *reply)
{
    struct node *node = ctx;
    node->drain_asked = false;
    bool told = reply && (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_NIL);
    bool drains = told ? reply->type == REDIS_REPLY_STRING : node->drains;
    if (reply && !node->drain_known) {
        node->drain_known = true; /* whatever it was: a Redis that will not say keeps nobody */
        node_changed(node);
    }
    if (drains != node->drains) {
        log_info(NULL, drains ? "this node drains: its rooms go to other nodes, it takes none"
                              : "this node takes rooms again");
        node->drains = drains;
        node_apply_drain(node);
        node_changed(node);
    }
}

void node_look_at_drain(struct node *node)
{
    if (node->drain_asked || !redis_client_is_up(node->redis)) {
        return;
    }
    char *key = redis_client_drain_key(node->redis);
    const struct str args[] = {STR("HGET"), str_of(key), str_of(node->data.node_id)};
    node->drain_asked = true;
    redis_client_command(node->redis, args, 3, on_own_drain, node);
    free(key);
}
