/* hiredis' asynchronous half on the simulated Redis; its reader of replies is the real one. Calls
 * back in the same order as the original: at the end of a connection first what was under way, then
 * the disconnect. */
#include "base/alloc.h"
#include "simulator/os.h"
#include "simulator/redis_server.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

struct pending {
    struct pending *next;
    redisCallbackFn *fn;
    void *privdata;
};

struct unsent {
    struct unsent *next;
    int argc;
    char **argv;
    size_t *len;
};

/* A context, and what belongs to it. */
struct client {
    redisAsyncContext ac; /* first: it is what the others see */
    struct proc *proc;
    struct redis_conn *conn; /* NULL: never connected */
    struct pending *pending, **pending_end;
    struct unsent *unsent, **unsent_end;
    bool writing; /* on_write is due */
    bool freed;
    bool in_callback;
    char error[64];
};

static struct client *client_of(redisAsyncContext *ac)
{
    return (struct client *)ac;
}

static void free_unsent(struct client *client)
{
    struct unsent *unsent;
    while ((unsent = client->unsent)) {
        client->unsent = unsent->next;
        for (int i = 0; i < unsent->argc; i++) {
            free(unsent->argv[i]);
        }
        free(unsent->argv);
        free(unsent->len);
        free(unsent);
    }
    client->unsent_end = &client->unsent;
}

static void client_end(struct client *client, bool failed)
{
    if (client->freed) {
        return;
    }
    client->freed = true;
    client->ac.c.flags |= REDIS_FREEING;
    if (failed) {
        client->ac.err = client->ac.c.err = REDIS_ERR_EOF;
        snprintf(client->error, sizeof(client->error), "Server closed the connection");
    }
    free_unsent(client);
    if (client->conn) {
        redis_conn_close(client->conn);
    }
    struct pending *pending;
    while ((pending = client->pending)) {
        client->pending = pending->next;
        if (pending->fn) {
            pending->fn(&client->ac, NULL, pending->privdata);
        }
        free(pending);
    }
    if (client->ac.ev.cleanup) {
        client->ac.ev.cleanup(client->ac.ev.data);
    }
    if (client->ac.onDisconnect && (client->ac.c.flags & REDIS_CONNECTED)) {
        client->ac.onDisconnect(&client->ac, failed ? REDIS_ERR : REDIS_OK);
    }
}

static void on_reply(void *ctx, struct str bytes)
{
    struct client *client = ctx;
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    redisReaderFeed(reader, bytes.ptr, bytes.len);
    if (redisReaderGetReply(reader, &reply) != REDIS_OK || !reply || !client->pending) {
        violated("a reply of the simulated Redis cannot be read");
        redisReaderFree(reader);
        return;
    }
    struct pending *pending = client->pending;
    client->pending = pending->next;
    if (!client->pending) {
        client->pending_end = &client->pending;
    }
    client->in_callback = true;
    if (pending->fn) {
        pending->fn(&client->ac, reply, pending->privdata);
    }
    client->in_callback = false;
    free(pending);
    freeReplyObject(reply);
    redisReaderFree(reader);
    if (client->ac.c.flags & REDIS_FREEING) {
        client_end(client, false);
    } else if ((client->ac.c.flags & REDIS_DISCONNECTING) && !client->pending) {
        client_end(client, false);
    }
}

static void on_closed(void *ctx)
{
    client_end(ctx, true);
}

static const struct redis_conn_handlers handlers = {on_reply, on_closed};

/* ---- connecting ---- */

static void on_connected(void *arg)
{
    struct client *client = arg;
    if (client->freed) {
        return;
    }
    if (!redis_is_reachable(client->proc)) {
        client->ac.err = client->ac.c.err = REDIS_ERR_IO;
        snprintf(client->error, sizeof(client->error), "Connection refused");
        client->ac.onConnect(&client->ac, REDIS_ERR);
        client_end(client, true);
        return;
    }
    client->conn = redis_conn_open(client->proc, &handlers, client);
    client->ac.c.flags |= REDIS_CONNECTED;
    client->ac.onConnect(&client->ac, REDIS_OK);
}

