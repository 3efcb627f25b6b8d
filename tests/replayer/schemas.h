/* The schemas that recordings were made with: "room", which lies beside them as schema.json, and
 * "default", tldraw's. Where a folder has none, those of this project count. */
#ifndef REPLAY_SCHEMAS_H
#define REPLAY_SCHEMAS_H

#include "base/buf.h"
#include "schema/schema.h"

/* By its name, for a file at `path`; `object_types` is a list of names, or absent. A reference for
 * the caller, or NULL, and why is appended. */
struct schema *schemas_get(struct str name, const char *path, struct value object_types,
                           struct buf *why);
/* Tldraw's: a view, until schemas_finish. */
const struct schema *schemas_default(struct buf *why);
void schemas_finish(void);

#endif
