/* Two object diffs made one. */
#include "value/diff.h"
#include "value/pack.h"

enum op_kind { OP_PUT, OP_DELETE, OP_PATCH, OP_APPEND, OP_OTHER };

struct op {
    enum op_kind kind;
    struct value value; /* of a put, or the diff of a patch */
};

/* Only ops that are exactly as they should be are anything but OP_OTHER. */
static struct op op_of(struct value op)
{
    struct str name = {0};
    uint32_t count = value_count(op);
    struct value value = value_item(op, 1);
    if (value_type(op) != VALUE_ARRAY || !value_string(value_item(op, 0), &name)) {
        return (struct op){.kind = OP_OTHER};
    }
    enum op_kind kind = str_eq(name, STR("put")) && count == 2      ? OP_PUT
                        : str_eq(name, STR("delete")) && count == 1 ? OP_DELETE
                        : str_eq(name, STR("patch")) && count == 2 && value_type(value) == VALUE_MAP
                            ? OP_PATCH
                        : str_eq(name, STR("append")) && count == 3 ? OP_APPEND
                                                                    : OP_OTHER;
    return (struct op){kind, value};
}

static bool is_sound(struct value diff)
{
    if (value_type(diff) != VALUE_MAP) {
        return false;
    }
    struct value_walk walk = value_members(diff);
    struct str key;
    struct value member;
    while (value_next_member(&walk, &key, &member)) {
        struct op op = op_of(member);
        if (op.kind == OP_OTHER || (op.kind == OP_PATCH && !is_sound(op.value))) {
            return false;
        }
    }
    return true;
}

static bool merge_maps(struct value first, struct value second, struct arena *scratch,
                       struct buf *out);

static void pack_op(struct buf *out, const char *name)
{
    pack_array(out, 2);
    pack_str(out, str_of(name));
}

/* What was put is known, so it can be put as the patch leaves it. */
static bool patch_put(struct value value, struct value diff, struct arena *scratch, struct buf *out)
{
    bool holes = false;
    struct value patched;
    enum apply_result applied = APPLY_UNCHANGED;
    if (value_type(value) == VALUE_MAP || value_type(value) == VALUE_ARRAY) {
        applied = apply_diff(value, diff, scratch, &patched, &holes);
    }
    if (holes || applied == APPLY_MALFORMED || applied == APPLY_TOO_LARGE) {
        return false;
    }
    pack_op(out, "put");
    pack_value(out, applied == APPLY_CHANGED ? patched : value);
    return true;
}

/* Of one member, both being sound. */
static bool merge_ops(struct value first, struct value second, struct arena *scratch,
                      struct buf *out)
{
    struct op a = op_of(first);
    struct op b = op_of(second);
    if (b.kind == OP_PUT || b.kind == OP_DELETE) {
        pack_value(out, second);
        return true;
    }
    if (b.kind != OP_PATCH) {
        return false;
    }
    if (a.kind == OP_PUT) {
        return patch_put(a.value, b.value, scratch, out);
    }
    if (a.kind == OP_PATCH) {
        pack_op(out, "patch");
        return merge_maps(a.value, b.value, scratch, out);
    }
    return false;
}

/* Members in the order in which they would have come. */
static bool merge_maps(struct value first, struct value second, struct arena *scratch,
                       struct buf *out)
{
    struct value_walk walk = value_members(second);
    struct str key;
    struct value op;
    uint32_t added = 0;
    while (value_next_member(&walk, &key, &op)) {
        added += !value_present(value_get(first, key));
    }
    pack_map(out, value_count(first) + added);
    walk = value_members(first);
    while (value_next_member(&walk, &key, &op)) {
        struct value then = value_get(second, key);
        pack_str(out, key);
        if (!value_present(then)) {
            pack_value(out, op);
        } else if (!merge_ops(op, then, scratch, out)) {
            return false;
        }
    }
    walk = value_members(second);
    while (value_next_member(&walk, &key, &op)) {
        if (!value_present(value_get(first, key))) {
            pack_member(out, key, op);
        }
    }
    return true;
}

/* Members are looked for one by one. */
static bool is_short(struct value diff)
{
    enum { MEMBERS_MAX = 64 };
    if (value_count(diff) > MEMBERS_MAX) {
        return false;
    }
    struct value_walk walk = value_members(diff);
    struct str key;
    struct value op;
    while (value_next_member(&walk, &key, &op)) {
        struct value inner = value_item(op, 1);
        if (op_of(op).kind == OP_PATCH && !is_short(inner)) {
            return false;
        }
    }
    return true;
}

bool diff_merge(struct value first, struct value second, struct arena *scratch, struct buf *out)
{
    size_t before = buf_len(out);
    if (is_sound(first) && is_sound(second) && is_short(first) && is_short(second) &&
        merge_maps(first, second, scratch, out)) {
        return true;
    }
    buf_truncate(out, before);
    return false;
}
