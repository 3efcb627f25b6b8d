#include "cluster/workers.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>

static void add(struct workers *workers, const char *id, const char *node, uint64_t load)
{
    struct worker_sign sign = {str_of(id), str_of(node), STR("unix:w"), STR("tcp:w"), load, false};
    workers_update_add(workers, &sign);
}

static const char *place(struct workers *workers, const char *node, uint64_t random)
{
    const struct worker_info *worker = workers_place(workers, str_of(node), random);
    return worker ? worker->id : "nobody";
}

static bool is(const char *found, const char *want)
{
    return str_eq(str_of(found), str_of(want));
}

Test(workers, none_take_nothing)
{
    struct workers workers;
    workers_init(&workers);
    cr_assert(is(place(&workers, "a", 0), "nobody"));
    cr_assert(zero(ptr, (void *)(uintptr_t)workers_find(&workers, STR("w1"))));
    workers_update_begin(&workers);
    workers_update_end(&workers);
    workers_finish(&workers);
}

Test(workers, an_update_brings_and_drops)
{
    struct workers workers;
    workers_init(&workers);
    workers_update_begin(&workers);
    for (int i = 0; i < 100; i++) {
        char id[16];
        snprintf(id, sizeof(id), "w%d", i);
        add(&workers, id, "a", 5);
    }
    workers_update_end(&workers);
    workers_update_begin(&workers);
    add(&workers, "w7", "a", 9);
    add(&workers, "w100", "b", 1);
    workers_update_end(&workers);
    cr_assert(eq(uint, workers.by_id.count, 2));
    const struct worker_info *kept = workers_find(&workers, STR("w7"));
    cr_assert(kept && kept->load == 9 && is(kept->node, "a") && is(kept->address, "unix:w"));
    cr_assert(zero(ptr, (void *)(uintptr_t)workers_find(&workers, STR("w8"))));
    cr_assert(is(workers_find(&workers, STR("w100"))->node, "b"));
    workers_finish(&workers);
}

Test(workers, the_own_node_comes_first)
{
    struct workers workers;
    workers_init(&workers);
    workers_update_begin(&workers);
    add(&workers, "here", "a", 40);
    add(&workers, "there", "b", 0);
    workers_update_end(&workers);
    for (uint64_t random = 0; random < 8; random++) {
        cr_assert(is(place(&workers, "a", random << 32 | random), "here"));
    }
    workers_finish(&workers);
}

Test(workers, unless_it_is_clearly_more_loaded)
{
    struct workers workers;
    workers_init(&workers);
    workers_update_begin(&workers);
    add(&workers, "here", "a", 1000);
    add(&workers, "there", "b", 100);
    workers_update_end(&workers);
    /* Two picks that see both workers, whichever comes first. */
    cr_assert(is(place(&workers, "a", (uint64_t)1 << 32), "there"));
    workers_update_begin(&workers);
    add(&workers, "here", "a", WORKERS_LOAD_SLACK);
    add(&workers, "there", "b", 0);
    workers_update_end(&workers);
    cr_assert(is(place(&workers, "a", (uint64_t)1 << 32), "here"));
    workers_finish(&workers);
}

Test(workers, a_node_without_any_uses_others)
{
    struct workers workers;
    workers_init(&workers);
    workers_update_begin(&workers);
    add(&workers, "there", "b", 500);
    workers_update_end(&workers);
    cr_assert(is(place(&workers, "a", 12345), "there"));
    workers_finish(&workers);
}

Test(workers, those_draining_take_nothing)
{
    struct workers workers;
    workers_init(&workers);
    workers_update_begin(&workers);
    struct worker_sign old = {
        .id = STR("old"), .node = STR("a"), .address = STR("unix:w"), .draining = true};
    workers_update_add(&workers, &old);
    workers_update_end(&workers);
    cr_assert(is(place(&workers, "a", 0), "nobody"));
    workers_update_begin(&workers);
    workers_update_add(&workers, &old);
    add(&workers, "new", "a", 900);
    workers_update_end(&workers);
    cr_assert(is(place(&workers, "a", 0), "new"));
    cr_assert(workers_find(&workers, STR("old"))->draining);
    workers_finish(&workers);
}

Test(workers, those_that_cannot_be_reached_from_here_get_nothing_from_here)
{
    struct workers workers;
    struct worker_sign alone = {.id = STR("alone"), .node = STR("b"), .address = STR("unix:w")};
    workers_init(&workers);
    workers_update_begin(&workers);
    add(&workers, "here", "a", 5000);
    workers_update_add(&workers, &alone);
    workers_update_end(&workers);
    cr_assert(is(place(&workers, "a", 0), "here"));
    cr_assert(is(place(&workers, "b", 0), "alone"));
    cr_assert(is(place(&workers, "c", 0), "here"));
    workers_finish(&workers);
}

Test(workers, each_node_has_its_own_way_to_one)
{
    struct workers workers;
    struct worker_sign alone = {.id = STR("alone"), .node = STR("b"), .address = STR("unix:w")};
    workers_init(&workers);
    workers_update_begin(&workers);
    add(&workers, "both", "a", 0);
    workers_update_add(&workers, &alone);
    workers_update_end(&workers);
    const struct worker_info *both = workers_find(&workers, STR("both"));
    cr_assert(str_eq(worker_address(both, STR("a")), STR("unix:w")));
    cr_assert(str_eq(worker_address(both, STR("b")), STR("tcp:w")));
    cr_assert(
        str_eq(worker_address(workers_find(&workers, STR("alone")), STR("a")), STR("unix:w")));
    workers_finish(&workers);
}

Test(workers, a_burst_spreads_before_the_next_reading)
{
    struct workers workers;
    workers_init(&workers);
    workers_update_begin(&workers);
    for (int i = 0; i < 8; i++) {
        char id[16];
        snprintf(id, sizeof(id), "w%d", i);
        add(&workers, id, "a", 0);
    }
    workers_update_end(&workers);
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 800; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        place(&workers, "a", random);
    }
    uint64_t total = 0;
    for (int i = 0; i < 8; i++) {
        char id[16];
        snprintf(id, sizeof(id), "w%d", i);
        uint64_t load = workers_find(&workers, str_of(id))->load;
        cr_assert(ge(u64, load, 90));
        cr_assert(le(u64, load, 110));
        total += load;
    }
    cr_assert(eq(u64, total, 800));
    workers_finish(&workers);
}

Test(workers, a_node_that_ends_gives_to_others_only)
{
    struct workers workers;
    workers_init(&workers);
    workers_update_begin(&workers);
    add(&workers, "sibling", "a", 0);
    workers_update_end(&workers);
    cr_assert(zero(ptr, (void *)(uintptr_t)workers_place_away(&workers, STR("a"), 7)));
    workers_update_begin(&workers);
    add(&workers, "sibling", "a", 0);
    add(&workers, "there", "b", 900);
    struct worker_sign leaving = {STR("leaving"), STR("c"), STR("unix:w"), STR("tcp:w"), 0, true};
    workers_update_add(&workers, &leaving);
    struct worker_sign unreachable = {
        STR("unreachable"), STR("c"), STR("unix:w"), STR(""), 0, false};
    workers_update_add(&workers, &unreachable);
    workers_update_end(&workers);
    for (uint64_t random = 0; random < 8; random++) {
        const struct worker_info *to =
            workers_place_away(&workers, STR("a"), random << 32 | random);
        cr_assert(to && is(to->id, "there"));
    }
    cr_assert(eq(u64, workers_find(&workers, STR("there"))->load, 908));
    workers_finish(&workers);
}
