/* What happens in a run, recorded or found: a list of items, each on a lane. Within a lane the
 * order counts, between lanes it does not. How data events are grouped into messages does not count
 * either: on a socket's lane they are items of their own. */
#ifndef REPLAY_ITEMS_H
#define REPLAY_ITEMS_H

#include "base/buf.h"
#include "match.h"

enum item_kind {
    ITEM_EVENT,   /* one event of a data message */
    ITEM_PONG,    /* overtakes events, so only their number between other items counts */
    ITEM_MESSAGE, /* any other message */
    ITEM_CLOSE,
    ITEM_HOST, /* something told to the host */
};

struct item {
    enum item_kind kind;
    unsigned step;    /* during which it happened */
    char *lane;       /* owned */
    struct buf value; /* owned */
};

struct items {          /* zeroed is empty */
    struct item *items; /* owned */
    unsigned count, cap;
};

/* Copies. */
void items_add(struct items *items, enum item_kind kind, unsigned step, const char *lane,
               struct str label, struct value value);
void items_close(struct items *items, unsigned step, struct str label, int code, struct str reason);
void items_removed(struct items *items, unsigned step, struct str session, uint64_t remaining);
void items_became_empty(struct items *items, unsigned step);
void items_changed(struct items *items, unsigned step, uint64_t clock);
void items_session_snapshot(struct items *items, unsigned step, struct str session,
                            struct value snapshot);
/* A message sent on a socket. */
void items_message(struct items *items, unsigned step, struct str label, struct value message);
/* One entry of a recording's `expect`. */
void items_expect(struct items *items, unsigned step, struct value entry);
void items_finish(struct items *items);

/* Compares all that happened before step `end`. False, and where it parts, appended to `why`. */
bool items_match(const struct items *wanted, const struct items *found, unsigned end,
                 struct presence_ids *ids, struct buf *why);

#endif
