/* Migrating a whole storage (spec schema-and-migrations 5). */
#include "base/alloc.h"
#include "schema/migrate.h"
#include "schema/reader.h"
#include "schema/steps.h"
#include "value/check.h"
#include "value/pack.h"

#include <stdlib.h>

struct run {
    const struct content *content;
    const struct schema_storage *storage;
    struct buf *why;
};

/* Texts that outlive changes of the storage. */
struct ids {
    struct buf text;
    size_t *ends; /* owned; of each id in `text` */
    size_t count, cap;
};

static void ids_add(struct ids *ids, struct str id)
{
    if (ids->count == ids->cap) {
        ids->cap = ids->cap ? ids->cap * 2 : 64;
        ids->ends = xrealloc(ids->ends, ids->cap * sizeof(*ids->ends));
    }
    buf_append_str(&ids->text, id);
    ids->ends[ids->count++] = buf_len(&ids->text);
}

static struct str ids_at(const struct ids *ids, size_t at)
{
    size_t start = at > 0 ? ids->ends[at - 1] : 0;
    return (struct str){buf_str(&ids->text).ptr + start, ids->ends[at] - start};
}

static void ids_finish(struct ids *ids)
{
    buf_finish(&ids->text);
    free(ids->ends);
}

static struct str id_of(struct value record)
{
    struct str id = STR("");
    value_string(value_get(record, STR("id")), &id);
    return id;
}

/* A record is stored by its own id. */
static bool put(struct run *run, struct str id, struct value record)
{
    struct str own;
    if (!value_string(value_get(record, STR("id")), &own) || !str_eq(own, id)) {
        return reader_fail(run->why, NULL, "\"%.*s\": the id becomes another",
                           STR_ARG(reader_cut(id)));
    }
    run->storage->put(run->storage->ctx, id, record);
    return true;
}

/* ---- migrations of records ---- */

struct travellers {
    struct schema_traveller *list; /* owned, with what came of them */
    size_t count, cap;
    struct value match; /* of the filter; absent: all records */
};

static void on_record(void *arg, struct value record)
{
    struct travellers *to = arg;
    if (!steps_match(to->match, record)) {
        return;
    }
    if (to->count == to->cap) {
        to->cap = to->cap ? to->cap * 2 : 64;
        to->list = xrealloc(to->list, to->cap * sizeof(*to->list));
    }
    to->list[to->count++] = (struct schema_traveller){.record = record};
}

/* All reads come before the first write; what is equal is not written. */
static bool put_changed(struct run *run, struct travellers *travellers)
{
    struct ids ids = {0};
    size_t changed = 0;
    for (size_t i = 0; i < travellers->count; i++) {
        struct schema_traveller *traveller = &travellers->list[i];
        if (traveller->migrated == SCHEMA_CHANGED &&
            !value_equal(traveller->record, buf_value(&traveller->out))) {
            ids_add(&ids, id_of(traveller->record));
            struct schema_traveller moved = *traveller;
            *traveller = travellers->list[changed];
            travellers->list[changed++] = moved;
        }
    }
    bool ok = true;
    for (size_t i = 0; ok && i < changed; i++) {
        ok = put(run, ids_at(&ids, i), buf_value(&travellers->list[i].out));
    }
    ids_finish(&ids);
    return ok;
}

static bool migrate_all_records(struct run *run, const struct migration *migration)
{
    struct travellers travellers = {0};
    if (migration->filter.kind == FILTER_MATCH) {
        travellers.match = migration->filter.match;
    }
    run->storage->each(run->storage->ctx, on_record, &travellers);
    migrate_records(run->content, migration, SCHEMA_UP, travellers.list, travellers.count,
                    run->why);
    bool ok = buf_len(run->why) == 0 && put_changed(run, &travellers);
    for (size_t i = 0; i < travellers.count; i++) {
        buf_finish(&travellers.list[i].out);
    }
    free(travellers.list);
    return ok;
}

