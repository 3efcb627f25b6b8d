/* What the files of lib/store share and nobody else sees. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "store/server.h"
#include "store/store.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

enum store_script {
    SCRIPT_CLAIM,
    SCRIPT_APPEND,
    SCRIPT_SNAPSHOT,
    SCRIPT_HAND,
    SCRIPT_SHOW,
    SCRIPTS
};

/* Gets the reply, or NULL with the error: ERR_UNAVAILABLE (no connection), ERR_FENCED, ERR_GAP, or
 * ERR_REFUSED (Redis said no; logged). Called exactly once per command. */
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
/* Begins EVALSHA with `keys` keys, which follow. */
void store_script(struct store *store, struct store_args *args, enum store_script script, int keys);

/* Who answers now, or did last. */
const struct store_server *store_server(const struct store *store);

/* roomd:{ROOM} and a suffix; braces and % in the name are percent-encoded, so that the hash tag is
 * the room. The caller frees it. */
char *store_room_key(struct str room, const char *suffix);

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
