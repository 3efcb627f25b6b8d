/* Migrating a whole storage. Each part of a migration first goes through all records, to find whom
 * it is about, and then through those: nothing changes while the storage is walked. */
#include "schema/storage.h"

#include "base/alloc.h"
#include "schema/ids.h"
#include "schema/migrate.h"
#include "schema/reader.h"
#include "schema/steps.h"
#include "schema/storage_call.h"
#include "value/pack.h"

#include <assert.h>
#include <stdlib.h>

enum {
    BATCH = 64,            /* records that are migrated at once */
    CODE_BYTES = 16 << 10, /* that a call of the engine counts as */
};

enum migration_phase {
    PHASE_BEGINS, /* the next, or what follows the last */
    PHASE_STEP,   /* the next of its steps */
    PHASE_LOOKS,  /* for those that it is about */
    PHASE_APPLIES,
    PHASE_CALLS,
    PHASE_TAKES, /* what the call gave */
    PHASE_DONE,
    PHASE_FAILED,
};

struct storage_migration {
    struct schema_path *path; /* a reference */
    const struct content *content;
    struct schema_storage storage;
    enum migration_phase phase;
    size_t at;     /* in the path; behind it come the strays */
    uint32_t step; /* of a migration by steps */
    struct ids ids;
    size_t done;               /* of those */
    struct storage_call *call; /* owned; of a migration by code */
    struct buf reason, why;
};

static struct str id_of(struct value record)
{
    struct str id = STR("");
    value_string(value_get(record, STR("id")), &id);
    return id;
}

static struct value get(const struct storage_migration *m, struct str id)
{
    return m->storage.get(m->storage.ctx, id);
}

/* A record is stored by its own id. */
static bool put(struct storage_migration *m, struct str id, struct value record)
{
    struct str own;
    if (!value_string(value_get(record, STR("id")), &own) || !str_eq(own, id)) {
        return reader_fail(&m->reason, NULL, "\"%.*s\": the id becomes another",
                           STR_ARG(reader_cut(id)));
    }
    m->storage.put(m->storage.ctx, id, record);
    return true;
}

static const struct migration *current(const struct storage_migration *m)
{
    return m->at < m->path->count ? path_migration(m->path, m->at) : NULL;
}

/* ---- beginning a migration, or one of its steps ---- */

static enum migration_phase look(struct storage_migration *m)
{
    ids_finish(&m->ids);
    m->done = 0;
    m->storage.rewind(m->storage.ctx);
    return PHASE_LOOKS;
}

static enum migration_phase begin(struct storage_migration *m)
{
    const struct migration *migration = current(m);
    if (!migration || migration->scope == MIGRATION_RECORD) {
        return look(m);
    }
    if (migration->up.kind == FUNCTION_CODE) {
        m->call = storage_call_create(m->content, migration);
        return look(m);
    }
    m->step = 0;
    return PHASE_STEP;
}

static enum migration_phase next_migration(struct storage_migration *m)
{
    if (!current(m)) {
        return PHASE_DONE;
    }
    m->at++;
    return PHASE_BEGINS;
}

static const struct step *step_of(const struct storage_migration *m)
{
    return &current(m)->up.steps.list[m->step];
}

/* A store's records count as written only if they become different, a storage's always. */
static bool writes_always(const struct storage_migration *m)
{
    return current(m)->scope == MIGRATION_STORAGE;
}

static void put_step(struct storage_migration *m, const struct step *step)
{
    struct str id = id_of(step->value);
    struct value old = get(m, id);
    if (step->only_if_missing ? !value_present(old)
                              : writes_always(m) || !value_equal(old, step->value)) {
        m->storage.put(m->storage.ctx, id, step->value);
    }
}

static enum migration_phase begin_step(struct storage_migration *m)
{
    if (m->step == current(m)->up.steps.count) {
        return next_migration(m);
    }
    const struct step *step = step_of(m);
    if (step->op == STEP_FAIL) {
        reader_fail(&m->reason, NULL, "a step fails");
        return PHASE_FAILED;
    }
    if (step->op == STEP_PUT_RECORD) {
        put_step(m, step);
        m->step++;
        return PHASE_STEP;
    }
    return look(m);
}

/* ---- whom it is about ---- */

