#include "helpers.h"

#include "base/alloc.h"
#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>

struct value parse(const char *json, struct buf *buf)
{
    char *text = xstrdup(json);
    for (char *at = text; *at; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    cr_assert(eq(int, json_parse(str_of(text), buf), ERR_OK), "%s", json);
    free(text);
    return buf_value(buf);
}

struct schema *compile(const char *json, struct schema_engine *engine)
{
    struct buf content = {0};
    struct buf why = {0};
    struct schema *schema = NULL;
    enum err err = schema_compile(parse(json, &content), engine, &schema, &why);
    cr_assert(eq(int, err, ERR_OK), "%s: %.*s", json, STR_ARG(buf_str(&why)));
    buf_finish(&content);
    return schema;
}

void compile_error(const char *json, struct buf *why)
{
    struct buf content = {0};
    struct schema *schema = NULL;
    enum err err = schema_compile(parse(json, &content), NULL, &schema, why);
    cr_assert(eq(int, err, ERR_MALFORMED), "%s", json);
    cr_assert(zero(ptr, schema));
    buf_finish(&content);
}

static void pack_stamped(struct value record, struct buf *out)
{
    bool there = value_present(value_get(record, STR("stamp")));
    struct value_walk walk = value_members(record);
    struct str name;
    struct value member;
    pack_map(out, value_count(record) + !there);
    while (value_next_member(&walk, &name, &member)) {
        if (!str_eq(name, STR("stamp"))) {
            pack_member(out, name, member);
        }
    }
    pack_str(out, STR("stamp"));
    pack_bool(out, true);
}

static void pack_replaced(struct value record, struct buf *out)
{
    pack_map(out, 3);
    pack_member(out, STR("id"), value_get(record, STR("id")));
    pack_member(out, STR("typeName"), value_get(record, STR("typeName")));
    pack_str(out, STR("replaced"));
    pack_bool(out, true);
}

static void pack_sweep(struct value records, struct buf *out)
{
    struct buf puts = {0};
    struct buf deletes = {0};
    uint32_t put = 0;
    uint32_t deleted = 0;
    struct value_walk walk = value_members(records);
    struct str id;
    struct value record;
    while (value_next_member(&walk, &id, &record)) {
        if (value_present(value_get(record, STR("dead")))) {
            pack_str(&deletes, id);
            deleted++;
        } else {
            pack_str(&puts, id);
            pack_stamped(record, &puts);
            put++;
        }
    }
    pack_map(out, 2);
    pack_str(out, STR("puts"));
    pack_map(out, put);
    buf_append_str(out, buf_str(&puts));
    pack_str(out, STR("deletes"));
    pack_array(out, deleted);
    buf_append_str(out, buf_str(&deletes));
    buf_finish(&puts);
    buf_finish(&deletes);
}

static bool is_blue(struct value record)
{
    struct str color;
    return value_string(value_get(record, STR("color")), &color) && str_eq(color, STR("blue"));
}

static void run_job(struct schema_job *job)
{
    struct str name = job->function;
    job->called = SCHEMA_RETURNED;
    if (str_eq(name, STR("throws"))) {
        job->called = SCHEMA_THREW;
        pack_str(&job->result, STR("on purpose"));
    } else if (str_eq(name, STR("slow"))) {
        job->called = SCHEMA_OVER_LIMIT;
    } else if (str_eq(name, STR("stamp"))) {
        pack_stamped(job->value, &job->result);
    } else if (str_eq(name, STR("replace"))) {
        pack_replaced(job->value, &job->result);
    } else if (str_eq(name, STR("isBlue"))) {
        pack_bool(&job->result, is_blue(job->value));
    } else if (str_eq(name, STR("junk"))) {
        buf_append_byte(&job->result, 0xc1);
    } else if (str_eq(name, STR("sweep"))) {
        pack_sweep(job->value, &job->result);
    } else {
        cr_assert(str_eq(name, STR("ok")), "no function %.*s", STR_ARG(name));
        pack_value(&job->result, job->value);
    }
}

static void run(struct schema_engine *engine, struct schema_job *jobs, size_t count)
{
    struct fake_engine *fake = (struct fake_engine *)engine;
    fake->runs++;
    for (size_t i = 0; i < count; i++) {
        fake->jobs++;
        if (fake->down) {
            jobs[i].called = SCHEMA_UNAVAILABLE;
        } else {
            run_job(&jobs[i]);
        }
    }
}

void fake_engine_init(struct fake_engine *fake)
{
    *fake = (struct fake_engine){.engine = {.run = run}};
}
