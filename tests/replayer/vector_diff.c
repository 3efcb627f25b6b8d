/* Diffs between values: rules EQ, DF, AP. */
#include "value/diff.h"

#include "value/pack.h"
#include "vectors.h"

static bool is_diff(struct value one)
{
    return value_present(value_get(one, STR("prev"))) && value_present(value_get(one, STR("next")));
}

/* AP-11: what was computed leads where it should. */
static bool leads_to(struct value prev, struct value diff, struct value next, struct arena *scratch,
                     struct buf *why)
{
    struct value result;
    bool holes;
    enum apply_result applied = apply_diff(prev, diff, scratch, &result, &holes);
    if (applied == APPLY_CHANGED && !holes && value_equal(result, next)) {
        return true;
    }
    report_difference(why, "applied (AP-11)", next, result);
    return false;
}

static bool run_diff(struct value file, struct value one, struct buf *why)
{
    (void)file;
    struct value prev = value_get(one, STR("prev"));
    struct value next = value_get(one, STR("next"));
    struct value wanted = value_get(one, STR("diff"));
    bool legacy = false;
    value_bool(value_get(one, STR("legacyAppendMode")), &legacy);
    struct arena scratch = {0};
    struct buf out = {0};
    bool differs = diff_record(prev, next, legacy, &scratch, &out);
    struct value found = differs ? buf_value(&out) : VALUE_NONE;
    bool ok = value_type(wanted) == VALUE_NIL ? !differs : value_equal(wanted, found);
    if (!ok) {
        report_difference(why, "diff", wanted, found);
    } else if (differs) {
        ok = leads_to(prev, found, next, &scratch, why);
    } else if (!value_equal(prev, next)) {
        buf_append_str(why, STR("no difference found between unequal records"));
        ok = false;
    }
    buf_finish(&out);
    arena_finish(&scratch);
    return ok;
}

static bool is_apply(struct value one)
{
    return value_present(value_get(one, STR("object"))) &&
           value_present(value_get(one, STR("diff")));
}

static bool run_apply(struct value file, struct value one, struct buf *why)
{
    (void)file;
    struct value wanted = value_get(one, STR("result"));
    bool changed = false;
    value_bool(value_get(one, STR("changed")), &changed);
    struct arena scratch = {0};
    struct value found = VALUE_NONE;
    bool holes;
    enum apply_result applied = apply_diff(value_get(one, STR("object")),
                                           value_get(one, STR("diff")), &scratch, &found, &holes);
    bool ok = applied == (changed ? APPLY_CHANGED : APPLY_UNCHANGED) && value_equal(wanted, found);
    if (!ok) {
        buf_printf(why, "outcome %d, wanted %schanged; ", (int)applied, changed ? "" : "un");
        report_difference(why, "result", wanted, found);
    }
    arena_finish(&scratch);
    return ok;
}

static bool is_isequal(struct value one)
{
    return value_present(value_get(one, STR("a"))) && value_present(value_get(one, STR("b"))) &&
           value_present(value_get(one, STR("equal")));
}

static bool run_isequal(struct value file, struct value one, struct buf *why)
{
    (void)file;
    struct value a = value_get(one, STR("a"));
    struct value b = value_get(one, STR("b"));
    bool wanted = false;
    value_bool(value_get(one, STR("equal")), &wanted);
    if (value_equal(a, b) == wanted && value_equal(b, a) == wanted) {
        return true;
    }
    report_difference(why, wanted ? "equal to" : "not equal to", a, b);
    return false;
}

const struct vector_kind vector_diff = {"diff", is_diff, run_diff};
const struct vector_kind vector_apply = {"apply", is_apply, run_apply};
const struct vector_kind vector_isequal = {"isequal", is_isequal, run_isequal};
