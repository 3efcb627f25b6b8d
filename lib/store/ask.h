/* Single commands for those who look at what is stored without owning any of it: the supervisor. */
#ifndef STORE_ASK_H
#define STORE_ASK_H

#include "store/store.h"

#include <hiredis/hiredis.h>

/* Gets the reply, also one that is an error; NULL: there was none. */
typedef void (*store_ask_fn)(void *ctx, const redisReply *reply);

/* Sends one command; `fn` is called exactly once, before this returns if Redis is not up. */
void store_ask(struct store *store, const struct str *words, size_t count, store_ask_fn fn,
               void *ctx);
/* Sends it to each master of a cluster, else to the one server: `fn` is called for each. */
void store_ask_each(struct store *store, const struct str *words, size_t count, store_ask_fn fn,
                    void *ctx);

/* Gets some keys, [cursor, [key, ...]], and where to go on; 0: that was all. */
typedef void (*store_scan_fn)(void *ctx, const redisReply *reply, uint64_t next);
/* Looks for hashes by a pattern, a step at a time, through all masters of a cluster one after the
 * other. Begins with cursor 0. */
void store_scan(struct store *store, uint64_t cursor, struct str pattern, uint64_t count,
                store_scan_fn fn, void *ctx);

/* Version of the server that has the workers' keys; 0.0 if it does not say. */
void store_version(const struct store *store, unsigned *major, unsigned *minor);

#endif
