/* A connection to Redis that comes back: commands are pipelined, scripts are loaded, and what is
 * under way when the connection dies is answered with ERR_UNAVAILABLE. Keys and scripts are
 * explained in proto/redis.md. One per process. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/err.h"
#include "base/redis_url.h"
#include "base/str.h"

#include <event2/event.h>
#include <stdint.h>

struct store;
struct redisReply;

struct store_handlers {
    /* Ready for commands; also each time it is so again. */
    void (*on_up)(void *ctx);
    /* Lost; it tries again by itself. Commands under way have been answered. */
    void (*on_down)(void *ctx);
    /* While up: Redis has begun to refuse all writes, or takes them again. It takes them when it
     * comes up, for all we know. */
    void (*on_writable)(void *ctx, bool writable);
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

bool store_is_up(const struct store *store);
/* Up, and no write was refused for a reason that holds for all (out of memory, disk full, ...). */
bool store_is_writable(const struct store *store);

/* Whether absence of a worker's key means that the worker is gone: not so soon after an outage, in
 * which none could be renewed. */
bool store_is_settled(const struct store *store);

/* Why it is not up or not writable, or what went wrong last; a phrase for people. */
const char *store_trouble(const struct store *store);

#endif
