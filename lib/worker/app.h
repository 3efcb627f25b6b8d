/* The app whose rooms a worker has: its schema, and the process that runs the code of it. */
#ifndef WORKER_APP_H
#define WORKER_APP_H

#include "schema/schema.h"

struct app {
    struct schema *schema;   /* owned; NULL: rooms are open */
    struct sandbox *sandbox; /* owned; NULL: there is no code */
};

/* Reads the schema file, or does nothing if `path` is NULL. Says in the log what is wrong, or what
 * there is. End with app_finish in any case. */
enum err app_load(struct app *app, const char *path) NODISCARD;
void app_finish(struct app *app);
/* Counts what code was called for. */
void app_count(const struct app *app);

#endif
