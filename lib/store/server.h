/* What a Redis server says of itself that decides how far it can be trusted with a room. Pure. */
#ifndef STORE_SERVER_H
#define STORE_SERVER_H

#include "base/str.h"

#include <stdbool.h>

struct store_server {
    char run[48];        /* run_id: another one after each start, and on each server */
    bool alone;          /* has no replicas and has not been one, so it lost nothing by failover */
    bool appends;        /* has an append-only file */
    bool fsyncs;         /* appendfsync always */
    bool refuses_writes; /* a read-only replica */
    bool is_replica;
    bool is_clustered;     /* a server of a Redis Cluster */
    bool loading;          /* it reads its data and answers nothing else */
    unsigned major, minor; /* version; 0.0: it does not say */
};

/* Before anything is known of it: it promises nothing. */
void server_reset(struct store_server *server);

/* Reads the answer to INFO. */
void server_read_info(struct store_server *server, struct str info);

/* Whether what it has accepted is still there after a restart of it. */
bool server_promises(const struct store_server *server);

/* Whether a room whose last write was accepted by the server `run` ({NULL, 0} if it has never been
 * written) may have lost the end of what was accepted, now that it is read from `server`. */
bool server_may_lack(const struct store_server *server, struct str run);

#endif
