/* Migrating records (spec schema-and-migrations 4), all at once: one migration after the other,
 * each for all records that it is for, so that the engine is called once for it and not once per
 * record.
 */
#include "schema/migrate.h"
#include "base/alloc.h"
#include "schema/reader.h"
#include "schema/steps.h"
#include "value/check.h"
#include "value/pack.h"

#include <stdlib.h>

/* What goes to the engine at once. */
enum { JOBS_MAX = 512, JOBS_BYTES = 4 << 20 };

void engine_run(const struct content *content, struct schema_job *jobs, size_t count)
{
    size_t done = 0;
    while (done < count) {
        size_t end = done;
        size_t bytes = 0;
        while (end < count && end - done < JOBS_MAX && (end == done || bytes < JOBS_BYTES)) {
            bytes += jobs[end].value.len;
            jobs[end++].called = SCHEMA_UNAVAILABLE;
        }
        if (content->engine) {
            content->engine->run(content->engine, jobs + done, end - done);
        }
        done = end;
    }
}

static struct value current(const struct schema_traveller *traveller)
{
    return traveller->migrated == SCHEMA_CHANGED ? buf_value(&traveller->out) : traveller->record;
}

static void fail(struct schema_traveller *traveller, struct buf *why, struct str text)
{
    if (why && buf_len(why) == 0) {
        struct str id = STR("?");
        value_string(value_get(traveller->record, STR("id")), &id);
        buf_printf(why, "\"%.*s\": %.*s", STR_ARG(reader_cut(id)), STR_ARG(text));
    }
    traveller->migrated = SCHEMA_FAILED;
    buf_truncate(&traveller->out, 0);
}

/* The traveller becomes what `made` holds, and `made` gets the old memory. */
static void become(struct schema_traveller *traveller, struct buf *made)
{
    struct buf old = traveller->out;
    traveller->out = *made;
    *made = old;
    buf_truncate(made, 0);
    traveller->migrated = SCHEMA_CHANGED;
}

/* Those travellers that a migration is for, and what is called for them. */
struct batch {
    struct schema_traveller **travellers; /* owned */
    struct schema_job *jobs;              /* owned, with their results */
    size_t count;
};

static void batch_call(const struct content *content, struct batch *batch, enum schema_call call,
                       struct str function)
{
    batch->jobs = xcalloc(batch->count + 1, sizeof(*batch->jobs));
    for (size_t i = 0; i < batch->count; i++) {
        batch->jobs[i] = (struct schema_job){
            .call = call, .function = function, .value = current(batch->travellers[i])};
    }
    engine_run(content, batch->jobs, batch->count);
}

/* Why a call has not returned, for people. */
static struct str failure_of(const struct schema_job *job)
{
    struct str text;
    switch (job->called) {
    case SCHEMA_RETURNED:
        return STR("returned something that is no record");
    case SCHEMA_THREW:
        return value_string(buf_value(&job->result), &text) ? text : STR("threw");
    case SCHEMA_OVER_LIMIT:
        return STR("exceeded a limit of time or memory");
    case SCHEMA_UNAVAILABLE:
        break;
    }
    return STR("the engine does not run");
}

static void batch_end_call(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        buf_finish(&batch->jobs[i].result);
    }
    free(batch->jobs);
    batch->jobs = NULL;
}

static void batch_collect(struct batch *batch, const struct filter *filter,
                          struct schema_traveller *travellers, size_t count)
{
    batch->travellers = xcalloc(count + 1, sizeof(struct schema_traveller *));
    for (size_t i = 0; i < count; i++) {
        if (travellers[i].migrated != SCHEMA_FAILED &&
            (filter->kind != FILTER_MATCH || steps_match(filter->match, current(&travellers[i])))) {
            batch->travellers[batch->count++] = &travellers[i];
        }
    }
}

