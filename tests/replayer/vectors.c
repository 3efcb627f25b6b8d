/* Which case is of which kind. */
#include "vectors.h"

static const struct vector_kind *const kinds[] = {
    &vector_diff,     &vector_apply, &vector_isequal, &vector_split,
    &vector_assemble, &vector_prune, &vector_migrate, &vector_validate,
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

struct str member_text(struct value map, const char *name)
{
    struct str text = STR("");
    value_string(value_get(map, str_of(name)), &text);
    return text;
}

bool member_is_text(struct value map, const char *name, const char *text)
{
    return str_eq(member_text(map, name), str_of(text));
}

bool vectors_recognise(struct value root)
{
    return value_type(value_get(root, STR("cases"))) == VALUE_ARRAY;
}

bool vectors_is_schema_data(struct value root)
{
    return value_type(value_get(root, STR("types"))) == VALUE_MAP &&
           value_type(value_get(root, STR("sequences"))) == VALUE_ARRAY;
}

static const struct vector_kind *kind_of(struct value one)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i]->is(one)) {
            return kinds[i];
        }
    }
    return NULL;
}

static void run_one(struct report *report, const char *path, struct value root, struct value one)
{
    struct buf why = {0};
    struct str name = member_text(one, "name");
    const struct vector_kind *kind = kind_of(one);
    if (!kind) {
        buf_append_str(&why, STR("a case of no known kind"));
        report_fail(report, path, name, &why);
    } else if (kind->run(root, one, &why)) {
        report_pass(report, path, name);
    } else {
        report_fail(report, path, name, &why);
    }
    buf_finish(&why);
}

void vectors_replay(struct report *report, const char *path, struct value root)
{
    struct value_walk walk = value_items(value_get(root, STR("cases")));
    struct value one;
    while (value_next_item(&walk, &one)) {
        if (report_wants(report, member_text(one, "name"))) {
            run_one(report, path, root, one);
        }
    }
}
