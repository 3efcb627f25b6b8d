/* How two nodes prove to each other over a connection without encryption that they know the
 * cluster's secret, before the first frame (proto/cluster.md, "Without encryption"). Pure: bytes
 * go in and come out, and the nonce is the caller's.
 *
 *      initiator  HAILED ──challenge──▶ PROVEN ──welcome──▶ DONE
 *      responder  LISTENING ──hail──▶ CHALLENGED ──proof──▶ DONE
 *
 * Anything else leads to FAILED, for good: the connection is of no more use, and nothing more is
 * to be said on it. */
#ifndef LINK_HANDSHAKE_H
#define LINK_HANDSHAKE_H

#include "link/secret.h"

enum {
    HANDSHAKE_NONCE_LEN = 32,
    HANDSHAKE_NAME_MAX = 127,
    HANDSHAKE_BYTES_MAX = 1024, /* of all four messages together */
};

enum handshake_state {
    HANDSHAKE_HAILED,     /* initiator: waits for the challenge */
    HANDSHAKE_PROVEN,     /* initiator: waits for the welcome */
    HANDSHAKE_LISTENING,  /* responder: waits for the hail */
    HANDSHAKE_CHALLENGED, /* responder: waits for the proof */
    HANDSHAKE_DONE,
    HANDSHAKE_FAILED,
};

struct handshake_config {
    const struct secrets *secrets;      /* read in this call and the handshake's; borrowed */
    struct str id, node;                /* our own; at most HANDSHAKE_NAME_MAX bytes, copied */
    struct str wanted;                  /* initiator: the worker that it wants; copied */
    uint64_t version_max;               /* 0: all that this build speaks */
    uint8_t nonce[HANDSHAKE_NONCE_LEN]; /* random, and never used again */
};

struct handshake { /* ends with handshake_finish, also if it is zeroed */
    enum handshake_state state;
    struct secrets secrets;
    unsigned used; /* which of them */
    char id[HANDSHAKE_NAME_MAX + 1], node[HANDSHAKE_NAME_MAX + 1];
    char wanted[HANDSHAKE_NAME_MAX + 1]; /* as the hail says it */
    char peer_id[HANDSHAKE_NAME_MAX + 1], peer_node[HANDSHAKE_NAME_MAX + 1];
    uint64_t version_max;
    uint64_t version;                        /* the common one, once the peer has said its own */
    uint8_t nonces[2 * HANDSHAKE_NONCE_LEN]; /* the initiator's, the responder's */
    struct buf transcript; /* all complete messages, and the beginning of the one that arrives */
    size_t complete;       /* bytes of the complete ones */
};

/* Begins; the initiator's hail is appended to `out`. */
void handshake_begin_initiator(struct handshake *handshake, const struct handshake_config *config,
                               struct buf *out);
void handshake_begin_responder(struct handshake *handshake, const struct handshake_config *config);

/* Takes bytes off the front of `data`, *used of them, and appends what is to be answered.
 * ERR_AGAIN: it goes on. ERR_OK: the peer has proven itself; what follows is the link's.
 * ERR_MALFORMED: not our protocol. ERR_REFUSED: it knows none of our secrets, or another worker is
 * wanted, or answers. ERR_VERSION: no version in common. Then it is over; what was appended by that
 * call, if anything, tells a peer that has proven itself why. */
enum err handshake_input(struct handshake *handshake, const uint8_t *data, size_t len, size_t *used,
                         struct buf *out) NODISCARD;

void handshake_finish(struct handshake *handshake);

#endif
