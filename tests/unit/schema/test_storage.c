#include "helpers.h"

#include "base/alloc.h"
#include "schema/storage.h"
#include "value/json.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>

/* ---- a storage of few records ---- */

enum { ROOM = 8 };

struct storage {
    struct buf records[ROOM]; /* empty: free */
    unsigned puts, removes;
    int at; /* next */
};

static void rewind_records(void *ctx)
{
    struct storage *storage = ctx;
    storage->at = 0;
}

static bool next(void *ctx, struct value *record)
{
    struct storage *storage = ctx;
    if (storage->at == ROOM) {
        return false;
    }
    const struct buf *at = &storage->records[storage->at++];
    *record = buf_len(at) > 0 ? buf_value(at) : VALUE_NONE;
    return true;
}

static struct buf *find(struct storage *storage, struct str id)
{
    for (int i = 0; i < ROOM; i++) {
        struct str found = {0};
        if (buf_len(&storage->records[i]) > 0 &&
            value_string(value_get(buf_value(&storage->records[i]), STR("id")), &found) &&
            str_eq(found, id)) {
            return &storage->records[i];
        }
    }
    return NULL;
}

static struct value get(void *ctx, struct str id)
{
    struct buf *found = find(ctx, id);
    return found ? buf_value(found) : VALUE_NONE;
}

static void put(void *ctx, struct str id, struct value record)
{
    struct storage *storage = ctx;
    struct buf *at = find(storage, id);
    for (int i = 0; !at; i++) {
        at = buf_len(&storage->records[i]) == 0 ? &storage->records[i] : NULL;
    }
    /* What is put may be a view of nothing that is kept. */
    buf_finish(at);
    *at = (struct buf){0};
    pack_value(at, record);
    storage->puts++;
}

static void remove_record(void *ctx, struct str id)
{
    struct storage *storage = ctx;
    struct buf *at = find(storage, id);
    cr_assert(at != NULL, "%.*s is not there", STR_ARG(id));
    buf_finish(at);
    *at = (struct buf){0};
    storage->removes++;
}

static void fill(struct storage *storage, const char *records)
{
    struct buf buf = {0};
    struct value_walk walk = value_items(parse(records, &buf));
    struct value record;
    for (int i = 0; value_next_item(&walk, &record); i++) {
        pack_value(&storage->records[i], record);
    }
    buf_finish(&buf);
}

static int by_bytes(const void *a, const void *b)
{
    return str_cmp(buf_str(a), buf_str(b));
}

/* The records as a JSON array, in some order that depends on them only. */
static void write(struct storage *storage, struct buf *out)
{
    qsort(storage->records, ROOM, sizeof(struct buf), by_bytes);
    struct buf list = {0};
    uint32_t count = 0;
    for (int i = 0; i < ROOM; i++) {
        count += buf_len(&storage->records[i]) > 0;
    }
    pack_array(&list, count);
    for (int i = 0; i < ROOM; i++) {
        buf_append_str(&list, buf_str(&storage->records[i]));
    }
    json_write(buf_value(&list), out);
    buf_finish(&list);
}

/* ---- */

struct outcome {
    enum err err;
    struct buf why, records;
    unsigned puts, removes;
};

/* An engine with which nobody waits: it is busy when it is first asked, and has not ended when it
 * is next looked at. */
struct patient_engine {
    struct schema_engine engine; /* first */
    struct schema_engine *inner;
    struct schema_job *job;
    unsigned asked, looked, open;
};

static void never_run(struct schema_engine *engine, struct schema_job *jobs, size_t count)
{
    struct patient_engine *patient = (struct patient_engine *)engine;
    for (size_t i = 0; i < count; i++) {
        cr_assert(jobs[i].call != SCHEMA_CALL_STORE && jobs[i].call != SCHEMA_CALL_STORAGE);
    }
    patient->inner->run(patient->inner, jobs, count);
}

static struct schema_errand *begin(struct schema_engine *engine, struct schema_job *job)
{
    struct patient_engine *patient = (struct patient_engine *)engine;
    if (patient->asked++ == 0) {
        return NULL;
    }
    patient->job = job;
    patient->open++;
    return (struct schema_errand *)patient;
}

static bool ended(struct schema_errand *errand)
{
    struct patient_engine *patient = (struct patient_engine *)errand;
    if (patient->looked++ == 0) {
        return false;
    }
    patient->inner->run(patient->inner, patient->job, 1);
    return true;
}

static void end(struct schema_errand *errand)
{
    ((struct patient_engine *)errand)->open--;
}

static void patient_engine_init(struct patient_engine *patient, struct schema_engine *inner)
{
    *patient = (struct patient_engine){{never_run, begin, ended, end}, inner, NULL, 0, 0, 0};
}

