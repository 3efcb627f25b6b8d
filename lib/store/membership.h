/* Which workers live, and who owns which room: the parts of Redis that gateways and workers share
 * (proto/redis.md). */
#ifndef STORE_MEMBERSHIP_H
#define STORE_MEMBERSHIP_H

#include "cluster/workers.h"
#include "store/store.h"

/* How long a worker counts as alive after its last sign of life, and how often it gives one. */
enum { MEMBERSHIP_TTL_MS = 3000, MEMBERSHIP_BEAT_MS = 1000 };

struct member {
    struct str id, node, address;
    struct str remote; /* empty: reached from its own node only */
    uint64_t pid, rooms, sessions;
    uint64_t beat;   /* how many signs of life there were, with this one */
    uint64_t cpu;    /* thousandths of a core (cluster/load.h) */
    uint32_t weight; /* of its node */
    bool draining;
};

/* A sign of life; with the figures that placement and operators look at. `fn` is called if there
 * was none left of before: the worker counted as dead for a while, and others may have its rooms;
 * also the first time. */
typedef void (*membership_lapsed_fn)(void *ctx);
void membership_beat(struct store *store, const struct member *member, membership_lapsed_fn fn,
                     void *ctx);
/* None may come for MEMBERSHIP_LONG_MS: until the next one the worker counts as alive for so long.
 */
enum { MEMBERSHIP_LONG_MS = 15000 };
void membership_expect_silence(struct store *store, struct str id);
/* The worker takes its leave. */
void membership_leave(struct store *store, struct str id);

/* Reads all live workers into `workers`, which lives until `fn` is called, if that is not NULL. */
typedef void (*membership_read_fn)(void *ctx, enum err err);
void membership_read(struct store *store, struct workers *workers, membership_read_fn fn,
                     void *ctx);

struct member_owner {
    struct str worker;
    struct str address; /* for who asks */
};

/* The live owner of the room, draining or not; or a worker chosen and claimed for it. Answered
 * exactly once: ERR_OK and the owner, ERR_NOT_FOUND (no worker to take it), ERR_AGAIN (somebody
 * else claimed it just now, or its owner gives no sign of life but Redis was away until now; ask
 * again), ERR_QUARANTINED or ERR_UNAVAILABLE. `workers` as above. */
typedef void (*membership_owner_fn)(void *ctx, struct str room, enum err err,
                                    const struct member_owner *owner);
void membership_find_owner(struct store *store, struct workers *workers, struct str room,
                           struct str node, uint64_t random, membership_owner_fn fn, void *ctx);

#endif
