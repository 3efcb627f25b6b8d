/* A map's members laid out for lookup. */
#include "value/members.h"

#include "base/map.h"

/* Up to here comparing names one by one is cheaper than a table. */
enum { MEMBERS_SMALL = 24 };

static void build_table(struct members *members, struct arena *arena)
{
    uint32_t size = 64;
    while (size < members->count * 2) {
        size *= 2;
    }
    members->mask = size - 1;
    members->table = arena_alloc(arena, size * sizeof(uint32_t));
    memset(members->table, 0, size * sizeof(uint32_t));
    for (uint32_t i = 0; i < members->count; i++) {
        struct str key = members->items[i].key;
        uint32_t slot = (uint32_t)hash_bytes(key.ptr, key.len) & members->mask;
        while (members->table[slot]) {
            slot = (slot + 1) & members->mask;
        }
        members->table[slot] = i + 1;
    }
}

void members_read(struct members *members, struct value map, struct arena *arena)
{
    *members = (struct members){0};
    struct value_walk walk = value_members(map);
    if (walk.left == 0) {
        return;
    }
    members->items = arena_alloc(arena, walk.left * sizeof(*members->items));
    struct member member;
    while (value_next_member(&walk, &member.key, &member.value)) {
        members->items[members->count++] = member;
    }
    if (members->count > MEMBERS_SMALL) {
        build_table(members, arena);
    }
}

static struct member *find_hashed(struct members *members, struct str key)
{
    uint32_t slot = (uint32_t)hash_bytes(key.ptr, key.len) & members->mask;
    for (; members->table[slot]; slot = (slot + 1) & members->mask) {
        struct member *member = &members->items[members->table[slot] - 1];
        if (str_eq(member->key, key)) {
            return member;
        }
    }
    return NULL;
}

struct member *members_find(struct members *members, struct str key)
{
    if (members->count == 0) {
        return NULL;
    }
    for (uint32_t tried = 0, i = members->next; tried < MEMBERS_SMALL; tried++, i++) {
        if (tried == members->count) {
            return NULL;
        }
        i = i < members->count ? i : 0;
        if (str_eq(members->items[i].key, key)) {
            members->next = i + 1;
            return &members->items[i];
        }
        if (members->table) {
            break; /* the likely place failed; ask the table */
        }
    }
    return members->table ? find_hashed(members, key) : NULL;
}
