#include "cluster/entry.h"

#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>

Test(entry, owns_all_that_it_points_to)
{
    struct buf diff = {0};
    struct buf schema = {0};
    char *session = strdup("session-1");
    pack_str(&diff, STR("diff"));
    pack_str(&schema, STR("schema"));
    struct entry from = {
        .number = 3,
        .clock = 17,
        .seq = 5,
        .outcome = 2,
        .session = str_of(session),
        .diff = buf_value(&diff),
        .schema = buf_value(&schema),
    };
    struct entry *entry = entry_create(&from);
    memset(session, 'x', from.session.len);
    free(session);
    buf_finish(&diff);
    buf_finish(&schema);
    struct str text = {0};
    cr_assert(eq(u64, entry->number, 3));
    cr_assert(eq(u64, entry->clock, 17));
    cr_assert(eq(u64, entry->seq, 5));
    cr_assert(eq(uint, entry->outcome, 2));
    cr_assert(str_eq(entry->session, STR("session-1")));
    cr_assert(value_string(entry->diff, &text) && str_eq(text, STR("diff")));
    cr_assert(value_string(entry->schema, &text) && str_eq(text, STR("schema")));
    cr_assert(list_empty(&entry->link));
    cr_assert(ge(sz, entry_bytes(entry), from.session.len + from.diff.len + from.schema.len));
    free(entry);
}

Test(entry, what_is_absent_stays_so)
{
    struct buf diff = {0};
    pack_map(&diff, 0);
    struct entry *entry = entry_create(&(struct entry){.clock = 1, .diff = buf_value(&diff)});
    cr_assert(zero(ptr, (void *)(uintptr_t)entry->session.ptr));
    cr_assert(not(value_present(entry->schema)));
    cr_assert(eq(int, value_type(entry->diff), VALUE_MAP));
    free(entry);
    buf_finish(&diff);
}

Test(entry, outcomes_have_names)
{
    for (uint32_t outcome = 0; outcome < 3; outcome++) {
        cr_assert(eq(int, entry_outcome_parse(str_of(entry_outcome_name(outcome))), (int)outcome));
    }
    cr_assert(eq(int, entry_outcome_parse(STR("")), -1));
    cr_assert(eq(int, entry_outcome_parse(STR("commi")), -1));
    cr_assert(eq(int, entry_outcome_parse(STR("commit ")), -1));
}
