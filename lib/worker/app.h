/* The app whose rooms a worker has: its schema, and the process that runs the code of it. */
#ifndef WORKER_APP_H
#define WORKER_APP_H

#include "schema/schema.h"

#include <event2/event.h>

struct app {
    struct schema *schema;   /* owned; NULL: rooms are open */
    struct sandbox *sandbox; /* owned; NULL: there is no code */
    struct event_base *base; /* of who waits for code */
    struct event *ready;     /* owned; the socket of its errands */
    void (*on_ended)(void *ctx);
    void *ctx;
};

/* Reads the schema file, or does nothing if `path` is NULL. Says in the log what is wrong, or what
 * there is. End with app_finish in any case. */
enum err app_load(struct app *app, const char *path) NODISCARD;
void app_finish(struct app *app);
/* Looks after what the code does while nobody waits; `on_ended` is called when something of that
 * has ended. `app` stays where it is. */
void app_watch(struct app *app, struct event_base *base, void (*on_ended)(void *ctx), void *ctx);
/* Counts what code was called for. */
void app_count(const struct app *app);

#endif
