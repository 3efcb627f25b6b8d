/* Where a worker listens for other nodes. Strangers stay in here: only who has proven itself comes
 * out, as a stream. */
#ifndef PEER_LISTENER_H
#define PEER_LISTENER_H

#include "base/address.h"
#include "peer/peer.h"

struct peer_listener;

/* More than that have not proven themselves yet: the oldest makes room. */
enum { PEER_STRANGERS_MAX = 64 };

/* Take the stream over with stream_hand_over, in this call. */
typedef void (*peer_accepted_fn)(void *ctx, struct stream *stream);

struct peer_listen {
    struct address address;
    const char *advertise; /* the host that others connect to, numeric; borrowed for the call */
    bool tls;
};

/* The peer must have a secret, and outlive the listener. On failure `why` gets a phrase for
 * people. */
enum err peer_listener_create(struct peer *peer, struct event_base *base,
                              const struct peer_listen *listen, peer_accepted_fn fn, void *ctx,
                              struct peer_listener **out, struct buf *why) NODISCARD;
/* How others reach it: "tcp:HOST:PORT". */
const char *peer_listener_remote(const struct peer_listener *listener);
/* Strangers are hung up on. NULL is fine. */
void peer_listener_destroy(struct peer_listener *listener);

#endif
