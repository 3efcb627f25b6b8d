/* What waits for a client that does not read, without presence that newer presence supersedes. Who
 * is behind is not helped by each place that a cursor has been at; and where people only move, what
 * waits for him is no more than one record of each of them. Pure. */
#ifndef EDGE_CONDENSE_H
#define EDGE_CONDENSE_H

#include "base/blob.h"
#include "edge/rendered.h"

struct condense {
    enum encoding encoding;
    bool (*is_presence)(const void *ctx, struct str id); /* whether the record of that id is */
    const void *ctx;
};

/* `events` are `count` data events, owned references, in the order in which they came. Those that
 * tell of presence alone become one, which leaves the client with the same records, behind the
 * others. Where that cannot be said without knowing the records it becomes some, in their places.
 * All other events stay what they are, in order. Clocks do not go back. Returns how many there are
 * then. */
uint32_t condense_events(const struct condense *how, struct blob **events, uint32_t count);

#endif
