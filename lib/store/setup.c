/* What a new connection needs before it is of use: AUTH, SELECT, who answers there, scripts. */
#include "base/plant.h"
#include "store/internal.h"
#include "store/scripts.h"

#include <assert.h>
#include <stdio.h>

/* One answer less to wait for; the last one makes it up. */
static void setup_done(struct upstream *upstream)
{
    if (--upstream->setup_left == 0) {
        upstream_come_up(upstream);
    }
}

static void setup_fail(struct upstream *upstream, const char *why)
{
    bool loading = upstream->server.loading || strncmp(why, "LOADING", 7) == 0;
    upstream_cut(upstream, loading ? STORE_LOADING : STORE_UNFIT, why);
}

/* Why whoever answers there is not whom we want; NULL: he is. */
static const char *unfit(const struct upstream *upstream)
{
    const struct store *store = upstream->store;
    const struct store_server *server = &upstream->server;
    if (server->loading) {
        return "it is loading its data";
    }
    if (server->is_clustered && store->url->kind != REDIS_CLUSTER) {
        return "it is part of a Redis Cluster: its URL is redis-cluster://HOST,...";
    }
    if (server->is_replica && (store->url->kind != REDIS_SERVER || server->refuses_writes)) {
        return "it is a read-only replica";
    }
    return NULL;
}

/* A Redis that forbids these, or has none of it, promises nothing. */
static void on_info(void *ctx, const redisReply *reply)
{
    struct upstream *upstream = ctx;
    if (!reply) {
        return; /* the end of the connection says the rest */
    }
    if (reply->type == REDIS_REPLY_STRING) {
        server_read_info(&upstream->server, reply_str(reply));
    }
    const char *why = unfit(upstream);
    if (why) {
        setup_fail(upstream, why);
    } else {
        setup_done(upstream);
    }
}

static void on_fsync(void *ctx, const redisReply *reply)
{
    struct upstream *upstream = ctx;
    if (!reply) {
        return;
    }
    upstream->server.fsyncs = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                              str_eq(reply_str(reply->element[1]), STR("always"));
    setup_done(upstream);
}

static void on_setup_reply(void *ctx, const redisReply *reply)
{
    struct upstream *upstream = ctx;
    if (reply && reply->type == REDIS_REPLY_ERROR) {
        setup_fail(upstream, reply->str);
    } else if (reply) {
        setup_done(upstream);
    }
}

/* All servers give a script the same name. */
static void on_script(void *ctx, const redisReply *reply)
{
    struct upstream *upstream = ctx;
    if (reply && reply->type != REDIS_REPLY_ERROR) {
        char *sha = upstream->store->sha[upstream->scripts_loaded++];
        snprintf(sha, sizeof(upstream->store->sha[0]), "%s", reply->str);
    }
    on_setup_reply(ctx, reply);
}

unsigned store_login(struct conn *conn, const char *user, const char *password, conn_reply_fn fn,
                     void *ctx)
{
    if (!password) {
        return 0;
    }
    const char *argv[3] = {"AUTH", user ? user : password, password};
    conn_send_words(conn, user ? 3 : 2, argv, fn, ctx);
    return 1;
}

static void load_scripts(struct upstream *upstream)
{
    upstream->scripts_loaded = 0;
    for (int i = 0; i < SCRIPTS; i++) {
        struct buf text = {0};
        buf_append(&text, script_fence, script_fence_len);
        if (PLANTED(FENCING)) {
            buf_append_str(&text, STR("standing = function() return 'ours' end\n"));
        }
        buf_append(&text, script_texts[i].text, *script_texts[i].len);
        const char *argv[3] = {"SCRIPT", "LOAD", (const char *)buf_head(&text)};
        size_t len[3] = {6, 4, buf_len(&text)};
        conn_send(upstream->conn, 3, argv, len, on_script, upstream);
        buf_finish(&text);
    }
}

void upstream_setup(struct upstream *upstream)
{
    const struct redis_url *url = upstream->store->url;
    struct conn *conn = upstream->conn;
    upstream->state = UPSTREAM_SETUP;
    upstream->setup_left = 2 + SCRIPTS;
    server_reset(&upstream->server);
    upstream->setup_left += store_login(conn, url->user, url->password, on_setup_reply, upstream);
    if (url->db) {
        char db[16];
        snprintf(db, sizeof(db), "%u", url->db);
        const char *select[2] = {"SELECT", db};
        upstream->setup_left++;
        conn_send_words(conn, 2, select, on_setup_reply, upstream);
    }
    static const char *const info[] = {"INFO"};
    static const char *const fsync[] = {"CONFIG", "GET", "appendfsync"};
    conn_send_words(conn, 1, info, on_info, upstream);
    conn_send_words(conn, 3, fsync, on_fsync, upstream);
    load_scripts(upstream);
}
