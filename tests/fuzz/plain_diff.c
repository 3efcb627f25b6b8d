#include "plain_diff.h"

#include <stdio.h>
#include <string.h>

static struct plain *new_plain(enum value_type type, struct arena *arena)
{
    struct plain *plain = arena_alloc(arena, sizeof(*plain));
    *plain = (struct plain){.type = type};
    return plain;
}

/* With room for so many members, of which there are none yet. */
static struct plain *new_members(enum value_type type, size_t room, struct arena *arena)
{
    struct plain *plain = new_plain(type, arena);
    plain->members = arena_alloc(arena, room * sizeof(*plain->members) + 1);
    return plain;
}

static void add(struct plain *plain, struct str key, const struct plain *value)
{
    plain->members[plain->count++] = (struct plain_member){key, value};
}

static const struct plain *new_number(double number, struct arena *arena)
{
    struct plain *plain = new_plain(VALUE_NUMBER, arena);
    plain->number = number;
    return plain;
}

/* ---- reading ---- */

/* One character of WTF-8, as one unit or two. */
static size_t read_character(const uint8_t *at, uint16_t out[2], size_t *units)
{
    size_t len = *at < 0x80 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
    uint32_t cp = len == 1 ? *at : *at & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        cp = cp << 6 | (at[i] & 0x3f);
    }
    if (len < 4) {
        out[0] = (uint16_t)cp;
        *units = 1;
    } else {
        out[0] = (uint16_t)(0xd800 + ((cp - 0x10000) >> 10));
        out[1] = (uint16_t)(0xdc00 + ((cp - 0x10000) & 0x3ff));
        *units = 2;
    }
    return len;
}

static const struct plain *read_string(struct str text, struct arena *arena)
{
    struct plain *plain = new_plain(VALUE_STRING, arena);
    plain->units = arena_alloc(arena, (text.len + 1) * sizeof(uint16_t));
    for (size_t at = 0; at < text.len;) {
        size_t units;
        at += read_character((const uint8_t *)text.ptr + at, plain->units + plain->count, &units);
        plain->count += units;
    }
    return plain;
}

static const struct plain *read_members(struct value value, struct arena *arena)
{
    bool map = value_type(value) == VALUE_MAP;
    struct plain *plain = new_members(value_type(value), value_count(value), arena);
    struct value_walk walk = map ? value_members(value) : value_items(value);
    struct str key = {0};
    struct value member;
    while (map ? value_next_member(&walk, &key, &member) : value_next_item(&walk, &member)) {
        add(plain, key, plain_read(member, arena));
    }
    return plain;
}

const struct plain *plain_read(struct value value, struct arena *arena)
{
    enum value_type type = value_type(value);
    struct str text = {0};
    if (type == VALUE_ABSENT) {
        return NULL;
    }
    if (type == VALUE_MAP || type == VALUE_ARRAY) {
        return read_members(value, arena);
    }
    if (value_string(value, &text)) {
        return read_string(text, arena);
    }
    struct plain *plain = new_plain(type, arena);
    value_bool(value, &plain->truth);
    value_number(value, &plain->number);
    return plain;
}

/* ---- looking ---- */

static const struct plain *get(const struct plain *map, struct str key)
{
    for (size_t i = 0; i < map->count; i++) {
        if (str_eq(map->members[i].key, key)) {
            return map->members[i].value;
        }
    }
    return NULL;
}

static const struct plain *item(const struct plain *array, size_t index)
{
    return index < array->count ? array->members[index].value : NULL;
}

static bool both(const struct plain *a, const struct plain *b, enum value_type type)
{
    return a && b && a->type == type && b->type == type;
}

static bool is_text(const struct plain *plain, const char *text)
{
    if (!plain || plain->type != VALUE_STRING || plain->count != strlen(text)) {
        return false;
    }
    for (size_t i = 0; i < plain->count; i++) {
        if (plain->units[i] != (uint8_t)text[i]) {
            return false;
        }
    }
    return true;
}

