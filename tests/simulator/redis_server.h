/* The simulated Redis as a client sees it: a connection that takes commands and gives replies as
 * bytes, in order. */
#ifndef SIM_REDIS_SERVER_H
#define SIM_REDIS_SERVER_H

#include "simulator/history.h"
#include "simulator/redis.h"

struct redis_conn_handlers {
    void (*on_reply)(void *ctx, struct str bytes);
    void (*on_closed)(void *ctx);
};

bool redis_is_reachable(const struct proc *proc);
struct redis_conn *redis_conn_open(struct proc *proc, const struct redis_conn_handlers *handlers,
                                   void *ctx);
void redis_conn_send(struct redis_conn *conn, int argc, char *const *argv, const size_t *len);
/* The client's end is closed: no handler is called any more. */
void redis_conn_close(struct redis_conn *conn);

#endif
