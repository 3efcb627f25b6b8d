/* Events of presence, many made one. */
#include "edge/condense.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "value/check.h"
#include "value/diff.h"
#include "value/json.h"
#include "value/pack.h"

#include <stdlib.h>

/* Longer events are not of presence, as a rule, and are not looked into. */
enum { EVENT_MAX = 16 << 10 };

/* One record of what has been gathered: what is to be done to it. */
struct gathered {
    struct str id;   /* in the arena, as `op` is */
    struct value op; /* ["put", record], ["patch", diff], ["remove"] */
};

struct gathering {
    const struct condense *how;
    struct arena memory;
    struct gathered *items; /* owned */
    uint32_t count, cap;
    uint64_t clock; /* of the last event, gathered or not */
    struct blob **out;
    uint32_t out_count;
};

static struct value keep(struct gathering *gathering, struct value value)
{
    uint8_t *copy = arena_alloc(&gathering->memory, value.len);
    memcpy(copy, value.data, value.len);
    return (struct value){copy, value.len};
}

static struct gathered *find(const struct gathering *gathering, struct str id)
{
    for (uint32_t i = 0; i < gathering->count; i++) {
        if (str_eq(gathering->items[i].id, id)) {
            return &gathering->items[i];
        }
    }
    return NULL;
}

/* ---- reading ---- */

static bool is_named(struct value op, const char *name, uint32_t count)
{
    struct str is;
    return value_type(op) == VALUE_ARRAY && value_count(op) == count &&
           value_string(value_item(op, 0), &is) && str_eq(is, str_of(name));
}

static bool is_put(struct value op)
{
    return is_named(op, "put", 2) && value_type(value_item(op, 1)) == VALUE_MAP;
}

static bool is_patch(struct value op)
{
    return is_named(op, "patch", 2) && value_type(value_item(op, 1)) == VALUE_MAP;
}

static bool is_of_presence(const struct gathering *gathering, struct value event)
{
    enum { MEMBERS = 3 }; /* type, diff, serverClock */
    struct value diff = value_get(event, STR("diff"));
    uint64_t clock;
    if (value_count(event) != MEMBERS || value_count(diff) == 0 ||
        !value_u64(value_get(event, STR("serverClock")), &clock)) {
        return false;
    }
    struct value_walk walk = value_members(diff);
    struct str id;
    struct value op;
    while (value_next_member(&walk, &id, &op)) {
        if (!gathering->how->is_presence(gathering->how->ctx, id) ||
            !(is_put(op) || is_patch(op) || is_named(op, "remove", 1))) {
            return false;
        }
    }
    return true;
}

static bool touches_gathered(const struct gathering *gathering, struct value event)
{
    struct value_walk walk = value_members(value_get(event, STR("diff")));
    struct str id;
    struct value op;
    while (value_next_member(&walk, &id, &op)) {
        if (find(gathering, id)) {
            return true;
        }
    }
    return false;
}

/* ---- gathering ---- */

static void pack_op(struct buf *out, const char *name, struct value value)
{
    pack_array(out, 2);
    pack_str(out, str_of(name));
    pack_value(out, value);
}

/* What `older` and then `patch` do; absent: only who has the record knows. */
static struct value patched(struct gathering *gathering, struct value older, struct value patch)
{
    struct value diff = value_item(patch, 1);
    struct value result = VALUE_NONE;
    struct buf op = {0};
    struct buf merged = {0};
    bool holes = false;
    if (is_put(older)) {
        enum apply_result applied =
            apply_diff(value_item(older, 1), diff, &gathering->memory, &result, &holes);
        if (applied <= APPLY_CHANGED && !holes) {
            pack_op(&op, "put", result);
        }
    } else if (is_patch(older) &&
               diff_merge(value_item(older, 1), diff, &gathering->memory, &merged)) {
        pack_op(&op, "patch", buf_value(&merged));
    }
    result = buf_len(&op) > 0 ? keep(gathering, buf_value(&op)) : VALUE_NONE;
    buf_finish(&op);
    buf_finish(&merged);
    return result;
}

