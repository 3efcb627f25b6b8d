/* A room as operators see it, and as JSON (proto/admin.md). Pure. */
#ifndef ADMIN_ROOM_H
#define ADMIN_ROOM_H

#include "base/buf.h"

enum admin_room_state {
    ADMIN_ROOM_CLOSED,      /* nobody owns it */
    ADMIN_ROOM_OPEN,        /* it has an owner and sessions */
    ADMIN_ROOM_IDLE,        /* it has an owner and no sessions */
    ADMIN_ROOM_ORPHANED,    /* its owner is dead, and nobody has come since */
    ADMIN_ROOM_QUARANTINED, /* it has brought its owners down */
};

/* Borrows everything; what is not known is empty or 0. */
struct admin_room {
    struct str name;
    enum admin_room_state state;
    struct str owner; /* a worker's id */
    struct str node;  /* the owner's */
    const char *slot; /* the owner's name, if it is of this node; else NULL */
    uint64_t epoch, clock, records, bytes, sessions;
    uint64_t load;                        /* points; 0 also where it is not known */
    struct str created, claimed, updated; /* times, as they are in Redis */
    uint64_t crashes;
    struct str crashed, crash_reason;
    uint64_t quarantined_until; /* unix seconds */
};

/* "open", ...; and whether one of this name exists. */
const char *room_state_name(enum admin_room_state state);
bool room_state_find(struct str name, enum admin_room_state *state);

/* Appends it as an object: an item, or the whole text. */
void room_render(const struct admin_room *room, struct buf *out);

#endif
