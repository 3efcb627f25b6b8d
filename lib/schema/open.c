/* The open schema: a serialized schema adopted from a client, and nothing else known. */
#include "base/alloc.h"
#include "schema/content.h"
#include "schema/serialized.h"
#include "value/pack.h"

#include <string.h>

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

/* The rooms of one app have the same schema, and it is as large as all else about an empty room:
 * the adopted ones that are in use, the one last asked for first. */
static struct list adopted = {&adopted, &adopted}; /* of struct schema.adopted_link */

static struct schema *find_adopted(struct value serialized)
{
    enum { LOOK_AT = 16 }; /* then it costs less to have it twice */
    int looked_at = 0;
    struct schema *schema;
    list_each(schema, &adopted, adopted_link, struct schema)
    {
        struct value own = schema_serialized(schema);
        if (own.len == serialized.len && memcmp(own.data, serialized.data, own.len) == 0) {
            list_remove(&schema->adopted_link);
            list_insert_before(adopted.next, &schema->adopted_link);
            return schema_ref(schema);
        }
        if (++looked_at == LOOK_AT) {
            break;
        }
    }
    return NULL;
}

enum schema_match schema_adopt(struct value serialized, struct schema **out)
{
    struct schema *known = find_adopted(serialized);
    if (known) {
        *out = known;
        return SCHEMA_SERVED;
    }
    struct schema *schema = xcalloc(1, sizeof(*schema));
    schema->refs = 1;
    list_init(&schema->adopted_link);
    enum schema_match match = serialized_upgrade(serialized, &schema->serialized);
    struct value sequences = value_get(schema_serialized(schema), STR("sequences"));
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
    schema_pack_earliest(schema);
    list_insert_before(adopted.next, &schema->adopted_link);
    *out = schema;
    return SCHEMA_SERVED;
}

enum schema_match schema_compare(struct value ours, struct value theirs)
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
