/* Sends to many sockets for the price of one system call, where the kernel has an io_uring for us;
 * one by one where it has not, or where a sandbox forbids it, as container engines do. Nothing else
 * is different: all is sent, as far as sockets take it without waiting, before a call returns. */
#ifndef NET_SEND_BATCH_H
#define NET_SEND_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { SEND_BATCH_MAX = 256 };

struct send_item {
    int fd;
    const void *data; /* borrowed */
    size_t len;       /* more than 0 */
    ssize_t sent;     /* the result: bytes, or an errno as a negative number */
};

struct send_batch;

/* Without `use_ring`, one by one in any case. Never fails; `*why_not` is what stands against the
 * ring, for people, or NULL. End with send_batch_destroy. */
struct send_batch *send_batch_create(bool use_ring, const char **why_not);
void send_batch_destroy(struct send_batch *batch); /* NULL does nothing */

/* Sends up to SEND_BATCH_MAX items, to different sockets, and fills their results in. */
void send_batch_run(struct send_batch *batch, struct send_item *items, size_t count);

#endif
