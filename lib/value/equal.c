/* Deep equality (EQ-1..4). Being canonical, values with the same bytes are equal and scalars with
 * different bytes are not; only maps need a second look, since their order is free. */
#include "base/arena.h"
#include "value/head.h"
#include "value/members.h"
#include "value/value.h"

static bool equal(struct value a, struct value b, struct arena *arena);

static bool equal_arrays(struct value a, struct value b, struct arena *arena)
{
    struct value_walk walk_a = value_items(a);
    struct value_walk walk_b = value_items(b);
    if (walk_a.left != walk_b.left) {
        return false;
    }
    struct value item_a;
    struct value item_b;
    while (value_next_item(&walk_a, &item_a) && value_next_item(&walk_b, &item_b)) {
        if (!equal(item_a, item_b, arena)) {
            return false;
        }
    }
    return true;
}

static bool equal_maps(struct value a, struct value b, struct arena *arena)
{
    struct value_walk walk = value_members(a);
    if (walk.left != value_count(b)) {
        return false;
    }
    struct members members;
    members_read(&members, b, arena);
    struct str key;
    struct value member;
    while (value_next_member(&walk, &key, &member)) {
        struct member *other = members_find(&members, key);
        if (!other || !equal(member, other->value, arena)) {
            return false;
        }
    }
    return true;
}

static bool equal(struct value a, struct value b, struct arena *arena)
{
    /* Same bytes in another order are as many bytes. */
    if (a.len != b.len) {
        return false;
    }
    if (memcmp(a.data, b.data, a.len) == 0) {
        return true;
    }
    enum value_type type = head_read(a.data).type;
    if (type != head_read(b.data).type) {
        return false;
    }
    if (type == VALUE_ARRAY) {
        return equal_arrays(a, b, arena);
    }
    return type == VALUE_MAP && equal_maps(a, b, arena);
}

bool value_equal(struct value a, struct value b)
{
    if (!a.data || !b.data) {
        return a.data == b.data;
    }
    if (a.len != b.len) {
        return false;
    }
    if (memcmp(a.data, b.data, a.len) == 0) {
        return true;
    }
    struct arena arena = {0};
    bool same = equal(a, b, &arena);
    arena_finish(&arena);
    return same;
}