redisAsyncContext *redisAsyncConnectUnix(const char *path)
{
    (void)path;
    struct client *client = world_keep(xcalloc(1, sizeof(*client)));
    client->pending_end = &client->pending;
    client->unsent_end = &client->unsent;
    client->ac.errstr = client->error;
    return &client->ac;
}

redisAsyncContext *redisAsyncConnect(const char *ip, int port)
{
    (void)port;
    return redisAsyncConnectUnix(ip);
}

int redisAsyncSetConnectCallback(redisAsyncContext *ac, redisConnectCallback *fn)
{
    struct client *client = client_of(ac);
    ac->onConnect = fn;
    client->proc = os_last_proc(); /* it has just been attached to its loop */
    world_after(rnd_between(50, 2000), client->proc, on_connected, client);
    return REDIS_OK;
}

int redisAsyncSetDisconnectCallback(redisAsyncContext *ac, redisDisconnectCallback *fn)
{
    ac->onDisconnect = fn;
    return REDIS_OK;
}

/* ---- commands ---- */

static void on_write(void *arg)
{
    struct client *client = arg;
    client->writing = false;
    if (client->freed || !client->conn) {
        return;
    }
    for (struct unsent *unsent = client->unsent; unsent; unsent = unsent->next) {
        redis_conn_send(client->conn, unsent->argc, unsent->argv, unsent->len);
    }
    free_unsent(client);
}

int redisAsyncCommandArgv(redisAsyncContext *ac, redisCallbackFn *fn, void *privdata, int argc,
                          const char **argv, const size_t *len)
{
    struct client *client = client_of(ac);
    if (ac->c.flags & (REDIS_DISCONNECTING | REDIS_FREEING)) {
        return REDIS_ERR;
    }
    struct pending *pending = xmalloc(sizeof(*pending));
    *pending = (struct pending){NULL, fn, privdata};
    *client->pending_end = pending;
    client->pending_end = &pending->next;
    struct unsent *unsent = xmalloc(sizeof(*unsent));
    *unsent = (struct unsent){.argc = argc};
    unsent->argv = xcalloc((size_t)argc, sizeof(char *));
    unsent->len = xcalloc((size_t)argc, sizeof(size_t));
    for (int i = 0; i < argc; i++) {
        unsent->len[i] = len ? len[i] : strlen(argv[i]);
        unsent->argv[i] = xmalloc(unsent->len[i] + 1);
        memcpy(unsent->argv[i], argv[i], unsent->len[i]);
    }
    *client->unsent_end = unsent;
    client->unsent_end = &unsent->next;
    if (!client->writing) {
        client->writing = true;
        world_after(rnd_below(100), client->proc, on_write, client);
    }
    return REDIS_OK;
}

int redisAsyncCommand(redisAsyncContext *ac, redisCallbackFn *fn, void *privdata,
                      const char *format, ...)
{
    /* Ours have no arguments to format. */
    enum { WORDS_MAX = 8 };
    char text[128];
    const char *argv[WORDS_MAX];
    int argc = 0;
    snprintf(text, sizeof(text), "%s", format);
    for (char *save, *word = strtok_r(text, " ", &save); word && argc < WORDS_MAX;
         word = strtok_r(NULL, " ", &save)) {
        argv[argc++] = word;
    }
    return redisAsyncCommandArgv(ac, fn, privdata, argc, argv, NULL);
}

void redisAsyncDisconnect(redisAsyncContext *ac)
{
    struct client *client = client_of(ac);
    ac->c.flags |= REDIS_DISCONNECTING;
    if (!client->in_callback && !client->pending) {
        client_end(client, false);
    }
}

void redisAsyncFree(redisAsyncContext *ac)
{
    struct client *client = client_of(ac);
    ac->c.flags |= REDIS_FREEING;
    if (!client->in_callback) {
        client_end(client, false);
    }
}
