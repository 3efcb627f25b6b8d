#include "edge/outq.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static void take(struct outq *queue, size_t len, struct buf *out)
{
    while (len > 0) {
        struct iovec iov[2];
        int count = outq_peek(queue, iov, 2);
        cr_assert(gt(int, count, 0));
        size_t n = iov[0].iov_len < len ? iov[0].iov_len : len;
        buf_append(out, iov[0].iov_base, n);
        outq_sent(queue, n);
        len -= n;
    }
}

Test(outq, gives_back_what_was_put_in)
{
    struct outq queue = {0};
    outq_append(&queue, "hello ", 6);
    outq_push(&queue, blob_create("world", 5));
    struct iovec iov[4];
    cr_assert(eq(int, outq_peek(&queue, iov, 4), 2));
    cr_assert(eq(int, outq_peek(&queue, iov, 1), 1));
    cr_assert(eq(sz, queue.bytes, 11));
    struct buf out = {0};
    take(&queue, 11, &out);
    cr_assert(str_eq(buf_str(&out), STR("hello world")));
    cr_assert(zero(sz, queue.bytes));
    cr_assert(zero(ptr, queue.segments), "an idle queue holds nothing");
    buf_finish(&out);
}

Test(outq, goes_on_in_the_middle_of_a_piece)
{
    struct outq queue = {0};
    outq_append(&queue, "abc", 3);
    outq_append(&queue, "defg", 4);
    outq_sent(&queue, 2);
    struct iovec iov[2];
    cr_assert(eq(int, outq_peek(&queue, iov, 2), 2));
    cr_assert(eq(sz, iov[0].iov_len, 1));
    outq_sent(&queue, 3); /* over the end of the first */
    cr_assert(eq(int, outq_peek(&queue, iov, 2), 1));
    cr_assert(eq(sz, iov[0].iov_len, 2));
    cr_assert(eq(chr, *(char *)iov[0].iov_base, 'f'));
    outq_finish(&queue);
}

/* From what has room in the queue itself to what has not, with something gone already, and back. */
Test(outq, keeps_the_order_of_few_and_of_many)
{
    struct outq queue = {0};
    struct buf in = {0};
    struct buf out = {0};
    for (size_t round = 0; round < 40; round++) {
        for (size_t i = 0; i < round % 7 + 1; i++) {
            uint8_t text[3] = {'a', (uint8_t)round, (uint8_t)i};
            outq_append(&queue, text, sizeof(text));
            buf_append(&in, text, sizeof(text));
        }
        size_t some = queue.bytes * (round % 5) / 4; /* nothing, or parts, or all */
        take(&queue, some, &out);
        cr_assert(eq(sz, queue.bytes, buf_len(&in) - buf_len(&out)));
    }
    take(&queue, queue.bytes, &out);
    cr_assert(str_eq(buf_str(&out), buf_str(&in)));
    cr_assert(zero(ptr, queue.segments), "an idle queue holds nothing");
    buf_finish(&in);
    buf_finish(&out);
}

Test(outq, skips_what_is_empty)
{
    struct outq queue = {0};
    struct blob *empty = blob_create("", 0);
    outq_push(&queue, blob_ref(empty));
    cr_assert(eq(u32, empty->refs, 1));
    cr_assert(zero(u32, queue.count));
    blob_unref(empty);
}

Test(outq, shares_and_lets_go)
{
    struct outq one = {0};
    struct outq other = {0};
    struct blob *shared = blob_create("shared", 6);
    outq_push(&one, blob_ref(shared));
    outq_push(&other, blob_ref(shared));
    cr_assert(eq(u32, shared->refs, 3));
    outq_sent(&one, 5);
    cr_assert(eq(u32, shared->refs, 3));
    outq_sent(&one, 1);
    cr_assert(eq(u32, shared->refs, 2));
    outq_finish(&other); /* a socket that died */
    cr_assert(eq(u32, shared->refs, 1));
    blob_unref(shared);
}

Test(outq, keeps_order_whatever_the_socket_takes)
{
    struct outq queue = {0};
    struct buf put = {0};
    struct buf got = {0};
    uint32_t random = 1;
    for (int i = 0; i < 20000; i++) {
        random = random * 1664525u + 1013904223u;
        size_t len = (random >> 20) % 9;
        uint8_t bytes[8];
        for (size_t k = 0; k < len && k < sizeof(bytes); k++) {
            bytes[k] = (uint8_t)(random >> k);
        }
        len = len < sizeof(bytes) ? len : sizeof(bytes);
        outq_append(&queue, bytes, len);
        buf_append(&put, bytes, len);
        random = random * 1664525u + 1013904223u;
        size_t sent = (random >> 16) % (i % 1000 < 500 ? 6 : 12);
        take(&queue, sent < queue.bytes ? sent : queue.bytes, &got);
        cr_assert(eq(sz, queue.bytes, buf_len(&put) - buf_len(&got)));
    }
    take(&queue, queue.bytes, &got);
    cr_assert(str_eq(buf_str(&put), buf_str(&got)));
    buf_finish(&put);
    buf_finish(&got);
}

/* Three messages, the second of two pieces. */
static void push_three(struct outq *queue)
{
    outq_begin(queue);
    outq_append(queue, "one", 3);
    outq_begin(queue);
    outq_append(queue, "tw", 2);
    outq_append(queue, "o", 1);
    outq_begin(queue);
    outq_append(queue, "three", 5);
}

Test(outq, is_cut_between_messages)
{
    static const char *const left[] = {"", "ne", "e", "", "wo", "o", "", "hree"};
    for (size_t sent = 0; sent < sizeof(left) / sizeof(left[0]); sent++) {
        struct outq queue = {0};
        struct buf out = {0};
        push_three(&queue);
        outq_sent(&queue, sent);
        outq_cut(&queue);
        cr_assert(eq(sz, queue.bytes, strlen(left[sent])));
        take(&queue, queue.bytes, &out);
        cr_assert(str_eq(buf_str(&out), str_of(left[sent])), "%zu: %.*s", sent,
                  STR_ARG(buf_str(&out)));
        cr_assert(zero(ptr, queue.segments));
        buf_finish(&out);
    }
}

Test(outq, is_counted_with_what_it_shares_once)
{
    size_t sum = 0;
    struct outq a = {.sum = &sum};
    struct outq b = {.sum = &sum};
    struct blob *shared = blob_create("shared", 6);
    struct blob *lent = blob_create("lent", 4);
    enum { PLACE = sizeof(struct outq_segment), BLOB = sizeof(struct blob) };
    outq_push(&a, blob_ref(shared));
    cr_assert(eq(sz, sum, PLACE + BLOB + 6));
    outq_push(&b, blob_ref(shared));
    cr_assert(eq(sz, sum, 2 * PLACE + BLOB + 6));
    blob_unref(shared);
    outq_push_lent(&b, lent);
    cr_assert(eq(sz, sum, 3 * PLACE + BLOB + 6));
    outq_sent(&a, 6);
    cr_assert(eq(sz, sum, 2 * PLACE + BLOB + 6), "the other one still needs it");
    push_three(&a);
    outq_splice(&b, &a);
    cr_assert(eq(sz, sum, 6 * PLACE + 5 * BLOB + 6 + 11));
    outq_sent(&b, 6);
    outq_cut(&b);
    cr_assert(eq(sz, b.bytes, 4), "not what began before it was said so");
    outq_finish(&b);
    cr_assert(zero(sz, sum));
    cr_assert(eq(ptr, b.sum, &sum));
}
