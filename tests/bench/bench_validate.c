/* bench_validate SCHEMA RECORDS
 *
 * How long validating takes, in nanoseconds, for some records that are valid under a schema: SCHEMA
 * is a schema file, or a schema as data (tests/vectors/default-schema.json); RECORDS a file of
 * vectors (tests/vectors/validate.json). Run by hand, in a build of type release:
 *
 *   bench_validate tests/vectors/default-schema.json tests/vectors/validate.json */
#include "schema/file.h"
#include "value/json.h"
#include "value/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct buf read_file(const char *path)
{
    struct buf out = {0};
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    size_t got;
    do {
        enum { STEP = 65536 };
        got = fread(buf_reserve(&out, STEP), 1, STEP, file);
        buf_commit(&out, got);
    } while (got > 0);
    fclose(file);
    return out;
}

static struct buf read_json(const char *path)
{
    struct buf text = read_file(path);
    struct buf out = {0};
    if (json_parse(buf_str(&text), &out) != ERR_OK) {
        fprintf(stderr, "%s: not JSON\n", path);
        exit(1);
    }
    buf_finish(&text);
    return out;
}

/* Of a schema as data, the types are enough. */
static struct schema *read_schema(const char *path)
{
    struct buf content = read_json(path);
    struct buf types = {0};
    struct buf why = {0};
    struct schema *schema;
    pack_map(&types, 3);
    pack_member(&types, STR("types"), value_get(buf_value(&content), STR("types")));
    struct value definitions = value_get(buf_value(&content), STR("definitions"));
    pack_str(&types, STR("definitions"));
    if (value_present(definitions)) {
        pack_value(&types, definitions);
    } else {
        pack_map(&types, 0);
    }
    pack_str(&types, STR("sequences"));
    pack_array(&types, 0);
    if (schema_compile(buf_value(&types), NULL, &schema, &why) != ERR_OK) {
        fprintf(stderr, "%s: %.*s\n", path, STR_ARG(buf_str(&why)));
        exit(1);
    }
    buf_finish(&content);
    buf_finish(&types);
    return schema;
}

static bool has_text(struct value record, const char *name, const char *text)
{
    struct str found;
    return value_string(value_get(record, str_of(name)), &found) && str_eq(found, str_of(text));
}

/* The first valid record of that typeName and, if `type` is given, type. */
static struct value find_record(struct value cases, const char *type_name, const char *type)
{
    struct value_walk walk = value_items(cases);
    struct value one;
    bool valid;
    while (value_next_item(&walk, &one)) {
        struct value record = value_get(one, STR("record"));
        if (value_bool(value_get(one, STR("valid")), &valid) && valid &&
            has_text(record, "typeName", type_name) && (!type || has_text(record, "type", type))) {
            return record;
        }
    }
    fprintf(stderr, "no valid record of type %s\n", type_name);
    exit(1);
}

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void measure(const struct schema *schema, const char *name, struct value record)
{
    enum { ROUNDS = 5, CALLS = 200000 };
    struct str type;
    double best = 0;
    unsigned valid = 0;
    value_string(value_get(record, STR("typeName")), &type);
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        for (int call = 0; call < CALLS; call++) {
            valid += schema_validate(schema, type, record);
        }
        double each = (now_ns() - start) / CALLS;
        best = round == 0 || each < best ? each : best;
    }
    printf("%-20s %5zu bytes %7.0f ns%s\n", name, record.len, best,
           valid == ROUNDS * CALLS ? "" : "  NOT VALID");
}

int main(int argc, char **argv)
{
    static const char *const shapes[] = {"geo", "draw", "arrow", "note", "image"};
    if (argc != 3) {
        fprintf(stderr, "usage: %s SCHEMA RECORDS\n", argv[0]);
        return 2;
    }
    struct schema *schema = read_schema(argv[1]);
    struct buf file = read_json(argv[2]);
    struct value cases = value_get(buf_value(&file), STR("cases"));
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        measure(schema, shapes[i], find_record(cases, "shape", shapes[i]));
    }
    measure(schema, "instance_presence", find_record(cases, "instance_presence", NULL));
    measure(schema, "page", find_record(cases, "page", NULL));
    buf_finish(&file);
    schema_unref(schema);
    return 0;
}
