/* Chunk assembly. */
#include "edge/chunk.h"

/* Reads `digits _`; false if the frame does not start so. Counters beyond 2^53 all wait for good.
 */
static bool read_counter(struct str frame, uint64_t *counter, struct str *body)
{
    const uint64_t huge = (uint64_t)1 << 53;
    size_t i = 0;
    uint64_t value = 0;
    for (; i < frame.len && frame.ptr[i] >= '0' && frame.ptr[i] <= '9'; i++) {
        value = value > huge ? value : value * 10 + (uint64_t)(frame.ptr[i] - '0');
    }
    if (i == 0 || i == frame.len || frame.ptr[i] != '_') {
        return false;
    }
    *counter = value;
    *body = (struct str){frame.ptr + i + 1, frame.len - i - 1};
    return true;
}

static enum chunk_result reset(struct chunk_assembler *assembler, enum chunk_result result)
{
    chunk_finish(assembler);
    return result;
}

enum chunk_result chunk_feed(struct chunk_assembler *assembler, struct str frame, size_t max,
                             struct str *text)
{
    if (assembler->remaining == 0) {
        chunk_finish(assembler); /* what the last call handed out */
    }
    if (frame.len > 0 && frame.ptr[0] == '{') {
        if (assembler->remaining > 0) {
            return reset(assembler, CHUNK_UNEXPECTED_JSON);
        }
        *text = frame;
        return CHUNK_WHOLE;
    }
    uint64_t counter;
    struct str body;
    if (!read_counter(frame, &counter, &body)) {
        return reset(assembler, CHUNK_INVALID);
    }
    if (assembler->remaining > 0 && counter + 1 != assembler->remaining) {
        return reset(assembler, CHUNK_WRONG_ORDER);
    }
    if (buf_len(&assembler->joined) + body.len > max) {
        return reset(assembler, CHUNK_TOO_LARGE);
    }
    assembler->remaining = counter;
    buf_append_str(&assembler->joined, body);
    if (counter > 0) {
        return CHUNK_MORE;
    }
    *text = buf_str(&assembler->joined);
    return CHUNK_JOINED;
}

void chunk_finish(struct chunk_assembler *assembler)
{
    buf_finish(&assembler->joined);
    assembler->remaining = 0;
}
