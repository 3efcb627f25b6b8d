/* What the files of lib/peer share and nobody else sees. */
#ifndef PEER_INTERNAL_H
#define PEER_INTERNAL_H

#include "link/secret.h"
#include "peer/peer.h"

struct peer_tls;

struct peer {
    struct peer_config config;
    struct secrets secrets;
    struct peer_tls *tls; /* owned; reads the secrets above; NULL without */
};

enum peer_side { PEER_CONNECTS, PEER_ACCEPTS };

/* How long a stranger may take. */
enum { PEER_CONNECT_MS = 3000, PEER_ACCEPT_MS = 5000 };

/* proof.c: both sides prove themselves, then bytes pass as they are. What it says first is appended
 * to `hello`; `wanted` is the worker that who connects wants. */
struct stream_filter *proof_filter_create(const struct peer *peer, enum peer_side side,
                                          struct str wanted, struct buf *hello);

/* tls.c: the same with encryption. NULL: out of order; never seen. */
struct peer_tls *peer_tls_create(const struct secrets *secrets);
void peer_tls_destroy(struct peer_tls *tls);
struct stream_filter *tls_filter_create(const struct peer_tls *tls, enum peer_side side,
                                        struct buf *hello);

#endif
