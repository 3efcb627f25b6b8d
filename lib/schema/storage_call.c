/* Code on a whole store or storage. */
#include "schema/storage_call.h"

#include "base/alloc.h"
#include "schema/migrate.h"
#include "schema/reader.h"
#include "value/check.h"
#include "value/pack.h"

#include <stdlib.h>

enum { HEAD_MAX = 5 }; /* of a map */

enum call_state { CALL_PACKS, CALL_RUNS, CALL_CHECKS, CALL_GIVES };

struct storage_call {
    const struct content *content;
    enum call_state state;
    struct schema_job job;
    struct buf records; /* with room for a head in front */
    uint32_t count;
    struct schema_errand *errand;    /* of the engine; NULL: there is none yet */
    struct value_checking *checking; /* owned */
    struct value_walk changes;       /* members of the result */
    struct value_walk walk;          /* of what is in one of them */
    bool inside, removes, had_puts, had_removes;
};

struct storage_call *storage_call_create(const struct content *content,
                                         const struct migration *migration)
{
    struct storage_call *call = xcalloc(1, sizeof(*call));
    call->content = content;
    call->job.call = migration->scope == MIGRATION_STORE ? SCHEMA_CALL_STORE : SCHEMA_CALL_STORAGE;
    call->job.function = migration->up.name;
    buf_append(&call->records, "\0\0\0\0", HEAD_MAX);
    return call;
}

void storage_call_destroy(struct storage_call *call)
{
    if (call) {
        if (call->errand) {
            call->content->engine->end(call->errand);
        }
        value_checking_destroy(call->checking);
        buf_finish(&call->job.result);
        buf_finish(&call->records);
        free(call);
    }
}

void storage_call_add(struct storage_call *call, struct str id, struct value record)
{
    pack_member(&call->records, id, record);
    call->count++;
}

/* Puts the head in front, now that it is known how many there are. */
static void end_packing(struct storage_call *call)
{
    struct buf head = {0};
    pack_map(&head, call->count);
    buf_consume(&call->records, HEAD_MAX - buf_len(&head));
    memcpy(buf_head(&call->records), buf_head(&head), buf_len(&head));
    buf_finish(&head);
    call->job.value = buf_value(&call->records);
    call->job.called = SCHEMA_UNAVAILABLE;
    call->state = CALL_RUNS;
}

/* False: it is under way. */
static bool run(struct storage_call *call)
{
    struct schema_engine *engine = call->content->engine;
    if (!engine || !engine->begin) {
        engine_run(call->content, &call->job, 1);
        return true;
    }
    if (!call->errand) {
        call->errand = engine->begin(engine, &call->job);
    }
    if (!call->errand || !engine->ended(call->errand)) {
        return false;
    }
    engine->end(call->errand);
    call->errand = NULL;
    return true;
}

/* What is there to be read, or why nothing is. */
static bool returned(struct storage_call *call, struct buf *why)
{
    struct str text;
    switch (call->job.called) {
    case SCHEMA_RETURNED:
        call->checking =
            value_checking_create(buf_head(&call->job.result), buf_len(&call->job.result));
        call->state = CALL_CHECKS;
        return true;
    case SCHEMA_THREW:
        text = STR("threw");
        value_string(buf_value(&call->job.result), &text);
        return reader_fail(why, NULL, "%.*s", STR_ARG(text));
    case SCHEMA_OVER_LIMIT:
        return reader_fail(why, NULL, "exceeded a limit of time or memory");
    case SCHEMA_UNAVAILABLE:
        break;
    }
    return reader_fail(why, NULL, "the engine does not run");
}

static enum err no_record(struct buf *why)
{
    reader_fail(why, NULL, "left something that is no record");
    return ERR_REFUSED;
}

static enum err check(struct storage_call *call, struct slice *slice, struct buf *why)
{
    enum err err = value_checking_step(call->checking, slice);
    if (err == ERR_AGAIN) {
        return err;
    }
    struct value changes = {buf_head(&call->job.result), 0};
    if (err || value_type(changes) != VALUE_MAP) {
        return no_record(why);
    }
    call->changes = value_members(changes);
    call->state = CALL_GIVES;
    return ERR_OK;
}

enum err storage_call_run(struct storage_call *call, struct slice *slice, struct buf *why)
{
    if (call->state == CALL_PACKS) {
        end_packing(call);
    }
    if (call->state == CALL_RUNS) {
        if (!run(call)) {
            return ERR_AGAIN;
        }
        if (!returned(call, why)) {
            return ERR_REFUSED;
        }
    }
    return check(call, slice, why);
}

bool storage_call_waits(const struct storage_call *call)
{
    return call->state == CALL_RUNS;
}

/* ---- {"puts": {id: record}, "deletes": [id]} ---- */

/* Into the next of the two. ERR_NOT_FOUND: there is none. */
static enum err enter(struct storage_call *call, struct buf *why)
{
    struct str key;
    struct value member;
    if (!value_next_key(&call->changes, &key, &member)) {
        return call->had_puts && call->had_removes ? ERR_NOT_FOUND : no_record(why);
    }
    call->removes = str_eq(key, STR("deletes"));
    if (value_type(member) != (call->removes ? VALUE_ARRAY : VALUE_MAP) ||
        (!call->removes && !str_eq(key, STR("puts")))) {
        return no_record(why);
    }
    call->had_puts |= !call->removes;
    call->had_removes |= call->removes;
    call->walk = call->removes ? value_items(member) : value_members(member);
    call->inside = true;
    return ERR_OK;
}

static bool next(struct storage_call *call, struct str *id, struct value *value)
{
    return call->removes ? value_next_item(&call->walk, value)
                         : value_next_member(&call->walk, id, value);
}

enum err storage_call_next(struct storage_call *call, struct str *id, struct value *record,
                           struct buf *why)
{
    for (;;) {
        enum err err = call->inside ? ERR_OK : enter(call, why);
        if (err) {
            return err;
        }
        if (next(call, id, record)) {
            break;
        }
        call->changes.at = call->walk.at;
        call->inside = false;
    }
    if (call->removes ? !value_string(*record, id) : value_type(*record) != VALUE_MAP) {
        return no_record(why);
    }
    if (call->removes) {
        *record = VALUE_NONE;
    }
    return ERR_OK;
}
