/* applyObjectDiff: a new value from an old one and an object diff. */
#include "base/alloc.h"
#include "base/utf8.h"
#include "value/change.h"
#include "value/diff.h"
#include "value/head.h"
#include "value/members.h"
#include "value/pack.h"

#include <assert.h>

struct applier {
    struct arena *scratch;
    bool holes;
};

enum { KEEP, WRITE, DELETE };

/* What one op does to one member. */
struct effect {
    int what;
    struct value value; /* for WRITE */
};

static enum apply_result apply_to(struct applier *applier, struct value object, struct value diff,
                                  struct value *result);

static struct value in_arena(struct arena *arena, struct buf *buf)
{
    struct value value = {arena_alloc(arena, buf_len(buf)), buf_len(buf)};
    memcpy((void *)(uintptr_t)value.data, buf_head(buf), value.len);
    buf_finish(buf);
    return value;
}

/* Joins a high and a low half that meet into one character. */
static struct value append_strings(struct applier *applier, struct str head, struct str tail)
{
    uint8_t joined[4];
    size_t joined_len = 0;
    uint32_t high = wtf8_last_surrogate(head);
    uint32_t low = wtf8_first_surrogate(tail);
    if (high >= 0xd800 && high < 0xdc00 && low >= 0xdc00) {
        joined_len = wtf8_encode(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), joined);
        head.len -= 3;
        tail.ptr += 3;
        tail.len -= 3;
    }
    size_t len = head.len + joined_len + tail.len;
    char *text = arena_alloc(applier->scratch, len);
    memcpy(text, head.ptr, head.len);
    memcpy(text + head.len, joined, joined_len);
    memcpy(text + head.len + joined_len, tail.ptr, tail.len);
    struct buf out = {0};
    pack_str(&out, (struct str){text, len});
    return in_arena(applier->scratch, &out);
}

static struct value append_arrays(struct applier *applier, struct value head, struct value tail)
{
    struct value_walk a = value_items(head);
    struct value_walk b = value_items(tail);
    struct buf out = {0};
    pack_array(&out, a.left + b.left);
    buf_append(&out, a.at, (size_t)(head.data + head.len - a.at));
    buf_append(&out, b.at, (size_t)(tail.data + tail.len - b.at));
    return in_arena(applier->scratch, &out);
}

/* AP-4. */
static struct effect apply_append(struct applier *applier, struct value current, struct value tail,
                                  struct value offset)
{
    struct effect keep = {KEEP, VALUE_NONE};
    uint64_t at;
    enum value_type type = value_type(current);
    if (!value_u64(offset, &at) || type != value_type(tail) ||
        (type != VALUE_ARRAY && type != VALUE_STRING) || at != value_length(current)) {
        return keep;
    }
    if (type == VALUE_ARRAY) {
        return (struct effect){WRITE, append_arrays(applier, current, tail)};
    }
    struct str head = {0};
    struct str more = {0};
    value_string(current, &head);
    value_string(tail, &more);
    return (struct effect){WRITE, append_strings(applier, head, more)};
}

/* AP-5. */
static enum apply_result apply_patch(struct applier *applier, struct value current,
                                     struct value diff, struct effect *effect)
{
    enum value_type type = value_type(current);
    if (type != VALUE_ARRAY && type != VALUE_MAP) {
        return APPLY_UNCHANGED;
    }
    enum value_type diff_type = value_type(diff);
    if (diff_type == VALUE_ABSENT || diff_type == VALUE_NIL) {
        return APPLY_MALFORMED;
    }
    struct value result;
    enum apply_result applied = apply_to(applier, current, diff, &result);
    if (applied == APPLY_CHANGED) {
        *effect = (struct effect){WRITE, result};
    }
    return applied;
}

/* Works out one op against the original member, which may be absent (AP-2..7). */
static enum apply_result apply_op(struct applier *applier, struct value current, struct value op,
                                  struct effect *effect)
{
    *effect = (struct effect){KEEP, VALUE_NONE};
    if (value_type(op) == VALUE_NIL) {
        return APPLY_MALFORMED;
    }
    struct str name;
    struct value_walk walk = value_items(op);
    struct value part[3] = {{0}};
    for (int i = 0; i < 3 && value_next_item(&walk, &part[i]); i++) {
    }
    if (!value_string(part[0], &name)) {
        return APPLY_UNCHANGED;
    }
    if (str_eq(name, STR("put")) && value_present(part[1])) {
        if (!value_present(current) || !value_equal(current, part[1])) {
            *effect = (struct effect){WRITE, part[1]};
        }
    } else if (str_eq(name, STR("delete")) || str_eq(name, STR("put"))) {
        if (value_present(current)) { /* a put of nothing deletes (BAD) */
            effect->what = DELETE;
        }
    } else if (str_eq(name, STR("append"))) {
        *effect = apply_append(applier, current, part[1], part[2]);
    } else if (str_eq(name, STR("patch"))) {
        return apply_patch(applier, current, part[1], effect);
    }
    return effect->what == KEEP ? APPLY_UNCHANGED : APPLY_CHANGED;
}

