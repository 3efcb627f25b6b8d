/* What the files of lib/store share and nobody else sees. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "store/key.h"
#include "store/server.h"
#include "store/store.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

enum store_script {
    SCRIPT_CLAIM,
    SCRIPT_APPEND,
    SCRIPT_SNAPSHOT,
    SCRIPT_STAGE,
    SCRIPT_HAND,
    SCRIPT_SHOW,
    SCRIPTS
};

enum store_state { STORE_DOWN, STORE_CONNECTING, STORE_SETUP, STORE_UP };

/* How often a write is tried while they are refused, and how long none may have been refused before
 * it is believed: some refusals concern one kind of command only, such as a missing permission. */
enum { STORE_PROBE_MS = 500, STORE_CALM_MS = 1500 };

struct store {
    struct event_base *base;
    const struct redis_url *url;
    const struct store_handlers *handlers;
    void *ctx;
    enum store_state state;
    redisAsyncContext *redis; /* NULL while down */
    struct event *timer;      /* retry while down, else the watch for silence */
    uint64_t retry_ms;
    uint64_t up_ms;    /* when it came up last */
    uint64_t heard_ms; /* last reply */
    uint64_t back_ms;  /* end of the last outage; 0 if there was none since the first connection */
    uint64_t refused_ms; /* last refusal of all writes */
    int setup_left;      /* replies still missing before it is up */
    struct store_server server;
    char sha[SCRIPTS][41];
    char trouble[160];
    bool refusing; /* while up: it takes no writes */
    bool was_up;   /* ever */
    bool told;     /* the trouble was logged; once per outage */
    bool ending;
};

void store_set_trouble(struct store *store, const char *what);
/* Something came from Redis. */
void store_hear(struct store *store);
/* Begins what ends with store_come_up, or with the connection. */
void store_setup(struct store *store);
void store_come_up(struct store *store);
/* Tries a harmless write. */
void store_probe(struct store *store);

/* Gets the reply; with ERR_REFUSED the error reply, and NULL with ERR_UNAVAILABLE (no connection),
 * ERR_FENCED and ERR_GAP. Called exactly once per command. */
typedef void (*store_reply_fn)(void *ctx, enum err err, const redisReply *reply);

/* Arguments of one command, which must stay valid until it is sent. */
enum { STORE_ARGS_MAX = 64 };
struct store_args {
    const char **ptr; /* owned once it outgrows `inline_ptr` */
    size_t *len;
    int count, cap;
    const char *inline_ptr[STORE_ARGS_MAX];
    size_t inline_len[STORE_ARGS_MAX];
    struct arena numbers; /* their text */
};

void args_init(struct store_args *args);
void args_add(struct store_args *args, struct str arg);
void args_add_u64(struct store_args *args, uint64_t number);
void args_finish(struct store_args *args);

/* Sends; `fn` may be NULL. Without connection `fn` is called before this returns. */
void store_command(struct store *store, const struct store_args *args, store_reply_fn fn,
                   void *ctx);
/* Logs a refusal that is about one room's keys only; the others are logged already. */
void store_log_refusal(struct str room, const char *what, const redisReply *reply);
/* Begins EVALSHA with `keys` keys, which follow. */
void store_script(struct store *store, struct store_args *args, enum store_script script, int keys);

/* Who answers now, or did last. */
const struct store_server *store_server(const struct store *store);

/* roomd:worker:ID; the caller frees it. */
char *store_worker_key(struct str id);
struct workers;
/* Reads a worker's hash (HGETALL) into the table; false if there is none. */
bool store_read_worker(const redisReply *reply, struct str id, struct workers *workers);

/* UTC as 2026-01-31T10:00:00Z, for people. */
struct str store_time(char out[32]);

bool reply_u64(const redisReply *reply, uint64_t *out);
/* Absent ({NULL, 0}) unless it is a string. */
struct str reply_str(const redisReply *reply);

#endif
