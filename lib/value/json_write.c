/* Canonical msgpack to JSON text, without recursion. */
#include "value/json.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "value/head.h"
#include "value/number.h"
#include "value/packer.h"
#include "value/scan.h"

#include <math.h>
#include <stdlib.h>

static void write_char(struct buf *out, char c)
{
    *packer_room(out, 1) = (uint8_t)c;
    buf_commit(out, 1);
}

static void write_text(struct buf *out, struct str text)
{
    packer_append(out, text.ptr, text.len);
}

static void write_unit(struct buf *out, uint32_t unit)
{
    static const char digits[] = "0123456789abcdef";
    char escape[6] = {'\\',
                      'u',
                      digits[unit >> 12 & 15],
                      digits[unit >> 8 & 15],
                      digits[unit >> 4 & 15],
                      digits[unit & 15]};
    packer_append(out, escape, sizeof(escape));
}

static void write_escape(struct buf *out, uint8_t c)
{
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    char letter = c < 0x20 ? letters[c] : (char)c;
    if (letter) {
        char escape[2] = {'\\', letter};
        packer_append(out, escape, sizeof(escape));
    } else {
        write_unit(out, c);
    }
}

/* Copies text without characters to escape, except that lone surrogates have to be found. */
static void write_wide(struct buf *out, const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        const uint8_t *next = memchr(at, 0xed, (size_t)(end - at));
        if (!next) {
            next = end;
        } else if (next[1] < 0xa0) {
            next += 3; /* U+D000..D7FF share the first byte */
        } else {
            packer_append(out, at, (size_t)(next - at));
            write_unit(out, wtf8_first_surrogate((struct str){(const char *)next, 3}));
            at = next + 3;
            continue;
        }
        packer_append(out, at, (size_t)(next - at));
        at = next;
    }
}

/* `limit` as in scan_plain. */
static void write_string(struct buf *out, const uint8_t *at, size_t len, const uint8_t *limit)
{
    const uint8_t *end = at + len;
    packer_room(out, len + 2);
    write_char(out, '"');
    for (;;) {
        bool ascii = true;
        const uint8_t *stop = scan_plain(at, end, limit, &ascii);
        if (ascii) {
            packer_append(out, at, (size_t)(stop - at));
        } else {
            write_wide(out, at, stop);
        }
        if (stop == end) {
            break;
        }
        write_escape(out, *stop);
        at = stop + 1;
    }
    write_char(out, '"');
}

static void write_number(struct buf *out, double number)
{
    if (isinf(number)) {
        write_text(out, STR("null"));
    } else {
        char *text = (char *)packer_room(out, NUMBER_TEXT_MAX);
        buf_commit(out, number_to_text(number, text));
    }
}

static void write_scalar(struct buf *out, const uint8_t *at, const struct head *head,
                         const uint8_t *limit)
{
    switch (head->type) {
    case VALUE_STRING:
        write_string(out, at + head->size, head->count, limit);
        break;
    case VALUE_NUMBER:
        write_number(out, head_number(at));
        break;
    case VALUE_BOOL:
        write_text(out, *at == 0xc3 ? STR("true") : STR("false"));
        break;
    case VALUE_NIL:
    case VALUE_ABSENT:
    case VALUE_ARRAY:
    case VALUE_MAP:
        write_text(out, STR("null"));
        break;
    }
}

/* An open array or object. */
struct frame {
    uint32_t left; /* items or members to come, with the one being written */
    bool map;
};

/* What is written may be deeper than VALUE_MAX_DEPTH: messages wrap records, and a diff has two
 * levels for each of the record's. */
struct frames {
    struct frame *items; /* `few`, or owned memory */
    size_t count, cap;
    struct frame few[64];
};

static void push_frame(struct frames *frames, uint32_t left, bool map)
{
    if (frames->count == frames->cap) {
        frames->cap *= 2;
        struct frame *old = frames->items == frames->few ? NULL : frames->items;
        frames->items = xrealloc(old, frames->cap * sizeof(*frames->items));
        if (!old) {
            memcpy(frames->items, frames->few, sizeof(frames->few));
        }
    }
    frames->items[frames->count++] = (struct frame){left, map};
}

/* After a value: ends the containers that end here. Whether there is a value to come. */
static bool next_value(struct frames *frames, struct buf *out)
{
    while (frames->count > 0) {
        struct frame *frame = &frames->items[frames->count - 1];
        if (--frame->left > 0) {
            write_char(out, ',');
            return true;
        }
        write_char(out, frame->map ? '}' : ']');
        frames->count--;
    }
    return false;
}

static const uint8_t *write_key(struct buf *out, const uint8_t *at, const uint8_t *limit)
{
    struct head head = head_read(at);
    write_string(out, at + head.size, head.count, limit);
    write_char(out, ':');
    return at + head.size + head.count;
}

static void write_value(struct frames *frames, struct value value, struct buf *out)
{
    const uint8_t *at = value.data;
    const uint8_t *limit = at + value.len;
    for (;;) {
        if (frames->count > 0 && frames->items[frames->count - 1].map) {
            at = write_key(out, at, limit);
        }
        struct head head = head_read(at);
        bool map = head.type == VALUE_MAP;
        if (map || head.type == VALUE_ARRAY) {
            at += head.size;
            write_char(out, map ? '{' : '[');
            if (head.count > 0) {
                push_frame(frames, head.count, map);
                continue;
            }
            write_char(out, map ? '}' : ']');
        } else {
            write_scalar(out, at, &head, limit);
            at += head.size + head.count;
        }
        if (!next_value(frames, out)) {
            return;
        }
    }
}

void json_write(struct value value, struct buf *out)
{
    if (!value_present(value)) {
        write_text(out, STR("null"));
        return;
    }
    struct frames frames;
    frames.items = frames.few;
    frames.count = 0;
    frames.cap = sizeof(frames.few) / sizeof(frames.few[0]);
    write_value(&frames, value, out);
    if (frames.items != frames.few) {
        free(frames.items);
    }
}

void json_write_string(struct str text, struct buf *out)
{
    const uint8_t *at = (const uint8_t *)text.ptr;
    write_string(out, at, text.len, at + text.len);
}
