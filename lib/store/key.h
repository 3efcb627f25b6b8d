/* Names of keys in Redis (proto/redis.md). */
#ifndef STORE_KEY_H
#define STORE_KEY_H

#include "base/str.h"

/* roomd:{ROOM} and a suffix; braces and % in the name are percent-encoded, so that the hash tag is
 * the room. The caller frees it. */
char *store_room_key(struct str room, const char *suffix);

struct store;
/* roomd:worker:ID; in a cluster roomd:worker:{roomd:workers}:ID. The caller frees it. */
char *store_worker_key(const struct store *store, struct str id);
/* roomd:draining; in a cluster roomd:draining:{roomd:workers}. The caller frees it. */
char *store_drain_key(const struct store *store);

#endif