/* What is not of document scope goes; what nobody knows is refused. */
static bool is_stray(struct storage_migration *m, struct value record, bool *stray)
{
    struct str name = STR("");
    value_string(value_get(record, STR("typeName")), &name);
    uint32_t type = names_find(&m->content->type_names, name);
    if (type == NAMES_NONE) {
        struct str id = reader_cut(id_of(record));
        return reader_fail(&m->reason, NULL, "\"%.*s\" is of the unknown type \"%.*s\"",
                           STR_ARG(id), STR_ARG(reader_cut(name)));
    }
    *stray = m->content->types[type].scope != SCHEMA_DOCUMENT;
    return true;
}

static bool look_at(struct storage_migration *m, struct value record)
{
    const struct migration *migration = current(m);
    bool wanted = true;
    if (m->call) {
        storage_call_add(m->call, id_of(record), record);
        return true;
    }
    if (!migration) {
        if (!is_stray(m, record, &wanted)) {
            return false;
        }
    } else if (migration->scope != MIGRATION_RECORD) {
        wanted = steps_match(step_of(m)->value, record);
    } else if (migration->filter.kind == FILTER_MATCH) {
        wanted = steps_match(migration->filter.match, record);
    }
    if (wanted) {
        ids_add(&m->ids, id_of(record));
    }
    return true;
}

static enum migration_phase look_on(struct storage_migration *m, struct slice *slice)
{
    while (slice_left(slice)) {
        struct value record = VALUE_NONE;
        if (!m->storage.next(m->storage.ctx, &record)) {
            return m->call ? PHASE_CALLS : PHASE_APPLIES;
        }
        if (value_present(record) && !look_at(m, record)) {
            return PHASE_FAILED;
        }
        slice_spend(slice, record.len);
    }
    return PHASE_LOOKS;
}

/* ---- doing it ---- */

/* All reads come before the first write; what is equal is not written. */
static bool put_changed(struct storage_migration *m, const struct schema_traveller *travellers,
                        size_t count)
{
    bool changed[BATCH];
    for (size_t i = 0; i < count; i++) {
        const struct schema_traveller *traveller = &travellers[i];
        changed[i] = traveller->migrated == SCHEMA_CHANGED &&
                     !value_equal(traveller->record, buf_value(&traveller->out));
    }
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        ok = !changed[i] || put(m, ids_at(&m->ids, m->done + i), buf_value(&travellers[i].out));
    }
    return ok;
}

static bool migrate_batch(struct storage_migration *m, size_t count, struct slice *slice)
{
    const struct migration *migration = current(m);
    bool code = migration->up.kind == FUNCTION_CODE || migration->filter.kind == FILTER_CODE;
    struct schema_traveller travellers[BATCH] = {0};
    for (size_t i = 0; i < count; i++) {
        travellers[i].record = get(m, ids_at(&m->ids, m->done + i));
        slice_spend(slice, travellers[i].record.len * 2 + (code ? CODE_BYTES : 0));
    }
    migrate_records(m->content, migration, SCHEMA_UP, travellers, count, &m->reason);
    bool ok = buf_len(&m->reason) == 0 && put_changed(m, travellers, count);
    for (size_t i = 0; i < count; i++) {
        buf_finish(&travellers[i].out);
    }
    return ok;
}

static bool update_one(struct storage_migration *m, struct str id)
{
    struct buf made = {0};
    struct value record = get(m, id);
    bool ok = steps_apply(&step_of(m)->steps, record, &made);
    if (!ok) {
        reader_fail(&m->reason, NULL, "a step fails");
    } else if (writes_always(m) || !value_equal(record, buf_value(&made))) {
        ok = put(m, id, buf_value(&made));
    }
    buf_finish(&made);
    return ok;
}

/* One, or a batch of records; sets how many. */
static bool apply_some(struct storage_migration *m, struct slice *slice, size_t *count)
{
    const struct migration *migration = current(m);
    struct str id = ids_at(&m->ids, m->done);
    if (migration && migration->scope == MIGRATION_RECORD) {
        size_t left = m->ids.count - m->done;
        *count = left < BATCH ? left : BATCH;
        return migrate_batch(m, *count, slice);
    }
    *count = 1;
    if (!migration || step_of(m)->op == STEP_REMOVE_WHERE) {
        slice_spend(slice, 0);
        m->storage.remove(m->storage.ctx, id);
        return true;
    }
    slice_spend(slice, get(m, id).len * 2);
    return update_one(m, id);
}

