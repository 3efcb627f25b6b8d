/* What the simulated Redis has ever accepted, and the rules that must hold of it. It watches the
 * keys themselves and knows none of the server's code but for reading a stored snapshot.
 *
 * Clients mark each change with a token of its own, so that one can be followed: in a document a
 * token is the value of the member `t`, or stands in the member `text` between `<` and `>`. */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H

#include "simulator/redis_data.h"
#include "value/value.h"

void history_begin(void);
void history_end(void);

/* ---- told by the simulated Redis ---- */

/* A script is about to run for the owner in its arguments (fence.lua), or for a claim. */
void history_script_begins(struct str room_key, const struct str *argv, uint32_t argc);
/* XADD and SET have changed this key. */
void history_appended(const struct data_key *key, const struct data_entry *entry);
void history_snapshot(const struct data_key *key);
/* The last changes are taken back; `answered`: also such as somebody had an answer to. */
void history_lost(bool answered, uint64_t changes_left);

/* Somebody is about to load the room; `token` will be a change of that load. */
void history_expect_load(const char *room, struct str token);

/* ---- asked by clients and at the end ---- */

/* The clock that a token's change got in Redis; 0: it has not been there. */
uint64_t history_token_clock(struct str token);
/* The clock of the last load of the room that is in Redis, which may have replaced whatever came
 * before it; 0: there is none. */
uint64_t history_loaded_clock(const char *room);
/* The clock of the newest snapshot of the room that was stored: what led to it is in it. */
uint64_t history_snapshot_clock(const char *room);
/* The last clock at which the record was removed; 0: never. */
uint64_t history_removed_clock(struct str id);
/* How often the room has begun anew, because Redis had lost all of it. */
uint64_t history_restarts(const char *room);
/* Whether acknowledged changes may be lost: Redis has lost what it had answered. */
bool history_is_lossy(void);
/* Entries accepted. */
uint64_t history_entries(void);

/* Calls `fn` with each token in a document, or in a diff's op of one; `appended`: it stands in the
 * member `text`, where only the end of the record ends it. */
typedef void (*token_fn)(void *ctx, struct str token, bool appended);
void tokens_of_record(struct value record, token_fn fn, void *ctx);
void tokens_of_op(struct value op, token_fn fn, void *ctx);

#endif
