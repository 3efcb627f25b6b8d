/* Whether rooms have what the server acknowledged: a client joins each of them, and the shapes in
 * its reply must be where those who moved them were told they are. */
#ifndef BENCH_AUDIT_H
#define BENCH_AUDIT_H

#include "base/str.h"
#include "client.h"

/* Counts in load.audited and load.missing. Left out are shapes of clients that still wait for a
 * result, or that were sent away: what became of their last push nobody knows. */
void audit_room(const struct client *auditor, struct str connect_reply);

#endif
