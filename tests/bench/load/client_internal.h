/* What a client's life (client.c) and its hearing (hear.c) tell each other. */
#ifndef BENCH_CLIENT_INTERNAL_H
#define BENCH_CLIENT_INTERNAL_H

#include "client.h"

void client_set_state(struct client *client, enum client_state state);
/* Whether it counts among those that get the others' updates. */
bool client_listens(const struct client *client);

/* Sends what the socket takes; the rest waits in `out`. */
void client_flush(struct client *client);
/* To be called with the connect reply, and with each result until it is READY: puts what has to be
 * there before. */
void client_prepare(struct client *client);

/* The server, or the network, ended it: it is CLOSED, or IDLE if it may try again. */
void client_on_end(struct client *client, const char *what, unsigned code);
/* The server said something wrong. */
void client_on_wrong(struct client *client, const char *what);

#endif