static enum migration_phase apply(struct storage_migration *m, struct slice *slice)
{
    const struct migration *migration = current(m);
    while (m->done < m->ids.count) {
        size_t count;
        if (!slice_left(slice)) {
            return PHASE_APPLIES;
        }
        if (!apply_some(m, slice, &count)) {
            return PHASE_FAILED;
        }
        m->done += count;
    }
    if (migration && migration->scope != MIGRATION_RECORD) {
        m->step++;
        return PHASE_STEP;
    }
    return next_migration(m);
}

/* ---- code on all of it ---- */

static enum migration_phase call(struct storage_migration *m, struct slice *slice)
{
    enum err err = storage_call_run(m->call, slice, &m->reason);
    return err == ERR_AGAIN ? PHASE_CALLS : err ? PHASE_FAILED : PHASE_TAKES;
}

static bool take(struct storage_migration *m, struct str id, struct value record)
{
    if (value_present(record)) {
        return put(m, id, record);
    }
    if (value_present(get(m, id))) {
        m->storage.remove(m->storage.ctx, id);
    }
    return true;
}

static enum migration_phase take_changes(struct storage_migration *m, struct slice *slice)
{
    while (slice_left(slice)) {
        struct str id;
        struct value record;
        enum err err = storage_call_next(m->call, &id, &record, &m->reason);
        if (err == ERR_NOT_FOUND) {
            storage_call_destroy(m->call);
            m->call = NULL;
            return next_migration(m);
        }
        slice_spend(slice, record.len);
        if (err || !take(m, id, record)) {
            return PHASE_FAILED;
        }
    }
    return PHASE_TAKES;
}

/* ---- all of it ---- */

struct storage_migration *storage_migration_create(struct schema_path *path,
                                                   const struct schema_storage *storage)
{
    struct storage_migration *m = xcalloc(1, sizeof(*m));
    m->path = schema_path_ref(path);
    m->content = path->schema->content;
    m->storage = *storage;
    return m;
}

static enum migration_phase go_on(struct storage_migration *m, struct slice *slice)
{
    switch (m->phase) {
    case PHASE_BEGINS:
        return begin(m);
    case PHASE_STEP:
        return begin_step(m);
    case PHASE_LOOKS:
        return look_on(m, slice);
    case PHASE_APPLIES:
        return apply(m, slice);
    case PHASE_CALLS:
        return call(m, slice);
    case PHASE_TAKES:
        return take_changes(m, slice);
    case PHASE_DONE:
    case PHASE_FAILED:
        break;
    }
    return m->phase;
}

static void explain(struct storage_migration *m)
{
    if (buf_len(&m->why) == 0 && current(m)) {
        struct str id = reader_cut(schema_path_id(m->path, m->at));
        buf_printf(&m->why, "migration %.*s: ", STR_ARG(id));
    }
    buf_append_str(&m->why, buf_str(&m->reason));
    buf_finish(&m->reason);
}

enum err storage_migration_step(struct storage_migration *m, struct slice *slice)
{
    while (m->phase != PHASE_DONE && m->phase != PHASE_FAILED) {
        if (!slice_left(slice)) {
            return ERR_AGAIN;
        }
        m->phase = go_on(m, slice);
        if (storage_migration_waits(m)) {
            return ERR_AGAIN;
        }
    }
    if (m->phase == PHASE_FAILED) {
        explain(m);
        return ERR_REFUSED;
    }
    return ERR_OK;
}

bool storage_migration_waits(const struct storage_migration *m)
{
    return m->phase == PHASE_CALLS && storage_call_waits(m->call);
}

struct str storage_migration_why(const struct storage_migration *m)
{
    return buf_str(&m->why);
}

void storage_migration_destroy(struct storage_migration *m)
{
    if (m) {
        schema_path_unref(m->path);
        storage_call_destroy(m->call);
        ids_finish(&m->ids);
        buf_finish(&m->reason);
        buf_finish(&m->why);
        free(m);
    }
}