/* What becomes of a map's members. */
struct patch {
    struct members members;
    struct effect *effects; /* of each */
    struct member *added;
    uint32_t added_count, deleted, written;
    size_t grows; /* by at most so many bytes */
};

static void patch_note(struct patch *patch, struct member *member, struct str key,
                       const struct effect *effect)
{
    patch->grows += effect->what == WRITE ? effect->value.len + key.len + 5 : 0;
    if (!member) {
        patch->added[patch->added_count++] = (struct member){key, effect->value};
        return;
    }
    patch->effects[member - patch->members.items] = *effect;
    patch->deleted += effect->what == DELETE;
    patch->written += effect->what == WRITE;
}

static enum apply_result work_out(struct applier *applier, struct value object, struct value diff,
                                  struct patch *patch)
{
    *patch = (struct patch){0};
    members_read(&patch->members, object, applier->scratch);
    size_t size = patch->members.count * sizeof(*patch->effects);
    patch->effects = memset(arena_alloc(applier->scratch, size + 1), 0, size);
    size = value_count(diff) * sizeof(*patch->added);
    patch->added = arena_alloc(applier->scratch, size + 1);
    struct value_walk walk = value_members(diff);
    struct str key;
    struct value op;
    while (value_next_member(&walk, &key, &op)) {
        if (str_eq(key, STR("__proto__"))) {
            continue; /* AP-9 */
        }
        struct member *member = members_find(&patch->members, key);
        struct effect effect;
        enum apply_result applied =
            apply_op(applier, member ? member->value : VALUE_NONE, op, &effect);
        if (applied == APPLY_MALFORMED || applied == APPLY_TOO_LARGE) {
            return applied;
        }
        if (effect.what != KEEP) {
            patch_note(patch, member, key, &effect);
        }
    }
    bool changed = patch->added_count + patch->deleted + patch->written > 0;
    return changed ? APPLY_CHANGED : APPLY_UNCHANGED;
}

static const uint8_t *end_of(struct value value)
{
    return value.data + value.len;
}

/* The map after it: what is kept is copied in runs, from behind one member that is not to before
 * the next. */
static struct value write_out(struct applier *applier, struct value object,
                              const struct patch *patch)
{
    uint32_t count = patch->members.count;
    size_t cap = object.len + patch->grows + 5;
    struct buf out = {.data = arena_alloc(applier->scratch, cap), .cap = cap};
    pack_map(&out, count - patch->deleted + patch->added_count);
    const uint8_t *run = value_members(object).at;
    for (uint32_t i = 0; i < count; i++) {
        const struct member *member = &patch->members.items[i];
        const uint8_t *before = i ? end_of(patch->members.items[i - 1].value) : run;
        if (patch->effects[i].what == WRITE) {
            buf_append(&out, run, (size_t)(member->value.data - run));
            pack_value(&out, patch->effects[i].value);
        } else if (patch->effects[i].what == DELETE) {
            buf_append(&out, run, (size_t)(before - run));
        } else {
            continue;
        }
        run = end_of(member->value);
    }
    buf_append(&out, run, (size_t)(end_of(object) - run));
    for (uint32_t i = 0; i < patch->added_count; i++) {
        pack_member(&out, patch->added[i].key, patch->added[i].value);
    }
    assert(out.cap == cap);
    return buf_value(&out);
}

static enum apply_result apply_to_map(struct applier *applier, struct value object,
                                      struct value diff, struct value *result)
{
    struct patch patch;
    enum apply_result applied = work_out(applier, object, diff, &patch);
    if (applied == APPLY_CHANGED) {
        *result = write_out(applier, object, &patch);
    }
    return applied;
}

/* A canonical decimal index (AP-8): no sign, no leading zero, fits. */
static bool parse_index(struct str key, uint32_t *index)
{
    if (key.len == 0 || key.len > 10 || (key.len > 1 && key.ptr[0] == '0')) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] < '0' || key.ptr[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(key.ptr[i] - '0');
    }
    if (value >= UINT32_MAX) {
        return false;
    }
    *index = (uint32_t)value;
    return true;
}

