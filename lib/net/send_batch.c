/* Many sends with one system call. */
#include "net/send_batch.h"

#include "base/alloc.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* With MSG_DONTWAIT a send ends while it is submitted, whatever becomes of it: the kernel neither
 * waits for the socket nor hands the send to a thread. */
enum { FLAGS = MSG_NOSIGNAL | MSG_DONTWAIT };

struct send_batch {
    bool has_ring;
    struct io_uring ring;
};

static void drop_ring(struct send_batch *batch)
{
    if (batch->has_ring) {
        io_uring_queue_exit(&batch->ring);
        batch->has_ring = false;
    }
}

/* Linux 5.6 and later. */
static bool can_send(struct io_uring *ring)
{
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    bool can = probe && io_uring_opcode_supported(probe, IORING_OP_SEND);
    io_uring_free_probe(probe);
    return can;
}

struct send_batch *send_batch_create(bool use_ring, const char **why_not)
{
    struct send_batch *batch = xcalloc(1, sizeof(*batch));
    *why_not = NULL;
    if (use_ring) {
        int err = io_uring_queue_init(SEND_BATCH_MAX, &batch->ring, 0);
        batch->has_ring = err == 0;
        *why_not = err ? strerror(-err) : NULL;
    }
    if (batch->has_ring && !can_send(&batch->ring)) {
        drop_ring(batch);
        *why_not = "it does not say that it can send";
    }
    return batch;
}

void send_batch_destroy(struct send_batch *batch)
{
    if (batch) {
        drop_ring(batch);
        free(batch);
    }
}

static void send_one(struct send_item *item)
{
    do {
        item->sent = send(item->fd, item->data, item->len, FLAGS);
    } while (item->sent < 0 && errno == EINTR);
    item->sent = item->sent < 0 ? -errno : item->sent;
}

static void enqueue(struct io_uring *ring, struct send_item *item)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
    assert(sqe); /* the ring is empty between runs, and has SEND_BATCH_MAX of them */
    io_uring_prep_send(sqe, item->fd, item->data, item->len, FLAGS);
    io_uring_sqe_set_data(sqe, item);
}

/* Takes the results that are there; returns how many. */
static size_t take_results(struct io_uring *ring)
{
    struct io_uring_cqe *cqe;
    unsigned head;
    unsigned count = 0;
    io_uring_for_each_cqe(ring, head, cqe)
    {
        struct send_item *item = io_uring_cqe_get_data(cqe);
        item->sent = cqe->res;
        count++;
    }
    io_uring_cq_advance(ring, count);
    return count;
}

/* If the kernel does not go on with it, short of memory say, some results are missing, and the ring
 * is dropped: what it has not taken must never be sent later. What it has taken has its result. */
static void run_in_ring(struct send_batch *batch, size_t count)
{
    while (count > 0) {
        int err = io_uring_submit_and_wait(&batch->ring, (unsigned)count);
        count -= take_results(&batch->ring);
        if (err < 0 && err != -EINTR) {
            log_warn(NULL, "io_uring failed; sending one by one from now on",
                     LOG_TEXTZ("why", strerror(-err)));
            drop_ring(batch);
            return;
        }
    }
}

void send_batch_run(struct send_batch *batch, struct send_item *items, size_t count)
{
    enum { NO_RESULT = -EINPROGRESS };
    assert(count <= SEND_BATCH_MAX);
    bool use_ring = batch->has_ring && count > 1;
    for (size_t i = 0; i < count; i++) {
        items[i].sent = NO_RESULT;
        if (use_ring) {
            enqueue(&batch->ring, &items[i]);
        }
    }
    if (use_ring) {
        run_in_ring(batch, count);
    }
    for (size_t i = 0; i < count; i++) {
        if (items[i].sent == NO_RESULT || items[i].sent == -EINTR) {
            send_one(&items[i]);
        }
    }
}
