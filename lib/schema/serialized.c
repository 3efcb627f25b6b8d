/* Serialized schemas. */
#include "schema/serialized.h"

#include "base/utf8.h"
#include "value/pack.h"

static enum schema_match version_of(struct value serialized, double *version)
{
    if (value_type(serialized) != VALUE_MAP ||
        !value_number(value_get(serialized, STR("schemaVersion")), version)) {
        return SCHEMA_MALFORMED;
    }
    return *version > 2   ? SCHEMA_SERVER_TOO_OLD
           : *version < 1 ? SCHEMA_CLIENT_TOO_OLD
                          : SCHEMA_SERVED;
}

static void pack_v2_head(struct buf *out, uint32_t sequences)
{
    pack_map(out, 2);
    pack_str(out, STR("schemaVersion"));
    pack_u64(out, 2);
    pack_str(out, STR("sequences"));
    pack_map(out, sequences);
}

static void pack_sequence(struct buf *out, struct str type, struct str subtype,
                          struct value version)
{
    struct buf name = {0};
    buf_append_str(&name, STR("com.tldraw."));
    buf_append_str(&name, type);
    if (subtype.ptr) {
        buf_append_byte(&name, '.');
        buf_append_str(&name, subtype);
    }
    pack_str(out, buf_str(&name));
    pack_value(out, version);
    buf_finish(&name);
}

/* One record type of version 1, with its subtypes. Returns the number of sequences. */
static uint32_t upgrade_type(struct buf *out, struct str type, struct value versions)
{
    pack_sequence(out, type, (struct str){0}, value_get(versions, STR("version")));
    uint32_t count = 1;
    if (value_present(value_get(versions, STR("subTypeKey")))) {
        struct value_walk walk = value_members(value_get(versions, STR("subTypeVersions")));
        struct str subtype;
        struct value version;
        while (value_next_member(&walk, &subtype, &version)) {
            pack_sequence(out, type, subtype, version);
            count++;
        }
    }
    return count;
}

static enum schema_match upgrade_v1(struct value serialized, struct buf *out)
{
    struct value types = value_get(serialized, STR("recordVersions"));
    if (value_type(types) != VALUE_MAP) {
        return SCHEMA_MALFORMED;
    }
    struct buf sequences = {0};
    pack_sequence(&sequences, STR("store"), (struct str){0},
                  value_get(serialized, STR("storeVersion")));
    uint32_t count = 1;
    struct value_walk walk = value_members(types);
    struct str type;
    struct value versions;
    while (value_next_member(&walk, &type, &versions)) {
        count += upgrade_type(&sequences, type, versions);
    }
    pack_v2_head(out, count);
    buf_append_str(out, buf_str(&sequences));
    buf_finish(&sequences);
    return SCHEMA_SERVED;
}

enum schema_match serialized_upgrade(struct value serialized, struct buf *out)
{
    double version;
    enum schema_match match = version_of(serialized, &version);
    if (match != SCHEMA_SERVED) {
        return match;
    }
    if (version < 2) {
        return upgrade_v1(serialized, out);
    }
    struct value sequences = value_get(serialized, STR("sequences"));
    if (value_type(sequences) != VALUE_MAP) {
        return SCHEMA_MALFORMED;
    }
    pack_v2_head(out, value_count(sequences));
    struct value_walk walk = value_members(sequences);
    struct str name;
    struct value number;
    while (value_next_member(&walk, &name, &number)) {
        pack_member(out, name, number);
    }
    return SCHEMA_SERVED;
}

enum { DESCRIBE_MAX = 400, DESCRIBE_NAME_MAX = 80 };

static void describe_sequence(struct buf *out, struct str name, struct value version)
{
    double number;
    if (buf_len(out) > DESCRIBE_MAX) {
        return;
    }
    if (buf_len(out) > 0) {
        buf_append_byte(out, ' ');
    }
    buf_append_str(out, (struct str){name.ptr, utf8_cut(name, DESCRIBE_NAME_MAX)});
    if (value_number(version, &number)) {
        buf_printf(out, "=%g", number);
    } else {
        buf_append_str(out, STR("=-"));
    }
}

void schema_describe(struct value serialized, struct value other, struct buf *out)
{
    struct value own = value_get(serialized, STR("sequences"));
    struct value others = value_get(other, STR("sequences"));
    double number;
    if (!value_number(value_get(serialized, STR("schemaVersion")), &number) ||
        value_type(own) != VALUE_MAP) {
        buf_append_str(out, STR("(not a serialized schema)"));
        return;
    }
    if (number != 2) {
        buf_printf(out, "schemaVersion=%g", number);
    }
    struct value_walk walk = value_members(own);
    struct str name;
    struct value version;
    while (buf_len(out) <= DESCRIBE_MAX && value_next_member(&walk, &name, &version)) {
        if (!value_equal(version, value_get(others, name))) {
            describe_sequence(out, name, version);
        }
    }
    walk = value_members(others);
    while (buf_len(out) <= DESCRIBE_MAX && value_next_member(&walk, &name, &version)) {
        if (!value_present(value_get(own, name))) {
            describe_sequence(out, name, VALUE_NONE);
        }
    }
}
