/* One Duktape heap. Everything that may throw runs inside duk_safe_call. */
#include "script/script.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "script/convert.h"
#include "value/check.h"
#include "value/pack.h"

#include <malloc.h>
#include <stdlib.h>

extern const unsigned char script_prelude[]; /* prelude.js */
extern const size_t script_prelude_len;

enum { ERROR_TEXT_MAX = 400 };

struct script {
    struct str code; /* borrowed */
    size_t memory_bytes, used_bytes;
    bool on_all;      /* a job has the whole storage: more memory is allowed */
    bool ran_out;     /* of memory, since the last look; it may have gone on after a collection */
    duk_context *ctx; /* NULL: the heap is to be made anew */
    struct convert convert;
};

/* Where things are on the value stack, for as long as the heap lives. */
enum { STACK_FUNCTIONS, STACK_PRELUDE, STACK_BASE };

/* ---- memory ---- */

static bool has_room(struct script *script, size_t size)
{
    size_t limit = script->memory_bytes * (script->on_all ? SCRIPT_STORAGE_FACTOR : 1);
    bool fits = size <= limit && script->used_bytes <= limit - size;
    script->ran_out |= !fits;
    return fits;
}

static void *heap_alloc(void *udata, duk_size_t size)
{
    struct script *script = udata;
    if (size == 0 || !has_room(script, size)) {
        return NULL;
    }
    void *memory = malloc(size);
    script->used_bytes += malloc_usable_size(memory);
    return memory;
}

static void heap_free(void *udata, void *memory)
{
    struct script *script = udata;
    script->used_bytes -= malloc_usable_size(memory);
    free(memory);
}

static void *heap_realloc(void *udata, void *memory, duk_size_t size)
{
    struct script *script = udata;
    if (!memory) {
        return heap_alloc(udata, size);
    }
    if (size == 0) {
        heap_free(udata, memory);
        return NULL;
    }
    size_t before = malloc_usable_size(memory);
    if (size > before && !has_room(script, size - before)) {
        return NULL;
    }
    void *moved = realloc(memory, size);
    if (moved) {
        script->used_bytes += malloc_usable_size(moved) - before;
    }
    return moved;
}

/* ---- errors ---- */

static void append_error(duk_context *ctx, struct buf *out)
{
    duk_size_t len;
    const char *text = duk_safe_to_lstring(ctx, -1, &len);
    struct str whole = {text, len};
    struct str cut = {text, utf8_cut(whole, ERROR_TEXT_MAX)};
    if (utf8_valid((const uint8_t *)cut.ptr, cut.len)) {
        buf_append_str(out, cut);
    } else {
        buf_append_str(out, STR("an error whose text is no UTF-8"));
    }
}

/* ---- the heap ---- */

static duk_ret_t evaluate(duk_context *ctx, void *udata)
{
    const struct script *script = udata;
    duk_eval_lstring(ctx, script->code.ptr, script->code.len);
    duk_eval_lstring(ctx, (const char *)script_prelude, script_prelude_len);
    return 2;
}

static void drop_heap(struct script *script)
{
    if (script->ctx) {
        duk_destroy_heap(script->ctx);
        script->ctx = NULL;
    }
}

static enum err make_heap(struct script *script, struct buf *why)
{
    script->ran_out = false;
    script->ctx = duk_create_heap(heap_alloc, heap_realloc, heap_free, script, NULL);
    if (!script->ctx) {
        buf_append_str(why, STR("not enough memory for an engine"));
        return ERR_MALFORMED;
    }
    enum err err = ERR_OK;
    if (duk_safe_call(script->ctx, evaluate, script, 0, 2) != DUK_EXEC_SUCCESS) {
        duk_pop(script->ctx); /* of the two results of a failure the first is the error */
        append_error(script->ctx, why);
        err = ERR_MALFORMED;
    } else if (!duk_is_object(script->ctx, STACK_FUNCTIONS)) {
        buf_append_str(why, STR("its value is no object"));
        err = ERR_MALFORMED;
    } else {
        duk_push_undefined(script->ctx);
        duk_set_prototype(script->ctx, STACK_FUNCTIONS); /* it has its own functions alone */
    }
    if (err) {
        drop_heap(script);
    }
    return err;
}

/* Makes it anew if it was dropped; false: that cannot be just now. */
static bool has_heap(struct script *script)
{
    struct buf why = {0};
    bool has = script->ctx || make_heap(script, &why) == ERR_OK;
    buf_finish(&why);
    return has;
}

enum err script_create(struct str code, size_t memory_bytes, struct script **out, struct buf *why)
{
    struct script *script = xcalloc(1, sizeof(*script));
    script->code = code;
    script->memory_bytes = memory_bytes;
    enum err err = make_heap(script, why);
    if (err) {
        script_destroy(script);
        return err;
    }
    *out = script;
    return ERR_OK;
}

