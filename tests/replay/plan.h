/* How far a transcript can be replayed with what the library offers. Found out from what its steps
 * do and what was answered, never from its name. */
#ifndef REPLAY_PLAN_H
#define REPLAY_PLAN_H

#include "room/room.h"

struct plan {
    unsigned end;    /* the first step that cannot run; all can if it is their number */
    const char *why; /* not, NULL if all can */
};

struct plan plan_make(struct value transcript);

/* Whether INVALID_RECORD is the room's own answer to this push: a room without validators knows no
 * other reason for it than records that are none, and types where they must not be. */
bool plan_room_refuses(const struct room *room, struct value message);

/* Whether something in the list `expect` turns `socket` away for an invalid record. */
bool plan_expects_invalid(struct value expect, struct str socket);

#endif
