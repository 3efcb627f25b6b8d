/* Watching the sentinels: each is asked once a second who the master is. They disagree while a
 * failover is under way, and for longer where the network is cut; then the one that knows the
 * latest failover is right (Redis Sentinel's documentation, "Configuration epochs"). So a master
 * that was replaced is left within a second although it still answers. */
#include "store/sentinels.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/number_text.h"
#include "net/loop.h"
#include "store/internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { ASK_EVERY_MS = 1000, SENTINEL_SILENCE_MS = 3000 };

/* One of them. */
struct watch {
    struct sentinels *sentinels;
    struct address address;
    struct conn *conn; /* NULL: to be connected at the next tick */
    uint64_t asked_ms; /* when the question that is not answered yet was asked; 0: none is */
    struct sentinel_word word; /* its last answer */
    uint64_t heard_ms;         /* when that came; 0: never */
    char why[96];              /* why it is of no use, for people; "" if it is */
};

struct sentinels {
    struct store *store;
    struct event *timer;
    uint64_t since_ms;     /* the beginning */
    struct address master; /* whom we follow */
    bool known;
    size_t count;
    struct watch watches[];
};

/* ---- what they say ---- */

bool sentinel_read(const redisReply *reply, struct sentinel_word *out)
{
    if (reply->type != REDIS_REPLY_ARRAY) {
        return false;
    }
    struct sentinel_word word = {.config_epoch = 0};
    uint64_t port = 0;
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        struct str name = reply_str(reply->element[i]);
        struct str value = reply_str(reply->element[i + 1]);
        if (str_eq(name, STR("ip")) && value.len <= ADDRESS_HOST_MAX) {
            snprintf(word.master.host, sizeof(word.master.host), "%.*s", STR_ARG(value));
        } else if (str_eq(name, STR("port")) && number_parse(value, UINT16_MAX, &port)) {
            return false;
        } else if (str_eq(name, STR("config-epoch")) &&
                   number_parse(value, UINT64_MAX, &word.config_epoch)) {
            return false;
        }
    }
    word.master.port = (uint16_t)port;
    *out = word;
    return word.master.host[0] && port > 0;
}

static bool is_other(const struct address *a, const struct address *b)
{
    return a->port != b->port || strcmp(a->host, b->host) != 0;
}

/* Of those that answered lately the one that knows the latest failover; NULL: none has. */
static const struct sentinel_word *best_word(const struct sentinels *sentinels, uint64_t now_ms)
{
    const struct sentinel_word *best = NULL;
    for (size_t i = 0; i < sentinels->count; i++) {
        const struct watch *watch = &sentinels->watches[i];
        bool fresh = watch->heard_ms && now_ms - watch->heard_ms < SENTINEL_SILENCE_MS;
        if (fresh && (!best || watch->word.config_epoch > best->config_epoch)) {
            best = &watch->word;
        }
    }
    return best;
}

static void follow(struct sentinels *sentinels)
{
    struct upstream *upstream = sentinels->store->main;
    const struct sentinel_word *word = best_word(sentinels, clock_ms());
    if (!word || (sentinels->known && !is_other(&word->master, &sentinels->master))) {
        return;
    }
    sentinels->known = true;
    sentinels->master = word->master;
    char text[ADDRESS_TEXT_MAX];
    log_info(NULL, "the sentinels name a master",
             LOG_TEXTZ("redis", address_format(&word->master, text)),
             LOG_U64("config_epoch", word->config_epoch));
    if (upstream->state != UPSTREAM_DOWN && is_other(&upstream->address, &word->master)) {
        upstream_cut(upstream, STORE_AWAY, "the sentinels name another master");
    }
    upstream_hurry(upstream);
}

static void say_useless(struct watch *watch, const char *why)
{
    char text[ADDRESS_TEXT_MAX];
    char line[ADDRESS_TEXT_MAX + 128];
    snprintf(watch->why, sizeof(watch->why), "%.*s", (int)strcspn(why, "\r\n"), why);
    snprintf(line, sizeof(line), "sentinel %s: %s", address_format(&watch->address, text),
             watch->why);
    store_set_trouble(watch->sentinels->store, str_of(line));
}

