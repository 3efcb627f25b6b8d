/* Schemas of recordings. */
#include "schemas.h"

#include "base/alloc.h"
#include "base/file.h"
#include "schema/file.h"
#include "script/script.h"
#include "value/json.h"
#include "value/pack.h"

#include <stdlib.h>
#include <string.h>

/* Tldraw's: NULL, not loaded yet. What it needs lives as long. */
static struct schema *tldraw; /* a reference */
static struct script *script;
static struct script_engine engine;
static struct buf code;

/* The content of a schema as the recordings have it, as that of a schema file. */
static void pack_content(struct value data, struct value object_types, struct buf *content)
{
    bool objects = value_type(object_types) == VALUE_ARRAY;
    pack_map(content, 3 + objects);
    pack_str(content, STR("roomdSchema"));
    pack_u64(content, 1);
    pack_member(content, STR("types"), value_get(data, STR("types")));
    pack_member(content, STR("sequences"), value_get(data, STR("sequences")));
    if (objects) {
        pack_member(content, STR("objectTypes"), object_types);
    }
}

static struct schema *compile(struct buf *text, struct value object_types, struct buf *why)
{
    struct buf data = {0};
    struct buf content = {0};
    struct schema *schema = NULL;
    if (json_parse(buf_str(text), &data)) {
        buf_append_str(why, STR("schema.json is no JSON"));
    } else {
        pack_content(buf_value(&data), object_types, &content);
        if (schema_compile(buf_value(&content), NULL, &schema, why)) {
            schema = NULL;
        }
    }
    buf_finish(&content);
    buf_finish(&data);
    return schema;
}

static struct schema *get_room(const char *path, struct value object_types, struct buf *why)
{
    const char *slash = strrchr(path, '/');
    char *beside = xasprintf("%.*sschema.json", (int)(slash ? slash - path + 1 : 0), path);
    struct buf text = {0};
    struct schema *schema = NULL;
    if (!file_read(beside, SCHEMA_FILE_MAX, &text) ||
        !file_read(ROOM_SCHEMA, SCHEMA_FILE_MAX, &text)) {
        schema = compile(&text, object_types, why);
    } else {
        buf_append_str(why, STR("there is no schema.json"));
    }
    buf_finish(&text);
    free(beside);
    return schema;
}

static enum err load_default(struct str text, struct buf *why)
{
    enum err err = schema_find_code(text, &code, why);
    if (!err) {
        err = script_create(buf_str(&code), SCRIPT_MEMORY_BYTES, &script, why);
    }
    if (!err) {
        script_engine_init(&engine, script);
        err = schema_parse(text, &engine.engine, &tldraw, why);
    }
    return err;
}

const struct schema *schemas_default(struct buf *why)
{
    struct buf text = {0};
    if (!tldraw && file_read(SCHEMA_FILE, SCHEMA_FILE_MAX, &text)) {
        buf_append_str(why, STR(SCHEMA_FILE " cannot be read"));
    } else if (!tldraw && load_default(buf_str(&text), why)) {
        tldraw = NULL;
    }
    buf_finish(&text);
    return tldraw;
}

struct schema *schemas_get(struct str name, const char *path, struct value object_types,
                           struct buf *why)
{
    if (!str_eq(name, STR("default"))) {
        return get_room(path, object_types, why);
    }
    return schemas_default(why) ? schema_ref(tldraw) : NULL;
}

void schemas_finish(void)
{
    schema_unref(tldraw);
    tldraw = NULL;
    script_destroy(script);
    script = NULL;
    buf_finish(&code);
}
