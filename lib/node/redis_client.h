/* The supervisor's own connection to Redis: is it there, may we use it, is it as durable as it
 * should be. It connects again by itself for as long as it lives, and asks for a sign of life now
 * and then. Rooms never go through it. */
#ifndef NODE_REDIS_CLIENT_H
#define NODE_REDIS_CLIENT_H

#include "base/config.h"
#include "cluster/workers.h"
#include "store/ask.h"

struct redis_client;

/* The oldest Redis that has all commands we use. */
#define REDIS_VERSION_MAJOR 6
#define REDIS_VERSION_MINOR 2

/* Called from the loop; destroying the client in them is not allowed. */
struct redis_client_handlers {
    void (*on_up)(void *ctx);
    /* After each failed attempt, and when a connection is lost; `why` is for people. */
    void (*on_trouble)(void *ctx, enum store_trouble_kind trouble, const char *why);
};

/* Starts connecting. `url` and `handlers` are borrowed. `check_durability`: say in the log where
 * the settings are weaker than acknowledged changes deserve. */
struct redis_client *redis_client_create(struct event_base *base, const struct redis_url *url,
                                         bool check_durability,
                                         const struct redis_client_handlers *handlers, void *ctx);

bool redis_client_is_up(const struct redis_client *client);
/* What is wrong while it is not up, for people. */
const char *redis_client_why(const struct redis_client *client);
/* Tries now rather than at the end of the back-off. */
void redis_client_hurry(struct redis_client *client);

/* Takes a dead worker off the list of live ones (proto/redis.md), so that its rooms need not wait
 * for its key to expire. Without Redis nothing happens: the key expires. */
void redis_client_forget_worker(struct redis_client *client, const char *worker_id);

/* Key of a worker's hash; the caller frees it. */
char *redis_client_worker_key(const struct redis_client *client, const char *worker_id);

/* Of the nodes that are to be empty; the caller frees it. */
char *redis_client_drain_key(const struct redis_client *client);

/* Reads all live workers; as membership_read. */
void redis_client_read_members(struct redis_client *client, struct workers *workers,
                               void (*fn)(void *ctx, enum err err), void *ctx);

/* Sends one command; `fn` is called exactly once, at once with NULL if Redis is not up. */
void redis_client_command(struct redis_client *client, const struct str *args, size_t count,
                          store_ask_fn fn, void *ctx);
/* A step through all rooms' hashes, and others': see store_scan. */
void redis_client_scan(struct redis_client *client, uint64_t cursor, uint64_t count,
                       store_scan_fn fn, void *ctx);

/* NULL is fine. */
void redis_client_destroy(struct redis_client *client);

#endif
