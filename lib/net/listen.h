/* Listening TCP sockets. Hosts are looked up here, so names work; the first address counts. */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include "base/address.h"
#include "base/buf.h"

enum listen_mode {
    LISTEN_ALONE,  /* ours only: fails when anybody listens there */
    LISTEN_SHARED, /* SO_REUSEPORT: the kernel spreads connections over all who listen so */
};

/* Binds and listens. `*fd` is non-blocking and closed on exec; `*bound` (NULL: not wanted) is the
 * numeric address with the port that port 0 became. On failure `why` gets a phrase for people and
 * errno's meaning, such as "address already in use". */
enum err listen_open(const struct address *address, enum listen_mode mode, int *fd,
                     struct address *bound, struct buf *why) NODISCARD;

/* Makes sure that nobody listens there, and keeps the port for sockets in LISTEN_SHARED mode of
 * this user until `*fd` is closed. It does not listen itself, so it gets no connections. */
enum err listen_reserve(const struct address *address, int *fd, struct address *bound,
                        struct buf *why) NODISCARD;

#endif