static bool equal_members(const struct plain *a, const struct plain *b)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct plain *other = a->type == VALUE_MAP ? get(b, a->members[i].key) : item(b, i);
        if (!other || !plain_equal(a->members[i].value, other)) {
            return false;
        }
    }
    return true;
}

bool plain_equal(const struct plain *a, const struct plain *b)
{
    if (!a || !b || a->type != b->type || a->count != b->count) {
        return a == b;
    }
    switch (a->type) {
    case VALUE_BOOL:
        return a->truth == b->truth;
    case VALUE_NUMBER:
        return a->number == b->number;
    case VALUE_STRING:
        return memcmp(a->units, b->units, a->count * sizeof(uint16_t)) == 0;
    case VALUE_ARRAY:
    case VALUE_MAP:
        return equal_members(a, b);
    case VALUE_NIL:
    case VALUE_ABSENT:
        break;
    }
    return true;
}

/* ---- differences ---- */

static const struct plain *new_op(const char *name, const struct plain *value,
                                  const struct plain *offset, struct arena *arena)
{
    struct plain *op = new_members(VALUE_ARRAY, 3, arena);
    add(op, (struct str){0}, read_string(str_of(name), arena));
    if (value) {
        add(op, (struct str){0}, value);
    }
    if (offset) {
        add(op, (struct str){0}, offset);
    }
    return op;
}

/* What is left of an array or a string from `from` on. */
static const struct plain *rest(const struct plain *whole, size_t from, struct arena *arena)
{
    struct plain *part = new_plain(whole->type, arena);
    *part = *whole;
    part->count -= from;
    if (whole->type == VALUE_STRING) {
        part->units += from;
    } else {
        part->members += from;
    }
    return part;
}

static bool starts_with(const struct plain *whole, const struct plain *start, struct arena *arena)
{
    if (whole->count < start->count) {
        return false;
    }
    struct plain *head = new_plain(whole->type, arena);
    *head = *whole;
    head->count = start->count;
    return plain_equal(head, start);
}

static const struct plain *new_append(const struct plain *a, const struct plain *b,
                                      struct arena *arena)
{
    return new_op("append", rest(b, a->count, arena), new_number((double)a->count, arena), arena);
}

static const struct plain *value_diff(const struct plain *a, const struct plain *b, bool legacy,
                                      struct arena *arena);

/* DF-6. */
static const struct plain *same_length(const struct plain *a, const struct plain *b, bool legacy,
                                       struct arena *arena)
{
    struct plain *ops = new_members(VALUE_MAP, a->count, arena);
    double most = (double)a->count / 5 > 1 ? (double)a->count / 5 : 1;
    for (size_t i = 0; i < a->count; i++) {
        const struct plain *x = item(a, i);
        const struct plain *y = item(b, i);
        if (plain_equal(x, y)) {
            continue;
        }
        bool deeper = both(x, y, VALUE_ARRAY) || both(x, y, VALUE_MAP); /* DF-8 */
        char *key = arena_alloc(arena, 21);
        snprintf(key, 21, "%zu", i);
        add(ops, str_of(key),
            deeper ? value_diff(x, y, legacy, arena) : new_op("put", y, NULL, arena));
    }
    if ((double)ops->count > most) {
        return new_op("put", b, NULL, arena);
    }
    return ops->count ? new_op("patch", ops, NULL, arena) : NULL;
}