/* False: it cannot be said together with what has been gathered. */
static bool combine(struct gathering *gathering, struct value diff, bool really)
{
    struct value_walk walk = value_members(diff);
    struct str id;
    struct value op;
    while (value_next_member(&walk, &id, &op)) {
        struct gathered *known = find(gathering, id);
        struct value result = known && is_patch(op) ? patched(gathering, known->op, op) : op;
        if (!value_present(result)) {
            return false;
        }
        if (!really) {
            continue;
        }
        if (!known) {
            if (gathering->count == gathering->cap) {
                gathering->cap = gathering->cap ? gathering->cap * 2 : 16;
                gathering->items =
                    xrealloc(gathering->items, gathering->cap * sizeof(*gathering->items));
            }
            known = &gathering->items[gathering->count++];
            struct value copy = keep(gathering, (struct value){(const uint8_t *)id.ptr, id.len});
            known->id = (struct str){(const char *)copy.data, copy.len};
        }
        known->op = result.data == op.data ? keep(gathering, op) : result;
    }
    return true;
}

/* What has been gathered, as an event. */
static void emit(struct gathering *gathering)
{
    if (gathering->count == 0) {
        return;
    }
    struct buf event = {0};
    pack_map(&event, 3);
    pack_str(&event, STR("type"));
    pack_str(&event, STR("patch"));
    pack_str(&event, STR("diff"));
    pack_map(&event, gathering->count);
    for (uint32_t i = 0; i < gathering->count; i++) {
        pack_member(&event, gathering->items[i].id, gathering->items[i].op);
    }
    pack_str(&event, STR("serverClock"));
    pack_u64(&event, gathering->clock);
    struct rendered rendered = rendered_of(buf_value(&event));
    gathering->out[gathering->out_count++] =
        blob_ref(rendered_get(&rendered, gathering->how->encoding));
    rendered_finish(&rendered);
    buf_finish(&event);
    gathering->count = 0;
    arena_reset(&gathering->memory);
}

static void pass(struct gathering *gathering, struct blob *event)
{
    gathering->out[gathering->out_count++] = event;
}

static void take_event(struct gathering *gathering, struct blob *event, struct value value)
{
    struct value diff = value_get(value, STR("diff"));
    uint64_t clock = gathering->clock;
    value_u64(value_get(value, STR("serverClock")), &clock);
    if (!is_of_presence(gathering, value)) {
        if (touches_gathered(gathering, value)) {
            emit(gathering);
        }
        pass(gathering, event);
    } else {
        /* All of an event or nothing; with one record that needs no rehearsal. */
        bool one = value_count(diff) == 1;
        bool done = combine(gathering, diff, one);
        if (!done) {
            emit(gathering);
        }
        if (!done || !one) {
            combine(gathering, diff, true);
        }
        blob_unref(event); /* and with it what `value` is */
    }
    gathering->clock = clock;
}

/* Ours, so it can be read. */
static struct value read_event(const struct condense *how, const struct blob *event,
                               struct buf *parsed)
{
    buf_clear(parsed, EVENT_MAX);
    if (how->encoding == ENCODING_MSGPACK) {
        return (struct value){event->data, event->len};
    }
    enum err err = json_parse((struct str){(const char *)event->data, event->len}, parsed);
    return err ? VALUE_NONE : buf_value(parsed);
}

uint32_t condense_events(const struct condense *how, struct blob **events, uint32_t count)
{
    /* One comes out for one that went in at most, and is written where that has been read. */
    struct gathering gathering = {.how = how, .out = events};
    struct buf parsed = {0};
    for (uint32_t i = 0; i < count; i++) {
        struct value value = VALUE_NONE;
        if (events[i]->len <= EVENT_MAX) {
            value = read_event(how, events[i], &parsed);
        }
        if (value_present(value)) {
            take_event(&gathering, events[i], value);
        } else {
            emit(&gathering);
            pass(&gathering, events[i]);
        }
    }
    emit(&gathering);
    buf_finish(&parsed);
    free(gathering.items);
    arena_finish(&gathering.memory);
    return gathering.out_count;
}
