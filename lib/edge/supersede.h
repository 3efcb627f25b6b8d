/* Pushes of presence that a newer one makes superfluous (proto/link.md, "Superseded presence"): of
 * two that come one behind the other, one is made that does what both do. Pure. */
#ifndef EDGE_SUPERSEDE_H
#define EDGE_SUPERSEDE_H

#include "base/buf.h"
#include "value/value.h"

/* Appends the push that does what the two do, with the clientClock of `newer`, and returns true;
 * false, and nothing appended, unless both change presence and nothing else, `newer` is the next
 * one after `older` by its clientClock, and what they do together can be said without knowing the
 * record. */
bool push_supersede(struct value older, struct value newer, struct buf *out);

/* Whether a data event is the result of a push, and of which. */
bool push_result_clock(struct value event, uint64_t *client_clock);
/* Appends the same result for another push. */
void push_result_for(struct value result, uint64_t client_clock, struct buf *out);

#endif
