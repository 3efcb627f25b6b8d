/* The simulated Redis as a server: connections, and what goes wrong with it. */
#include "simulator/redis_server.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* How long bytes travel one way. */
enum { WIRE_MIN_US = 20, WIRE_MAX_US = 400 };

struct wire_item { /* a command on its way to the server */
    struct wire_item *next;
    struct str *argv;
    uint32_t argc;
};

struct redis_conn {
    struct proc *proc;
    const struct redis_conn_handlers *handlers;
    void *ctx;               /* NULL: the client's end is closed */
    struct wire_item *first; /* not at the server yet */
    struct wire_item **end;
    uint64_t last_up_us, last_down_us; /* arrival of the last thing sent, each way */
    bool broken;                       /* the server's end is closed */
    bool in_multi;
    bool multi_failed;       /* a command of it was refused */
    struct str **multi_argv; /* kept by the world */
    uint32_t *multi_argc;
    uint32_t multi_count;
};

struct delivery {
    struct redis_conn *conn;
    struct buf bytes;
};

/* ---- to the client ---- */

static uint64_t wire_us(void)
{
    return rnd_between(WIRE_MIN_US, WIRE_MAX_US);
}

static void on_delivery(void *arg)
{
    struct delivery *delivery = arg;
    struct redis_conn *conn = delivery->conn;
    if (world_us() < conn->proc->redis_cut_until_us) {
        world_after(conn->proc->redis_cut_until_us - world_us(), conn->proc, on_delivery, delivery);
        return;
    }
    if (conn->ctx) {
        conn->handlers->on_reply(conn->ctx, buf_str(&delivery->bytes));
    }
}

static void deliver(struct redis_conn *conn, task_fn fn, void *arg)
{
    uint64_t at = world_us() + wire_us();
    at = at > conn->last_down_us ? at : conn->last_down_us;
    conn->last_down_us = at;
    world_after(at - world_us(), conn->proc, fn, arg);
}

static void answer(struct redis_conn *conn, const struct reply *reply)
{
    struct delivery *delivery = world_keep(xcalloc(1, sizeof(*delivery)));
    delivery->conn = conn;
    reply_write(reply, &delivery->bytes);
    world_keep(delivery->bytes.data);
    redis.replied = redis.data.changes;
    deliver(conn, on_delivery, delivery);
}

/* ---- executing ---- */

static struct reply run_multi(struct redis_conn *conn)
{
    arena_reset(&redis.scratch);
    struct reply all = reply_array(&redis.scratch, conn->multi_count);
    if (conn->multi_failed) {
        conn->in_multi = conn->multi_failed = false;
        conn->multi_count = 0;
        return reply_error("EXECABORT Transaction discarded because of previous errors.");
    }
    for (uint32_t i = 0; i < conn->multi_count; i++) {
        if (!redis_basic_command(conn->multi_argv[i], conn->multi_argc[i], &all.items[i])) {
            violated("the simulated Redis does not know a command of a transaction");
        }
    }
    conn->in_multi = false;
    conn->multi_count = 0;
    return all;
}

static struct reply queue(struct redis_conn *conn, struct str *argv, uint32_t argc)
{
    enum { MULTI_MAX = 8 };
    if (conn->multi_count == MULTI_MAX) {
        return reply_error("ERR too many commands in a transaction");
    }
    const char *refused = redis_refused(argv[0]);
    if (refused) {
        conn->multi_failed = true;
        return reply_error(refused);
    }
    conn->multi_argv[conn->multi_count] = argv;
    conn->multi_argc[conn->multi_count++] = argc;
    return reply_status("QUEUED");
}

static void execute(struct redis_conn *conn, const struct wire_item *item)
{
    struct reply reply;
    redis.client = conn->proc;
    redis.data.command++;
    if (str_eq(item->argv[0], STR("MULTI"))) {
        conn->in_multi = true;
        reply = reply_status("OK");
    } else if (str_eq(item->argv[0], STR("EXEC"))) {
        reply = run_multi(conn);
    } else if (conn->in_multi) {
        reply = queue(conn, item->argv, item->argc);
    } else {
        reply = redis_execute(item->argv, item->argc);
    }
    redis.client = NULL;
    if (tracing() && str_eq(item->argv[0], STR("EVALSHA"))) {
        trace("redis runs for %s: %.*s %.*s%s", conn->proc->name, STR_ARG(item->argv[3]),
              STR_ARG(item->argv[4]), reply.kind == REPLY_ERROR ? ": error" : "");
    }
    if (tracing() && reply.kind == REPLY_ERROR) {
        trace("redis tells %s: %.*s", conn->proc->name, STR_ARG(reply.text));
    }
    answer(conn, &reply);
}

/* ---- to the server ---- */