/* DF-3 at the top, DF-4 below. */
static const struct plain *object_diff(const struct plain *a, const struct plain *b, bool top,
                                       bool legacy, struct arena *arena)
{
    struct plain *ops = new_members(VALUE_MAP, a->count + b->count, arena);
    for (size_t i = 0; i < a->count; i++) {
        struct str key = a->members[i].key;
        const struct plain *x = a->members[i].value;
        const struct plain *y = get(b, key);
        bool special = top && (str_eq(key, STR("props")) || str_eq(key, STR("meta")));
        const struct plain *op = NULL;
        if (!y) {
            op = new_op("delete", NULL, NULL, arena);
        } else if (special || both(x, y, VALUE_ARRAY) || both(x, y, VALUE_STRING)) {
            op = value_diff(x, y, legacy, arena);
        } else if (!plain_equal(x, y)) {
            op = new_op("put", y, NULL, arena);
        }
        if (op) {
            add(ops, key, op);
        }
    }
    for (size_t i = 0; i < b->count; i++) {
        if (!get(a, b->members[i].key)) {
            add(ops, b->members[i].key, new_op("put", b->members[i].value, NULL, arena));
        }
    }
    return ops->count ? ops : NULL;
}

/* DF-5. */
static const struct plain *value_diff(const struct plain *a, const struct plain *b, bool legacy,
                                      struct arena *arena)
{
    if (plain_equal(a, b)) {
        return NULL;
    }
    if (both(a, b, VALUE_ARRAY) && a->count == b->count) {
        return same_length(a, b, legacy, arena);
    }
    if ((both(a, b, VALUE_ARRAY) || (both(a, b, VALUE_STRING) && !legacy)) &&
        starts_with(b, a, arena)) {
        return new_append(a, b, arena); /* DF-7 for arrays */
    }
    if (both(a, b, VALUE_MAP)) {
        const struct plain *ops = object_diff(a, b, false, legacy, arena);
        return ops ? new_op("patch", ops, NULL, arena) : NULL;
    }
    return new_op("put", b, NULL, arena);
}

const struct plain *plain_diff(const struct plain *prev, const struct plain *next, bool legacy,
                               struct arena *arena)
{
    return object_diff(prev, next, true, legacy, arena);
}

/* ---- applying ---- */

struct application {
    size_t max_gap;
    bool failed;
    bool holes;
    struct arena *arena;
};

static const struct plain *apply(struct application *app, const struct plain *object,
                                 const struct plain *diff);

static const struct plain *join(const struct plain *a, const struct plain *b, struct arena *arena)
{
    size_t size = a->type == VALUE_STRING ? sizeof(*a->units) : sizeof(*a->members);
    char *all = arena_alloc(arena, (a->count + b->count) * size + 1);
    bool string = a->type == VALUE_STRING;
    memcpy(all, string ? (void *)a->units : a->members, a->count * size);
    memcpy(all + a->count * size, string ? (void *)b->units : b->members, b->count * size);
    struct plain *joined = new_plain(a->type, arena);
    joined->count = a->count + b->count;
    if (string) {
        joined->units = (void *)all;
    } else {
        joined->members = (void *)all;
    }
    return joined;
}

/* What an op makes of a member (NULL: absent): the same pointer if it writes nothing. */
static const struct plain *after_op(struct application *app, const struct plain *now,
                                    const struct plain *op)
{
    if (op->type == VALUE_NIL) {
        app->failed = true;
    }
    if (op->type != VALUE_ARRAY) {
        return now;
    }
    const struct plain *name = item(op, 0);
    const struct plain *arg = item(op, 1);
    const struct plain *offset = item(op, 2);
    if (is_text(name, "delete")) {
        return NULL;
    }
    if (is_text(name, "put")) { /* without a value: a delete */
        return arg && plain_equal(now, arg) ? now : arg;
    }
    if (is_text(name, "append") && (both(now, arg, VALUE_ARRAY) || both(now, arg, VALUE_STRING)) &&
        offset && offset->type == VALUE_NUMBER && offset->number == (double)now->count) {
        return join(now, arg, app->arena);
    }
    if (is_text(name, "patch") && now && (now->type == VALUE_ARRAY || now->type == VALUE_MAP)) {
        if (!arg || arg->type == VALUE_NIL) {
            app->failed = true;
            return now;
        }
        return apply(app, now, arg);
    }
    return now;
}

