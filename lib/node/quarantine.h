/* Rooms that bring their workers down (proto/redis.md): each such death is counted on the room's
 * hash, and a room that does it again and again is kept from everybody for a while, for otherwise
 * it goes from worker to worker and takes all other rooms with it. */
#ifndef NODE_QUARANTINE_H
#define NODE_QUARANTINE_H

#include "base/str.h"
#include "node/redis_client.h"

#define QUARANTINE_CRASHES 3 /* within QUARANTINE_WINDOW_S */
#define QUARANTINE_WINDOW_S 60
#define QUARANTINE_S 300

/* Counts a death of `worker` (its id) against the room and says in the log what it means. Call it
 * before redis_client_forget_worker: nobody can take the room over until then. Without Redis it is
 * not counted. */
void quarantine_count(struct redis_client *client, struct str room, const char *worker,
                      const char *reason);

/* ERR_UNAVAILABLE: Redis is away. `was`: the room was in quarantine, or on its way there. */
typedef void (*room_released_fn)(void *ctx, enum err err, bool was);

/* Lets everybody in again and forgets the crashes. `fn` is called exactly once, maybe at once. */
void redis_client_release_room(struct redis_client *client, struct str room, room_released_fn fn,
                               void *ctx);

#endif
