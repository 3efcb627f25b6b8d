/* A server of a Redis Cluster that has not executed a command, and says where to go with it. Pure.
 * (Redis Cluster specification, "Redirection and resharding".) */
#ifndef STORE_REDIRECT_H
#define STORE_REDIRECT_H

#include "base/address.h"

#include <stdbool.h>

enum redirect_kind {
    REDIRECT_NONE,  /* another error, or none */
    REDIRECT_MOVED, /* the slot is another server's now */
    REDIRECT_ASK,   /* this key is at another server already, the slot follows: ask there, this time
                     */
    REDIRECT_WAIT,  /* try again in a moment: the keys are under way, or nobody has the slot now */
};

struct redirect {
    enum redirect_kind kind;
    uint16_t slot;     /* MOVED and ASK */
    struct address to; /* MOVED and ASK; host "": the host of who said so */
};

/* Reads an error reply: MOVED, ASK, TRYAGAIN, CLUSTERDOWN. */
struct redirect redirect_read(struct str error);

#endif