/* Lays out the items of `array` and of a possible growth; NULL with *grown beyond the limit. */
static struct effect *array_effects(struct applier *applier, struct value array, struct value diff,
                                    uint32_t *grown)
{
    uint32_t count = value_count(array);
    struct value_walk walk = value_members(diff);
    uint64_t length = count;
    uint64_t beyond = 0;
    struct str key;
    struct value op;
    struct str name;
    uint32_t index;
    while (value_next_member(&walk, &key, &op)) {
        /* Only a put can write where nothing is. */
        if (parse_index(key, &index) && index >= count && value_string(value_item(op, 0), &name) &&
            str_eq(name, STR("put")) && value_present(value_item(op, 1))) {
            length = index + 1u > length ? index + 1u : length;
            beyond++;
        }
    }
    if (length - count > beyond + APPLY_MAX_GAP) {
        return NULL;
    }
    *grown = (uint32_t)length;
    struct effect *effects = arena_alloc(applier->scratch, length * sizeof(*effects) + 1);
    memset(effects, 0, length * sizeof(*effects));
    return effects;
}

static void pack_items(struct applier *applier, struct value array, const struct effect *effects,
                       uint32_t length, struct buf *out)
{
    pack_array(out, length);
    struct value_walk items = value_items(array);
    struct value item;
    for (uint32_t i = 0; i < length; i++) {
        bool old = value_next_item(&items, &item);
        if (effects[i].what == WRITE) {
            pack_value(out, effects[i].value);
        } else if (old && effects[i].what == KEEP) {
            pack_value(out, item);
        } else {
            applier->holes = true;
            pack_nil(out);
        }
    }
}

static enum apply_result apply_to_array(struct applier *applier, struct value array,
                                        struct value diff, struct value *result)
{
    uint32_t count = value_count(array);
    uint32_t length;
    struct effect *effects = array_effects(applier, array, diff, &length);
    if (!effects) {
        return APPLY_TOO_LARGE;
    }
    struct value *items = arena_alloc(applier->scratch, count * sizeof(*items) + 1);
    struct value_walk walk = value_items(array);
    for (uint32_t i = 0; i < count; i++) {
        value_next_item(&walk, &items[i]);
    }
    bool changed = false;
    struct value_walk ops = value_members(diff);
    struct str key;
    struct value op;
    while (value_next_member(&ops, &key, &op)) {
        uint32_t index;
        bool is_index = parse_index(key, &index);
        struct effect effect;
        struct value current = is_index && index < count ? items[index] : VALUE_NONE;
        enum apply_result applied = apply_op(applier, current, op, &effect);
        if (applied == APPLY_MALFORMED || applied == APPLY_TOO_LARGE) {
            return applied;
        }
        if (is_index && effect.what != KEEP && index < length) {
            effects[index] = effect;
            changed = true;
        }
    }
    if (!changed) {
        return APPLY_UNCHANGED;
    }
    struct buf out = {0};
    pack_items(applier, array, effects, length, &out);
    *result = in_arena(applier->scratch, &out);
    return APPLY_CHANGED;
}

static enum apply_result apply_to(struct applier *applier, struct value object, struct value diff,
                                  struct value *result)
{
    *result = object;
    switch (value_type(object)) {
    case VALUE_MAP:
        return apply_to_map(applier, object, diff, result);
    case VALUE_ARRAY:
        return apply_to_array(applier, object, diff, result);
    case VALUE_ABSENT:
    case VALUE_NIL:
    case VALUE_BOOL:
    case VALUE_NUMBER:
    case VALUE_STRING:
        break; /* AP-1 */
    }
    return APPLY_UNCHANGED;
}

enum apply_result apply_diff(struct value object, struct value diff, struct arena *scratch,
                             struct value *result, bool *holes)
{
    struct applier applier = {scratch, false};
    enum apply_result applied = apply_to(&applier, object, diff, result);
    *holes = applier.holes;
    return applied;
}

/* In the order in which diff_record would come upon them. */
static void diff_patch(const struct patch *patch, bool legacy_append, struct arena *scratch,
                       struct buf *out)
{
    uint32_t count = 0;
    size_t most = patch->deleted + patch->written + patch->added_count;
    struct change *changes = arena_alloc(scratch, most * sizeof(*changes));
    for (uint32_t i = 0; i < patch->members.count; i++) {
        const struct effect *effect = &patch->effects[i];
        if (effect->what != KEEP) {
            const struct member *member = &patch->members.items[i];
            changes[count++] = (struct change){member->key, member->value, effect->value};
        }
    }
    for (uint32_t i = 0; i < patch->added_count; i++) {
        const struct member *added = &patch->added[i];
        changes[count++] = (struct change){added->key, VALUE_NONE, added->value};
    }
    diff_changes(changes, count, legacy_append, scratch, out);
}

enum apply_result apply_to_record(struct value record, struct value diff, bool legacy_append,
                                  struct arena *scratch, struct value *result, bool *holes,
                                  struct buf *effective)
{
    struct applier applier = {scratch, false};
    struct patch patch;
    *result = record;
    enum apply_result applied = work_out(&applier, record, diff, &patch);
    if (applied == APPLY_CHANGED) {
        *result = write_out(&applier, record, &patch);
        diff_patch(&patch, legacy_append, scratch, effective);
    }
    *holes = applier.holes;
    return applied;
}
