/* CLUSTER SLOTS, and of whom to ask for it. */
#include "store/cluster_map.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "store/internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { WELL_MS = 5000, UNWELL_MS = 250, SOON_MS = 50, PATIENCE_MS = 2000 };

struct cluster_map {
    struct store *store;
    struct cluster *cluster;
    struct conn *seed;  /* to a server of the URL; NULL: none is asked */
    struct address who; /* is asked, or was last */
    size_t turn;        /* how many were asked so far */
    size_t failures;    /* of servers of the URL since an answer */
    uint64_t asked_ms;  /* the question under way; 0: none is */
    uint64_t next_ms;   /* when to ask again */
};

static void drop_seed(struct cluster_map *map)
{
    struct conn *seed = map->seed;
    map->seed = NULL;
    conn_destroy(seed);
}

static void say(struct cluster_map *map, const char *what)
{
    char text[ADDRESS_TEXT_MAX];
    char line[ADDRESS_TEXT_MAX + 128];
    snprintf(line, sizeof(line), "%s: %.*s", address_format(&map->who, text),
             (int)strcspn(what, "\r\n"), what);
    store_set_trouble(map->store, str_of(line));
}

/* When all servers of the URL have had their chance. */
static void tell_trouble(struct cluster_map *map, enum store_trouble_kind kind)
{
    struct store *store = map->store;
    map->failures++;
    if (store->handlers->on_trouble && !store->main && !store->ending &&
        map->failures >= store->url->host_count) {
        store->handlers->on_trouble(store->ctx, kind, store->trouble);
    }
}

static void on_slots(void *ctx, const redisReply *reply)
{
    struct cluster_map *map = ctx;
    bool of_seed = map->seed != NULL;
    map->asked_ms = 0;
    if (!reply) {
        return; /* the connection ended; another is asked at the next tick */
    }
    size_t count;
    struct slot_range *ranges = slots_read(reply, &map->who, &count);
    if (ranges) {
        store_set_trouble(map->store, (struct str){0});
        map->failures = 0;
        cluster_take_map(map->cluster, ranges, count);
        free(ranges);
    } else {
        bool refused = reply->type == REDIS_REPLY_ERROR;
        say(map, refused ? reply->str : "it knows of no slots");
        tell_trouble(map, refused ? STORE_UNFIT : STORE_AWAY);
    }
    if (of_seed) {
        drop_seed(map);
    }
}

static bool ask(struct cluster_map *map, struct conn *conn, uint64_t now_ms)
{
    static const char *const words[] = {"CLUSTER", "SLOTS"};
    map->asked_ms = now_ms;
    if (!conn_send_words(conn, 2, words, on_slots, map)) {
        map->asked_ms = 0;
        return false;
    }
    return true;
}

/* ---- servers of the URL ---- */

static void on_open(void *ctx)
{
    (void)ctx; /* the question has been waiting for that */
}

static void on_closed(void *ctx, const char *why)
{
    struct cluster_map *map = ctx;
    map->seed = NULL;
    say(map, why);
    tell_trouble(map, STORE_AWAY);
}

static const struct conn_handlers conn_handlers = {on_open, on_closed};

static void on_login(void *ctx, const redisReply *reply)
{
    struct cluster_map *map = ctx;
    if (reply && reply->type == REDIS_REPLY_ERROR) {
        say(map, reply->str);
        tell_trouble(map, STORE_UNFIT);
    }
}

static void ask_seed(struct cluster_map *map, uint64_t now_ms)
{
    struct store *store = map->store;
    const struct redis_url *url = store->url;
    map->who = url->hosts[map->turn++ % url->host_count];
    map->seed = store_connect(store, &map->who, &conn_handlers, map);
    if (!map->seed) {
        tell_trouble(map, STORE_UNFIT);
        return;
    }
    store_login(map->seed, url->user, url->password, on_login, map);
    ask(map, map->seed, now_ms);
}

/* ---- when ---- */

void cluster_map_hurry(struct cluster_map *map)
{
    uint64_t soon = clock_ms() + SOON_MS;
    map->next_ms = map->next_ms < soon ? map->next_ms : soon;
}

uint64_t cluster_map_tick(struct cluster_map *map, uint64_t now_ms)
{
    if (map->asked_ms && now_ms - map->asked_ms >= PATIENCE_MS) {
        say(map, "no answer");
        map->asked_ms = 0; /* a connected one is left to its own watch for silence */
        drop_seed(map);
    }
    if (map->asked_ms == 0 && now_ms >= map->next_ms) {
        map->next_ms = now_ms + (cluster_is_whole(map->cluster) ? WELL_MS : UNWELL_MS);
        struct conn *conn = cluster_any_conn(map->cluster, map->turn, &map->who);
        if (conn && ask(map, conn, now_ms)) {
            map->turn++;
        } else if (!map->seed) {
            ask_seed(map, now_ms);
        }
    }
    uint64_t patience = map->asked_ms ? map->asked_ms + PATIENCE_MS : UINT64_MAX;
    return map->asked_ms ? patience : map->next_ms;
}

struct cluster_map *cluster_map_create(struct store *store, struct cluster *cluster)
{
    struct cluster_map *map = xcalloc(1, sizeof(*map));
    map->store = store;
    map->cluster = cluster;
    return map;
}

void cluster_map_destroy(struct cluster_map *map)
{
    if (map) {
        drop_seed(map);
        free(map);
    }
}
