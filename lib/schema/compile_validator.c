/* Validators of a schema file to nodes (proto/schema.md). */
#include "schema/compile.h"

#include "base/alloc.h"

#include <stdlib.h>

/* Reads what is particular to a kind into the node. */
typedef bool (*compile_fn)(struct compiler *compiler, const struct place *place, struct value value,
                           struct node *node);

static bool child(struct compiler *compiler, const struct place *place, struct value value,
                  const char *name, uint32_t *node)
{
    struct str text = str_of(name);
    return compile_validator(compiler, PLACE_MEMBER(place, text), value_get(value, text), node);
}

static bool is_scalar(struct value value)
{
    enum value_type type = value_type(value);
    return type == VALUE_NIL || type == VALUE_BOOL || type == VALUE_NUMBER || type == VALUE_STRING;
}

static bool compile_literal(struct compiler *compiler, const struct place *place,
                            struct value value, struct node *node)
{
    struct value wanted = value_get(value, STR("value"));
    if (!is_scalar(wanted)) {
        return reader_fail(compiler->why, PLACE_MEMBER(place, STR("value")),
                           "is no string, number, boolean or null");
    }
    node->a = compile_value(compiler, wanted);
    return true;
}

/* Equal scalars have the same bytes (value.h), so these are the names of an enum. */
static bool compile_enum(struct compiler *compiler, const struct place *place, struct value value,
                         struct node *node)
{
    const struct place *inside = PLACE_MEMBER(place, STR("values"));
    struct value values = value_get(value, STR("values"));
    if (!read_array(compiler->why, inside, values)) {
        return false;
    }
    uint32_t count = 0;
    struct name *list = xcalloc(value_count(values) + (size_t)1, sizeof(*list));
    struct value_walk walk = value_items(values);
    struct value item;
    bool ok = true;
    while (ok && value_next_item(&walk, &item)) {
        if (!is_scalar(item)) {
            ok = reader_fail(compiler->why, PLACE_ITEM(inside, count),
                             "is no string, number, boolean or null");
        }
        list[count] = (struct name){{(const char *)item.data, item.len}, count};
        count++;
    }
    ok = ok && compile_names(compiler, inside, list, count, &node->a);
    free(list);
    return ok;
}

static bool compile_array_of(struct compiler *compiler, const struct place *place,
                             struct value value, struct node *node)
{
    return child(compiler, place, value, "item", &node->a);
}

static bool compile_inner(struct compiler *compiler, const struct place *place, struct value value,
                          struct node *node)
{
    return child(compiler, place, value, "inner", &node->a);
}

static bool compile_or(struct compiler *compiler, const struct place *place, struct value value,
                       struct node *node)
{
    return child(compiler, place, value, "a", &node->a) &&
           child(compiler, place, value, "b", &node->b);
}

static bool compile_dict(struct compiler *compiler, const struct place *place, struct value value,
                         struct node *node)
{
    return child(compiler, place, value, "key", &node->a) &&
           child(compiler, place, value, "value", &node->b);
}

/* The map of validators `name`: fields or variants. */
static bool compile_fields(struct compiler *compiler, const struct place *place, struct value value,
                           struct str name, uint32_t *names)
{
    const struct place *inside = PLACE_MEMBER(place, name);
    struct value fields = value_get(value, name);
    if (!read_map(compiler->why, inside, fields)) {
        return false;
    }
    uint32_t count = 0;
    struct name *list = xcalloc(value_count(fields) + (size_t)1, sizeof(*list));
    struct value_walk walk = value_members(fields);
    struct value field;
    bool ok = true;
    while (ok && value_next_member(&walk, &list[count].text, &field)) {
        ok = compile_validator(compiler, PLACE_MEMBER(inside, list[count].text), field,
                               &list[count].number);
        count++;
    }
    ok = ok && compile_names(compiler, inside, list, count, names);
    free(list);
    return ok;
}

static bool compile_object(struct compiler *compiler, const struct place *place, struct value value,
                           struct node *node)
{
    return compile_fields(compiler, place, value, STR("fields"), &node->a) &&
           read_flag(compiler->why, PLACE_MEMBER(place, STR("allowUnknown")),
                     value_get(value, STR("allowUnknown")), &node->flag);
}

static bool compile_union(struct compiler *compiler, const struct place *place, struct value value,
                          struct node *node)
{
    struct str key;
    node->c = NODE_NONE;
    if (!read_string(compiler->why, PLACE_MEMBER(place, STR("key")), value_get(value, STR("key")),
                     &key) ||
        !read_flag(compiler->why, PLACE_MEMBER(place, STR("numberKeys")),
                   value_get(value, STR("numberKeys")), &node->flag) ||
        !compile_fields(compiler, place, value, STR("variants"), &node->a)) {
        return false;
    }
    node->b = compile_text(compiler, key);
    return !value_present(value_get(value, STR("unknown"))) ||
           child(compiler, place, value, "unknown", &node->c);
}

static bool compile_prefixes(struct compiler *compiler, const struct place *place,
                             struct value value, struct node *node)
{
    const struct place *inside = PLACE_MEMBER(place, STR("prefixes"));
    struct value prefixes = value_get(value, STR("prefixes"));
    if (!read_array(compiler->why, inside, prefixes)) {
        return false;
    }
    struct value_walk walk = value_items(prefixes);
    struct value item;
    while (value_next_item(&walk, &item)) {
        struct str text;
        if (!read_string(compiler->why, PLACE_ITEM(inside, node->b), item, &text)) {
            return false;
        }
        uint32_t at = compile_text(compiler, text);
        node->a = node->b++ == 0 ? at : node->a;
    }
    return true;
}

