/* Steps on one record: each that has an effect writes the record anew. */
#include "schema/steps.h"

#include "value/pack.h"

/* Where a path leads. */
enum found {
    FOUND,
    FOUND_NONE,      /* an object that has no such member */
    FOUND_NO_PARENT, /* some object on the way is missing */
    FOUND_BLOCKED,   /* something on the way is no object */
};

static enum found find(struct value record, const struct member_path *path, struct value *value)
{
    *value = record;
    for (uint32_t i = 0; i < path->count; i++) {
        if (value_type(*value) != VALUE_MAP) {
            return FOUND_BLOCKED;
        }
        *value = value_get(*value, path->names[i]);
        if (!value_present(*value)) {
            return i + 1 == path->count ? FOUND_NONE : FOUND_NO_PARENT;
        }
    }
    return FOUND;
}

/* The value within the objects that the names before the last make. */
static void pack_new(struct buf *out, const struct str *names, uint32_t count, struct value value)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            pack_map(out, 1);
        }
        pack_str(out, names[i]);
    }
    pack_value(out, value);
}

/* The object, with `value` at the path; absent: without what is there. The way is free. As deep as
 * a path is long. */
static void pack_edited(struct buf *out, struct value object, const struct str *names,
                        uint32_t count, struct value value)
{
    bool present = value_present(value_get(object, names[0]));
    bool removed = count == 1 && !value_present(value);
    pack_map(out, value_count(object) + (present ? 0 : 1) - (removed ? 1 : 0));
    struct value_walk walk = value_members(object);
    const uint8_t *start = walk.at;
    struct str name;
    struct value member;
    while (value_next_member(&walk, &name, &member)) {
        if (!str_eq(name, names[0])) {
            buf_append(out, start, (size_t)(walk.at - start));
        } else if (count > 1) {
            pack_str(out, name);
            pack_edited(out, member, names + 1, count - 1, value);
        } else if (!removed) {
            pack_member(out, name, value);
        }
        start = walk.at;
    }
    if (!present) {
        pack_new(out, names, count, value);
    }
}

/* A record on its way through steps. */
struct edit {
    struct value record; /* as it was, or what is in `now` */
    struct buf now, next;
};

static void edit_path(struct edit *edit, const struct member_path *path, struct value value)
{
    buf_truncate(&edit->next, 0);
    pack_edited(&edit->next, edit->record, path->names, path->count, value);
    struct buf now = edit->next;
    edit->next = edit->now;
    edit->now = now;
    edit->record = buf_value(&edit->now);
}

static void apply_rename(struct edit *edit, const struct step *step)
{
    struct value value;
    struct value other;
    if (find(edit->record, &step->path, &value) != FOUND) {
        return;
    }
    enum found target = find(edit->record, &step->to, &other);
    if (target != FOUND && target != FOUND_NONE) {
        return;
    }
    struct buf copy = {0};
    pack_value(&copy, value);
    edit_path(edit, &step->path, VALUE_NONE);
    edit_path(edit, &step->to, buf_value(&copy));
    buf_finish(&copy);
}

static void apply_map_value(struct edit *edit, const struct step *step, struct value value)
{
    struct value_walk walk = value_items(step->value);
    struct value pair;
    while (value_next_item(&walk, &pair)) {
        if (value_equal(value, value_item(pair, 0))) {
            edit_path(edit, &step->path, value_item(pair, 1));
            return;
        }
    }
}

static void apply_scale(struct edit *edit, const struct step *step, struct value value)
{
    double number;
    if (value_number(value, &number)) {
        struct buf scaled = {0};
        pack_number(&scaled, number * step->factor);
        edit_path(edit, &step->path, buf_value(&scaled));
        buf_finish(&scaled);
    }
}

/* False: the step fails. */
static bool apply(struct edit *edit, const struct step *step)
{
    struct value value;
    enum found found =
        step->path.count > 0 ? find(edit->record, &step->path, &value) : FOUND_BLOCKED;
    switch (step->op) {
    case STEP_SET:
        if (found != FOUND_BLOCKED) {
            edit_path(edit, &step->path, step->value);
        }
        return true;
    case STEP_DEFAULT:
        if (found == FOUND_NONE || found == FOUND_NO_PARENT) {
            edit_path(edit, &step->path, step->value);
        }
        return true;
    case STEP_DELETE:
        if (found == FOUND) {
            edit_path(edit, &step->path, VALUE_NONE);
        }
        return true;
    case STEP_RENAME:
        apply_rename(edit, step);
        return true;
    case STEP_MAP_VALUE:
        if (found == FOUND) {
            apply_map_value(edit, step, value);
        }
        return true;
    case STEP_SCALE:
        if (found == FOUND) {
            apply_scale(edit, step, value);
        }
        return true;
    case STEP_FAIL:
    case STEP_REMOVE_WHERE: /* not on records (compile_step.c) */
    case STEP_PUT_RECORD:
    case STEP_UPDATE_WHERE:
        return false;
    }
    return false;
}

bool steps_apply(const struct steps *steps, struct value record, struct buf *out)
{
    struct edit edit = {.record = record};
    bool ok = true;
    for (uint32_t i = 0; ok && i < steps->count; i++) {
        ok = apply(&edit, &steps->list[i]);
    }
    if (ok) {
        pack_value(out, edit.record);
    }
    buf_finish(&edit.now);
    buf_finish(&edit.next);
    return ok;
}

bool steps_match(struct value match, struct value record)
{
    struct value_walk walk = value_members(match);
    struct str name;
    struct value wanted;
    while (value_next_member(&walk, &name, &wanted)) {
        if (!value_equal(value_get(record, name), wanted)) {
            return false;
        }
    }
    return true;
}
