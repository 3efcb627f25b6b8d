#include "room/documents.h"

#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <stdio.h>

static struct record *make(const char *id, uint64_t number, uint64_t clock)
{
    struct buf buf = {0};
    pack_map(&buf, 3);
    pack_str(&buf, STR("n"));
    pack_u64(&buf, number);
    pack_str(&buf, STR("id"));
    pack_str(&buf, str_of(id));
    pack_str(&buf, STR("typeName"));
    pack_str(&buf, STR("note"));
    struct record *record = record_create(buf_value(&buf), clock);
    buf_finish(&buf);
    return record;
}

static uint64_t number_of(const struct record *record)
{
    uint64_t number = UINT64_MAX;
    cr_assert(value_u64(value_get(record_value(record), STR("n")), &number));
    return number;
}

Test(documents, are_found_by_id)
{
    struct documents documents;
    documents_init(&documents);
    documents_put(&documents, make("a", 1, 1));
    documents_put(&documents, make("b", 2, 2));
    cr_assert(eq(u64, number_of(documents_get(&documents, STR("a"))), 1));
    cr_assert(str_eq(record_id(documents_get(&documents, STR("b"))), STR("b")));
    cr_assert(str_eq(record_type(documents_get(&documents, STR("b"))), STR("note")));
    cr_assert(zero(ptr, documents_get(&documents, STR("c"))));
    cr_assert(zero(ptr, documents_get(&documents, STR(""))));
    documents_finish(&documents);
}

Test(documents, count_their_bytes)
{
    struct documents documents;
    documents_init(&documents);
    documents_put(&documents, make("a", 1, 1));
    uint64_t one = documents.bytes;
    cr_assert(eq(u64, one, documents_get(&documents, STR("a"))->len));
    documents_put(&documents, make("a", 100000, 2));
    cr_assert(gt(u64, documents.bytes, one));
    documents_put(&documents, make("b", 1, 3));
    documents_remove(&documents, STR("a"), 4);
    cr_assert(eq(u64, documents.bytes, one));
    documents_remove(&documents, STR("b"), 4);
    cr_assert(eq(u64, documents.bytes, 0));
    documents_finish(&documents);
}

Test(documents, an_older_state_lives_as_long_as_someone_holds_it)
{
    struct documents documents;
    documents_init(&documents);
    documents_put(&documents, make("a", 1, 1));
    struct record *old = record_ref(documents_get(&documents, STR("a")));
    documents_put(&documents, make("a", 2, 2));
    documents_remove(&documents, STR("a"), 3);
    documents_finish(&documents);
    cr_assert(eq(u64, number_of(old), 1));
    record_unref(old);
    record_unref(NULL);
}

Test(documents, CLK_3_a_deletion_leaves_a_tombstone_and_storing_clears_it)
{
    struct documents documents;
    documents_init(&documents);
    documents_put(&documents, make("a", 1, 1));
    documents_remove(&documents, STR("a"), 2);
    cr_assert(zero(ptr, documents_get(&documents, STR("a"))));
    struct tombstone *tombstone = map_get(&documents.tombstones, STR("a"));
    cr_assert(tombstone && tombstone->clock == 2);
    documents_put(&documents, make("a", 3, 3));
    cr_assert(eq(uint, documents.tombstones.count, 0));
    cr_assert(list_empty(&documents.buried));
    documents_finish(&documents);
}

/* The ops of a delta, as a diff. */
static struct value delta_of(const struct documents *documents, bool all, uint64_t since,
                             struct buf *out)
{
    struct documents_delta delta;
    documents_delta(documents, all, since, &delta);
    pack_map(out, delta.count);
    size_t header = buf_len(out);
    documents_write_delta(documents, &delta, out);
    cr_assert(le(sz, buf_len(out) - header, delta.bytes));
    return buf_value(out);
}

Test(documents, a_delta_has_what_changed_since)
{
    struct documents documents;
    documents_init(&documents);
    documents_put(&documents, make("a", 1, 1));
    documents_put(&documents, make("b", 2, 2));
    documents_put(&documents, make("c", 3, 2));
    documents_remove(&documents, STR("b"), 3);
    documents_put(&documents, make("a", 4, 4));
    static const struct {
        uint64_t since;
        uint32_t count;
        bool all, a, b, c;
    } cases[] = {
        {0, 3, false, true, true, true},    {1, 3, false, true, true, true},
        {2, 2, false, true, true, false},   {3, 1, false, true, false, false},
        {4, 0, false, false, false, false}, {0, 2, true, true, false, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out = {0};
        struct value delta = delta_of(&documents, cases[i].all, cases[i].since, &out);
        cr_assert(eq(uint, value_count(delta), cases[i].count), "case %zu", i);
        cr_assert(eq(int, value_present(value_get(delta, STR("a"))), cases[i].a));
        cr_assert(eq(int, value_present(value_get(delta, STR("b"))), cases[i].b));
        cr_assert(eq(int, value_present(value_get(delta, STR("c"))), cases[i].c));
        struct str op;
        if (value_string(value_item(value_get(delta, STR("b")), 0), &op)) {
            cr_assert(str_eq(op, STR("remove")));
        }
        buf_finish(&out);
    }
    documents_finish(&documents);
}

struct prune_case {
    char name[48];
    struct prune_limits limits;
    unsigned clocks[10]; /* ends with 0 */
    unsigned pruned;
    uint64_t history;
};

/* TOMB-3; the clock is 100, history starts at 0. */
ParameterizedTestParameters(documents, prune)
{
    static struct prune_case cases[] = {
        {"none", {3, 1}, {0}, 0, 0},
        {"as many as may be", {3, 1}, {1, 2, 3}, 0, 0},
        {"one more, and the buffer", {3, 1}, {1, 2, 3, 4}, 2, 3},
        {"a group goes as a whole", {3, 1}, {1, 2, 2, 2, 3}, 4, 3},
        {"or not at all", {3, 1}, {1, 2, 3, 3, 3}, 5, 100},
        {"a cut between groups stays", {3, 1}, {1, 1, 2, 2}, 2, 2},
        {"all of one clock", {3, 1}, {5, 5, 5, 5}, 4, 100},
        {"a buffer larger than the rest", {3, 9}, {1, 2, 3, 4}, 4, 100},
    };
    return cr_make_param_array(struct prune_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct prune_case *c, documents, prune)
{
    struct documents documents;
    documents_init(&documents);
    documents.clock = 100;
    for (unsigned i = 0; c->clocks[i]; i++) {
        char id[8];
        snprintf(id, sizeof(id), "t%u", i);
        documents_bury(&documents, str_of(id), c->clocks[i]);
    }
    uint32_t before = documents.tombstones.count;
    cr_assert(eq(uint, documents_prune(&documents, c->limits), c->pruned), "%s", c->name);
    cr_assert(eq(uint, documents.tombstones.count, before - c->pruned), "%s", c->name);
    cr_assert(eq(u64, documents.history_start, c->history), "%s", c->name);
    cr_assert(eq(u64, documents.clock, 100), "TOMB-4");
    documents_finish(&documents);
}

Test(documents, tombstones_can_be_forgotten)
{
    struct documents documents;
    documents_init(&documents);
    documents_bury(&documents, STR("a"), 1);
    documents_bury(&documents, STR("b"), 2);
    documents_forget_tombstones(&documents);
    cr_assert(eq(uint, documents.tombstones.count, 0));
    documents_bury(&documents, STR("a"), 3);
    cr_assert(eq(uint, documents.tombstones.count, 1));
    documents_finish(&documents);
}
