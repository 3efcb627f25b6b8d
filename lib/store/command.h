/* Commands as lib/store sends them: words, transactions, answers. Private to lib/store. */
#ifndef STORE_COMMAND_H
#define STORE_COMMAND_H

#include "base/arena.h"
#include "store/lane.h"
#include "store/store.h"

#include <hiredis/hiredis.h>

enum store_script;
struct upstream;

/* Words of one command, or of the commands of one transaction; they must stay valid until it is
 * sent. */
enum { STORE_ARGS_MAX = 64, STORE_COMMANDS_MAX = 4 };
struct store_args {
    const char **ptr; /* owned once it outgrows `inline_ptr` */
    size_t *len;
    int count, cap;
    const char *inline_ptr[STORE_ARGS_MAX];
    size_t inline_len[STORE_ARGS_MAX];
    int ends[STORE_COMMANDS_MAX]; /* of the commands before the last */
    int command_count;            /* more than one: a transaction */
    int run;                      /* the word that is the run id of whoever gets it; 0: none is */
    struct arena words;           /* text of numbers; of a copy all words */
};

void args_init(struct store_args *args);
void args_add(struct store_args *args, struct str arg);
void args_add_u64(struct store_args *args, uint64_t number);
/* The words that follow are the transaction's next command. */
void args_next_command(struct store_args *args);
void args_finish(struct store_args *args);
/* With words of its own; args_finish and free. */
struct store_args *args_copy(const struct store_args *args);
/* The first key of the first command; absent if it has none. */
struct str args_key(const struct store_args *args);

/* Gets the reply; with ERR_REFUSED the error reply, and NULL with ERR_UNAVAILABLE (no connection),
 * ERR_FENCED and ERR_GAP. Called exactly once per command or transaction. */
typedef void (*store_reply_fn)(void *ctx, enum err err, const redisReply *reply);

/* Sends; `fn` may be NULL. Without connection `fn` is called before this returns. A transaction is
 * put between MULTI and EXEC, whose reply it gets; all its keys are of one slot. */
void store_command(struct store *store, const struct store_args *args, store_reply_fn fn,
                   void *ctx);
/* The same to one server, whoever has the keys; NULL: there is none. */
void store_command_to(struct store *store, struct upstream *upstream, const struct store_args *args,
                      store_reply_fn fn, void *ctx);
/* Logs a refusal that is about one room's keys only; the others are logged already. */
void store_log_refusal(struct str room, const char *what, const redisReply *reply);
/* Begins EVALSHA with `keys` keys, which follow. */
void store_script(struct store *store, struct store_args *args, enum store_script script, int keys);

/* ---- on the way ---- */

struct request {
    struct store *store;
    struct upstream *upstream; /* where it was sent last */
    store_reply_fn fn;
    void *ctx;
    unsigned left; /* replies still to come */
    /* of a cluster */
    struct store_args *args; /* owned; to be sent again */
    struct lane_item item;
    uint16_t slot;
    struct redirect redirect; /* the first of this attempt */
};

/* Sends it; false: there is no connection, and nothing was sent. `asking`: whoever gets it does not
 * have the slot yet. */
bool store_send(struct request *request, struct upstream *upstream, const struct store_args *args,
                bool asking);
/* Answers and frees it. */
void store_answer(struct request *request, enum err err, const redisReply *reply);

/* ---- replies ---- */

struct str reply_str(const redisReply *reply); /* absent ({NULL, 0}) unless it is a string */
bool reply_u64(const redisReply *reply, uint64_t *out);

struct workers;
/* Reads a worker's hash (HGETALL) into the table; false if there is none. */
bool store_read_worker(const redisReply *reply, struct str id, struct workers *workers);

/* UTC as 2026-01-31T10:00:00Z, for people. */
struct str store_time(char out[32]);

#endif
