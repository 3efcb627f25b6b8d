/* Many sends at once: the same results with a ring and without, whatever a socket is like. */
#include "net/send_batch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAIRS = SEND_BATCH_MAX };

struct pairs {
    int ours[PAIRS], theirs[PAIRS];
    struct send_item items[PAIRS];
};

static void open_pairs(struct pairs *pairs)
{
    for (int i = 0; i < PAIRS; i++) {
        int both[2];
        cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, both), 0));
        pairs->ours[i] = both[0];
        pairs->theirs[i] = both[1];
        pairs->items[i] =
            (struct send_item){.fd = both[0], .data = &pairs->ours[i], .len = sizeof(int)};
    }
}

static void close_pairs(struct pairs *pairs)
{
    for (int i = 0; i < PAIRS; i++) {
        close(pairs->ours[i]);
        close(pairs->theirs[i]);
    }
}

/* What arrived there is what was meant for it, so often. */
static void check_arrived(const struct pairs *pairs, int i, int times)
{
    int got;
    for (int n = 0; n < times; n++) {
        cr_assert(eq(sz, (size_t)read(pairs->theirs[i], &got, sizeof(got)), sizeof(got)), "%d", i);
        cr_assert(eq(int, got, pairs->ours[i]));
    }
    cr_assert(eq(int, (int)read(pairs->theirs[i], &got, sizeof(got)), -1));
}

static void check_batch(bool use_ring)
{
    static struct pairs pairs;
    const char *why_not;
    struct send_batch *batch = send_batch_create(use_ring, &why_not);
    if (why_not) {
        cr_log_warn("no ring here: %s", why_not);
    }
    open_pairs(&pairs);
    send_batch_run(batch, pairs.items, 0);
    for (int i = 0; i < PAIRS; i++) {
        check_arrived(&pairs, i, 0);
    }
    size_t counts[] = {1, 2, PAIRS, PAIRS - 1};
    for (size_t round = 0; round < 4; round++) {
        send_batch_run(batch, pairs.items, counts[round]);
        for (size_t i = 0; i < PAIRS; i++) {
            cr_assert(i >= counts[round] || pairs.items[i].sent == sizeof(int));
            check_arrived(&pairs, (int)i, i < counts[round]);
        }
    }
    close_pairs(&pairs);
    send_batch_destroy(batch);
}

Test(send_batch, all_is_sent_in_a_ring)
{
    check_batch(true);
}

Test(send_batch, all_is_sent_one_by_one)
{
    check_batch(false);
}

/* A full socket, one whose peer is gone and one that is none, among others that are well; what does
 * not fit is sent in part. */
static void check_trouble(bool use_ring)
{
    enum { LONG = 8 << 20, FULL = 3, GONE = 5, NONE = 7, PART = 9 };
    static struct pairs pairs;
    static char text[LONG];
    const char *why_not;
    struct send_batch *batch = send_batch_create(use_ring, &why_not);
    open_pairs(&pairs);
    while (write(pairs.ours[FULL], text, sizeof(text)) > 0) {
    }
    close(pairs.theirs[GONE]);
    pairs.theirs[GONE] = -1;
    pairs.items[NONE].fd = -1;
    pairs.items[PART].data = text;
    pairs.items[PART].len = LONG;
    for (int round = 0; round < 2; round++) {
        send_batch_run(batch, pairs.items, PAIRS);
        cr_assert(eq(int, (int)pairs.items[FULL].sent, -EAGAIN));
        cr_assert(eq(int, (int)pairs.items[GONE].sent, -EPIPE));
        cr_assert(eq(int, (int)pairs.items[NONE].sent, -EBADF));
        if (round == 0) {
            cr_assert(gt(int, (int)pairs.items[PART].sent, 0));
            cr_assert(lt(int, (int)pairs.items[PART].sent, LONG));
        } else {
            cr_assert(eq(int, (int)pairs.items[PART].sent, -EAGAIN));
        }
        check_arrived(&pairs, FULL + 1, 1);
        check_arrived(&pairs, PAIRS - 1, 1);
    }
    close_pairs(&pairs);
    send_batch_destroy(batch);
}

Test(send_batch, trouble_of_one_socket_is_its_own_in_a_ring)
{
    check_trouble(true);
}

Test(send_batch, trouble_of_one_socket_is_its_own_one_by_one)
{
    check_trouble(false);
}
