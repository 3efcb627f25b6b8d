/* Bytes from our own processes and our own keys to values. */
#include "value/check.h"

#include "base/alloc.h"
#include "value/keys.h"
#include "value/token.h"

#include <stdlib.h>

/* An open array or map. */
struct frame {
    uint32_t left; /* items or members to come */
    bool map;
    size_t first_key; /* where its names start among the check's keys */
};

/* What an item costs of a slice besides its bytes. */
enum { SCALAR = 8 };

struct check {
    const uint8_t *data, *at, *end;
    uint64_t work, max_work;
    bool distinct; /* members with one name are looked for */
    bool begun;
    struct keys keys;
    uint32_t depth;
    struct frame frames[VALUE_MAX_DEPTH_INSIDE];
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

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

/* ERR_AGAIN when the slice is used up. */
static enum err read_on(struct check *check, struct slice *slice)
{
    while (check->depth > 0 || !check->begun) {
        if (!slice_left(slice)) {
            return ERR_AGAIN;
        }
        const uint8_t *before = check->at;
        struct frame *frame = check->depth > 0 ? &check->frames[check->depth - 1] : NULL;
        enum err err = ERR_OK;
        if (frame && frame->left == 0) {
            err = close_container(check);
        } else {
            check->begun = true;
            if (frame && frame->map && !read_key(check)) {
                return ERR_MALFORMED;
            }
            if (frame) {
                frame->left--;
            }
            err = read_value(check);
        }
        if (err) {
            return err;
        }
        slice->left -= least(slice->left, SCALAR + (size_t)(check->at - before));
    }
    return check->at == check->end ? ERR_OK : ERR_MALFORMED;
}

/* Field by field: the frames are big, and few are used. */
static void check_init(struct check *check, const void *data, size_t len, bool distinct,
                       uint64_t max_work)
{
    check->data = check->at = data;
    check->end = check->data + len;
    check->work = 0;
    check->max_work = max_work;
    check->distinct = distinct;
    check->begun = false;
    check->depth = 0;
    keys_init(&check->keys);
}

static enum err check_all(const void *data, size_t len, bool distinct, uint64_t max_work)
{
    struct check check;
    struct slice all = SLICE_ALL;
    check_init(&check, data, len, distinct, max_work);
    enum err err = read_on(&check, &all);
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

struct value_checking {
    struct check check;
    enum err err;
};

struct value_checking *value_checking_create(const void *data, size_t len)
{
    struct value_checking *checking = xmalloc(sizeof(*checking));
    check_init(&checking->check, data, len, true, UINT64_MAX);
    checking->err = ERR_AGAIN;
    return checking;
}

enum err value_checking_step(struct value_checking *checking, struct slice *slice)
{
    if (checking->err == ERR_AGAIN) {
        checking->err = read_on(&checking->check, slice);
    }
    return checking->err;
}

void value_checking_destroy(struct value_checking *checking)
{
    if (checking) {
        keys_finish(&checking->check.keys);
        free(checking);
    }
}

bool value_walkable(struct value value)
{
    return check_all(value.data, value.len, false, VALUE_MAX_WORK) == ERR_OK;
}
