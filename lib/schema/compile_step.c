/* What a migration does: steps, filters, and the names of functions. */
#include "schema/compile.h"

static void *room_of(struct compiler *compiler, uint32_t count, size_t size)
{
    return arena_alloc(&compiler->content->arena, (count + (size_t)1) * size);
}

static bool compile_path(struct compiler *compiler, const struct place *place, struct value value,
                         struct member_path *out)
{
    if (!read_array(compiler->why, place, value)) {
        return false;
    }
    uint32_t count = value_count(value);
    if (count == 0 || count > SCHEMA_MAX_PATH) {
        return reader_fail(compiler->why, place, "has not 1 to %d names", SCHEMA_MAX_PATH);
    }
    out->names = room_of(compiler, count, sizeof(*out->names));
    struct value_walk walk = value_items(value);
    struct value item;
    while (value_next_item(&walk, &item)) {
        if (!read_string(compiler->why, PLACE_ITEM(place, out->count), item,
                         &out->names[out->count])) {
            return false;
        }
        out->count++;
    }
    return true;
}

static bool path_member(struct compiler *compiler, const struct place *place, struct value step,
                        struct str name, struct member_path *out)
{
    return compile_path(compiler, PLACE_MEMBER(place, name), value_get(step, name), out);
}

typedef bool (*step_fn)(struct compiler *compiler, const struct place *place, struct value value,
                        struct step *step);

static bool read_set(struct compiler *compiler, const struct place *place, struct value value,
                     struct step *step)
{
    step->value = value_get(value, STR("value"));
    if (!value_present(step->value)) {
        return reader_fail(compiler->why, PLACE_MEMBER(place, STR("value")), "is missing");
    }
    return path_member(compiler, place, value, STR("path"), &step->path);
}

static bool read_delete(struct compiler *compiler, const struct place *place, struct value value,
                        struct step *step)
{
    return path_member(compiler, place, value, STR("path"), &step->path);
}

static bool begins_with(const struct member_path *path, const struct member_path *other)
{
    for (uint32_t i = 0; i < path->count && i < other->count; i++) {
        if (!str_eq(path->names[i], other->names[i])) {
            return false;
        }
    }
    return true;
}

static bool read_rename(struct compiler *compiler, const struct place *place, struct value value,
                        struct step *step)
{
    return path_member(compiler, place, value, STR("from"), &step->path) &&
           path_member(compiler, place, value, STR("to"), &step->to) &&
           (!begins_with(&step->path, &step->to) ||
            reader_fail(compiler->why, place, "one of `from` and `to` is in the other"));
}

static bool read_pairs(struct compiler *compiler, const struct place *place, struct value value,
                       struct step *step)
{
    const struct place *inside = PLACE_MEMBER(place, STR("pairs"));
    step->value = value_get(value, STR("pairs"));
    if (!read_array(compiler->why, inside, step->value)) {
        return false;
    }
    struct value_walk walk = value_items(step->value);
    struct value pair;
    for (uint32_t i = 0; value_next_item(&walk, &pair); i++) {
        if (value_type(pair) != VALUE_ARRAY || value_count(pair) != 2) {
            return reader_fail(compiler->why, PLACE_ITEM(inside, i), "is not a pair");
        }
    }
    return path_member(compiler, place, value, STR("path"), &step->path);
}

static bool read_scale(struct compiler *compiler, const struct place *place, struct value value,
                       struct step *step)
{
    if (!value_number(value_get(value, STR("factor")), &step->factor)) {
        return reader_fail(compiler->why, PLACE_MEMBER(place, STR("factor")), "is not a number");
    }
    return path_member(compiler, place, value, STR("path"), &step->path);
}

static bool read_match(struct compiler *compiler, const struct place *place, struct value value,
                       struct step *step)
{
    step->value = value_get(value, STR("match"));
    return !value_present(step->value) ||
           read_map(compiler->why, PLACE_MEMBER(place, STR("match")), step->value);
}

static bool read_put(struct compiler *compiler, const struct place *place, struct value value,
                     struct step *step)
{
    const struct place *inside = PLACE_MEMBER(place, STR("record"));
    struct str id;
    step->value = value_get(value, STR("record"));
    return read_map(compiler->why, inside, step->value) &&
           read_string(compiler->why, PLACE_MEMBER(inside, STR("id")),
                       value_get(step->value, STR("id")), &id) &&
           read_flag(compiler->why, PLACE_MEMBER(place, STR("onlyIfMissing")),
                     value_get(value, STR("onlyIfMissing")), &step->only_if_missing);
}

static bool compile_steps(struct compiler *compiler, const struct place *place, struct value value,
                          enum migration_scope scope, struct steps *out);

static bool read_update(struct compiler *compiler, const struct place *place, struct value value,
                        struct step *step)
{
    return read_match(compiler, place, value, step) &&
           compile_steps(compiler, PLACE_MEMBER(place, STR("steps")),
                         value_get(value, STR("steps")), MIGRATION_RECORD, &step->steps);
}

