/* The socket of a connection to Redis, before anything is said. */
#ifndef STORE_CONNECT_H
#define STORE_CONNECT_H

#include "base/buf.h"
#include "store/conn.h"

/* A non-blocking socket that is connected, or connecting until it can be written to. The system
 * looks names up, which may take its time. -1: `why` gets a phrase for people. */
int connect_begin(const struct conn_target *target, struct buf *why);
/* It can be written to: what has become of it, an errno. */
int connect_result(int fd);

#endif
