/* Somebody outside who edits rooms (proto/link.md, "Requests"): what he is answered must be true.
 */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include "simulator/node.h"

struct shard_link;

/* Puts a record into the room, or loads it anew, by a worker that may be its owner. */
void host_edit(struct str room);

/* The worker has said something on one of its links; at the end of its turn; and when it is dead.
 */
void hosts_ready(struct worker *worker, const struct shard_link *shard);
void hosts_flush(struct worker *worker);
void hosts_of_dead_worker(struct worker *worker);

void hosts_begin(void);

#endif