struct op {
    const char *name;
    enum step_op op;
    bool of_records;
    step_fn read; /* NULL: nothing to read */
    const char *members[4];
};

static const struct op ops[] = {
    {"set", STEP_SET, true, read_set, {"op", "path", "value"}},
    {"default", STEP_DEFAULT, true, read_set, {"op", "path", "value"}},
    {"delete", STEP_DELETE, true, read_delete, {"op", "path"}},
    {"rename", STEP_RENAME, true, read_rename, {"op", "from", "to"}},
    {"mapValue", STEP_MAP_VALUE, true, read_pairs, {"op", "path", "pairs"}},
    {"scale", STEP_SCALE, true, read_scale, {"op", "path", "factor"}},
    {"fail", STEP_FAIL, true, NULL, {"op"}},
    {"fail", STEP_FAIL, false, NULL, {"op"}},
    {"removeWhere", STEP_REMOVE_WHERE, false, read_match, {"op", "match"}},
    {"putRecord", STEP_PUT_RECORD, false, read_put, {"op", "record", "onlyIfMissing"}},
    {"updateWhere", STEP_UPDATE_WHERE, false, read_update, {"op", "match", "steps"}},
};

static const struct op *op_of(struct str name, bool of_records)
{
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (ops[i].of_records == of_records && str_eq(name, str_of(ops[i].name))) {
            return &ops[i];
        }
    }
    return NULL;
}

static bool compile_step(struct compiler *compiler, const struct place *place, struct value value,
                         enum migration_scope scope, struct step *step)
{
    struct str name;
    *step = (struct step){0};
    if (!read_map(compiler->why, place, value) ||
        !read_string(compiler->why, PLACE_MEMBER(place, STR("op")), value_get(value, STR("op")),
                     &name)) {
        return false;
    }
    const struct op *op = op_of(name, scope == MIGRATION_RECORD);
    if (!op) {
        return reader_fail(compiler->why, place, "unknown op \"%.*s\" for %s",
                           STR_ARG(reader_cut(name)),
                           scope == MIGRATION_RECORD ? "a record" : "a store or storage");
    }
    step->op = op->op;
    return read_members(compiler->why, place, value, op->members) &&
           (!op->read || op->read(compiler, place, value, step));
}

static bool compile_steps(struct compiler *compiler, const struct place *place, struct value value,
                          enum migration_scope scope, struct steps *out)
{
    if (!read_array(compiler->why, place, value)) {
        return false;
    }
    if (value_count(value) > SCHEMA_MAX_STEPS - compiler->step_count) {
        return reader_fail(compiler->why, place, "more than %d steps in all", SCHEMA_MAX_STEPS);
    }
    compiler->step_count += value_count(value);
    out->list = room_of(compiler, value_count(value), sizeof(*out->list));
    struct value_walk walk = value_items(value);
    struct value item;
    while (value_next_item(&walk, &item)) {
        if (!compile_step(compiler, PLACE_ITEM(place, out->count), item, scope,
                          &out->list[out->count])) {
            return false;
        }
        out->count++;
    }
    return true;
}

bool compile_code(struct compiler *compiler, const struct place *place, struct value value,
                  struct str *out)
{
    static const char *const known[] = {"function", NULL};
    if (!read_members(compiler->why, place, value, known) ||
        !read_string(compiler->why, PLACE_MEMBER(place, STR("function")),
                     value_get(value, STR("function")), out)) {
        return false;
    }
    return compiler->content->code.ptr ||
           reader_fail(compiler->why, place, "calls a function, and the file has no code");
}

bool compile_function(struct compiler *compiler, const struct place *place, struct value value,
                      enum migration_scope scope, struct function *out)
{
    *out = (struct function){0};
    switch (value_type(value)) {
    case VALUE_ABSENT:
    case VALUE_NIL:
        return true;
    case VALUE_ARRAY:
        out->kind = FUNCTION_STEPS;
        return compile_steps(compiler, place, value, scope, &out->steps);
    case VALUE_MAP:
        out->kind = FUNCTION_CODE;
        return compile_code(compiler, place, value, &out->name);
    default:
        return reader_fail(compiler->why, place,
                           "is neither a list of steps nor {\"function\": NAME}");
    }
}

bool compile_filter(struct compiler *compiler, const struct place *place, struct value value,
                    struct filter *out)
{
    *out = (struct filter){0};
    if (!value_present(value)) {
        return true;
    }
    if (!read_map(compiler->why, place, value)) {
        return false;
    }
    if (value_count(value) == 1 && value_present(value_get(value, STR("function")))) {
        out->kind = FILTER_CODE;
        return compile_code(compiler, place, value, &out->name);
    }
    out->kind = FILTER_MATCH;
    out->match = value;
    return true;
}
