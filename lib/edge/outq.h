/* Bytes on their way to one socket: small pieces are gathered, large shared ones only referenced.
 * Zeroed is empty and holds no memory. Pure. */
#ifndef EDGE_OUTQ_H
#define EDGE_OUTQ_H

#include "base/blob.h"

#include <stdbool.h>
#include <sys/uio.h>

struct outq_segment {
    struct blob *blob; /* one reference */
    bool begins;       /* a message: what is in front of it can be sent without it */
};

enum { OUTQ_FEW = 2 };

struct outq {
    struct outq_segment *segments; /* owned; a queue of count from first. NULL: it is in `few` */
    struct outq_segment few[OUTQ_FEW]; /* most frames are one or two */
    uint32_t first, count, cap;
    uint32_t offset; /* bytes of the first segment that are sent */
    bool begins;     /* the next segment begins a message */
    size_t bytes;    /* still to send */
    size_t *sum; /* borrowed, or NULL: what it holds is counted there, shared memory once for all
                    queues that have the same sum */
};

/* Takes the caller's reference. */
void outq_push(struct outq *queue, struct blob *take);
/* The same for what somebody else keeps, and counts. */
void outq_push_lent(struct outq *queue, struct blob *take);
/* What is pushed next begins a message. */
void outq_begin(struct outq *queue);
/* Drops all messages of which nothing has been sent. */
void outq_cut(struct outq *queue);
/* All that is in the other one, which is empty then. */
void outq_splice(struct outq *queue, struct outq *from);
/* Copies. */
void outq_append(struct outq *queue, const void *data, size_t len);

/* Fills up to `max` entries for writev; returns how many. */
int outq_peek(const struct outq *queue, struct iovec *iov, int max);
/* Drops `len` bytes that were sent. */
void outq_sent(struct outq *queue, size_t len);
void outq_finish(struct outq *queue);

#endif
