/* Asks Redis whether there is somebody to hand over to: workers of other nodes that take rooms. */
#ifndef NODE_OTHERS_H
#define NODE_OTHERS_H

#include "node/phase.h"
#include "node/redis_client.h"

/* OTHERS_NONE also where Redis does not know. */
typedef void (*others_fn)(void *ctx, enum node_others others);

/* Calls `fn` exactly once, at the latest when the client is destroyed. `node` is our own one, and
 * borrowed until then. */
void others_count(struct redis_client *redis, const char *node, others_fn fn, void *ctx);

#endif
