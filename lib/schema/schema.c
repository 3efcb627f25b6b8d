/* What rooms ask, answered by an open schema and by one from a file. */
#include "schema/schema.h"

#include "base/alloc.h"
#include "schema/content.h"
#include "schema/file.h"
#include "value/pack.h"

#include <stdlib.h>

/* Types of tldraw's schema that are no documents (spec schema-and-migrations 8). */
static const struct {
    const char *type;
    enum schema_scope scope;
} tldraw_scopes[] = {
    {"instance_presence", SCHEMA_PRESENCE},
    {"camera", SCHEMA_SESSION},
    {"instance", SCHEMA_SESSION},
    {"pointer", SCHEMA_SESSION},
    {"instance_page_state", SCHEMA_SESSION},
};

static void pack_head(struct buf *out, uint32_t sequences)
{
    pack_map(out, 2);
    pack_str(out, STR("schemaVersion"));
    pack_u64(out, 2);
    pack_str(out, STR("sequences"));
    pack_map(out, sequences);
}

void schema_pack_earliest(struct schema *schema)
{
    struct value sequences = value_get(schema_serialized(schema), STR("sequences"));
    pack_head(&schema->earliest, value_count(sequences));
    struct value_walk walk = value_members(sequences);
    struct str name;
    struct value version;
    while (value_next_member(&walk, &name, &version)) {
        pack_str(&schema->earliest, name);
        pack_u64(&schema->earliest, 0);
    }
}

static void pack_serialized(struct schema *schema)
{
    const struct content *content = schema->content;
    pack_head(&schema->serialized, content->sequence_count);
    for (uint32_t i = 0; i < content->sequence_count; i++) {
        pack_str(&schema->serialized, content->sequences[i].id);
        pack_u64(&schema->serialized, content->sequences[i].count);
    }
    schema_pack_earliest(schema);
}

enum err schema_compile(struct value value, struct schema_engine *engine, struct schema **out,
                        struct buf *why)
{
    struct content *content = content_create(value, engine, why);
    if (!content) {
        return ERR_MALFORMED;
    }
    struct schema *schema = xcalloc(1, sizeof(*schema));
    schema->refs = 1;
    list_init(&schema->adopted_link);
    schema->content = content;
    struct value documents = value_get(
        (struct value){buf_head(&content->bytes), buf_len(&content->bytes)}, STR("documents"));
    if (value_present(documents)) {
        pack_value(&schema->default_documents, documents);
    } else {
        pack_array(&schema->default_documents, 0);
    }
    pack_serialized(schema);
    *out = schema;
    return ERR_OK;
}

struct schema *schema_ref(struct schema *schema)
{
    schema->refs++;
    return schema;
}

void schema_unref(struct schema *schema)
{
    if (!schema || --schema->refs > 0) {
        return;
    }
    list_remove(&schema->adopted_link);
    content_destroy(schema->content);
    buf_finish(&schema->serialized);
    buf_finish(&schema->earliest);
    buf_finish(&schema->default_documents);
    free(schema);
}

bool schema_is_open(const struct schema *schema)
{
    return !schema->content;
}

struct value schema_serialized(const struct schema *schema)
{
    return buf_len(&schema->serialized) ? buf_value(&schema->serialized) : VALUE_NONE;
}

struct value schema_earliest(const struct schema *schema)
{
    return buf_value(&schema->earliest);
}

static const struct type *type_of(const struct schema *schema, struct str name)
{
    uint32_t type = names_find(&schema->content->type_names, name);
    return type == NAMES_NONE ? NULL : &schema->content->types[type];
}

enum schema_scope schema_scope_of(const struct schema *schema, struct str name)
{
    if (schema->content) {
        const struct type *type = type_of(schema, name);
        return type ? type->scope : SCHEMA_UNKNOWN;
    }
    if (schema->is_tldraw) {
        for (size_t i = 0; i < sizeof(tldraw_scopes) / sizeof(tldraw_scopes[0]); i++) {
            if (str_eq(name, str_of(tldraw_scopes[i].type))) {
                return tldraw_scopes[i].scope;
            }
        }
    }
    return SCHEMA_DOCUMENT;
}

struct str schema_presence_type(const struct schema *schema)
{
    if (schema->content) {
        return schema->content->presence_type;
    }
    return schema->is_tldraw ? STR("instance_presence") : (struct str){0};
}

bool schema_is_object_type(const struct schema *schema, struct str name)
{
    const struct type *type = schema->content ? type_of(schema, name) : NULL;
    return type && type->object;
}

static bool validate_open(struct str type, struct value record)
{
    struct str id;
    struct str type_name;
    return value_string(value_get(record, STR("id")), &id) &&
           value_string(value_get(record, STR("typeName")), &type_name) && str_eq(type_name, type);
}

enum schema_valid schema_check(const struct schema *schema, struct str name, struct value record)
{
    if (!schema->content) {
        return validate_open(name, record) ? SCHEMA_VALID : SCHEMA_INVALID;
    }
    const struct type *type = type_of(schema, name);
    return type ? content_validate(schema->content, type->node, record, false) : SCHEMA_INVALID;
}

bool schema_validate(const struct schema *schema, struct str name, struct value record)
{
    return schema_check(schema, name, record) == SCHEMA_VALID;
}

struct value schema_default_documents(const struct schema *schema)
{
    return buf_value(&schema->default_documents);
}
