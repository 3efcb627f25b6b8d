/* A client's socket, for clients.c and writing.c. */
#ifndef GATEWAY_CLIENT_H
#define GATEWAY_CLIENT_H

#include "gateway/internal.h"

#include <event2/event_struct.h>

enum client_state {
    CLIENT_HEAD,      /* reading the HTTP head */
    CLIENT_WEBSOCKET, /* the edge has it */
    CLIENT_ENDING,    /* what is left is being written */
    CLIENT_LINGERING, /* written and shut down; waits for the peer's end, so that no reset overtakes
                         our last bytes */
    CLIENT_ENDED,     /* closed, freed at the end of the turn */
};

struct client {
    struct list link, ready_link, wait_link;
    struct gateway *gateway;
    struct event read;
    struct event *write;    /* made when the socket first does not take all; pending until it has */
    struct edge_conn *conn; /* NULL before the handshake and after the end */
    struct request *request; /* NULL after the head */
    struct outq out;         /* before the handshake */
    uint64_t wait_due;
    int fd;
    enum client_state state;
};

static inline uint64_t client_now(const struct client *client)
{
    return loop_now_ms(client->gateway->base);
}

static inline struct outq *client_output(struct client *client)
{
    return client->conn ? edge_conn_output(client->conn) : &client->out;
}

/* Closes the socket; the client is freed at the end of the turn. */
void client_close(struct client *client);
/* All is written: shuts our side down and waits for the peer's end. */
void client_linger(struct client *client);

/* writing.c: writes to those in gateway->ready what their sockets take. */
void writing_run(struct gateway *gateway);

#endif