static const struct plain *apply_to_map(struct application *app, const struct plain *object,
                                        const struct plain *diff)
{
    struct plain *out = new_members(VALUE_MAP, object->count + diff->count, app->arena);
    bool changed = false;
    for (size_t i = 0; i < object->count; i++) {
        struct str key = object->members[i].key;
        const struct plain *now = object->members[i].value;
        const struct plain *op = str_eq(key, STR("__proto__")) ? NULL : get(diff, key);
        const struct plain *then = op ? after_op(app, now, op) : now;
        changed = changed || then != now;
        if (then) {
            add(out, key, then);
        }
    }
    for (size_t i = 0; i < diff->count; i++) {
        struct str key = diff->members[i].key;
        if (get(object, key) || str_eq(key, STR("__proto__"))) {
            continue;
        }
        const struct plain *then = after_op(app, NULL, diff->members[i].value);
        changed = changed || then;
        if (then) {
            add(out, key, then);
        }
    }
    return changed ? out : object;
}

/* AP-8: the index that a name is, or -1. Longer names than nine digits are beyond every gap. */
static long long index_of(struct str key)
{
    long long index = 0;
    char again[21];
    if (key.len == 0 || key.len > 10) {
        return -1;
    }
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] < '0' || key.ptr[i] > '9') {
            return -1;
        }
        index = index * 10 + (key.ptr[i] - '0');
    }
    snprintf(again, sizeof(again), "%lld", index);
    return str_eq(key, str_of(again)) && index < UINT32_MAX ? index : -1;
}

/* The items between the old end and the last one written, less those that are written. */
static bool gap_too_large(struct application *app, const struct plain *array,
                          const struct plain *diff, size_t *length)
{
    size_t written = 0;
    *length = array->count;
    for (size_t i = 0; i < diff->count; i++) {
        long long index = index_of(diff->members[i].key);
        if (index >= (long long)array->count && after_op(app, NULL, diff->members[i].value)) {
            written++;
            *length = (size_t)index + 1 > *length ? (size_t)index + 1 : *length;
        }
    }
    return *length - array->count - written > app->max_gap;
}

static const struct plain *apply_to_array(struct application *app, const struct plain *array,
                                          const struct plain *diff)
{
    size_t length;
    bool changed = false;
    if (gap_too_large(app, array, diff, &length)) {
        app->failed = true;
        return array;
    }
    struct plain *out = new_members(VALUE_ARRAY, length, app->arena);
    for (size_t i = 0; i < length; i++) {
        add(out, (struct str){0}, item(array, i));
    }
    for (size_t i = 0; i < diff->count; i++) {
        long long index = index_of(diff->members[i].key);
        const struct plain *now = index < 0 ? NULL : item(array, (size_t)index);
        const struct plain *then = after_op(app, now, diff->members[i].value);
        if (index >= 0 && then != now) {
            changed = true;
            out->members[index].value = then;
        }
    }
    if (!changed) {
        return array;
    }
    for (size_t i = 0; i < length; i++) {
        if (!out->members[i].value) {
            app->holes = true;
            out->members[i].value = new_plain(VALUE_NIL, app->arena);
        }
    }
    return out;
}

static const struct plain *apply(struct application *app, const struct plain *object,
                                 const struct plain *diff)
{
    if (diff->type != VALUE_MAP) {
        return object;
    }
    if (object->type == VALUE_MAP) {
        return apply_to_map(app, object, diff);
    }
    return object->type == VALUE_ARRAY ? apply_to_array(app, object, diff) : object; /* AP-1 */
}

const struct plain *plain_apply(const struct plain *object, const struct plain *diff,
                                size_t max_gap, bool *holes, struct arena *arena)
{
    struct application app = {.max_gap = max_gap, .arena = arena};
    const struct plain *result = apply(&app, object, diff);
    *holes = app.holes;
    return app.failed ? NULL : result;
}
