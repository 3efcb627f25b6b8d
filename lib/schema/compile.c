/* The content of a schema file, part by part. */
#include "schema/compile.h"

#include "base/alloc.h"

#include <stdlib.h>

static const char *const content_members[] = {
    "roomdSchema", "about",     "types", "objectTypes", "definitions",
    "sequences",   "documents", "order", "code",        NULL,
};

/* Names with their numbers from 0 on, of a map's members. The caller frees *list. */
static uint32_t number_members(struct value map, struct name **list)
{
    *list = xcalloc(value_count(map) + (size_t)1, sizeof(**list));
    struct value_walk walk = value_members(map);
    uint32_t count = 0;
    struct value member;
    while (value_next_member(&walk, &(*list)[count].text, &member)) {
        (*list)[count].number = count;
        count++;
    }
    return count;
}

static bool compile_definitions(struct compiler *compiler, struct value definitions)
{
    const struct place *place = PLACE_MEMBER(NULL, STR("definitions"));
    if (!value_present(definitions)) {
        return true;
    }
    if (!read_map(compiler->why, place, definitions)) {
        return false;
    }
    if (value_count(definitions) > SCHEMA_MAX_NODES) {
        return reader_fail(compiler->why, place, "more than %d", SCHEMA_MAX_NODES);
    }
    struct str twice;
    uint32_t count = number_members(definitions, &compiler->definition_list);
    bool ok = names_make(&compiler->definitions, compiler->definition_list, count,
                         &compiler->content->arena, &twice);
    compiler->definition_nodes = xcalloc(count + (size_t)1, sizeof(uint32_t));
    struct value_walk walk = value_members(definitions);
    struct str name;
    struct value definition;
    for (uint32_t i = 0; ok && value_next_member(&walk, &name, &definition); i++) {
        ok = compile_validator(compiler, PLACE_MEMBER(place, name), definition,
                               &compiler->definition_nodes[i]);
    }
    return ok;
}

static bool compile_scope(struct compiler *compiler, const struct place *place, struct value value,
                          struct type *type)
{
    static const struct {
        const char *name;
        enum schema_scope scope;
    } scopes[] = {
        {"document", SCHEMA_DOCUMENT}, {"presence", SCHEMA_PRESENCE}, {"session", SCHEMA_SESSION}};
    struct str name;
    if (!read_string(compiler->why, place, value, &name)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        if (str_eq(name, str_of(scopes[i].name))) {
            type->scope = scopes[i].scope;
            return true;
        }
    }
    return reader_fail(compiler->why, place, "\"%.*s\" is no scope", STR_ARG(reader_cut(name)));
}

static bool compile_type(struct compiler *compiler, const struct place *place, struct value value,
                         struct type *type)
{
    static const char *const known[] = {"scope", "validator", NULL};
    struct value validator = value_get(value, STR("validator"));
    type->node = NODE_NONE;
    if (!read_members(compiler->why, place, value, known) ||
        !compile_scope(compiler, PLACE_MEMBER(place, STR("scope")), value_get(value, STR("scope")),
                       type)) {
        return false;
    }
    if (type->scope == SCHEMA_PRESENCE) {
        if (compiler->content->presence_type.ptr) {
            return reader_fail(compiler->why, place, "a second type of scope presence");
        }
        compiler->content->presence_type = type->name;
    }
    return !value_present(validator) ||
           compile_validator(compiler, PLACE_MEMBER(place, STR("validator")), validator,
                             &type->node);
}

static bool compile_types(struct compiler *compiler, struct value types)
{
    const struct place *place = PLACE_MEMBER(NULL, STR("types"));
    struct content *content = compiler->content;
    if (!read_map(compiler->why, place, types)) {
        return false;
    }
    if (value_count(types) > SCHEMA_MAX_TYPES) {
        return reader_fail(compiler->why, place, "more than %d types", SCHEMA_MAX_TYPES);
    }
    struct name *list;
    struct str twice;
    content->type_count = number_members(types, &list);
    content->types =
        arena_alloc(&content->arena, (content->type_count + (size_t)1) * sizeof(*content->types));
    bool ok = names_make(&content->type_names, list, content->type_count, &content->arena, &twice);
    free(list);
    struct value_walk walk = value_members(types);
    struct str name;
    struct value type;
    for (uint32_t i = 0; ok && value_next_member(&walk, &name, &type); i++) {
        content->types[i] = (struct type){.name = name};
        ok = compile_type(compiler, PLACE_MEMBER(place, name), type, &content->types[i]);
    }
    return ok;
}

