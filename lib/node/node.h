/* A node: the supervisor of one machine's gateways, workers and, without a configured one, Redis.
 *
 * It starts them in order, starts again what dies, serves the admin port, replaces the workers on
 * SIGHUP, and stops everything in the opposite order on SIGTERM or SIGINT. It owns no rooms and no
 * client connections. */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include "base/config.h"

/* Runs until told to stop; returns the exit status: 0 after a clean stop, 1 otherwise, and then the
 * reason has been printed. Prints "roomd ready on http://ADDR:PORT" once it can serve. `config` is
 * changed to what was found out, such as the port behind port 0. */
int node_run(struct config *config);

#endif
