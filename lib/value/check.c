/* Bytes from our own processes and our own keys to values. */
#include "value/check.h"

#include "value/keys.h"
#include "value/token.h"

/* An open array or map. */
struct frame {
    uint32_t left; /* items or members to come */
    bool map;
    size_t first_key; /* where its names start among the check's keys */
};

struct check {
    const uint8_t *data, *at, *end;
    uint64_t work, max_work;
    bool distinct; /* members with one name are looked for */
    struct keys keys;
    uint32_t depth;
    struct frame frames[VALUE_MAX_DEPTH_INSIDE];
};

static bool read_key(struct check *check)
{
    struct token token;
    if (!token_read(&check->at, check->end, &token) || token.type != VALUE_STRING ||
        !token.canonical) {
        return false;
    }
    if (check->distinct) {
        size_t at = (size_t)(check->at - check->data) - token.text.len;
        keys_push(&check->keys, token.text.ptr, token.text.len, at);
    }
    return true;
}

static enum err open_container(struct check *check, const struct token *token)
{
    if (check->depth == VALUE_MAX_DEPTH_INSIDE) {
        return ERR_TOO_DEEP;
    }
    check->frames[check->depth++] =
        (struct frame){token->count, token->type == VALUE_MAP, check->keys.count};
    check->work += (uint64_t)token->count * check->depth;
    return check->work > check->max_work ? ERR_TOO_LARGE : ERR_OK;
}

static enum err close_container(struct check *check)
{
    const struct frame *frame = &check->frames[--check->depth];
    if (frame->map && !keys_distinct(&check->keys, frame->first_key, check->data)) {
        return ERR_MALFORMED;
    }
    keys_drop(&check->keys, frame->first_key);
    return ERR_OK;
}

static enum err read_value(struct check *check)
{
    struct token token;
    if (!token_read(&check->at, check->end, &token) || !token.canonical) {
        return ERR_MALFORMED;
    }
    bool container = token.type == VALUE_ARRAY || token.type == VALUE_MAP;
    return container ? open_container(check, &token) : ERR_OK;
}

static enum err read_all(struct check *check)
{
    enum err err = read_value(check);
    while (!err && check->depth > 0) {
        struct frame *frame = &check->frames[check->depth - 1];
        if (frame->left == 0) {
            err = close_container(check);
            continue;
        }
        frame->left--;
        if (frame->map && !read_key(check)) {
            return ERR_MALFORMED;
        }
        err = read_value(check);
    }
    return err ? err : check->at == check->end ? ERR_OK : ERR_MALFORMED;
}

static enum err check_all(const void *data, size_t len, bool distinct, uint64_t max_work)
{
    struct check check; /* field by field: the frames are big, and few are used */
    check.data = check.at = data;
    check.end = check.data + len;
    check.work = 0;
    check.max_work = max_work;
    check.distinct = distinct;
    check.depth = 0;
    keys_init(&check.keys);
    enum err err = read_all(&check);
    keys_finish(&check.keys);
    return err;
}

static enum err check_value(const void *data, size_t len, bool distinct, struct value *out)
{
    enum err err = check_all(data, len, distinct, UINT64_MAX);
    if (!err) {
        *out = (struct value){data, len};
    }
    return err;
}

enum err value_check(const void *data, size_t len, struct value *out)
{
    return check_value(data, len, true, out);
}

enum err value_check_form(const void *data, size_t len, struct value *out)
{
    return check_value(data, len, false, out);
}

bool value_walkable(struct value value)
{
    return check_all(value.data, value.len, false, VALUE_MAX_WORK) == ERR_OK;
}
