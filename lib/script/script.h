/* A schema file's code in Duktape (proto/schema.md, "Code"): one heap with its functions, which has
 * no I/O and no memory beyond its limit. It cannot be interrupted: Debian builds Duktape
 * without its timeout check. So who must not wait runs it in another process (sandbox/sandbox.h,
 * cmd/script); tests and the check of a file run it here.
 *
 * One thread. The code may keep state between calls; so what it answers may depend on them. */
#ifndef SCRIPT_SCRIPT_H
#define SCRIPT_SCRIPT_H

#include "base/err.h"
#include "schema/engine.h"

struct script;

/* Of the heap; while a migration has a whole storage in it, SCRIPT_STORAGE_FACTOR times as much. */
enum { SCRIPT_MEMORY_BYTES = 256 << 20, SCRIPT_STORAGE_FACTOR = 6 };

/* Evaluates `code`, an expression whose value is an object of functions. ERR_MALFORMED, and `why`
 * for people: it throws, is no such object, or needs more memory than it gets. `code` is borrowed
 * for the script's life: after a call that ran out of memory it is evaluated anew. */
enum err script_create(struct str code, size_t memory_bytes, struct script **out,
                       struct buf *why) NODISCARD;
void script_destroy(struct script *script); /* NULL is fine */

bool script_has(struct script *script, struct str function);
/* Runs one job; sets `called` and fills `result`. */
void script_run(struct script *script, struct schema_job *job);

/* An engine that runs its jobs right here. */
struct script_engine {
    struct schema_engine engine;
    struct script *script; /* borrowed */
};
void script_engine_init(struct script_engine *engine, struct script *script);

#endif
