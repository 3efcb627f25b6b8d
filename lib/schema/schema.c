/* The open schema: a serialized schema adopted from a client, and nothing else known. */
#include "schema/schema.h"

#include "base/alloc.h"
#include "schema/path.h"
#include "schema/serialized.h"
#include "value/pack.h"

#include <assert.h>
#include <stdlib.h>

struct schema {
    uint32_t refs;
    bool is_tldraw; /* names the sequences of tldraw's document and page */
    struct buf serialized;
    struct buf default_documents;
};

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

static struct value sequences_of(struct value serialized)
{
    return value_get(serialized, STR("sequences"));
}

static void pack_text(struct buf *out, const char *key, const char *text)
{
    pack_str(out, str_of(key));
    pack_str(out, str_of(text));
}

/* SNAP-9. */
static void pack_tldraw_documents(struct buf *out)
{
    pack_array(out, 2);
    pack_map(out, 5);
    pack_text(out, "id", "document:document");
    pack_text(out, "typeName", "document");
    pack_str(out, STR("gridSize"));
    pack_u64(out, 10);
    pack_text(out, "name", "");
    pack_str(out, STR("meta"));
    pack_map(out, 0);
    pack_map(out, 5);
    pack_text(out, "id", "page:page");
    pack_text(out, "typeName", "page");
    pack_text(out, "name", "Page 1");
    pack_text(out, "index", "a1");
    pack_str(out, STR("meta"));
    pack_map(out, 0);
}

enum schema_match schema_adopt(struct value serialized, struct schema **out)
{
    struct schema *schema = xcalloc(1, sizeof(*schema));
    schema->refs = 1;
    enum schema_match match = serialized_upgrade(serialized, &schema->serialized);
    struct value sequences = sequences_of(schema_serialized(schema));
    if (match == SCHEMA_SERVED && value_count(sequences) > SCHEMA_MAX_SEQUENCES) {
        match = SCHEMA_MALFORMED;
    }
    if (match != SCHEMA_SERVED) {
        schema_unref(schema);
        return match;
    }
    schema->is_tldraw = value_present(value_get(sequences, STR("com.tldraw.document"))) &&
                        value_present(value_get(sequences, STR("com.tldraw.page")));
    if (schema->is_tldraw) {
        pack_tldraw_documents(&schema->default_documents);
    } else {
        pack_array(&schema->default_documents, 0);
    }
    *out = schema;
    return SCHEMA_SERVED;
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
    buf_finish(&schema->serialized);
    buf_finish(&schema->default_documents);
    free(schema);
}

bool schema_is_open(const struct schema *schema)
{
    (void)schema;
    return true;
}

struct value schema_serialized(const struct schema *schema)
{
    return buf_len(&schema->serialized) ? buf_value(&schema->serialized) : VALUE_NONE;
}

/* Without migrations at hand, clients whose versions differ cannot be served; which side is behind
 * follows from the numbers as in SCH-2. */
static enum schema_match compare_sequences(struct value ours, struct value theirs)
{
    if (value_equal(ours, theirs)) {
        return SCHEMA_SERVED;
    }
    struct value_walk walk = value_members(theirs);
    struct str name;
    struct value version;
    while (value_next_member(&walk, &name, &version)) {
        double known;
        double wanted;
        if (!value_number(value_get(ours, name), &known) ||
            (value_number(version, &wanted) && wanted > known)) {
            return SCHEMA_SERVER_TOO_OLD;
        }
    }
    return SCHEMA_CLIENT_TOO_OLD;
}

enum schema_match schema_match(const struct schema *schema, struct value serialized,
                               struct schema_path **path)
{
    *path = NULL;
    struct buf theirs = {0};
    enum schema_match match = serialized_upgrade(serialized, &theirs);
    if (match == SCHEMA_SERVED) {
        match = compare_sequences(sequences_of(schema_serialized(schema)),
                                  sequences_of(buf_value(&theirs)));
    }
    buf_finish(&theirs);
    return match;
}

enum schema_scope schema_scope_of(const struct schema *schema, struct str type)
{
    if (schema->is_tldraw) {
        for (size_t i = 0; i < sizeof(tldraw_scopes) / sizeof(tldraw_scopes[0]); i++) {
            if (str_eq(type, str_of(tldraw_scopes[i].type))) {
                return tldraw_scopes[i].scope;
            }
        }
    }
    return SCHEMA_DOCUMENT;
}

struct str schema_presence_type(const struct schema *schema)
{
    return schema->is_tldraw ? STR("instance_presence") : (struct str){0};
}

bool schema_is_object_type(const struct schema *schema, struct str type)
{
    (void)schema;
    (void)type;
    return false; /* object types are named by schema files only */
}

bool schema_validate(const struct schema *schema, struct str type, struct value record)
{
    (void)schema;
    struct str id;
    struct str type_name;
    return value_string(value_get(record, STR("id")), &id) &&
           value_string(value_get(record, STR("typeName")), &type_name) && str_eq(type_name, type);
}

struct value schema_default_documents(const struct schema *schema)
{
    return buf_value(&schema->default_documents);
}

struct value schema_earliest(const struct schema *schema)
{
    return schema_serialized(schema);
}

enum schema_match schema_path_from(const struct schema *schema, struct value serialized,
                                   struct schema_path **path)
{
    return schema_match(schema, serialized, path);
}