static bool compile_ref(struct compiler *compiler, const struct place *place, struct value value,
                        struct node *node)
{
    const struct place *inside = PLACE_MEMBER(place, STR("name"));
    struct str name;
    if (!read_string(compiler->why, inside, value_get(value, STR("name")), &name)) {
        return false;
    }
    node->a = names_find(&compiler->definitions, name);
    return node->a != NAMES_NONE ||
           reader_fail(compiler->why, inside, "no definition \"%.*s\"", STR_ARG(reader_cut(name)));
}

static bool compile_code_node(struct compiler *compiler, const struct place *place,
                              struct value value, struct node *node)
{
    struct str function;
    node->a = NODE_NONE;
    if (!read_string(compiler->why, PLACE_MEMBER(place, STR("function")),
                     value_get(value, STR("function")), &function)) {
        return false;
    }
    if (!compiler->content->code.ptr) {
        return reader_fail(compiler->why, place, "calls a function, and the file has no code");
    }
    node->b = compile_text(compiler, function);
    return !value_present(value_get(value, STR("inner"))) ||
           child(compiler, place, value, "inner", &node->a);
}

struct kind {
    const char *name;
    enum node_kind kind;
    compile_fn compile; /* NULL: nothing to read */
    const char *members[4];
};

static const struct kind kinds[] = {
    {"any", NODE_ANY, NULL, {0}},
    {"unknown", NODE_ANY, NULL, {0}},
    {"string", NODE_STRING, NULL, {0}},
    {"boolean", NODE_BOOLEAN, NULL, {0}},
    {"number", NODE_NUMBER, NULL, {0}},
    {"positiveNumber", NODE_POSITIVE_NUMBER, NULL, {0}},
    {"nonZeroNumber", NODE_NONZERO_NUMBER, NULL, {0}},
    {"nonZeroFiniteNumber", NODE_NONZERO_FINITE_NUMBER, NULL, {0}},
    {"unitInterval", NODE_UNIT_INTERVAL, NULL, {0}},
    {"integer", NODE_INTEGER, NULL, {0}},
    {"positiveInteger", NODE_POSITIVE_INTEGER, NULL, {0}},
    {"nonZeroInteger", NODE_NONZERO_INTEGER, NULL, {0}},
    {"literal", NODE_LITERAL, compile_literal, {"value"}},
    {"enum", NODE_ENUM, compile_enum, {"values"}},
    {"array", NODE_ARRAY, NULL, {0}},
    {"arrayOf", NODE_ARRAY_OF, compile_array_of, {"item"}},
    {"unknownObject", NODE_UNKNOWN_OBJECT, NULL, {0}},
    {"object", NODE_OBJECT, compile_object, {"fields", "allowUnknown"}},
    {"dict", NODE_DICT, compile_dict, {"key", "value"}},
    {"union", NODE_UNION, compile_union, {"key", "variants", "numberKeys", "unknown"}},
    {"optional", NODE_OPTIONAL, compile_inner, {"inner"}},
    {"nullable", NODE_NULLABLE, compile_inner, {"inner"}},
    {"or", NODE_OR, compile_or, {"a", "b"}},
    {"model", NODE_REF, compile_inner, {"name", "inner"}},
    {"jsonValue", NODE_JSON_VALUE, NULL, {0}},
    {"idPrefix", NODE_ID_PREFIX, compile_prefixes, {"prefixes"}},
    {"indexKey", NODE_INDEX_KEY, NULL, {0}},
    {"linkUrl", NODE_LINK_URL, NULL, {0}},
    {"srcUrl", NODE_SRC_URL, NULL, {0}},
    {"httpUrl", NODE_HTTP_URL, NULL, {0}},
    {"ref", NODE_REF, compile_ref, {"name"}},
    {"code", NODE_CODE, compile_code_node, {"function", "inner"}},
};

static const struct kind *kind_of(struct str name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (str_eq(name, str_of(kinds[i].name))) {
            return &kinds[i];
        }
    }
    return NULL;
}

static bool check_members(struct compiler *compiler, const struct place *place, struct value value,
                          const struct kind *kind)
{
    const char *known[9] = {"kind", "style", "note", "default"};
    for (size_t i = 0; i < 4 && kind->members[i]; i++) {
        known[4 + i] = kind->members[i];
    }
    return read_members(compiler->why, place, value, known);
}

bool compile_validator(struct compiler *compiler, const struct place *place, struct value value,
                       uint32_t *node)
{
    struct str name;
    if (!read_map(compiler->why, place, value) ||
        !read_string(compiler->why, PLACE_MEMBER(place, STR("kind")), value_get(value, STR("kind")),
                     &name)) {
        return false;
    }
    const struct kind *kind = kind_of(name);
    if (!kind) {
        return reader_fail(compiler->why, place, "unknown kind \"%.*s\"",
                           STR_ARG(reader_cut(name)));
    }
    struct node made = {.kind = (uint8_t)kind->kind};
    if (!check_members(compiler, place, value, kind) ||
        (kind->compile && !kind->compile(compiler, place, value, &made))) {
        return false;
    }
    if (kind->compile == compile_inner && kind->kind == NODE_REF) {
        *node = made.a; /* a model is what is in it */
        return true;
    }
    return compile_node(compiler, place, made, node);
}
