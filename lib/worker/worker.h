/* roomd-worker: the shard on a loop, with its link socket and its Redis. */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "base/config.h"

/* Runs until it is told to stop; returns the exit status. `config` is the process' own. */
int worker_run(const struct config *config);

#endif
