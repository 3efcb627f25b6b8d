#include "cluster/workers.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <stdio.h>

static void add(struct workers *workers, const char *id, const char *node, uint64_t load)
{
    static uint64_t beats;
    struct worker_sign sign = {.id = str_of(id),
                               .node = str_of(node),
                               .address = STR("unix:w"),
                               .remote = STR("tcp:w"),
                               .beat = ++beats,
                               .points = load};
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
    cr_assert(kept && kept->points == 9 && is(kept->node, "a") && is(kept->address, "unix:w"));
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

struct clear_case {
    char name[60];
    uint64_t here, there;
    char want[8];
};

ParameterizedTestParameters(workers, clearly_more_loaded)
{
    static struct clear_case cases[] = {
        {"twice as much of little is not clear", WORKERS_LOAD_SLACK, 0, "here"},
        {"one more than the slack is", WORKERS_LOAD_SLACK + 1, 0, "there"},
        {"much more of much is not, if it is not twice", 2000, 1000, "here"},
        {"nor twice", 2 * WORKERS_LOAD_SLACK + 2, WORKERS_LOAD_SLACK + 1, "here"},
        {"more than twice, and the slack", 2001, 1000, "there"},
    };
    return cr_make_param_array(struct clear_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct clear_case *c, workers, clearly_more_loaded)
{
    struct workers workers;
    workers_init(&workers);
    workers_update_begin(&workers);
    add(&workers, "here", "a", c->here);
    add(&workers, "there", "b", c->there);
    workers_update_end(&workers);
    cr_assert(is(place(&workers, "a", 0), c->want), "%s", c->name);
    workers_finish(&workers);
}

static void add_weighted(struct workers *workers, const char *id, uint64_t points, uint32_t weight)
{
    struct worker_sign sign = {.id = str_of(id),
                               .node = STR("a"),
                               .address = STR("unix:w"),
                               .points = points,
                               .weight = weight};
    workers_update_add(workers, &sign);
}

Test(workers, a_weight_divides_the_load)
{
    struct workers workers;
    workers_init(&workers);
    workers_update_begin(&workers);
    add_weighted(&workers, "large", 3000, 4);
    add_weighted(&workers, "small", 1000, 1);
    add_weighted(&workers, "silent", 5000, 0);
    workers_update_end(&workers);
    cr_assert(eq(u64, worker_load(workers_find(&workers, STR("large"))), 750));
    cr_assert(eq(u64, worker_load(workers_find(&workers, STR("silent"))), 5000));
    unsigned larges = 0;
    for (uint64_t random = 0; random < 12; random++) {
        larges += is(place(&workers, "a", random << 32 | random), "large");
    }
    cr_assert(ge(uint, larges, 8)); /* of each pair that it is in */
    workers_finish(&workers);
}

/* The sign of a worker whose figures are those of that time. */
static void add_beat(struct workers *workers, const char *id, uint64_t points, uint64_t beat)
{
    struct worker_sign sign = {.id = str_of(id),
                               .node = STR("a"),
                               .address = STR("unix:w"),
                               .beat = beat,
                               .points = points};
    workers_update_add(workers, &sign);
}

Test(workers, what_was_placed_counts_until_the_figures_have_it)
{
    struct workers workers;
    workers_init(&workers);
    add_beat(&workers, "w", 10, 1);
    const struct worker_info *worker = workers_find(&workers, STR("w"));
    place(&workers, "a", 0);
    cr_assert(eq(u64, worker_load(worker), 10 + WORKERS_ROOM_POINTS));
    add_beat(&workers, "w", 10, 1); /* read again before it has said anything new */
    cr_assert(eq(u64, worker_load(worker), 10 + WORKERS_ROOM_POINTS));
    add_beat(&workers, "w", 11, 2); /* said perhaps before anybody came in */
    place(&workers, "a", 0);
    cr_assert(eq(u64, worker_load(worker), 11 + 2 * WORKERS_ROOM_POINTS));
    add_beat(&workers, "w", 12, 3);
    cr_assert(eq(u64, worker_load(worker), 12 + WORKERS_ROOM_POINTS));
    add_beat(&workers, "w", 13, 4);
    cr_assert(eq(u64, worker_load(worker), 13));
    workers_finish(&workers);
}

Test(workers, one_that_does_not_number_its_figures_is_believed_each_time)
{
    struct workers workers;
    workers_init(&workers);
    add_beat(&workers, "w", 10, 0);
    place(&workers, "a", 0);
    add_beat(&workers, "w", 10, 0);
    add_beat(&workers, "w", 10, 0);
    cr_assert(eq(u64, worker_load(workers_find(&workers, STR("w"))), 10));
    workers_finish(&workers);
}

Test(workers, what_one_was_given_fades_as_its_figures_show_it)
{
    struct workers workers;
    workers_init(&workers);
    add_beat(&workers, "w", 0, 1);
    const struct worker_info *worker = workers_find(&workers, STR("w"));
    workers_note_given(&workers, STR("w"), 40, 400);
    workers_note_given(&workers, STR("nobody"), 40, 400);
    cr_assert(eq(u64, worker_points(worker), 400));
    add_beat(&workers, "w", 0, 2);
    cr_assert(eq(u64, worker_points(worker), 340));
    add_beat(&workers, "w", 0, 2);
    cr_assert(eq(u64, worker_points(worker), 340));
    add_beat(&workers, "w", 0, 3); /* who was in it is there by now */
    cr_assert(eq(u64, worker_points(worker), 250));
    for (uint64_t beat = 4; beat < 60; beat++) {
        add_beat(&workers, "w", 400, beat);
    }
    cr_assert(eq(u64, worker_points(worker), 400));
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
        uint64_t load = workers_find(&workers, str_of(id))->placed / WORKERS_ROOM_POINTS;
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
    struct worker_sign leaving = {.id = STR("leaving"),
                                  .node = STR("c"),
                                  .address = STR("unix:w"),
                                  .remote = STR("tcp:w"),
                                  .draining = true};
    workers_update_add(&workers, &leaving);
    struct worker_sign unreachable = {
        .id = STR("unreachable"), .node = STR("c"), .address = STR("unix:w")};
    workers_update_add(&workers, &unreachable);
    workers_update_end(&workers);
    for (uint64_t random = 0; random < 8; random++) {
        const struct worker_info *to =
            workers_place_away(&workers, STR("a"), random << 32 | random);
        cr_assert(to && is(to->id, "there"));
    }
    cr_assert(eq(u64, workers_find(&workers, STR("there"))->placed, 8 * WORKERS_ROOM_POINTS));
    workers_finish(&workers);
}