static enum err go(struct storage_migration *migration, size_t slice_bytes)
{
    enum err err;
    unsigned turns = 0;
    do {
        struct slice slice = {slice_bytes};
        err = storage_migration_step(migration, &slice);
        cr_assert(lt(uint, ++turns, 1000));
    } while (err == ERR_AGAIN);
    return err;
}

static struct outcome run(const char *migrations, const char *records, struct schema_engine *engine,
                          size_t slice_bytes)
{
    struct storage storage = {0};
    struct outcome outcome = {0};
    struct buf json = {0};
    struct schema_path *path;
    buf_printf(&json,
               "{'types':{'note':{'scope':'document'},'camera':{'scope':'session'}},'code':'x',"
               "'sequences':[{'sequenceId':'a','migrations':[%s]}]}",
               migrations);
    buf_append_byte(&json, 0);
    struct schema *schema = compile((const char *)buf_head(&json), engine);
    cr_assert(eq(int, schema_path_from(schema, schema_earliest(schema), &path), SCHEMA_SERVED));
    fill(&storage, records);
    struct schema_storage functions = {rewind_records, next, get, put, remove_record, &storage};
    struct storage_migration *migration = storage_migration_create(path, &functions);
    outcome.err = go(migration, slice_bytes);
    buf_append_str(&outcome.why, storage_migration_why(migration));
    storage_migration_destroy(migration);
    write(&storage, &outcome.records);
    outcome.puts = storage.puts;
    outcome.removes = storage.removes;
    for (int i = 0; i < ROOM; i++) {
        buf_finish(&storage.records[i]);
    }
    schema_path_unref(path);
    schema_unref(schema);
    buf_finish(&json);
    return outcome;
}

/* At once; and the same must come of it in the smallest slices, where nobody waits for the engine.
 */
static struct outcome migrate(const char *migrations, const char *records, struct fake_engine *fake)
{
    struct patient_engine patient;
    struct outcome slow;
    if (fake) {
        struct fake_engine other = *fake;
        patient_engine_init(&patient, &other.engine);
        slow = run(migrations, records, &patient.engine, 1);
        cr_assert(eq(uint, patient.open, 0));
    } else {
        slow = run(migrations, records, NULL, 1);
    }
    struct outcome outcome = run(migrations, records, fake ? &fake->engine : NULL, SIZE_MAX);
    cr_assert(eq(int, slow.err, outcome.err));
    cr_assert(str_eq(buf_str(&slow.why), buf_str(&outcome.why)));
    cr_assert(str_eq(buf_str(&slow.records), buf_str(&outcome.records)));
    cr_assert(eq(uint, slow.puts, outcome.puts));
    buf_finish(&slow.why);
    buf_finish(&slow.records);
    return outcome;
}

static void check_records(struct outcome *outcome, const char *want)
{
    struct storage sorted = {0};
    struct buf text = {0};
    cr_assert(eq(int, outcome->err, ERR_OK), "%.*s", STR_ARG(buf_str(&outcome->why)));
    cr_assert(eq(sz, buf_len(&outcome->why), 0));
    fill(&sorted, want);
    write(&sorted, &text);
    cr_assert(str_eq(buf_str(&outcome->records), buf_str(&text)), "%.*s",
              STR_ARG(buf_str(&outcome->records)));
    for (int i = 0; i < ROOM; i++) {
        buf_finish(&sorted.records[i]);
    }
    buf_finish(&text);
    buf_finish(&outcome->why);
    buf_finish(&outcome->records);
}

static void check_failure(struct outcome *outcome, const char *why)
{
    cr_assert(eq(int, outcome->err, ERR_REFUSED));
    cr_assert(str_eq(buf_str(&outcome->why), str_of(why)), "%.*s", STR_ARG(buf_str(&outcome->why)));
    buf_finish(&outcome->why);
    buf_finish(&outcome->records);
}

#define N1 "{'id':'n1','typeName':'note'}"
#define N2 "{'id':'n2','typeName':'note','dead':true}"

/* 5.3: what is unequal is written back. */
Test(storage, records_are_written_if_they_change)
{
    struct outcome outcome = migrate(
        "{'id':'a/1','scope':'record','filter':{'dead':true},'up':[{'op':'set','path':['x'],"
        "'value':1}]},{'id':'a/2','scope':'record','up':[{'op':'default','path':['x'],"
        "'value':1}]}",
        "[" N1 "," N2 "]", NULL);
    cr_assert(eq(uint, outcome.puts, 2));
    check_records(&outcome, "[{'id':'n1','typeName':'note','x':1},"
                            "{'id':'n2','typeName':'note','dead':true,'x':1}]");
}

