/* One entry of a room's log: what one transaction changed, and what its session was told. Counted
 * nowhere, immutable, one allocation; its owner keeps it until the store has answered for it. */
#ifndef CLUSTER_ENTRY_H
#define CLUSTER_ENTRY_H

#include "base/list.h"
#include "value/value.h"

struct entry {
    struct list link;    /* for its owner */
    uint64_t number;     /* place in the log of this epoch, from 1 without gaps */
    uint64_t clock;      /* document clock after it */
    uint64_t seq;        /* the session's inbound message; 0 if no session did it */
    uint32_t outcome;    /* enum room_outcome */
    struct str session;  /* id; {NULL, 0} if none */
    uint64_t opened;     /* number of that session's opening, growing over owners; 0 if none */
    struct str by;       /* name of its connection, never used again; {NULL, 0} if none */
    struct value diff;   /* network diff */
    struct value schema; /* serialized schema if this entry sets it, else absent */
    uint64_t sent_us;    /* when it went out, for measuring */
};

/* Copies everything that `from` points to. Free with free(). */
struct entry *entry_create(const struct entry *from);
/* Bytes it takes in the log, about. */
size_t entry_bytes(const struct entry *entry);

/* Text in the log for an outcome (0 none, 1 commit, 2 rebase), and back; -1 if unknown. */
const char *entry_outcome_name(uint32_t outcome);
int entry_outcome_parse(struct str name);

#endif
