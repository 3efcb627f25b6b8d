/* Any text frames as a client's chunks, against a model that keeps all frames and looks at them
 * afresh each time. The first byte chooses the limit; frames are separated by 0xff bytes, which no
 * text frame can hold. */
#include "base/alloc.h"
#include "edge/chunk.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            __builtin_trap();                                                                      \
        }                                                                                          \
    } while (0)

enum { MODEL_CHUNKS = 64 };

/* The sequence so far, as protocol 7.2 describes it. */
struct model {
    struct str bodies[MODEL_CHUNKS];
    size_t received;
    uint64_t expected; /* chunks in all; 0: idle */
};

/* False if the frame is no chunk. Counters that do not fit into 53 bits are left out of the game by
 * the caller. */
static bool parse_chunk(struct str frame, uint64_t *counter, struct str *body)
{
    size_t digits = 0;
    *counter = 0;
    while (digits < frame.len && frame.ptr[digits] >= '0' && frame.ptr[digits] <= '9') {
        *counter = *counter * 10 + (uint64_t)(frame.ptr[digits++] - '0');
    }
    if (digits == 0 || digits == frame.len || frame.ptr[digits] != '_') {
        return false;
    }
    *body = (struct str){frame.ptr + digits + 1, frame.len - digits - 1};
    return true;
}

static enum chunk_result model_chunk(struct model *model, uint64_t counter, struct str body,
                                     size_t max)
{
    if (model->expected == 0) {
        model->expected = counter + 1;
        model->received = 0;
    }
    if (counter != model->expected - (model->received + 1)) {
        return CHUNK_WRONG_ORDER;
    }
    size_t total = body.len;
    for (size_t i = 0; i < model->received; i++) {
        total += model->bodies[i].len;
    }
    if (total > max) {
        return CHUNK_TOO_LARGE;
    }
    model->bodies[model->received++] = body;
    return counter == 0 ? CHUNK_JOINED : CHUNK_MORE;
}

static enum chunk_result model_feed(struct model *model, struct str frame, size_t max)
{
    uint64_t counter;
    struct str body;
    enum chunk_result result = CHUNK_INVALID;
    if (frame.len > 0 && frame.ptr[0] == '{') {
        result = model->expected ? CHUNK_UNEXPECTED_JSON : CHUNK_WHOLE;
    } else if (parse_chunk(frame, &counter, &body)) {
        result = model_chunk(model, counter, body, max);
    }
    if (result != CHUNK_MORE) {
        model->expected = 0; /* idle after any error and after completion */
    }
    return result;
}

static void check_text(const struct model *model, enum chunk_result result, struct str frame,
                       struct str text)
{
    if (result == CHUNK_WHOLE) {
        MUST(str_eq(text, frame));
    } else if (result == CHUNK_JOINED) {
        for (size_t i = 0; i < model->received; i++) {
            if (model->bodies[i].len == 0) {
                continue; /* and the text may be NULL, to which C allows no addition */
            }
            MUST(str_starts(text, model->bodies[i]));
            text.ptr += model->bodies[i].len;
            text.len -= model->bodies[i].len;
        }
        MUST(text.len == 0);
    }
}

/* Counters beyond this are told apart by nobody, and the model adds them up without care. */
static bool too_many_digits(struct str frame)
{
    size_t digits = 0;
    while (digits < frame.len && frame.ptr[digits] >= '0' && frame.ptr[digits] <= '9') {
        digits++;
    }
    return digits > 15;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    size_t max = (size_t)data[0] * 4;
    struct chunk_assembler assembler = {0};
    struct model model = {0};
    for (size_t at = 1; at <= size && model.received < MODEL_CHUNKS;) {
        const uint8_t *end = at < size ? memchr(data + at, 0xff, size - at) : NULL;
        size_t len = end ? (size_t)(end - data) - at : size - at;
        struct str frame = {(const char *)data + at, len};
        at += len + 1;
        if (too_many_digits(frame)) {
            break;
        }
        char *copy = xmemdup(frame.ptr, frame.len);
        struct str text = {0};
        enum chunk_result want = model_feed(&model, frame, max);
        enum chunk_result got = chunk_feed(&assembler, (struct str){copy, len}, max, &text);
        MUST(got == want);
        check_text(&model, got, frame, text);
        MUST(buf_len(&assembler.joined) <= max);
        MUST(got == CHUNK_MORE || got == CHUNK_JOINED || assembler.joined.cap == 0);
        free(copy);
    }
    chunk_finish(&assembler);
    return 0;
}
