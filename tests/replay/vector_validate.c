/* Which records the default schema accepts. */
#include "file.h"
#include "schema/file.h"
#include "value/json.h"
#include "value/pack.h"
#include "vectors.h"

static bool is_validate(struct value one)
{
    return value_present(value_get(one, STR("record"))) &&
           value_present(value_get(one, STR("valid")));
}

/* A schema file; or the schema as data, which knows about migrations only that there are some. */
static enum err compile(struct str text, struct schema **schema, struct buf *why)
{
    struct buf content = {0};
    struct buf types = {0};
    enum err err = json_parse(text, &content);
    if (!err && value_present(value_get(buf_value(&content), STR("roomdSchema")))) {
        err = schema_parse(text, NULL, schema, why);
    } else if (!err) {
        pack_map(&types, 2);
        pack_member(&types, STR("types"), value_get(buf_value(&content), STR("types")));
        pack_str(&types, STR("sequences"));
        pack_array(&types, 0);
        err = schema_compile(buf_value(&types), NULL, schema, why);
    }
    buf_finish(&types);
    buf_finish(&content);
    return err;
}

/* Compiled once. NULL, and `why`, if there is none that can be. */
static const struct schema *default_schema(struct buf *why)
{
    static struct schema *schema;
    struct buf text = {0};
    if (!schema) {
        const char *path = file_read(SCHEMA_FILE, &text)   ? SCHEMA_FILE
                           : file_read(SCHEMA_DATA, &text) ? SCHEMA_DATA
                                                           : NULL;
        if (!path) {
            buf_printf(why, "%s cannot be read", SCHEMA_DATA);
        } else if (compile(buf_str(&text), &schema, why) != ERR_OK) {
            buf_printf(why, " in %s", path);
            schema = NULL;
        }
    }
    buf_finish(&text);
    return schema;
}

static bool run_validate(struct value file, struct value one, struct buf *why)
{
    (void)file;
    const struct schema *schema = default_schema(why);
    bool wanted = false;
    if (!schema || !value_bool(value_get(one, STR("valid")), &wanted)) {
        return false;
    }
    struct value record = value_get(one, STR("record"));
    bool found = schema_validate(schema, member_text(record, "typeName"), record);
    if (found != wanted) {
        buf_printf(why, "%s, and it is %s: ", found ? "accepted" : "refused",
                   wanted ? "valid" : "not valid");
        json_write(value_get(one, STR("at")), why);
    }
    return found == wanted;
}

const struct vector_kind vector_validate = {"validate", is_validate, run_validate};