static void on_arrival(void *arg)
{
    struct redis_conn *conn = arg;
    uint64_t wait = 0;
    if (world_us() < conn->proc->redis_cut_until_us) {
        wait = conn->proc->redis_cut_until_us - world_us();
    } else if (redis.hung && !conn->broken) {
        wait = 5000; /* look again */
    }
    if (wait) {
        world_after(wait, NULL, on_arrival, conn);
        return;
    }
    struct wire_item *item = conn->first;
    conn->first = item->next;
    if (!conn->first) {
        conn->end = &conn->first;
    }
    if (!conn->broken && redis.up) {
        execute(conn, item);
    }
}

void redis_conn_send(struct redis_conn *conn, int argc, char *const *argv, const size_t *len)
{
    struct wire_item *item = arena_alloc(&redis.data.memory, sizeof(*item));
    *item = (struct wire_item){.argc = (uint32_t)argc};
    item->argv = arena_alloc(&redis.data.memory, (size_t)argc * sizeof(struct str));
    for (int i = 0; i < argc; i++) {
        item->argv[i] = data_copy(&redis.data, (struct str){argv[i], len[i]});
    }
    *conn->end = item;
    conn->end = &item->next;
    uint64_t at = world_us() + wire_us() + redis.slow_us;
    at = at > conn->last_up_us ? at : conn->last_up_us;
    conn->last_up_us = at;
    world_after(at - world_us(), NULL, on_arrival, conn);
}

struct redis_conn *redis_conn_open(struct proc *proc, const struct redis_conn_handlers *handlers,
                                   void *ctx)
{
    struct redis_conn *conn = world_keep(xcalloc(1, sizeof(*conn)));
    conn->proc = proc;
    conn->handlers = handlers;
    conn->ctx = ctx;
    conn->end = &conn->first;
    conn->multi_argv = world_keep(xcalloc(8, sizeof(struct str *)));
    conn->multi_argc = world_keep(xcalloc(8, sizeof(uint32_t)));
    if (redis.conn_count == redis.conn_cap) {
        redis.conn_cap = redis.conn_cap ? redis.conn_cap * 2 : 16;
        redis.conns = xrealloc(redis.conns, redis.conn_cap * sizeof(struct redis_conn *));
    }
    redis.conns[redis.conn_count++] = conn;
    return conn;
}

bool redis_is_reachable(const struct proc *proc)
{
    return redis.up && world_us() >= proc->redis_cut_until_us;
}

void redis_conn_close(struct redis_conn *conn)
{
    conn->ctx = NULL; /* what was sent is still executed */
}

/* ---- faults ---- */

static void on_broken(void *arg)
{
    struct redis_conn *conn = arg;
    if (conn->ctx) {
        conn->handlers->on_closed(conn->ctx);
    }
}

static void name_run(void)
{
    snprintf(redis.run, sizeof(redis.run), "%040" PRIx64, rnd());
}

static void lose_the_end(void)
{
    uint64_t from = redis.replied;
    if (redis.mode != REDIS_ALWAYS && redis.second_ago < from) {
        from = rnd_between(redis.second_ago, from);
    }
    if (from < redis.data.changes) {
        from = rnd_between(from, redis.data.changes);
    }
    if (from < redis.data.changes) {
        trace("redis loses its last %" PRIu64 " changes", redis.data.changes - from);
        history_lost(from < redis.replied, data_rollback(&redis.data, from));
    }
    redis.replied = redis.data.changes;
}

void redis_crash(void)
{
    trace("redis dies");
    redis.up = redis.hung = false;
    for (size_t i = 0; i < redis.conn_count; i++) {
        struct redis_conn *conn = redis.conns[i];
        if (!conn->broken) {
            conn->broken = true;
            deliver(conn, on_broken, conn);
        }
    }
    lose_the_end();
}

void redis_restart(void)
{
    trace("redis is back");
    redis.up = true;
    redis.refuses = REDIS_TAKES_ALL;
    redis.was_replica = redis.was_replica || redis.mode == REDIS_FAILOVER;
    name_run();
}

void redis_hang(bool on)
{
    trace(on ? "redis hangs" : "redis goes on");
    redis.hung = on;
}

void redis_refuse(enum redis_refusal refusal)
{
    static const char *const phrases[] = {"redis takes writes", "redis is out of memory",
                                          "redis' disk is full"};
    trace("%s", phrases[refusal]);
    redis.refuses = refusal;
}

void redis_lose_scripts(void)
{
    trace("redis loses its scripts");
    redis.scripts_lost = true;
}

void redis_cut(struct proc *proc, uint64_t us)
{
    trace("%s is cut off from redis for %" PRIu64 " ms", proc->name, us / 1000);
    proc->redis_cut_until_us = world_us() + us;
}

/* ---- beginning and end ---- */

static void on_second(void *arg)
{
    (void)arg;
    data_settle(&redis.data, redis.second_ago);
    redis.second_ago = redis.this_second;
    redis.this_second = redis.data.changes;
    world_after(1000000, NULL, on_second, NULL);
}

void redis_begin(enum redis_mode mode)
{
    redis = (struct redis){.mode = mode, .up = true};
    data_begin(&redis.data);
    name_run();
    on_second(NULL);
}

void redis_end(void)
{
    data_end(&redis.data);
    arena_finish(&redis.scratch);
    free(redis.conns);
}
