/* Chunking, both ways: protocol 7. */
#include "edge/chunk.h"

#include "split.h"
#include "value/json.h"
#include "value/pack.h"
#include "vectors.h"

static bool is_split(struct value one)
{
    return member_is_text(one, "kind", "split");
}

struct splitting {
    struct value_walk wanted;
    struct buf *why;
    bool ok;
};

static void check_frame(void *ctx, struct str frame)
{
    struct splitting *splitting = ctx;
    struct value item;
    struct str wanted;
    if (!splitting->ok) {
        return;
    }
    if (!value_next_item(&splitting->wanted, &item) || !value_string(item, &wanted)) {
        buf_printf(splitting->why, "one chunk too many: %.*s", STR_ARG(frame));
        splitting->ok = false;
    } else if (!str_eq(wanted, frame)) {
        buf_printf(splitting->why, "chunk %.*s, got %.*s", STR_ARG(wanted), STR_ARG(frame));
        splitting->ok = false;
    }
}

static bool run_split(struct value file, struct value one, struct buf *why)
{
    (void)file;
    struct splitting splitting = {value_items(value_get(one, STR("chunks"))), why, true};
    uint64_t max = 0;
    value_u64(value_get(one, STR("max")), &max);
    split_message(member_text(one, "message"), (size_t)max, check_frame, &splitting);
    if (splitting.ok && splitting.wanted.left > 0) {
        buf_printf(why, "%u chunks are missing", splitting.wanted.left);
        splitting.ok = false;
    }
    return splitting.ok;
}

static bool is_assemble(struct value one)
{
    return member_is_text(one, "kind", "assemble");
}

/* Feeds one frame; returns the result by its name in the vectors. On "message" `data` has it. */
static const char *assemble(struct chunk_assembler *assembler, struct str frame, struct buf *data)
{
    enum { NO_LIMIT = 1 << 30 };
    struct str text;
    enum chunk_result result = chunk_feed(assembler, frame, NO_LIMIT, &text);
    switch (result) {
    case CHUNK_MORE:
        return "more";
    case CHUNK_INVALID:
        return "invalid-chunk";
    case CHUNK_WRONG_ORDER:
        return "wrong-order";
    case CHUNK_UNEXPECTED_JSON:
        return "unexpected-json";
    case CHUNK_TOO_LARGE:
        return "too-large";
    case CHUNK_WHOLE:
    case CHUNK_JOINED:
        break;
    }
    struct buf json = {0};
    split_escape(text, &json);
    enum err err = json_parse(buf_str(&json), data);
    buf_finish(&json);
    return !err ? "message" : result == CHUNK_WHOLE ? "throw" : "bad-json";
}

static bool run_assemble(struct value file, struct value one, struct buf *why)
{
    (void)file;
    struct chunk_assembler assembler = {0};
    struct value_walk frames = value_items(value_get(one, STR("frames")));
    struct value_walk results = value_items(value_get(one, STR("results")));
    struct value frame;
    struct value result;
    bool ok = frames.left == results.left;
    for (unsigned i = 0; ok && value_next_item(&frames, &frame); i++) {
        struct str text = STR("");
        struct buf data = {0};
        value_string(frame, &text);
        value_next_item(&results, &result);
        struct str wanted = member_is_text(result, "result", "error")
                                ? member_text(result, "error")
                                : member_text(result, "result");
        struct str found = str_of(assemble(&assembler, text, &data));
        ok = str_eq(found, wanted) &&
             (!str_eq(found, STR("message")) ||
              value_equal(buf_value(&data), value_get(result, STR("data"))));
        if (!ok) {
            buf_printf(why, "frame %u: %.*s; ", i, STR_ARG(found));
            report_difference(why, "wanted", result, buf_value(&data));
        }
        buf_finish(&data);
    }
    chunk_finish(&assembler);
    return ok;
}

const struct vector_kind vector_split = {"split", is_split, run_split};
const struct vector_kind vector_assemble = {"assemble", is_assemble, run_assemble};
