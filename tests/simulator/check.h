/* What must hold of a room once nobody draws and nothing is broken. */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "simulator/client.h"

/* All clients that are online know the same documents as Redis holds, each is shown exactly the
 * newest presences of the others, and nothing waits. Returns NULL, or what is not so (yet). */
const char *check_room(struct client *const *clients, int count, const char *room);

/* Whatever was acknowledged is there, or was replaced by something later. Violates. */
void check_acknowledged(struct client *const *clients, int count, const char *room);

#endif
