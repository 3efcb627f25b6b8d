/* Pushes of presence, two made one. */
#include "edge/supersede.h"

#include "value/diff.h"
#include "value/pack.h"

/* A push that changes presence and nothing else. */
struct presence_push {
    uint64_t clock;
    bool patch;         /* else a put */
    struct value given; /* the object diff, or the record */
};

static bool read_push(struct value message, struct presence_push *out)
{
    enum { MEMBERS = 3 }; /* these; with a diff it is for documents too, whatever that holds */
    struct str type;
    struct str name;
    struct value presence = value_get(message, STR("presence"));
    if (value_count(message) != MEMBERS || value_type(presence) != VALUE_ARRAY ||
        value_count(presence) != 2 || !value_string(value_get(message, STR("type")), &type) ||
        !str_eq(type, STR("push")) ||
        !value_u64(value_get(message, STR("clientClock")), &out->clock) ||
        !value_string(value_item(presence, 0), &name)) {
        return false;
    }
    out->patch = str_eq(name, STR("patch"));
    out->given = value_item(presence, 1);
    return (out->patch || str_eq(name, STR("put"))) && value_type(out->given) == VALUE_MAP;
}

/* The room ignores what a patch says of them (PRES-2), and would not if it were in a put. */
static bool names_identity(struct value map)
{
    return value_present(value_get(map, STR("id"))) ||
           value_present(value_get(map, STR("typeName")));
}

/* The record that was put, as the patch leaves it. */
static bool patch_put(struct value record, struct value diff, struct arena *scratch,
                      struct value *result)
{
    bool holes;
    enum apply_result applied = apply_diff(record, diff, scratch, result, &holes);
    return applied <= APPLY_CHANGED && !holes && !names_identity(diff);
}

static bool same_type(struct value older, struct value newer)
{
    return value_equal(value_get(older, STR("typeName")), value_get(newer, STR("typeName")));
}

static void write_push(struct buf *out, uint64_t clock, const char *op, struct value given)
{
    pack_map(out, 3);
    pack_str(out, STR("type"));
    pack_str(out, STR("push"));
    pack_str(out, STR("clientClock"));
    pack_u64(out, clock);
    pack_str(out, STR("presence"));
    pack_array(out, 2);
    pack_str(out, str_of(op));
    pack_value(out, given);
}

bool push_supersede(struct value older, struct value newer, struct buf *out)
{
    struct presence_push a;
    struct presence_push b;
    if (!read_push(older, &a) || !read_push(newer, &b) || b.clock != a.clock + 1) {
        return false;
    }
    struct arena scratch = {0};
    struct buf diff = {0};
    struct value record;
    bool merged = false;
    if (!b.patch) { /* a record takes the place of whatever was there */
        merged = a.patch || same_type(a.given, b.given);
        record = b.given;
    } else if (!a.patch) {
        merged = patch_put(a.given, b.given, &scratch, &record);
    } else {
        merged = diff_merge(a.given, b.given, &scratch, &diff);
    }
    if (merged && buf_len(&diff) > 0) {
        write_push(out, b.clock, "patch", buf_value(&diff));
    } else if (merged) {
        write_push(out, b.clock, "put", record);
    }
    buf_finish(&diff);
    arena_finish(&scratch);
    return merged;
}

bool push_result_clock(struct value event, uint64_t *client_clock)
{
    struct str type;
    return value_string(value_get(event, STR("type")), &type) && str_eq(type, STR("push_result")) &&
           value_u64(value_get(event, STR("clientClock")), client_clock);
}

void push_result_for(struct value result, uint64_t client_clock, struct buf *out)
{
    struct value_walk walk = value_members(result);
    struct str key;
    struct value member;
    pack_map(out, value_count(result));
    while (value_next_member(&walk, &key, &member)) {
        pack_str(out, key);
        if (str_eq(key, STR("clientClock"))) {
            pack_u64(out, client_clock);
        } else {
            pack_value(out, member);
        }
    }
}