/* Keeps those for which the filter's function returns true. */
static void batch_filter(const struct content *content, struct batch *batch,
                         const struct filter *filter, struct buf *why)
{
    size_t kept = 0;
    batch_call(content, batch, SCHEMA_CALL_TEST, filter->name);
    for (size_t i = 0; i < batch->count; i++) {
        bool pass = false;
        if (batch->jobs[i].called != SCHEMA_RETURNED ||
            !value_bool(buf_value(&batch->jobs[i].result), &pass)) {
            fail(batch->travellers[i], why, failure_of(&batch->jobs[i]));
            batch->travellers[i]->again = batch->jobs[i].called == SCHEMA_UNAVAILABLE;
        }
        buf_finish(&batch->jobs[i].result);
        batch->jobs[i].result = (struct buf){0};
        if (pass) {
            batch->travellers[kept++] = batch->travellers[i];
        }
    }
    batch_end_call(batch);
    batch->count = kept;
}

static void batch_run_code(const struct content *content, struct batch *batch, struct str function,
                           struct buf *why)
{
    batch_call(content, batch, SCHEMA_CALL_MIGRATE, function);
    for (size_t i = 0; i < batch->count; i++) {
        struct schema_job *job = &batch->jobs[i];
        struct value made;
        if (job->called != SCHEMA_RETURNED ||
            value_check(buf_head(&job->result), buf_len(&job->result), &made) != ERR_OK ||
            value_type(made) != VALUE_MAP) {
            fail(batch->travellers[i], why, failure_of(job));
            batch->travellers[i]->again = job->called == SCHEMA_UNAVAILABLE;
        } else {
            become(batch->travellers[i], &job->result);
        }
    }
    batch_end_call(batch);
}

/* Steps can nest a value deeper; what is short cannot be too deep. */
static bool too_deep(const struct buf *made)
{
    struct value value;
    return buf_len(made) > VALUE_MAX_DEPTH_INSIDE &&
           value_check(buf_head(made), buf_len(made), &value) != ERR_OK;
}

static void batch_run_steps(struct batch *batch, const struct steps *steps, struct buf *why)
{
    struct buf made = {0};
    for (size_t i = 0; i < batch->count; i++) {
        if (!steps_apply(steps, current(batch->travellers[i]), &made)) {
            fail(batch->travellers[i], why, STR("a step fails"));
        } else if (too_deep(&made)) {
            buf_truncate(&made, 0);
            fail(batch->travellers[i], why, STR("becomes too deep"));
        } else {
            become(batch->travellers[i], &made);
        }
    }
    buf_finish(&made);
}

void migrate_records(const struct content *content, const struct migration *migration,
                     enum schema_direction direction, struct schema_traveller *travellers,
                     size_t count, struct buf *why)
{
    const struct function *function = direction == SCHEMA_UP ? &migration->up : &migration->down;
    struct batch batch = {0};
    batch_collect(&batch, &migration->filter, travellers, count);
    if (migration->filter.kind == FILTER_CODE) {
        batch_filter(content, &batch, &migration->filter, why);
    }
    if (batch.count > 0 && function->kind == FUNCTION_CODE) {
        batch_run_code(content, &batch, function->name, why);
    } else if (batch.count > 0) {
        batch_run_steps(&batch, &function->steps, why);
    }
    free(batch.travellers);
}

void schema_migrate(const struct schema_path *path, enum schema_direction direction,
                    struct schema_traveller *travellers, size_t count)
{
    enum schema_migrated migrated = SCHEMA_SAME;
    if (!path->records_only) {
        migrated = direction == SCHEMA_UP ? SCHEMA_TOO_NEW : SCHEMA_TOO_OLD;
    } else if (!path->reversible && direction == SCHEMA_DOWN) {
        migrated = SCHEMA_TOO_OLD;
    }
    for (size_t i = 0; i < count; i++) {
        travellers[i].migrated = migrated;
    }
    for (size_t i = 0; migrated == SCHEMA_SAME && i < path->count; i++) {
        size_t at = direction == SCHEMA_UP ? i : path->count - 1 - i;
        migrate_records(path->schema->content, path_migration(path, at), direction, travellers,
                        count, NULL);
    }
}
