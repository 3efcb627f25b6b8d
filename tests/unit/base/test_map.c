#include "base/map.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

struct thing {
    char name[16];
    bool inside; /* the reference model: whether the map should have it */
    bool seen;
};

static struct str thing_key(const void *entry)
{
    return str_of(((const struct thing *)entry)->name);
}

static struct thing *things_create(uint32_t count)
{
    struct thing *things = calloc(count, sizeof(*things));
    for (uint32_t i = 0; i < count; i++) {
        snprintf(things[i].name, sizeof(things[i].name), "thing:%u", i);
    }
    return things;
}

Test(map, an_empty_one_finds_nothing_and_owns_nothing)
{
    struct map map;
    uint32_t pos = 0;
    map_init(&map, thing_key);
    cr_assert(zero(ptr, map_get(&map, STR("a"))));
    cr_assert(zero(ptr, map_remove(&map, STR("a"))));
    cr_assert(zero(ptr, map_next(&map, &pos)));
    cr_assert(eq(sz, map_bytes(&map), 0));
    map_finish(&map);
}

Test(map, put_replaces_the_entry_with_the_same_key_and_returns_it)
{
    struct thing first = {.name = "same"};
    struct thing second = {.name = "same"};
    struct map map;
    map_init(&map, thing_key);
    cr_assert(zero(ptr, map_put(&map, &first)));
    cr_assert(eq(ptr, map_put(&map, &second), &first));
    cr_assert(eq(ptr, map_get(&map, STR("same")), &second));
    cr_assert(eq(u32, map.count, 1));
    cr_assert(eq(ptr, map_remove(&map, STR("same")), &second));
    cr_assert(zero(ptr, map_get(&map, STR("same"))));
    map_finish(&map);
}

Test(map, the_empty_string_is_a_key)
{
    struct thing thing = {.name = ""};
    struct map map;
    map_init(&map, thing_key);
    map_put(&map, &thing);
    cr_assert(eq(ptr, map_get(&map, STR("")), &thing));
    cr_assert(eq(ptr, map_get(&map, (struct str){NULL, 0}), &thing));
    map_finish(&map);
}

static void check_against_model(const struct map *map, struct thing *things, uint32_t count)
{
    uint32_t inside = 0;
    uint32_t pos = 0;
    for (uint32_t i = 0; i < count; i++) {
        void *want = things[i].inside ? &things[i] : NULL;
        cr_assert(eq(ptr, map_get(map, thing_key(&things[i])), want), "%s", things[i].name);
        inside += things[i].inside;
        things[i].seen = false;
    }
    cr_assert(eq(u32, map->count, inside));
    for (struct thing *thing; (thing = map_next(map, &pos));) {
        cr_assert(thing->inside && !thing->seen, "%s met twice or gone", thing->name);
        thing->seen = true;
        inside--;
    }
    cr_assert(eq(u32, inside, 0), "iteration meets every entry");
}

Test(map, agrees_with_a_reference_model_through_many_changes)
{
    enum { COUNT = 3000, STEPS = 60000 };
    struct thing *things = things_create(COUNT);
    struct map map;
    uint32_t random = 7;
    map_init(&map, thing_key);
    for (int step = 0; step < STEPS; step++) {
        random = random * 1664525u + 1013904223u;
        struct thing *thing = &things[(random >> 8) % COUNT];
        /* Waves of growth and decay, so that it is resized both ways. */
        bool put = (random >> 28) < (step / 6000 % 2 ? 3u : 12u);
        void *old = thing->inside ? thing : NULL;
        if (put) {
            cr_assert(eq(ptr, map_put(&map, thing), old));
        } else {
            cr_assert(eq(ptr, map_remove(&map, thing_key(thing)), old));
        }
        thing->inside = put;
        if (step % 3000 == 0) {
            check_against_model(&map, things, COUNT);
        }
    }
    check_against_model(&map, things, COUNT);
    map_finish(&map);
    free(things);
}

Test(map, gives_memory_back_when_it_empties)
{
    enum { COUNT = 5000 };
    struct thing *things = things_create(COUNT);
    struct map map;
    map_init(&map, thing_key);
    for (uint32_t i = 0; i < COUNT; i++) {
        map_put(&map, &things[i]);
    }
    size_t full = map_bytes(&map);
    for (uint32_t i = 0; i < COUNT; i++) {
        cr_assert(eq(ptr, map_remove(&map, thing_key(&things[i])), &things[i]));
    }
    cr_assert(eq(u32, map.count, 0));
    cr_assert(lt(sz, map_bytes(&map), full / 32));
    map_finish(&map);
    free(things);
}

Test(map, the_seed_changes_the_hash)
{
    uint64_t before = hash_bytes("abc", 3);
    cr_assert(eq(u64, hash_bytes("abc", 3), before));
    map_seed(12345);
    cr_assert(ne(u64, hash_bytes("abc", 3), before));
}
