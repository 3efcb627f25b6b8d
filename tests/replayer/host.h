/* A room with everything around it that a replay needs: sockets with labels, a virtual clock, a
 * pacer, and a second room fed from the log. It also watches the room's own promises, which hold
 * whatever is recorded:
 *
 *  - a change is told as an entry before anything that follows from it is sent;
 *  - nothing happens before the deadline, and the deadline passes by once it was served;
 *  - snapshot and entries lead a second room to the same documents. */
#ifndef REPLAY_HOST_H
#define REPLAY_HOST_H

#include "items.h"
#include "room/room.h"

struct host;

struct host_config {
    struct schema *schema; /* borrowed */
    struct value snapshot; /* what the room starts from; absent: a new room */
    uint64_t idle_timeout_ms;
    bool session_snapshots;
};

/* NULL, and the reason appended to `why`, if the snapshot cannot be read. `ids` is borrowed. */
struct host *host_create(const struct host_config *config, struct presence_ids *ids,
                         struct buf *why);
void host_destroy(struct host *host);

/* Everything that follows happens in this step. */
void host_set_step(struct host *host, unsigned step);

struct host_session {
    struct str socket, session;
    bool readonly, object_write;
};
void host_open(struct host *host, const struct host_session *config);
/* A text frame from the client. */
void host_frame(struct host *host, struct str socket, struct str frame);
/* The peer went away; or, if `open`, the socket failed and is still open. */
void host_socket_gone(struct host *host, struct str socket, bool open);
/* The socket stops being open, and nobody hears of it. */
void host_kill(struct host *host, struct str socket);
void host_advance(struct host *host, uint64_t ms);
void host_custom(struct host *host, struct str session, struct value data);
/* `reason` {NULL, 0}: none. */
void host_close_session(struct host *host, struct str session, struct str reason);
void host_close_room(struct host *host);
bool host_load(struct host *host, struct value snapshot);
/* Edits in one update context. False: the update failed. Else what they answered, one for each. */
bool host_update(struct host *host, struct value ops, struct buf *values);
/* The session's snapshot, or null. */
void host_session_snapshot(struct host *host, struct str session, struct buf *out);
/* The room is dropped and built anew from its own snapshot; sockets stay open. False: it cannot be.
 */
bool host_restart(struct host *host);
/* A session comes back from its snapshot, on its socket. */
void host_resume(struct host *host, struct str socket, struct str session, struct value snapshot);

bool host_is_closed(const struct host *host);
uint64_t host_now(const struct host *host);
/* Tells the room of sockets that were found dead. */
void host_tell_lost(struct host *host);

struct room *host_room(const struct host *host);
const struct items *host_seen(const struct host *host);
/* Which promise was broken; empty: none. Compares the rooms. */
const struct buf *host_complaints(struct host *host);

#endif
