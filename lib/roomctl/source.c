/* Snapshots and records of operators. */
#include "roomctl/source.h"

#include "value/json.h"
#include "value/pack.h"

/* A .tldr file is an editor's whole store. These are about the editor, not about the document. */
static bool is_editors(struct str type)
{
    static const char *const types[] = {"instance", "instance_page_state", "instance_presence",
                                        "camera", "pointer"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (str_eq(type, str_of(types[i]))) {
            return true;
        }
    }
    return false;
}

static bool parse(struct str text, struct buf *bytes, struct value *value, struct buf *why)
{
    size_t where;
    enum err err = json_parse_where(text, bytes, &where);
    if (err) {
        buf_printf(why, "no JSON: %s at byte %zu", err_name(err), where);
        return false;
    }
    *value = buf_value(bytes);
    return true;
}

static void write_member(struct str id, struct value record, struct buf *out)
{
    uint8_t last = buf_head(out)[buf_len(out) - 1];
    if (last != '{') {
        buf_append_byte(out, ',');
    }
    json_write_string(id, out);
    buf_append_byte(out, ':');
    json_write(record, out);
}

static bool write_tldr(struct value file, struct buf *out, struct buf *why)
{
    struct value records = value_get(file, STR("records"));
    struct value_walk walk = value_items(records);
    struct value record;
    buf_append_str(out, STR("{\"schema\":"));
    json_write(value_get(file, STR("schema")), out);
    buf_append_str(out, STR(",\"store\":{"));
    while (value_next_item(&walk, &record)) {
        struct str id;
        struct str type;
        if (!value_string(value_get(record, STR("id")), &id) ||
            !value_string(value_get(record, STR("typeName")), &type)) {
            buf_printf(why, "a .tldr file with something that is no record");
            return false;
        }
        if (!is_editors(type)) {
            write_member(id, record, out);
        }
    }
    buf_append_str(out, STR("}}"));
    return true;
}

bool source_snapshot(struct str text, struct buf *out, struct buf *why)
{
    struct buf bytes = {0};
    struct value value;
    bool fine = parse(text, &bytes, &value, why);
    if (fine && value_present(value_get(value, STR("tldrawFileFormatVersion")))) {
        double version = 0;
        value_number(value_get(value, STR("tldrawFileFormatVersion")), &version);
        fine = version == 1;
        if (fine) {
            fine = write_tldr(value, out, why);
        } else {
            buf_printf(why, "a .tldr file of a format that is not known");
        }
    } else if (fine && (value_present(value_get(value, STR("documents"))) ||
                        value_present(value_get(value, STR("store"))))) {
        buf_append_str(out, text);
    } else if (fine) {
        buf_printf(why, "neither a room snapshot, nor a store snapshot, nor a .tldr file");
        fine = false;
    }
    buf_finish(&bytes);
    return fine;
}

bool source_puts(struct str text, struct buf *out, struct buf *why)
{
    struct buf bytes = {0};
    struct value value;
    bool fine = parse(text, &bytes, &value, why);
    if (fine) {
        bool one = value_type(value) != VALUE_ARRAY;
        buf_append_str(out, one ? STR("{\"puts\":[") : STR("{\"puts\":"));
        buf_append_str(out, text);
        buf_append_str(out, one ? STR("]}") : STR("}"));
    }
    buf_finish(&bytes);
    return fine;
}