/* ---- steps on a store or a storage ---- */

struct matching {
    struct value match;
    struct ids ids;
};

static void on_matching(void *arg, struct value record)
{
    struct matching *matching = arg;
    if (steps_match(matching->match, record)) {
        ids_add(&matching->ids, id_of(record));
    }
}

/* A store's records count as written only if they become different (`always` false). */
static bool update_one(struct run *run, const struct step *step, struct str id, bool always)
{
    struct buf made = {0};
    struct value record = run->storage->get(run->storage->ctx, id);
    bool ok = steps_apply(&step->steps, record, &made);
    if (!ok) {
        reader_fail(run->why, NULL, "a step fails");
    } else if (always || !value_equal(record, buf_value(&made))) {
        ok = put(run, id, buf_value(&made));
    }
    buf_finish(&made);
    return ok;
}

static void put_step(struct run *run, const struct step *step, bool always)
{
    struct str id = id_of(step->value);
    struct value old = run->storage->get(run->storage->ctx, id);
    bool put =
        step->only_if_missing ? !value_present(old) : always || !value_equal(old, step->value);
    if (put) {
        run->storage->put(run->storage->ctx, id, step->value);
    }
}

static bool apply_step(struct run *run, const struct step *step, bool always)
{
    struct matching matching = {.match = step->value};
    if (step->op == STEP_FAIL) {
        return reader_fail(run->why, NULL, "a step fails");
    }
    if (step->op == STEP_PUT_RECORD) {
        put_step(run, step, always);
        return true;
    }
    bool ok = true;
    run->storage->each(run->storage->ctx, on_matching, &matching);
    for (size_t i = 0; ok && i < matching.ids.count; i++) {
        if (step->op == STEP_REMOVE_WHERE) {
            run->storage->remove(run->storage->ctx, ids_at(&matching.ids, i));
        } else {
            ok = update_one(run, step, ids_at(&matching.ids, i), always);
        }
    }
    ids_finish(&matching.ids);
    return ok;
}

/* ---- code on a store or a storage ---- */

struct packing {
    struct buf records;
    uint32_t count;
};

static void on_pack(void *arg, struct value record)
{
    struct packing *packing = arg;
    pack_member(&packing->records, id_of(record), record);
    packing->count++;
}

/* Whether it is {"puts": {id: record}, "deletes": [id]}. */
static bool check_changes(struct value changes)
{
    struct value_walk puts = value_members(value_get(changes, STR("puts")));
    struct value_walk deletes = value_items(value_get(changes, STR("deletes")));
    struct str id;
    struct value value;
    while (value_next_member(&puts, &id, &value)) {
        if (value_type(value) != VALUE_MAP) {
            return false;
        }
    }
    while (value_next_item(&deletes, &value)) {
        if (!value_string(value, &id)) {
            return false;
        }
    }
    return value_type(value_get(changes, STR("puts"))) == VALUE_MAP &&
           value_type(value_get(changes, STR("deletes"))) == VALUE_ARRAY;
}

static bool apply_changes(struct run *run, struct value changes)
{
    struct value_walk puts = value_members(value_get(changes, STR("puts")));
    struct value_walk deletes = value_items(value_get(changes, STR("deletes")));
    struct str id;
    struct value value;
    while (value_next_member(&puts, &id, &value)) {
        if (!put(run, id, value)) {
            return false;
        }
    }
    while (value_next_item(&deletes, &value)) {
        value_string(value, &id);
        if (value_present(run->storage->get(run->storage->ctx, id))) {
            run->storage->remove(run->storage->ctx, id);
        }
    }
    return true;
}