void script_destroy(struct script *script)
{
    if (script) {
        drop_heap(script);
        convert_finish(&script->convert);
        free(script);
    }
}

/* ---- jobs ---- */

struct running {
    struct script *script;
    struct schema_job *job;
};

static void push_function(struct running *running, duk_context *ctx)
{
    convert_push_str(&running->script->convert, ctx, running->job->function);
    if (!duk_get_prop(ctx, STACK_FUNCTIONS) || !duk_is_function(ctx, -1)) {
        duk_error(ctx, DUK_ERR_REFERENCE_ERROR, "there is no such function in the code");
    }
}

static void read_result(struct running *running, duk_context *ctx)
{
    struct buf *result = &running->job->result;
    struct value checked;
    if (!convert_read(&running->script->convert, ctx, duk_get_top_index(ctx), result)) {
        duk_error(ctx, DUK_ERR_TYPE_ERROR, "what it made is no value");
    }
    /* Code can make strings that are none, and two names that are the same text. */
    if (value_check(buf_head(result), buf_len(result), &checked) != ERR_OK) {
        duk_error(ctx, DUK_ERR_TYPE_ERROR, "what it made has names twice, or nests too deep");
    }
}

/* The whole storage, through the prelude. */
static void call_on_all(struct running *running, duk_context *ctx, const char *name)
{
    duk_get_prop_string(ctx, STACK_PRELUDE, name);
    push_function(running, ctx);
    convert_push(&running->script->convert, ctx, running->job->value);
    duk_call(ctx, 2);
    read_result(running, ctx);
}

static duk_ret_t run_job(duk_context *ctx, void *udata)
{
    struct running *running = udata;
    struct schema_job *job = running->job;
    if (job->call == SCHEMA_CALL_STORE || job->call == SCHEMA_CALL_STORAGE) {
        call_on_all(running, ctx, job->call == SCHEMA_CALL_STORE ? "store" : "storage");
        return 0;
    }
    convert_push(&running->script->convert, ctx, job->value);
    duk_idx_t given = duk_get_top_index(ctx);
    push_function(running, ctx);
    duk_dup(ctx, given);
    duk_call(ctx, 1);
    duk_dup_top(ctx);
    bool truthy = duk_to_boolean(ctx, -1); /* in place */
    if (job->call == SCHEMA_CALL_MIGRATE) {
        duk_dup(ctx, truthy ? -2 : given);
        read_result(running, ctx);
    } else if (job->call == SCHEMA_CALL_TEST) {
        pack_bool(&job->result, truthy);
    }
    return 0;
}

static void fail(struct script *script, struct schema_job *job)
{
    struct buf text = {0};
    buf_finish(&job->result);
    append_error(script->ctx, &text);
    job->called = script->ran_out ? SCHEMA_OVER_LIMIT : SCHEMA_THREW;
    pack_str(&job->result, buf_str(&text));
    buf_finish(&text);
}

void script_run(struct script *script, struct schema_job *job)
{
    job->called = SCHEMA_UNAVAILABLE;
    if (!has_heap(script)) {
        return;
    }
    struct running running = {script, job};
    script->ran_out = false;
    script->on_all = job->call == SCHEMA_CALL_STORE || job->call == SCHEMA_CALL_STORAGE;
    script->convert.depth = 0;
    if (duk_safe_call(script->ctx, run_job, &running, 0, 1) == DUK_EXEC_SUCCESS) {
        job->called = SCHEMA_RETURNED;
    } else {
        fail(script, job);
    }
    duk_set_top(script->ctx, STACK_BASE);
    bool again = job->called == SCHEMA_OVER_LIMIT || (script->on_all && script->ran_out);
    script->on_all = false;
    if (again) {
        /* What the code keeps may be half done. At once, in the time of who caused it. */
        drop_heap(script);
        has_heap(script);
    }
}

static duk_ret_t find_function(duk_context *ctx, void *udata)
{
    push_function(udata, ctx);
    return 0;
}

bool script_has(struct script *script, struct str function)
{
    struct schema_job job = {.function = function};
    struct running running = {script, &job};
    if (!has_heap(script)) {
        return false;
    }
    bool has = duk_safe_call(script->ctx, find_function, &running, 0, 1) == DUK_EXEC_SUCCESS;
    duk_set_top(script->ctx, STACK_BASE);
    return has;
}

/* ---- as an engine ---- */

static void run_all(struct schema_engine *engine, struct schema_job *jobs, size_t count)
{
    struct script_engine *self = (struct script_engine *)engine;
    for (size_t i = 0; i < count; i++) {
        script_run(self->script, &jobs[i]);
    }
}

void script_engine_init(struct script_engine *engine, struct script *script)
{
    *engine = (struct script_engine){.engine = {.run = run_all}, .script = script};
}
