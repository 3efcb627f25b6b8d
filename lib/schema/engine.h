/* Runs the functions of a schema file's `code` (proto/schema.md). The schema knows what is to be
 * called; where and how that runs, and within which limits, is the engine's. */
#ifndef SCHEMA_ENGINE_H
#define SCHEMA_ENGINE_H

#include "base/buf.h"
#include "value/value.h"

enum schema_call {
    /* fn(value): result is what the value has become: what the function returned if that is truthy,
     * else the value itself, which the function may have changed. */
    SCHEMA_CALL_MIGRATE,
    /* fn(value): result is a bool: whether it returned something truthy. For filters. */
    SCHEMA_CALL_TEST,
    /* fn(value): RETURNED if it did not throw. For validators; no result. `value` may be absent. */
    SCHEMA_CALL_CHECK,
    /* `value` is a map of records by id. Of a store migration: fn(map). Of a storage migration:
     * fn(storage). Result: {"puts": {id: record}, "deletes": [id]}: what became different. */
    SCHEMA_CALL_STORE,
    SCHEMA_CALL_STORAGE,
};

enum schema_called {
    SCHEMA_RETURNED,
    SCHEMA_THREW,       /* `result` has the error's text as a string, for the log */
    SCHEMA_OVER_LIMIT,  /* of time or memory */
    SCHEMA_UNAVAILABLE, /* the engine does not run just now; another try may succeed */
};

struct schema_job {
    enum schema_call call;
    struct str function;
    struct value value;        /* borrowed */
    enum schema_called called; /* set by the engine */
    struct buf result;         /* set by the engine; the caller's to finish */
};

/* A job that may take long, on its way. The engine's. */
struct schema_errand;

/* One loaded `code`. Owned by who loads the schema file; outlives the schema. */
struct schema_engine {
    /* Runs independent jobs, in order, and comes back when all are done or the limits are reached:
     * the caller waits. */
    void (*run)(struct schema_engine *engine, struct schema_job *jobs, size_t count);

    /* Begins one job, for which nobody waits; it stays where it is until `end`. NULL: so many are
     * under way that it has to be tried again later. All three are NULL where the engine cannot do
     * that. */
    struct schema_errand *(*begin)(struct schema_engine *engine, struct schema_job *job);
    /* Whether `called` and `result` are set. The result is not checked. */
    bool (*ended)(struct schema_errand *errand);
    /* Frees it; gives up what has not ended. */
    void (*end)(struct schema_errand *errand);
};

#endif
