/* roomd-gateway: the edge on a loop, with its client sockets, its links and its Redis. */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "base/config.h"

/* Runs until it is told to stop; returns the exit status. `config` is the process' own. */
int gateway_run(const struct config *config);

#endif
