/* Late changes to a value that is being written. */
#include "value/splice.h"

#include "base/alloc.h"
#include "value/packer.h"
#include "value/value.h"

#include <assert.h>
#include <stdlib.h>

static struct splice *add(struct splices *splices)
{
    if (splices->count == splices->cap) {
        splices->cap = splices->cap ? splices->cap * 2 : 16;
        splices->items = xrealloc(splices->items, splices->cap * sizeof(*splices->items));
    }
    return &splices->items[splices->count++];
}

static size_t header_size(uint32_t count)
{
    return count < 16 ? 1 : count < 65536 ? 3 : 5;
}

static void write_header(const struct splice *splice, uint8_t *at)
{
    struct buf space = {.data = at, .cap = header_size(splice->count)};
    if (splice->kind == SPLICE_MAP) {
        msgpack_pack_map(&space, splice->count);
    } else {
        msgpack_pack_array(&space, splice->count);
    }
}

void splices_header(struct splices *splices, struct buf *out, size_t at, size_t end, bool map,
                    uint32_t count)
{
    struct splice splice = {
        .at = at, .end = end, .count = count, .kind = map ? SPLICE_MAP : SPLICE_ARRAY};
    if (header_size(count) == end - at) {
        write_header(&splice, buf_head(out) + at);
    } else {
        *add(splices) = splice;
    }
}

/* Names with their members, one behind the other up to `end`. */
struct member_list {
    const struct key *names;
    uint32_t count;
    size_t end;
};

/* Where the key's str header starts. */
static size_t member_at(const struct member_list *members, uint32_t i)
{
    if (i == members->count) {
        return members->end;
    }
    uint32_t len = members->names[i].len;
    return members->names[i].at - (len < 32 ? 1 : len < 256 ? 2 : len < 65536 ? 3 : 5);
}

static size_t member_value_at(const struct member_list *members, uint32_t i)
{
    return members->names[i].at + members->names[i].len;
}

void splices_repeats(struct splices *splices, struct buf *out, struct keys *keys, size_t first,
                     size_t at, size_t end)
{
    const struct member_list members = {keys->items + first, (uint32_t)(keys->count - first),
                                        buf_len(out)};
    uint32_t *winners = xmalloc(members.count * sizeof(*winners));
    keys_winners(keys, first, buf_head(out), winners);
    uint32_t left = 0;
    for (uint32_t i = 0; i < members.count; i++) {
        uint32_t last = winners[i];
        left += last != KEYS_LOST;
        if (last == KEYS_LOST && i > 0 && winners[i - 1] == KEYS_LOST) {
            splices->items[splices->count - 1].end = member_at(&members, i + 1);
        } else if (last == KEYS_LOST) {
            *add(splices) = (struct splice){.at = member_at(&members, i),
                                            .end = member_at(&members, i + 1),
                                            .kind = SPLICE_BYTES};
        } else if (last != i) {
            *add(splices) = (struct splice){.at = member_value_at(&members, i),
                                            .end = member_at(&members, i + 1),
                                            .from = member_value_at(&members, last),
                                            .from_end = member_at(&members, last + 1),
                                            .kind = SPLICE_BYTES};
        }
    }
    free(winners);
    splices_header(splices, out, at, end, true, left);
    splices->repeats = true;
}

/* Moves what is behind the last header to its place at the end, then what is behind the one before,
 * and so on: in place, each byte once. */
struct widening {
    struct buf *out;
    size_t end;    /* not moved yet: up to here */
    size_t to_end; /* and will end here */
};

static void widen_one(struct widening *widening, const struct splice *splice)
{
    size_t size = header_size(splice->count);
    size_t body = widening->end - splice->end;
    size_t to = widening->to_end - body;
    uint8_t *data = buf_head(widening->out);
    memmove(data + to, data + splice->end, body);
    write_header(splice, data + to - size);
    widening->end = splice->at;
    widening->to_end = to - size;
}

static void widen(struct splices *splices, struct buf *out)
{
    size_t growth = 0;
    for (size_t i = 0; i < splices->count; i++) {
        const struct splice *splice = &splices->items[i];
        growth += header_size(splice->count) - (splice->end - splice->at);
    }
    buf_reserve(out, growth);
    struct widening widening = {out, buf_len(out), buf_len(out) + growth};
    buf_commit(out, growth);

    /* From the last place to the first. Read backwards, a container comes before what it holds, and
     * waits until something in front of it turns up. */
    const struct splice *waiting[VALUE_MAX_DEPTH];
    size_t depth = 0;
    for (size_t i = splices->count; i-- > 0;) {
        const struct splice *splice = &splices->items[i];
        while (depth > 0 && waiting[depth - 1]->at > splice->at) {
            widen_one(&widening, waiting[--depth]);
        }
        assert(depth < VALUE_MAX_DEPTH);
        waiting[depth++] = splice;
    }
    while (depth > 0) {
        widen_one(&widening, waiting[--depth]);
    }
}

/* By place; of two at one place the outer one first: a member's value, then that value's header. */
static int compare(const void *left, const void *right)
{
    const struct splice *a = left;
    const struct splice *b = right;
    if (a->at != b->at) {
        return a->at < b->at ? -1 : 1;
    }
    return (a->end < b->end) - (a->end > b->end);
}

/* The first splice at or behind `at`, among those in order; mostly the guessed one. */
static size_t next_splice(const struct splices *splices, size_t guess, size_t at)
{
    size_t low = 0;
    size_t high = splices->count;
    if (guess < high && splices->items[guess].at >= at) {
        high = guess;
        low = guess > 0 && splices->items[guess - 1].at < at ? guess : 0;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (splices->items[middle].at < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Copies the value with all changes made. A member's value that is taken from elsewhere may have
 * such members itself: `waiting` holds the ranges that go on afterwards. */
static void rewrite(struct splices *splices, const uint8_t *data, size_t at, size_t end,
                    struct buf *out)
{
    struct range {
        size_t at, end;
    } waiting[VALUE_MAX_DEPTH];
    size_t depth = 0;
    qsort(splices->items, splices->count, sizeof(*splices->items), compare);
    for (size_t next = 0;; next++) {
        next = next_splice(splices, next, at);
        const struct splice *splice = &splices->items[next];
        if (next == splices->count || splice->at >= end) {
            buf_append(out, data + at, end - at);
            if (depth == 0) {
                return;
            }
            at = waiting[--depth].at;
            end = waiting[depth].end;
            continue;
        }
        buf_append(out, data + at, splice->at - at);
        at = splice->end;
        if (splice->kind != SPLICE_BYTES) {
            size_t size = header_size(splice->count);
            write_header(splice, buf_reserve(out, size));
            buf_commit(out, size);
        } else if (splice->from_end > splice->from) {
            assert(depth < VALUE_MAX_DEPTH);
            waiting[depth++] = (struct range){at, end};
            at = splice->from;
            end = splice->from_end;
        }
    }
}

void splices_apply(struct splices *splices, struct buf *out, size_t start)
{
    if (splices->count == 0) {
        return;
    }
    if (!splices->repeats) {
        widen(splices, out);
        return;
    }
    struct buf whole = {0};
    rewrite(splices, buf_head(out), start, buf_len(out), &whole);
    buf_truncate(out, start);
    buf_append(out, buf_head(&whole), buf_len(&whole));
    buf_finish(&whole);
}

void splices_finish(struct splices *splices)
{
    free(splices->items);
    *splices = (struct splices){0};
}
