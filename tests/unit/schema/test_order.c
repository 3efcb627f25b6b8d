#include "helpers.h"

#include "schema/order.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

/* As `text.split('').sort((a, b) => a.localeCompare(b))` gives ASCII's printable characters. */
static const char sorted[] = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789"
                             "aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpPqQrRsStTuUvVwWxXyYzZ";

Test(order, characters_as_icu_sorts_them)
{
    for (size_t i = 0; i + 1 < strlen(sorted); i++) {
        struct str a = {sorted + i, 1};
        struct str b = {sorted + i + 1, 1};
        cr_assert(lt(int, order_compare_ids(a, b), 0), "%c %c", sorted[i], sorted[i + 1]);
        cr_assert(gt(int, order_compare_ids(b, a), 0), "%c %c", sorted[i], sorted[i + 1]);
        cr_assert(eq(int, order_compare_ids(a, a), 0));
    }
}

/* Each pair is in localeCompare's order. */
Test(order, ids_as_icu_sorts_them)
{
    static const char *const pairs[][2] = {
        {"com.tldraw.instance_page_state/1", "com.tldraw.instance/1"},
        {"com.tldraw.asset.bookmark/1", "com.tldraw.asset/1"},
        {"a/1", "a/10"},
        {"a/10", "a/2"},
        {"aB/1", "Ab/2"},
        {"ab/1", "Ab/1"},
        {"aB/1", "Ab/1"},
        {"a.b/1", "ab/1"},
        {"", "a"},
        {"a", "ab"},
        {"ab", "b"},
        {"z", "\xc3\xa9"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct str a = str_of(pairs[i][0]);
        struct str b = str_of(pairs[i][1]);
        cr_assert(lt(int, order_compare_ids(a, b), 0), "%s %s", pairs[i][0], pairs[i][1]);
        cr_assert(gt(int, order_compare_ids(b, a), 0), "%s %s", pairs[i][0], pairs[i][1]);
    }
}

#define NONE "'scope':'record','up':[]"

static void check_order(const char *json, const char *want)
{
    struct schema *schema = compile(json, NULL);
    struct schema_path *path;
    struct buf got = {0};
    cr_assert(eq(int, schema_path_from(schema, schema_earliest(schema), &path), SCHEMA_SERVED));
    for (size_t i = 0; i < schema_path_length(path); i++) {
        struct str id = schema_path_id(path, i);
        buf_printf(&got, "%s%.*s", i > 0 ? " " : "", STR_ARG(id));
    }
    cr_assert(str_eq(buf_str(&got), str_of(want)), "%.*s", STR_ARG(buf_str(&got)));
    buf_finish(&got);
    schema_path_unref(path);
    schema_unref(schema);
}

/* Section 2: what others name comes first, then what most wait for, then the lower id. */
Test(order, worked_out)
{
    check_order("{'types':{},'sequences':[]}", "");
    check_order("{'types':{},'sequences':[{'sequenceId':'b','migrations':[{'id':'b/1'," NONE
                "},{'id':'b/2'," NONE "}]},{'sequenceId':'a','migrations':[{'id':'a/1'," NONE
                "}]}]}",
                "b/1 a/1 b/2");
    check_order("{'types':{},'sequences':[{'sequenceId':'a','migrations':[{'id':'a/1'," NONE
                "},{'id':'a/2','dependsOn':['z/1']," NONE "}]},"
                "{'sequenceId':'z','migrations':[{'id':'z/1'," NONE "}]}]}",
                "z/1 a/1 a/2");
    /* A standalone dependsOn belongs to the next migration; a trailing one is dropped. */
    check_order("{'types':{},'sequences':[{'sequenceId':'a','migrations':[{'dependsOn':['z/1']},"
                "{'id':'a/1'," NONE "},{'dependsOn':['q/1']}]},"
                "{'sequenceId':'z','migrations':[{'id':'z/1'," NONE "}]}]}",
                "z/1 a/1");
    /* Depending twice on the same one is depending on it. */
    check_order("{'types':{},'sequences':[{'sequenceId':'a','migrations':[{'id':'a/1'," NONE
                "},{'id':'a/2','dependsOn':['a/1','a/1']," NONE "}]}]}",
                "a/1 a/2");
}

Test(order, as_given)
{
    check_order("{'types':{},'sequences':[{'sequenceId':'a','migrations':[{'id':'a/1'," NONE
                "}]},{'sequenceId':'z','migrations':[{'id':'z/1'," NONE "}]}],"
                "'order':['z/1','a/1']}",
                "z/1 a/1");
}
