/* Streams to workers, wherever they are: over a Unix socket on our own node, over TCP on another
 * one, and there only to and from those who have proven that they know the cluster's secret
 * (proto/cluster.md). Frames are none of its business. */
#ifndef PEER_PEER_H
#define PEER_PEER_H

#include "net/stream.h"

struct peer; /* how a process shows itself to other nodes */

struct peer_config {
    struct str id, node;       /* our own; borrowed for the peer's life */
    const char *secret_file;   /* NULL: no links to other nodes; likewise */
    uint64_t link_version_max; /* 0: all that this build speaks */
};

/* Reads the secret. ERR_USAGE: `why` gets a phrase for people. */
enum err peer_create(const struct peer_config *config, struct peer **out,
                     struct buf *why) NODISCARD;
/* Reads the secret again, for what is proven from now on. ERR_USAGE: all stays as it is. */
enum err peer_reload(struct peer *peer, struct buf *why) NODISCARD;
/* The same for who runs already: what is no good is logged, and changes nothing. Whether it was
 * good. NULL is fine: there is no secret. */
bool peer_renew(struct peer *peer);
/* Streams made with it must be gone. NULL is fine. */
void peer_destroy(struct peer *peer);

/* How a worker shows where others reach it: `remote` of its hash in Redis. */
#define PEER_ADDRESS_MAX (ADDRESS_TEXT_MAX + 4)

/* Who is to be connected to. */
struct peer_target {
    struct str address; /* unix:PATH, tcp:HOST:PORT or tls:HOST:PORT */
    struct str worker;  /* its id */
};

/* Connects: a stream as of stream_create, on which nothing is said before the other end has proven
 * itself. ERR_REFUSED ends it where it cannot, ERR_TIMEOUT where it does not. NULL: it could not
 * even begin; `why` gets a phrase for people. */
struct stream *peer_connect(struct peer *peer, struct event_base *base,
                            const struct peer_target *target, struct buf *output,
                            const struct stream_handlers *handlers, void *ctx, struct buf *why);

#endif
