/* msgpack from clients to canonical msgpack. */
#include "value/check.h"
#include "value/keys.h"
#include "value/splice.h"
#include "value/token.h"

/* An open array or map. */
struct frame {
    size_t header, body; /* where they start in the output, from buf_head */
    size_t first_key;    /* where its names start among the run's keys */
    uint32_t left;       /* items or members to come */
    bool map;
};

struct normalize {
    const uint8_t *at, *end;
    struct buf *out;
    uint64_t work;
    struct keys keys;
    struct splices splices;
    uint32_t depth;
    struct frame frames[VALUE_MAX_DEPTH];
};

static void write_text(struct buf *out, struct str text)
{
    msgpack_pack_str(out, text.len);
    packer_append(out, text.ptr, text.len);
}

static bool read_key(struct normalize *run)
{
    struct token token;
    if (!token_read(&run->at, run->end, &token) || token.type != VALUE_STRING) {
        return false;
    }
    write_text(run->out, token.text);
    keys_push(&run->keys, token.text.ptr, token.text.len, buf_len(run->out) - token.text.len);
    return true;
}

static enum err open_container(struct normalize *run, const struct token *token)
{
    if (run->depth == VALUE_MAX_DEPTH) {
        return ERR_TOO_DEEP;
    }
    size_t header = buf_len(run->out);
    bool map = token->type == VALUE_MAP;
    if (map) {
        msgpack_pack_map(run->out, token->count);
    } else {
        msgpack_pack_array(run->out, token->count);
    }
    run->frames[run->depth++] = (struct frame){.header = header,
                                               .body = buf_len(run->out),
                                               .first_key = run->keys.count,
                                               .left = token->count,
                                               .map = map};
    run->work += (uint64_t)token->count * run->depth;
    return run->work > VALUE_MAX_WORK ? ERR_TOO_LARGE : ERR_OK;
}

static void close_container(struct normalize *run)
{
    const struct frame *frame = &run->frames[--run->depth];
    if (frame->map && !keys_distinct(&run->keys, frame->first_key, buf_head(run->out))) {
        splices_repeats(&run->splices, run->out, &run->keys, frame->first_key, frame->header,
                        frame->body);
    }
    keys_drop(&run->keys, frame->first_key);
}

static void write_scalar(struct buf *out, const struct token *token)
{
    switch (token->type) {
    case VALUE_STRING:
        write_text(out, token->text);
        break;
    case VALUE_NUMBER:
        packer_number(out, token->number);
        break;
    case VALUE_BOOL:
        if (token->boolean) {
            msgpack_pack_true(out);
        } else {
            msgpack_pack_false(out);
        }
        break;
    case VALUE_NIL:
    case VALUE_ABSENT:
    case VALUE_ARRAY:
    case VALUE_MAP:
        msgpack_pack_nil(out);
        break;
    }
}

static enum err read_value(struct normalize *run)
{
    struct token token;
    if (!token_read(&run->at, run->end, &token)) {
        return ERR_MALFORMED;
    }
    if (token.type == VALUE_ARRAY || token.type == VALUE_MAP) {
        return open_container(run, &token);
    }
    write_scalar(run->out, &token);
    return ERR_OK;
}

static enum err read_all(struct normalize *run)
{
    enum err err = read_value(run);
    while (!err && run->depth > 0) {
        struct frame *frame = &run->frames[run->depth - 1];
        if (frame->left == 0) {
            close_container(run);
            continue;
        }
        frame->left--;
        if (frame->map && !read_key(run)) {
            return ERR_MALFORMED;
        }
        err = read_value(run);
    }
    return err ? err : run->at == run->end ? ERR_OK : ERR_MALFORMED;
}

enum err value_normalize(const void *data, size_t len, struct buf *out)
{
    struct normalize run; /* field by field: the frames are big, and few are used */
    run.at = data;
    run.end = run.at + len;
    run.out = out;
    run.work = 0;
    run.splices = (struct splices){0};
    run.depth = 0;
    keys_init(&run.keys);

    size_t start = buf_len(out);
    buf_reserve(out, len);
    enum err err = read_all(&run);
    if (err) {
        buf_truncate(out, start);
    } else {
        splices_apply(&run.splices, out, start);
    }
    splices_finish(&run.splices);
    keys_finish(&run.keys);
    return err;
}
