/* Splitting, counted in UTF-16 units over WTF-8. */
#include "split.h"

#include "base/alloc.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>

static size_t digits_of(size_t number)
{
    return (size_t)snprintf(NULL, 0, "%zu", number);
}

/* Where the character before `end` starts. */
static size_t previous(struct str text, size_t end)
{
    do {
        end--;
    } while (((unsigned char)text.ptr[end] & 0xc0) == 0x80);
    return end;
}

/* Where the chunk that ends at `end` starts, given room for `room` units of body. */
static size_t chunk_start(struct str text, size_t end, size_t room)
{
    size_t start = end;
    while (start > 0) {
        size_t before = previous(text, start);
        size_t units = start - before == 4 ? 2 : 1;
        /* One character goes in whatever it takes, or there would be no progress. */
        if (units > room && start < end) {
            break;
        }
        room -= units < room ? units : room;
        start = before;
        if (room == 0) {
            break;
        }
    }
    return start;
}

void split_message(struct str message, size_t max, split_fn emit, void *ctx)
{
    if (wtf8_utf16_len(message) < max) {
        emit(ctx, message);
        return;
    }
    /* From the end, since the prefix of a chunk counts those behind it. */
    size_t *starts = xcalloc(message.len + 1, sizeof(*starts));
    size_t count = 0;
    for (size_t end = message.len; end > 0;) {
        size_t prefix = digits_of(count) + 1;
        end = chunk_start(message, end, max > prefix ? max - prefix : 1);
        starts[count++] = end;
    }
    while (count-- > 0) {
        size_t end = count > 0 ? starts[count - 1] : message.len;
        struct buf frame = {0};
        buf_printf(&frame, "%zu_", count);
        buf_append(&frame, message.ptr + starts[count], end - starts[count]);
        emit(ctx, buf_str(&frame));
        buf_finish(&frame);
    }
    free(starts);
}

void split_escape(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        struct str three = {text.ptr + i, 3};
        uint32_t surrogate = text.len - i >= 3 ? wtf8_first_surrogate(three) : 0;
        if (surrogate) {
            buf_printf(out, "\\u%04x", surrogate);
            i += 2;
        } else {
            buf_append_byte(out, (uint8_t)text.ptr[i]);
        }
    }
}
