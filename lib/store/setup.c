/* What a new connection needs before it is of use: AUTH, SELECT, who answers there, scripts. */
#include "base/plant.h"
#include "store/internal.h"
#include "store/scripts.h"

#include <stdio.h>

/* One answer less to wait for; the last one makes it up. */
static void setup_done(struct store *store)
{
    if (--store->setup_left == 0) {
        store_come_up(store);
    }
}

/* A Redis that forbids these, or has none of it, promises nothing. */
static void on_info(redisAsyncContext *redis, void *data, void *ctx)
{
    struct store *store = redis->data;
    const redisReply *reply = data;
    (void)ctx;
    if (!reply) {
        return;
    }
    if (reply->type == REDIS_REPLY_STRING) {
        server_read_info(&store->server, reply_str(reply));
    }
    if (store->server.refuses_writes) {
        store_set_trouble(store, "it is a read-only replica");
        redisAsyncDisconnect(redis);
        return;
    }
    setup_done(store);
}

static void on_fsync(redisAsyncContext *redis, void *data, void *ctx)
{
    struct store *store = redis->data;
    const redisReply *reply = data;
    (void)ctx;
    if (!reply) {
        return;
    }
    store->server.fsyncs = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                           str_eq(reply_str(reply->element[1]), STR("always"));
    setup_done(store);
}

static void on_setup_reply(redisAsyncContext *redis, void *data, void *ctx)
{
    struct store *store = redis->data;
    const redisReply *reply = data;
    char *sha = ctx;
    if (!reply) {
        return; /* the disconnect says the rest */
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        store_set_trouble(store, reply->str);
        redisAsyncDisconnect(redis);
        return;
    }
    if (sha) {
        snprintf(sha, sizeof(store->sha[0]), "%s", reply->str);
    }
    setup_done(store);
}

static void setup_send(struct store *store, char *sha, int argc, const char **argv, size_t *len)
{
    store->setup_left++;
    redisAsyncCommandArgv(store->redis, on_setup_reply, sha, argc, argv, len);
}

void store_setup(struct store *store)
{
    store->state = STORE_SETUP;
    store->setup_left = 0;
    const struct redis_url *url = store->url;
    if (url->password) {
        const char *argv[3] = {"AUTH", url->user ? url->user : url->password, url->password};
        size_t len[3] = {4, strlen(argv[1]), strlen(argv[2])};
        setup_send(store, NULL, url->user ? 3 : 2, argv, len);
    }
    char db[16];
    snprintf(db, sizeof(db), "%u", url->db);
    const char *select[2] = {"SELECT", db};
    size_t select_len[2] = {6, strlen(db)};
    if (url->db) {
        setup_send(store, NULL, 2, select, select_len);
    }
    server_reset(&store->server);
    store->setup_left += 2;
    redisAsyncCommand(store->redis, on_info, NULL, "INFO");
    redisAsyncCommand(store->redis, on_fsync, NULL, "CONFIG GET appendfsync");
    for (int i = 0; i < SCRIPTS; i++) {
        struct buf text = {0};
        buf_append(&text, script_fence, script_fence_len);
        if (PLANTED(FENCING)) {
            buf_append_str(&text, STR("standing = function() return 'ours' end\n"));
        }
        buf_append(&text, script_texts[i].text, *script_texts[i].len);
        const char *argv[3] = {"SCRIPT", "LOAD", (const char *)buf_head(&text)};
        size_t len[3] = {6, 4, buf_len(&text)};
        setup_send(store, store->sha[i], 3, argv, len);
        buf_finish(&text);
    }
}
