/* Any bytes as a link's stream: frames are read off its front as long as they can be. A frame that
 * was read is written again and must read back the same; one byte less than it took is not enough
 * for it. */
#include "base/alloc.h"
#include "link/frame.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An assertion that is there in every build. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            __builtin_trap();                                                                      \
        }                                                                                          \
    } while (0)

static bool inside(const void *ptr, size_t len, const uint8_t *data, size_t size)
{
    const uint8_t *at = ptr;
    return len == 0 || (at >= data && at <= data + size && len <= (size_t)(data + size - at));
}

static void check_views(const struct link_frame *frame, const uint8_t *data, size_t size)
{
    const struct str views[] = {
        frame->id,     frame->node,
        frame->room,   frame->session,
        frame->reason, frame->target,
        frame->bytes,  {(const char *)frame->payload.data, frame->payload.len}};
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
        MUST(inside(views[i].ptr, views[i].len, data, size));
    }
}

static void check_same(const struct link_frame *a, const struct link_frame *b)
{
    MUST(a->type == b->type && a->version_min == b->version_min);
    MUST(a->version_max == b->version_max && a->conn == b->conn && a->seq == b->seq);
    MUST(a->answered == b->answered && a->clock == b->clock && a->channel == b->channel);
    MUST(a->flags == b->flags && a->how == b->how && a->code == b->code);
    MUST(str_eq(a->id, b->id) && str_eq(a->node, b->node) && str_eq(a->room, b->room));
    MUST(str_eq(a->session, b->session) && str_eq(a->reason, b->reason));
    MUST(a->request == b->request && a->verb == b->verb && a->piece == b->piece);
    MUST(a->share == b->share && a->members == b->members);
    MUST(str_eq(a->target, b->target) && str_eq(a->bytes, b->bytes));
    MUST(a->payload.len == b->payload.len && value_equal(a->payload, b->payload));
}

static void write_again(const struct link_frame *frame)
{
    struct buf first = {0};
    struct buf second = {0};
    struct link_reader reader;
    struct link_frame again;
    size_t size;
    link_reader_init(&reader);
    link_write(&first, frame);
    MUST(link_read(&reader, buf_head(&first), buf_len(&first), &again, &size) == ERR_OK);
    MUST(size == buf_len(&first));
    check_same(frame, &again);
    link_write(&second, &again);
    MUST(str_eq(buf_str(&first), buf_str(&second)));
    MUST(strcmp(link_type_name(frame->type), "unknown") != 0);
    link_reader_finish(&reader);
    buf_finish(&first);
    buf_finish(&second);
}

/* In memory of its exact size, so that reading beyond is seen. */
static enum err read_copy(struct link_reader *reader, const uint8_t *data, size_t len,
                          size_t *taken)
{
    uint8_t *copy = xmemdup(data, len);
    struct link_frame frame;
    enum err err = link_read(reader, copy, len, &frame, taken);
    if (!err) {
        MUST(*taken >= 4 && *taken <= len);
        check_views(&frame, copy, *taken);
        write_again(&frame);
    }
    free(copy);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct link_reader reader;
    link_reader_init(&reader);
    size_t taken;
    while (read_copy(&reader, data, size, &taken) == ERR_OK) {
        size_t more;
        MUST(read_copy(&reader, data, taken - 1, &more) == ERR_AGAIN);
        MUST(read_copy(&reader, data, taken, &more) == ERR_OK && more == taken);
        data += taken;
        size -= taken;
    }
    link_reader_finish(&reader);
    return 0;
}
