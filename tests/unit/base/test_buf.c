#include "base/buf.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static bool holds(const struct buf *buf, struct str want)
{
    return str_eq(buf_str(buf), want);
}

Test(buf, a_zeroed_buf_is_empty_and_owns_nothing)
{
    struct buf buf = {0};
    cr_assert(eq(sz, buf_len(&buf), 0));
    cr_assert(eq(sz, buf_str(&buf).len, 0));
    cr_assert(zero(ptr, buf_head(&buf)));
    buf_consume(&buf, 0);
    buf_truncate(&buf, 0);
    buf_clear(&buf, 0);
    buf_append(&buf, NULL, 0);
    cr_assert(zero(ptr, buf.data));
    buf_finish(&buf);
}

Test(buf, appends_land_behind_each_other)
{
    struct buf buf = {0};
    buf_append(&buf, "ab", 2);
    buf_append_str(&buf, STR("cd"));
    buf_append_byte(&buf, 'e');
    buf_printf(&buf, "-%d-%s", 7, "x");
    memcpy(buf_reserve(&buf, 3), "xyz", 3);
    buf_commit(&buf, 2);
    cr_assert(holds(&buf, STR("abcde-7-xxy")));
    buf_finish(&buf);
}

Test(buf, printf_keeps_text_longer_than_the_smallest_buffer)
{
    struct buf buf = {0};
    buf_printf(&buf, "%0300d", 5);
    cr_assert(eq(sz, buf_len(&buf), 300));
    cr_assert(eq(chr, (char)buf_head(&buf)[299], '5'));
    buf_finish(&buf);
}

Test(buf, consuming_everything_starts_over_at_the_front)
{
    struct buf buf = {0};
    buf_append(&buf, "abc", 3);
    buf_consume(&buf, 1);
    cr_assert(holds(&buf, STR("bc")));
    buf_consume(&buf, 2);
    cr_assert(eq(sz, buf.start, 0));
    cr_assert(eq(sz, buf.end, 0));
    buf_finish(&buf);
}

Test(buf, truncate_cuts_the_end_of_what_is_readable)
{
    struct buf buf = {0};
    buf_append(&buf, "abcdef", 6);
    buf_consume(&buf, 2);
    buf_truncate(&buf, 3);
    cr_assert(holds(&buf, STR("cde")));
    buf_finish(&buf);
}

Test(buf, clear_keeps_memory_up_to_the_bound)
{
    struct buf buf = {0};
    buf_append(&buf, "abc", 3);
    size_t cap = buf.cap;
    buf_clear(&buf, cap);
    cr_assert(eq(sz, buf.cap, cap));
    buf_clear(&buf, cap - 1);
    cr_assert(eq(sz, buf.cap, 0));
    cr_assert(zero(ptr, buf.data));
}

Test(buf, take_moves_out_only_what_is_readable)
{
    struct buf buf = {0};
    size_t len = 99;
    buf_append(&buf, "abcdef", 6);
    buf_consume(&buf, 4);
    uint8_t *data = buf_take(&buf, &len);
    cr_assert(eq(sz, len, 2));
    cr_assert(zero(int, memcmp(data, "ef", 2)));
    cr_assert(zero(ptr, buf.data));
    free(data);

    data = buf_take(&buf, &len);
    cr_assert(not(zero(ptr, data)), "also an empty one gives something to free");
    cr_assert(eq(sz, len, 0));
    free(data);
}

Test(buf, a_queue_that_is_drained_as_it_fills_stays_small)
{
    struct buf buf = {0};
    uint8_t in = 0;
    uint8_t out = 0;
    for (int round = 0; round < 10000; round++) {
        for (int i = 0; i < 30; i++) {
            buf_append_byte(&buf, in++);
        }
        for (int i = 0; i < 30 && (round > 0 || i < 20); i++) {
            cr_assert(eq(u8, *buf_head(&buf), out));
            buf_consume(&buf, 1);
            out++;
        }
    }
    cr_assert(eq(sz, buf_len(&buf), 10));
    cr_assert(le(sz, buf.cap, 256));
    buf_finish(&buf);
}

Test(buf, behaves_like_a_plain_array_under_random_use)
{
    enum { ROOM = 1 << 16 };
    uint8_t *model = malloc(ROOM);
    size_t len = 0;
    struct buf buf = {0};
    uint32_t random = 1;
    for (int step = 0; step < 20000; step++) {
        random = random * 1664525u + 1013904223u;
        size_t n = (random >> 8) % 200;
        switch (random >> 28) {
        case 0 ... 7:
            if (len + n <= ROOM) {
                memset(model + len, (int)(random & 0xff), n);
                buf_append(&buf, model + len, n);
                len += n;
            }
            break;
        case 8 ... 13:
            n = n < len ? n : len;
            memmove(model, model + n, len - n);
            len -= n;
            buf_consume(&buf, n);
            break;
        case 14:
            len = n < len ? n : len;
            buf_truncate(&buf, len);
            break;
        default:
            if (n < 5) {
                len = 0;
                buf_clear(&buf, 100);
            }
        }
        cr_assert(holds(&buf, (struct str){(char *)model, len}), "step %d", step);
    }
    buf_finish(&buf);
    free(model);
}