Test(storage, steps_of_a_store_write_what_becomes_different)
{
    struct outcome outcome = migrate(
        "{'id':'a/1','scope':'store','up':[{'op':'updateWhere','match':{},'steps':[{'op':'default',"
        "'path':['dead'],'value':false}]},{'op':'removeWhere','match':{'dead':true}},"
        "{'op':'putRecord','onlyIfMissing':true,'record':{'id':'n1','typeName':'note','new':1}},"
        "{'op':'putRecord','record':{'id':'n3','typeName':'note'}},"
        "{'op':'putRecord','record':{'id':'n3','typeName':'note'}}]}",
        "[" N1 "," N2 "]", NULL);
    cr_assert(eq(uint, outcome.puts, 2));
    cr_assert(eq(uint, outcome.removes, 1));
    check_records(&outcome, "[{'id':'n1','typeName':'note','dead':false},"
                            "{'id':'n3','typeName':'note'}]");
}

/* Whatever a storage migration sets counts as written. */
Test(storage, steps_of_a_storage_write_what_they_set)
{
    struct outcome outcome =
        migrate("{'id':'a/1','scope':'storage','up':[{'op':'updateWhere','steps':[]},"
                "{'op':'putRecord','record':" N1 "}]}",
                "[" N1 "," N2 "]", NULL);
    cr_assert(eq(uint, outcome.puts, 3));
    check_records(&outcome, "[" N1 "," N2 "]");
}

Test(storage, code_of_stores_and_storages)
{
    static const char *const scopes[] = {"store", "storage"};
    for (int i = 0; i < 2; i++) {
        struct fake_engine fake;
        struct buf migration = {0};
        fake_engine_init(&fake);
        buf_printf(&migration, "{'id':'a/1','scope':'%s','up':{'function':'sweep'}}", scopes[i]);
        buf_append_byte(&migration, 0);
        struct outcome outcome =
            migrate((const char *)buf_head(&migration), "[" N1 "," N2 "]", &fake);
        cr_assert(eq(uint, fake.jobs, 1));
        check_records(&outcome, "[{'id':'n1','typeName':'note','stamp':true}]");
        buf_finish(&migration);
    }
}

/* 5.4. */
Test(storage, what_is_no_document_is_removed_in_the_end)
{
    struct outcome outcome = migrate("{'id':'a/1','scope':'record','up':[]}",
                                     "[" N1 ",{'id':'c','typeName':'camera'}]", NULL);
    cr_assert(eq(uint, outcome.puts, 0));
    check_records(&outcome, "[" N1 "]");
}

Test(storage, failures_say_where_and_why)
{
    struct fake_engine fake;
    fake_engine_init(&fake);
    static const struct {
        const char *migrations;
        const char *why;
    } cases[] = {
        {"{'id':'a/1','scope':'record','up':[]},{'id':'a/2','scope':'record','up':[{'op':'fail'}]}",
         "migration a/2: \"n1\": a step fails"},
        {"{'id':'a/1','scope':'storage','up':[{'op':'fail'}]}", "migration a/1: a step fails"},
        {"{'id':'a/1','scope':'store','up':[{'op':'updateWhere','steps':[{'op':'fail'}]}]}",
         "migration a/1: a step fails"},
        {"{'id':'a/1','scope':'record','up':{'function':'throws'}}",
         "migration a/1: \"n1\": on purpose"},
        {"{'id':'a/1','scope':'record','up':{'function':'slow'}}",
         "migration a/1: \"n1\": exceeded a limit of time or memory"},
        {"{'id':'a/1','scope':'store','up':{'function':'throws'}}", "migration a/1: on purpose"},
        {"{'id':'a/1','scope':'storage','up':{'function':'slow'}}",
         "migration a/1: exceeded a limit of time or memory"},
        {"{'id':'a/1','scope':'storage','up':{'function':'junk'}}",
         "migration a/1: left something that is no record"},
        {"{'id':'a/1','scope':'storage','up':{'function':'ok'}}",
         "migration a/1: left something that is no record"},
        {"{'id':'a/1','scope':'record','up':[{'op':'set','path':['id'],'value':'x'}]}",
         "migration a/1: \"n1\": the id becomes another"},
        {"{'id':'a/1','scope':'store','up':[{'op':'updateWhere','steps':[{'op':'delete',"
         "'path':['id']}]}]}",
         "migration a/1: \"n1\": the id becomes another"},
        {"{'id':'a/1','scope':'record','up':{'function':'isBlue'}}",
         "migration a/1: \"n1\": returned something that is no record"},
        {"{'id':'a/1','scope':'record','up':[{'op':'set','path':['typeName'],'value':'x'}]}",
         "\"n1\" is of the unknown type \"x\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct outcome outcome = migrate(cases[i].migrations, "[" N1 "]", &fake);
        check_failure(&outcome, cases[i].why);
    }
    struct outcome outcome =
        migrate("{'id':'a/1','scope':'storage','up':{'function':'sweep'}}", "[]", NULL);
    check_failure(&outcome, "migration a/1: the engine does not run");
}
