/* A change that no session pushed, on its way into the room, in slices: it is weighed, written for
 * those who are to be told, and stored; then they are told, all at once. Private to lib/room.
 *
 * From the first step to the end nobody else may change the room, and its documents are to be
 * looked at by nobody: some are new already, at a clock that the room has not reached yet. */
#ifndef ROOM_TRANSACTION_H
#define ROOM_TRANSACTION_H

#include "base/slice.h"
#include "room/edition.h"
#include "room/room.h"

enum transaction_state {
    TRANSACTION_WEIGH,
    TRANSACTION_WRITE,
    TRANSACTION_STORE,
    TRANSACTION_STORED,
};

struct transaction {
    struct room *room;        /* borrowed */
    const struct edit *edits; /* borrowed */
    uint32_t count, at;
    struct value schema; /* borrowed; absent: it stays */
    enum transaction_state state;
    size_t bytes;
    bool removes;
    bool unwritten;   /* nobody wants to read of it */
    struct buf event; /* a message `patch`, begun as a blob; owned */
    size_t diff_at, diff_len;
};

void transaction_begin(struct transaction *transaction, struct room *room, const struct edit *edits,
                       uint32_t count, struct value schema);
/* True when all is stored. */
bool transaction_step(struct transaction *transaction, struct slice *slice);
/* Then: tells the log, which is enough where there are no sessions yet. */
void transaction_tell_log(struct transaction *transaction);
/* Or the log, and everybody. */
void transaction_end(struct transaction *transaction, uint64_t now_ms);
void transaction_finish(struct transaction *transaction);

#endif
