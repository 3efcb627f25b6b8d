/* Any bytes as an HTTP request: fed whole, byte by byte and in pieces, they must lead to the same
 * answer. The first byte chooses the pieces. */
#include "base/alloc.h"
#include "base/utf8.h"
#include "gateway/request.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            __builtin_trap();                                                                      \
        }                                                                                          \
    } while (0)

struct run {
    struct request *request;
    enum err err;
    size_t used;
};

static void feed_all(struct run *run, const uint8_t *data, size_t size, size_t step)
{
    *run = (struct run){.request = request_create(), .err = ERR_AGAIN};
    for (size_t at = 0; at < size && run->err == ERR_AGAIN; at += step) {
        size_t len = size - at < step ? size - at : step;
        uint8_t *copy = xmemdup(data + at, len);
        size_t used = SIZE_MAX;
        run->err = request_feed(run->request, copy, len, &used);
        MUST(used <= len && (run->err != ERR_AGAIN || used == len));
        run->used += used;
        free(copy);
    }
}

static void same_str(struct str a, struct str b)
{
    MUST(str_eq(a, b) && (a.ptr == NULL) == (b.ptr == NULL));
}

static void check_id(struct str id)
{
    MUST(id.len <= REQUEST_ID_MAX && utf8_valid((const uint8_t *)id.ptr, id.len));
    for (size_t i = 0; i < id.len; i++) {
        MUST((unsigned char)id.ptr[i] >= 0x20 && id.ptr[i] != 0x7f);
    }
}

static void check_target(const struct run *a, const struct run *b)
{
    struct connect_target one;
    struct connect_target other;
    const char *why = NULL;
    const char *why_other = NULL;
    enum err err = request_target(a->request, &one, &why);
    MUST(request_target(b->request, &other, &why_other) == err);
    MUST(err == ERR_OK || err == ERR_NOT_FOUND || err == ERR_MALFORMED);
    MUST(why == why_other && (why != NULL) == (err == ERR_MALFORMED));
    if (!err) {
        check_id(one.room);
        check_id(one.session);
        MUST(one.room.len > 0 && one.readonly == other.readonly);
        same_str(one.room, other.room);
        same_str(one.session, other.session);
    }
}

static void compare(const struct run *a, const struct run *b)
{
    MUST(a->err == b->err);
    if (a->err != ERR_OK) {
        return;
    }
    MUST(a->used == b->used && a->used <= REQUEST_HEAD_MAX + 1);
    struct ws_request one = request_upgrade(a->request);
    struct ws_request other = request_upgrade(b->request);
    MUST(one.http_major == other.http_major && one.http_minor == other.http_minor);
    same_str(request_path(a->request), request_path(b->request));
    same_str(one.method, other.method);
    same_str(one.upgrade, other.upgrade);
    same_str(one.connection, other.connection);
    same_str(one.key, other.key);
    same_str(one.version, other.version);
    check_target(a, b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    size_t steps[] = {1, 2 + data[0] % 64};
    struct run whole;
    feed_all(&whole, data + 1, size - 1, size);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct run pieces;
        feed_all(&pieces, data + 1, size - 1, steps[i]);
        compare(&whole, &pieces);
        request_destroy(pieces.request);
    }
    request_destroy(whole.request);
    return 0;
}
