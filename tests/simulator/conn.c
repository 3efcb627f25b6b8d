/* A connection of lib/store to the simulated Redis, in place of the real one (lib/store/conn.c);
 * hiredis' reader of replies is the real one. Calls back in the same order as the original: at the
 * end of a connection first what was under way, then its end. */
#include "store/conn.h"

#include "base/alloc.h"
#include "simulator/os.h"
#include "simulator/redis_server.h"

#include <stdio.h>
#include <stdlib.h>

struct pending {
    struct pending *next;
    conn_reply_fn fn;
    void *ctx;
};

struct unsent {
    struct unsent *next;
    int argc;
    char **argv;
    size_t *len;
};

struct conn {
    struct proc *proc;
    struct redis_conn *redis; /* NULL: not connected yet */
    const struct conn_handlers *handlers;
    void *ctx;
    struct pending *pending, **pending_end;
    struct unsent *unsent, **unsent_end;
    bool writing; /* on_write is due */
    bool leaving, closed, unheard;
    char why[64];
};

static void free_unsent(struct conn *conn)
{
    struct unsent *unsent;
    while ((unsent = conn->unsent)) {
        conn->unsent = unsent->next;
        for (int i = 0; i < unsent->argc; i++) {
            free(unsent->argv[i]);
        }
        free(unsent->argv);
        free(unsent->len);
        free(unsent);
    }
    conn->unsent_end = &conn->unsent;
}

static void conn_end(struct conn *conn, const char *why)
{
    if (conn->closed) {
        return;
    }
    conn->closed = true;
    if (conn->why[0] == '\0') {
        snprintf(conn->why, sizeof(conn->why), "%s", why);
    }
    free_unsent(conn);
    if (conn->redis) {
        redis_conn_close(conn->redis);
    }
    struct pending *pending;
    while ((pending = conn->pending)) {
        conn->pending = pending->next;
        if (pending->fn) {
            pending->fn(pending->ctx, NULL);
        }
        free(pending);
    }
    if (!conn->unheard) {
        conn->handlers->on_closed(conn->ctx, conn->why);
    }
}

static void on_reply(void *ctx, struct str bytes)
{
    struct conn *conn = ctx;
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    redisReaderFeed(reader, bytes.ptr, bytes.len);
    if (redisReaderGetReply(reader, &reply) != REDIS_OK || !reply || !conn->pending) {
        violated("a reply of the simulated Redis cannot be read");
        redisReaderFree(reader);
        return;
    }
    struct pending *pending = conn->pending;
    conn->pending = pending->next;
    if (!conn->pending) {
        conn->pending_end = &conn->pending;
    }
    if (pending->fn) {
        pending->fn(pending->ctx, reply);
    }
    free(pending);
    freeReplyObject(reply);
    redisReaderFree(reader);
    if (conn->leaving && !conn->pending) {
        conn_end(conn, "");
    }
}

static void on_closed(void *ctx)
{
    conn_end(ctx, "Server closed the connection");
}

static const struct redis_conn_handlers redis_handlers = {on_reply, on_closed};

/* ---- commands ---- */

static void on_write(void *arg)
{
    struct conn *conn = arg;
    conn->writing = false;
    if (conn->closed || !conn->redis) {
        return;
    }
    for (struct unsent *unsent = conn->unsent; unsent; unsent = unsent->next) {
        redis_conn_send(conn->redis, unsent->argc, unsent->argv, unsent->len);
    }
    free_unsent(conn);
}

bool conn_send(struct conn *conn, int argc, const char *const *argv, const size_t *len,
               conn_reply_fn fn, void *ctx)
{
    if (conn->leaving || conn->closed) {
        return false;
    }
    struct pending *pending = xmalloc(sizeof(*pending));
    *pending = (struct pending){NULL, fn, ctx};
    *conn->pending_end = pending;
    conn->pending_end = &pending->next;
    struct unsent *unsent = xmalloc(sizeof(*unsent));
    *unsent = (struct unsent){.argc = argc};
    unsent->argv = xcalloc((size_t)argc, sizeof(char *));
    unsent->len = xcalloc((size_t)argc, sizeof(size_t));
    for (int i = 0; i < argc; i++) {
        unsent->len[i] = len[i];
        unsent->argv[i] = xmalloc(len[i] + 1);
        memcpy(unsent->argv[i], argv[i], len[i]);
    }
    *conn->unsent_end = unsent;
    conn->unsent_end = &unsent->next;
    if (!conn->writing) {
        conn->writing = true;
        world_after(rnd_below(100), conn->proc, on_write, conn);
    }
    return true;
}

bool conn_send_words(struct conn *conn, int argc, const char *const *argv, conn_reply_fn fn,
                     void *ctx)
{
    enum { WORDS_MAX = 8 };
    size_t len[WORDS_MAX];
    for (int i = 0; i < argc; i++) {
        len[i] = strlen(argv[i]);
    }
    return conn_send(conn, argc, argv, len, fn, ctx);
}

/* ---- coming and going ---- */

static void on_connected(void *arg)
{
    struct conn *conn = arg;
    if (conn->closed) {
        return;
    }
    if (!redis_is_reachable(conn->proc)) {
        conn_end(conn, "Connection refused");
        return;
    }
    conn->redis = redis_conn_open(conn->proc, &redis_handlers, conn);
    conn->handlers->on_open(conn->ctx);
}

struct conn *conn_create(struct event_base *base, const struct conn_target *target,
                         const struct conn_handlers *handlers, void *ctx)
{
    (void)target;
    struct conn *conn = world_keep(xcalloc(1, sizeof(*conn)));
    conn->pending_end = &conn->pending;
    conn->unsent_end = &conn->unsent;
    conn->handlers = handlers;
    conn->ctx = ctx;
    conn->proc = os_proc(base);
    world_after(rnd_between(50, 2000), conn->proc, on_connected, conn);
    return conn;
}

/* All is written by itself, some time. */
void conn_flush_all(struct list *unsent)
{
    (void)unsent;
}

static void on_left(void *arg)
{
    conn_end(arg, "");
}

void conn_leave(struct conn *conn, const char *why)
{
    if (conn->leaving || conn->closed) {
        return;
    }
    snprintf(conn->why, sizeof(conn->why), "%s", why);
    conn->leaving = true;
    if (!conn->pending) {
        world_after(0, conn->proc, on_left, conn);
    }
}

void conn_destroy(struct conn *conn)
{
    if (conn) {
        conn->unheard = true;
        conn_end(conn, "");
    }
}
