/* Requests about what is in a room: edits, snapshots, sessions (proto/admin.md). They are read
 * here, carried to the room's owner by the source, and its answers are written here. Private to
 * lib/admin.
 */
#ifndef ADMIN_ROOM_API_H
#define ADMIN_ROOM_API_H

#include "admin/call.h"
#include "admin/route.h"

struct room_api_input {
    const struct route_match *match;
    struct str query, body; /* as they came */
    struct str type;        /* the body's, as the client says; absent: it does not */
};

/* Asks the source, or answers what is wrong with the request. */
void room_api_handle(struct admin *admin, const struct room_api_input *in, struct admin_call *call);

#endif