static bool take_result(struct run *run, const struct schema_job *job)
{
    struct value changes;
    struct str text;
    switch (job->called) {
    case SCHEMA_RETURNED:
        if (value_check(buf_head(&job->result), buf_len(&job->result), &changes) != ERR_OK ||
            !check_changes(changes)) {
            return reader_fail(run->why, NULL, "left something that is no record");
        }
        return apply_changes(run, changes);
    case SCHEMA_THREW:
        text = STR("threw");
        value_string(buf_value(&job->result), &text);
        return reader_fail(run->why, NULL, "%.*s", STR_ARG(text));
    case SCHEMA_OVER_LIMIT:
        return reader_fail(run->why, NULL, "exceeded a limit of time or memory");
    case SCHEMA_UNAVAILABLE:
        break;
    }
    return reader_fail(run->why, NULL, "the engine does not run");
}

static bool call_on_storage(struct run *run, const struct migration *migration)
{
    struct packing packing = {0};
    struct buf map = {0};
    run->storage->each(run->storage->ctx, on_pack, &packing);
    pack_map(&map, packing.count);
    buf_append_str(&map, buf_str(&packing.records));
    struct schema_job job = {.call = migration->scope == MIGRATION_STORE ? SCHEMA_CALL_STORE
                                                                         : SCHEMA_CALL_STORAGE,
                             .function = migration->up.name,
                             .value = buf_value(&map)};
    buf_finish(&packing.records);
    engine_run(run->content, &job, 1);
    bool ok = take_result(run, &job);
    buf_finish(&job.result);
    buf_finish(&map);
    return ok;
}

/* ---- all of it ---- */

static bool migrate_by(struct run *run, const struct migration *migration)
{
    if (migration->scope == MIGRATION_RECORD) {
        return migrate_all_records(run, migration);
    }
    if (migration->up.kind == FUNCTION_CODE) {
        return call_on_storage(run, migration);
    }
    const struct steps *steps = &migration->up.steps;
    for (uint32_t i = 0; i < steps->count; i++) {
        if (!apply_step(run, &steps->list[i], migration->scope == MIGRATION_STORAGE)) {
            return false;
        }
    }
    return true;
}

struct strays {
    const struct content *content;
    struct ids ids;
    struct buf *why;
};

static void on_stray(void *arg, struct value record)
{
    struct strays *strays = arg;
    struct str name = STR("");
    value_string(value_get(record, STR("typeName")), &name);
    uint32_t type = names_find(&strays->content->type_names, name);
    if (type == NAMES_NONE) {
        if (buf_len(strays->why) == 0) {
            struct str id = reader_cut(id_of(record));
            struct str shown = reader_cut(name);
            reader_fail(strays->why, NULL, "\"%.*s\" is of the unknown type \"%.*s\"", STR_ARG(id),
                        STR_ARG(shown));
        }
    } else if (strays->content->types[type].scope != SCHEMA_DOCUMENT) {
        ids_add(&strays->ids, id_of(record));
    }
}

static bool remove_strays(struct run *run)
{
    struct strays strays = {.content = run->content, .why = run->why};
    run->storage->each(run->storage->ctx, on_stray, &strays);
    bool ok = buf_len(run->why) == 0;
    for (size_t i = 0; ok && i < strays.ids.count; i++) {
        run->storage->remove(run->storage->ctx, ids_at(&strays.ids, i));
    }
    ids_finish(&strays.ids);
    return ok;
}

enum schema_migrated schema_migrate_storage(const struct schema_path *path,
                                            const struct schema_storage *storage, struct buf *why)
{
    struct buf reason = {0};
    struct run run = {path->schema->content, storage, &reason};
    bool ok = true;
    size_t at = 0;
    for (; ok && at < path->count; at++) {
        ok = migrate_by(&run, path_migration(path, at));
    }
    if (!ok) {
        struct str id = reader_cut(schema_path_id(path, at - 1));
        buf_printf(why, "migration %.*s: ", STR_ARG(id));
    }
    ok = ok && remove_strays(&run);
    buf_append_str(why, buf_str(&reason));
    buf_finish(&reason);
    return ok ? SCHEMA_CHANGED : SCHEMA_FAILED;
}
