/* Which records the default schema accepts. */
#include "schemas.h"
#include "value/json.h"
#include "vectors.h"

static bool is_validate(struct value one)
{
    return value_present(value_get(one, STR("record"))) &&
           value_present(value_get(one, STR("valid")));
}

static bool run_validate(struct value file, struct value one, struct buf *why)
{
    (void)file;
    const struct schema *schema = schemas_default(why);
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
