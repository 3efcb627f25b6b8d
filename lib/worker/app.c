/* The schema of a worker's rooms. */
#include "worker/app.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/programs.h"
#include "sandbox/sandbox.h"
#include "schema/file.h"

#include <stdlib.h>

static enum err start_sandbox(struct app *app, struct str code)
{
    char *program = program_beside("script");
    if (!program) {
        log_error(NULL, "roomd-script is not where roomd is; build or install both");
        return ERR_NOT_FOUND;
    }
    app->sandbox = sandbox_create(program, code);
    free(program);
    return ERR_OK;
}

static enum err compile(struct app *app, struct str text, struct buf *why)
{
    struct buf code = {0};
    enum err err = schema_find_code(text, &code, why);
    if (!err && buf_len(&code) > 0) {
        err = start_sandbox(app, buf_str(&code));
    }
    if (!err) {
        struct schema_engine *engine = app->sandbox ? sandbox_engine(app->sandbox) : NULL;
        err = schema_parse(text, engine, &app->schema, why);
    }
    buf_finish(&code);
    return err;
}

enum err app_load(struct app *app, const char *path)
{
    struct buf text = {0};
    struct buf why = {0};
    *app = (struct app){0};
    if (!path) {
        return ERR_OK;
    }
    enum err err = file_read(path, SCHEMA_FILE_MAX, &text);
    if (!err) {
        err = compile(app, buf_str(&text), &why);
    }
    if (err) {
        app->schema = NULL;
        log_error(NULL, "schema file cannot be used", LOG_TEXTZ("file", path),
                  LOG_STR("why", buf_str(&why)), LOG_ERR(err));
    } else {
        struct schema_summary summary;
        schema_summarize(app->schema, &summary);
        log_info(NULL, "schema loaded", LOG_TEXTZ("file", path), LOG_U64("types", summary.types),
                 LOG_U64("migrations", summary.migrations),
                 LOG_U64("code_migrations", summary.code_migrations),
                 LOG_U64("code_validators", summary.code_validators));
    }
    buf_finish(&why);
    buf_finish(&text);
    return err;
}

void app_finish(struct app *app)
{
    schema_unref(app->schema);
    sandbox_destroy(app->sandbox);
    if (app->ready) {
        event_free(app->ready);
    }
}

static void on_ready(evutil_socket_t fd, short events, void *ctx)
{
    struct app *app = ctx;
    (void)fd;
    (void)events;
    if (sandbox_ready(app->sandbox)) {
        app->on_ended(app->ctx);
    }
}

static void watch(void *ctx, int fd, bool writes)
{
    struct app *app = ctx;
    if (app->ready) {
        event_free(app->ready);
        app->ready = NULL;
    }
    if (fd >= 0) {
        short events = (short)(EV_READ | EV_PERSIST | (writes ? EV_WRITE : 0));
        app->ready = event_new(app->base, fd, events, on_ready, app);
        event_add(app->ready, NULL);
    }
}

void app_watch(struct app *app, struct event_base *base, void (*on_ended)(void *ctx), void *ctx)
{
    app->base = base;
    app->on_ended = on_ended;
    app->ctx = ctx;
    if (app->sandbox) {
        sandbox_watch(app->sandbox, watch, app);
    }
}

void app_count(const struct app *app)
{
    if (app->sandbox) {
        const struct sandbox_counts *counts = sandbox_count(app->sandbox);
        metrics_set(METRIC_SCRIPT_CALLS, (double)counts->calls);
        metrics_set(METRIC_SCRIPT_FAILURES, (double)counts->failures);
        metrics_set(METRIC_SCRIPT_STARTS, (double)counts->starts);
    }
}
