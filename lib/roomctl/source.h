/* What an operator hands in, made into what the node takes: a snapshot in any of its forms,
 * records. Pure. */
#ifndef ROOMCTL_SOURCE_H
#define ROOMCTL_SOURCE_H

#include "base/buf.h"

/* Appends the text of a room or store snapshot to `out`: `text` itself, or what a .tldr file holds.
 * False: it is none of these; `why` gets a phrase. */
bool source_snapshot(struct str text, struct buf *out, struct buf *why);
/* Appends an update that puts the record, or the array of records, in `text`. */
bool source_puts(struct str text, struct buf *out, struct buf *why);

#endif