/* OBJ-3. */
static bool compile_object_types(struct compiler *compiler, struct value names)
{
    const struct place *place = PLACE_MEMBER(NULL, STR("objectTypes"));
    if (!value_present(names)) {
        return true;
    }
    if (!read_array(compiler->why, place, names)) {
        return false;
    }
    struct content *content = compiler->content;
    struct value_walk walk = value_items(names);
    struct value item;
    for (uint32_t i = 0; value_next_item(&walk, &item); i++) {
        struct str name;
        const struct place *inside = PLACE_ITEM(place, i);
        if (!read_string(compiler->why, inside, item, &name)) {
            return false;
        }
        uint32_t type = names_find(&content->type_names, name);
        if (type == NAMES_NONE || content->types[type].scope != SCHEMA_DOCUMENT) {
            return reader_fail(compiler->why, inside, "\"%.*s\" is no type of scope document",
                               STR_ARG(reader_cut(name)));
        }
        content->types[type].object = true;
    }
    return true;
}

/* What only code can tell is not asked: the code may not be there yet. */
static bool check_document(struct compiler *compiler, const struct place *place,
                           struct value document)
{
    struct content *content = compiler->content;
    struct str id;
    struct str name;
    if (!read_map(compiler->why, place, document) ||
        !read_string(compiler->why, PLACE_MEMBER(place, STR("id")), value_get(document, STR("id")),
                     &id) ||
        !read_string(compiler->why, PLACE_MEMBER(place, STR("typeName")),
                     value_get(document, STR("typeName")), &name)) {
        return false;
    }
    uint32_t type = names_find(&content->type_names, name);
    if (type == NAMES_NONE || content->types[type].scope != SCHEMA_DOCUMENT) {
        return reader_fail(compiler->why, place, "\"%.*s\" is no type of scope document",
                           STR_ARG(reader_cut(name)));
    }
    return content_validate(content, content->types[type].node, document, true) == SCHEMA_VALID ||
           reader_fail(compiler->why, place, "is not valid as \"%.*s\"", STR_ARG(reader_cut(name)));
}

static bool compile_documents(struct compiler *compiler, struct value documents)
{
    const struct place *place = PLACE_MEMBER(NULL, STR("documents"));
    if (!value_present(documents)) {
        return true;
    }
    if (!read_array(compiler->why, place, documents)) {
        return false;
    }
    struct name *ids = xcalloc(value_count(documents) + (size_t)1, sizeof(*ids));
    struct value_walk walk = value_items(documents);
    struct value document;
    uint32_t count = 0;
    bool ok = true;
    while (ok && value_next_item(&walk, &document)) {
        ok = check_document(compiler, PLACE_ITEM(place, count), document);
        value_string(value_get(document, STR("id")), &ids[count].text);
        ids[count].number = count;
        count++;
    }
    struct names names;
    struct str twice;
    if (ok && !names_make(&names, ids, count, &compiler->content->arena, &twice)) {
        ok = reader_fail(compiler->why, place, "the id \"%.*s\" twice", STR_ARG(reader_cut(twice)));
    }
    free(ids);
    return ok;
}

static bool compile_code_text(struct compiler *compiler, struct value code)
{
    return !value_present(code) || read_string(compiler->why, PLACE_MEMBER(NULL, STR("code")), code,
                                               &compiler->content->code);
}

static bool compile_content(struct compiler *compiler, struct value content)
{
    return read_members(compiler->why, NULL, content, content_members) &&
           compile_code_text(compiler, value_get(content, STR("code"))) &&
           compile_definitions(compiler, value_get(content, STR("definitions"))) &&
           compile_types(compiler, value_get(content, STR("types"))) && compile_graph(compiler) &&
           compile_object_types(compiler, value_get(content, STR("objectTypes"))) &&
           compile_sequences(compiler, value_get(content, STR("sequences"))) &&
           compile_order(compiler, value_get(content, STR("order"))) &&
           compile_documents(compiler, value_get(content, STR("documents")));
}

struct content *content_create(struct value value, struct schema_engine *engine, struct buf *why)
{
    if (value.len > SCHEMA_FILE_MAX) {
        reader_fail(why, NULL, "larger than %d bytes", SCHEMA_FILE_MAX);
        return NULL;
    }
    struct content *content = xcalloc(1, sizeof(*content));
    content->engine = engine;
    buf_append(&content->bytes, value.data, value.len);
    struct compiler compiler = {.content = content, .why = why};
    bool ok = compile_content(&compiler,
                              (struct value){buf_head(&content->bytes), buf_len(&content->bytes)});
    free(compiler.definition_list);
    free(compiler.definition_nodes);
    if (!ok) {
        content_destroy(content);
        return NULL;
    }
    return content;
}

void content_destroy(struct content *content)
{
    if (!content) {
        return;
    }
    free(content->validators.nodes);
    free(content->validators.names);
    free(content->validators.values);
    free(content->validators.texts);
    arena_finish(&content->arena);
    buf_finish(&content->bytes);
    free(content);
}