static void on_word(void *ctx, const redisReply *reply)
{
    struct watch *watch = ctx;
    struct sentinel_word word;
    watch->asked_ms = 0;
    if (!reply) {
        return; /* on_closed says why */
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        say_useless(watch, reply->str); /* e.g. "ERR No such master with that name" */
    } else if (!sentinel_read(reply, &word)) {
        say_useless(watch, "it names no master");
    } else {
        watch->why[0] = '\0';
        watch->word = word;
        watch->heard_ms = clock_ms();
        follow(watch->sentinels);
    }
}

static void on_login(void *ctx, const redisReply *reply)
{
    if (reply && reply->type == REDIS_REPLY_ERROR) {
        say_useless(ctx, reply->str);
    }
}

/* ---- connections ---- */

static void ask(struct watch *watch)
{
    const char *words[] = {"SENTINEL", "MASTER", watch->sentinels->store->url->master};
    if (watch->conn && watch->asked_ms == 0 &&
        conn_send_words(watch->conn, 3, words, on_word, watch)) {
        watch->asked_ms = clock_ms();
    }
}

static void on_open(void *ctx)
{
    (void)ctx; /* the question has been waiting for that */
}

static void on_closed(void *ctx, const char *why)
{
    struct watch *watch = ctx;
    watch->conn = NULL;
    watch->asked_ms = 0;
    say_useless(watch, why);
}

static const struct conn_handlers conn_handlers = {on_open, on_closed};

static void look_at(struct watch *watch, uint64_t now_ms)
{
    struct store *store = watch->sentinels->store;
    const struct redis_url *url = store->url;
    if (watch->asked_ms && now_ms - watch->asked_ms >= SENTINEL_SILENCE_MS) {
        conn_destroy(watch->conn);
        watch->conn = NULL;
        say_useless(watch, "no answer");
    }
    if (!watch->conn) {
        watch->conn = store_connect(store, &watch->address, &conn_handlers, watch);
        if (watch->conn) {
            store_login(watch->conn, url->sentinel_user, url->sentinel_password, on_login, watch);
        }
    }
    ask(watch);
}

void sentinels_ask(struct sentinels *sentinels)
{
    for (size_t i = 0; i < sentinels->count; i++) {
        ask(&sentinels->watches[i]);
    }
}

static void on_timer(evutil_socket_t fd, short events, void *ctx)
{
    struct sentinels *sentinels = ctx;
    (void)fd;
    (void)events;
    for (size_t i = 0; i < sentinels->count; i++) {
        look_at(&sentinels->watches[i], clock_ms());
    }
    loop_arm(sentinels->timer, ASK_EVERY_MS);
}

bool sentinels_are_tried(const struct sentinels *sentinels)
{
    enum { LONG_ENOUGH_MS = 1000 };
    for (size_t i = 0; i < sentinels->count; i++) {
        const struct watch *watch = &sentinels->watches[i];
        if (watch->why[0] == '\0' && clock_ms() - sentinels->since_ms < LONG_ENOUGH_MS) {
            return false;
        }
    }
    return true;
}

const struct address *sentinels_master(const struct sentinels *sentinels)
{
    return sentinels->known ? &sentinels->master : NULL;
}

struct sentinels *sentinels_create(struct store *store)
{
    const struct redis_url *url = store->url;
    struct sentinels *sentinels =
        xcalloc(1, sizeof(*sentinels) + url->host_count * sizeof(struct watch));
    sentinels->store = store;
    sentinels->since_ms = clock_ms();
    sentinels->count = url->host_count;
    for (size_t i = 0; i < url->host_count; i++) {
        sentinels->watches[i] = (struct watch){.sentinels = sentinels, .address = url->hosts[i]};
    }
    sentinels->timer = evtimer_new(store->base, on_timer, sentinels);
    loop_arm(sentinels->timer, 0);
    return sentinels;
}

void sentinels_destroy(struct sentinels *sentinels)
{
    if (!sentinels) {
        return;
    }
    for (size_t i = 0; i < sentinels->count; i++) {
        conn_destroy(sentinels->watches[i].conn);
    }
    event_free(sentinels->timer);
    free(sentinels);
}
