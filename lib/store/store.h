/* Redis: one server, the master that sentinels name, or the masters of a cluster. Connections come
 * back by themselves, commands are pipelined, scripts are loaded, and what is under way when a
 * connection dies is answered with ERR_UNAVAILABLE. Keys, scripts and what holds in which mode are
 * explained in proto/redis.md. One per process. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/err.h"
#include "base/redis_url.h"
#include "base/str.h"

#include <event2/event.h>
#include <stdint.h>

struct store;
struct store_part;
struct redisReply;

enum store_trouble_kind {
    STORE_AWAY,    /* it does not answer */
    STORE_LOADING, /* it is there and reads its files; wait */
    STORE_UNFIT,   /* it answers and will not do: wrong password, too old, a replica */
};

struct store_handlers {
    /* Ready for commands; also each time it is so again. */
    void (*on_up)(void *ctx);
    /* Lost; it tries again by itself. Commands under way have been answered. Of a cluster: all of
     * its masters. */
    void (*on_down)(void *ctx);
    /* While up: Redis has begun to refuse all writes, or takes them again. It takes them when it
     * comes up, for all we know. Not of a cluster, where that is a matter of each master. */
    void (*on_writable)(void *ctx, bool writable);
    /* Of a cluster, while up: another server answers for some rooms than did until now, or one that
     * was away is back, or takes writes again. `part` (valid during the call) says for which rooms:
     * they may have lost their end; it may be for none, where a server was lost. May be NULL. */
    void (*on_part)(void *ctx, const struct store_part *part);
    /* After each failed attempt to connect, and when a connection is lost. Who has it writes the
     * log about that, and nobody else. May be NULL. */
    void (*on_trouble)(void *ctx, enum store_trouble_kind kind, const char *why);
};

enum { STORE_RETRY_MIN_MS = 50, STORE_RETRY_MAX_MS = 2000, STORE_SILENCE_MS = 5000 };

/* A silence that lets workers' keys run out counts as an outage for those who look at them; and how
 * long after one nobody is taken for dead (proto/ownership.md). */
enum { STORE_STALL_MS = 2000, STORE_SETTLE_MS = 4000 };

/* `url` and `handlers` are borrowed for the store's life. */
struct store *store_create(struct event_base *base, const struct redis_url *url,
                           const struct store_handlers *handlers, void *ctx);
/* Answers what is under way, without on_down. NULL is fine. */
void store_destroy(struct store *store);

/* Sends what was asked for since the loop's turn began; without it that is sent in the next turn.
 */
void store_flush(struct store *store);

/* Ready for commands; of a cluster: the master of the workers' keys is. */
bool store_is_up(const struct store *store);
/* Up, and no write was refused for a reason that holds for all (out of memory, disk full, ...). */
bool store_is_writable(const struct store *store);

/* Whether absence of a worker's key means that the worker is gone: not so soon after an outage, in
 * which none could be renewed. */
bool store_is_settled(const struct store *store);

/* Whether the part has the room's keys. */
bool store_part_has(const struct store_part *part, struct str room);

/* Tries to connect now rather than at the end of the pause. */
void store_hurry(struct store *store);

/* Why it is not up or not writable, or what went wrong last; a phrase for people. */
const char *store_trouble(const struct store *store);

#endif
