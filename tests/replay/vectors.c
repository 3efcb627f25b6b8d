/* Which case is of which kind. */
#include "vectors.h"

#include <stdio.h>

static bool is_migrate(struct value one)
{
    static const char *const kinds[] = {"sorted", "serialize", "since", "record", "storage"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (member_is_text(one, "kind", kinds[i])) {
            return true;
        }
    }
    return false;
}

static bool is_validate(struct value one)
{
    return value_present(value_get(one, STR("record"))) &&
           value_present(value_get(one, STR("valid")));
}

static const struct vector_kind migrate = {"migrate", is_migrate, NULL,
                                           "the library has no migrations yet"};
static const struct vector_kind validate = {"validate", is_validate, NULL,
                                            "the library has no validators yet"};

static const struct vector_kind *const kinds[] = {
    &vector_diff,     &vector_apply, &vector_isequal, &vector_split,
    &vector_assemble, &vector_prune, &migrate,        &validate,
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

static void run_one(struct report *report, const char *path, struct value one,
                    const struct vector_kind *kind)
{
    struct buf why = {0};
    struct str name = member_text(one, "name");
    if (!kind) {
        buf_append_str(&why, STR("a case of no known kind"));
        report_fail(report, path, name, &why);
    } else if (kind->run(one, &why)) {
        report_pass(report, path, name);
    } else {
        report_fail(report, path, name, &why);
    }
    buf_finish(&why);
}

void vectors_replay(struct report *report, const char *path, struct value root)
{
    unsigned missing[KINDS] = {0};
    struct value_walk walk = value_items(value_get(root, STR("cases")));
    struct value one;
    while (value_next_item(&walk, &one)) {
        if (!report_wants(report, member_text(one, "name"))) {
            continue;
        }
        const struct vector_kind *kind = kind_of(one);
        if (kind && !kind->run) {
            for (size_t i = 0; i < KINDS; i++) {
                missing[i] += kinds[i] == kind;
            }
            continue;
        }
        run_one(report, path, one, kind);
    }
    for (size_t i = 0; i < KINDS; i++) {
        if (missing[i] > 0) {
            char name[64];
            snprintf(name, sizeof(name), "%u cases of kind %s", missing[i], kinds[i]->name);
            report_skip(report, path, str_of(name), missing[i], kinds[i]->missing);
        }
    }
}
