/* Any bytes as a schema file, and, behind a line "----", JSON values to try it on. What compiles
 * must stand all of its questions, for its own documents and for those values. */
#include "schema/file.h"
#include "schema/path.h"
#include "value/check.h"
#include "value/json.h"
#include "value/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An assertion that names the rule and is there in every build. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            __builtin_trap();                                                                      \
        }                                                                                          \
    } while (0)

/* Answers by what it is asked, always the same way. */
static void run(struct schema_engine *engine, struct schema_job *jobs, size_t count)
{
    (void)engine;
    for (size_t i = 0; i < count; i++) {
        size_t weight = jobs[i].value.len + jobs[i].function.len;
        jobs[i].called = weight % 5 == 4 ? SCHEMA_THREW : SCHEMA_RETURNED;
        if (jobs[i].call == SCHEMA_CALL_TEST) {
            pack_bool(&jobs[i].result, weight % 2);
        } else if (jobs[i].call == SCHEMA_CALL_MIGRATE) {
            pack_value(&jobs[i].result, jobs[i].value);
        } else {
            pack_map(&jobs[i].result, 2);
            pack_str(&jobs[i].result, STR("puts"));
            pack_map(&jobs[i].result, 0);
            pack_str(&jobs[i].result, STR("deletes"));
            pack_array(&jobs[i].result, 0);
        }
    }
}

static void check_migrated(const struct schema_traveller *traveller)
{
    struct value value;
    if (traveller->migrated == SCHEMA_CHANGED) {
        MUST(value_check(buf_head(&traveller->out), buf_len(&traveller->out), &value) == ERR_OK);
    }
}

/* Up and down, alone and together. */
static void migrate(const struct schema_path *path, struct value record)
{
    for (int direction = SCHEMA_UP; direction <= SCHEMA_DOWN; direction++) {
        struct schema_traveller travellers[2] = {{.record = record}, {.record = record}};
        struct schema_traveller alone = {.record = record};
        schema_migrate(path, (enum schema_direction)direction, travellers, 2);
        schema_migrate(path, (enum schema_direction)direction, &alone, 1);
        check_migrated(&travellers[0]);
        MUST(travellers[0].migrated == travellers[1].migrated);
        MUST(travellers[0].migrated == alone.migrated);
        MUST(str_eq(buf_str(&travellers[0].out), buf_str(&alone.out)));
        MUST(str_eq(buf_str(&travellers[1].out), buf_str(&alone.out)));
        buf_finish(&travellers[0].out);
        buf_finish(&travellers[1].out);
        buf_finish(&alone.out);
    }
}

static void ask_types(const struct schema *schema, struct value record)
{
    static const char *const names[] = {"t", "note", "user", "page", ""};
    struct str type = STR("");
    value_string(value_get(record, STR("typeName")), &type);
    schema_scope_of(schema, type);
    schema_is_object_type(schema, type);
    MUST(schema_validate(schema, type, record) == schema_validate(schema, type, record));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        schema_validate(schema, str_of(names[i]), record);
        schema_validate(schema, str_of(names[i]), VALUE_NONE);
    }
}

/* Each value is a record, and perhaps a serialized schema. */
static void ask(const struct schema *schema, const struct schema_path *path, struct value value)
{
    struct schema_path *other;
    enum schema_match match = schema_match(schema, value, &other);
    MUST(match == SCHEMA_SERVED || !other);
    if (other) {
        MUST(schema_path_length(other) > 0);
        migrate(other, value);
    }
    schema_path_unref(other);
    if (path) {
        migrate(path, value);
    }
    ask_types(schema, value);
}

static void ask_all(const struct schema *schema, struct value values)
{
    struct schema_path *path;
    MUST(schema_match(schema, schema_serialized(schema), &path) == SCHEMA_SERVED && !path);
    MUST(schema_path_from(schema, schema_earliest(schema), &path) == SCHEMA_SERVED);
    struct value_walk walk = value_items(values);
    struct value value;
    while (value_next_item(&walk, &value)) {
        ask(schema, path, value);
    }
    walk = value_items(schema_default_documents(schema));
    while (value_next_item(&walk, &value)) {
        ask(schema, path, value);
    }
    schema_path_unref(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char border[] = "\n----\n";
    const uint8_t *cut = memmem(data, size, border, sizeof(border) - 1);
    struct str text = {(const char *)data, cut ? (size_t)(cut - data) : size};
    struct schema_engine engine = {.run = run};
    struct schema *schema;
    struct buf why = {0};
    struct buf values = {0};
    if (schema_parse(text, &engine, &schema, &why) == ERR_OK) {
        MUST(buf_len(&why) == 0);
        const char *rest = cut ? (const char *)cut + sizeof(border) - 1 : "";
        struct str json = {rest, cut ? (size_t)((const char *)data + size - rest) : 0};
        ask_all(schema, json_parse(json, &values) == ERR_OK ? buf_value(&values) : VALUE_NONE);
        schema_unref(schema);
    } else {
        MUST(buf_len(&why) > 0);
    }
    buf_finish(&values);
    buf_finish(&why);
    return 0;
}
