/* Code on a whole store or storage: all of it is packed for the engine, which gives back what has
 * become different. Private to lib/schema. */
#ifndef SCHEMA_STORAGE_CALL_H
#define SCHEMA_STORAGE_CALL_H

#include "base/slice.h"
#include "schema/content.h"

struct storage_call;

/* Of the migration's `up`. */
struct storage_call *storage_call_create(const struct content *content,
                                         const struct migration *migration);
void storage_call_destroy(struct storage_call *call); /* NULL is fine */

/* Adds a record to what the code will see. */
void storage_call_add(struct storage_call *call, struct str id, struct value record);

/* Runs the code, then reads what it gave. ERR_AGAIN: not yet; ERR_REFUSED: it failed, as `why`
 * says. */
enum err storage_call_run(struct storage_call *call, struct slice *slice,
                          struct buf *why) NODISCARD;
/* The engine has it. */
bool storage_call_waits(const struct storage_call *call);

/* After that, one by one: what has become of `*id`; *record is absent if it is to go. ERR_NOT_FOUND
 * behind the last; ERR_REFUSED, as `why` says. */
enum err storage_call_next(struct storage_call *call, struct str *id, struct value *record,
                           struct buf *why) NODISCARD;

#endif
