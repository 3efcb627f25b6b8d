/* Sessions that move to another owner of their room without their clients noticing
 * (proto/ownership.md). The owner before hands out what it knows of a session as `state`, the
 * gateway keeps it, and the next owner puts the session back from it.
 *
 *      room_session_write_state ──▶ gateway ──▶ room_session_resume ──▶ catch-up events,
 *                                                                       room_answer_again */
#ifndef ROOM_RESUME_H
#define ROOM_RESUME_H

#include "room/room.h"

/* Appends what the next owner must know of a connected session: its protocol, its place, its
 * presence. One map. */
void room_session_write_state(const struct room *room, const struct room_session *session,
                              struct buf *out);

/* Numbers that grow from owner to owner begin with the epoch. `tenure` is a name of this ownership
 * that no other has, of at most ROOM_TENURE_MAX bytes. Call before any session is there. */
enum { ROOM_TENURE_MAX = 95 };
void room_begin_epoch(struct room *room, uint64_t epoch, struct str tenure);

struct room_resume {
    struct room_session_config session;
    struct value state;        /* of room_session_write_state */
    struct value presence_ops; /* array: presence members of pushes answered after that state */
    uint64_t presence_at;      /* presence clock of the session's last presence, as far as told */
    uint64_t presence_seen;    /* presence clock it has been brought to; the owner who did was its
                                  last */
    uint64_t opened_since;     /* an opening of the session that has changed something; or 0 */
};

enum room_resumed {
    ROOM_RESUMED,       /* as `state` says */
    ROOM_RESUMED_KNOWN, /* as the room itself knows: the owner is the same, only the link was cut */
    ROOM_RESUME_SUPERSEDED, /* the session was opened again since */
    ROOM_RESUME_FORGOTTEN,  /* has been with an ownership that came after this one, or was opened by
                               one of the same number: the store has lost it, and the session's
                               clock is that of another history */
    ROOM_RESUME_SCHEMA, /* the client cannot be served on the room's schema any more (RES-3), or it
                           is not known which one it is on; *out is its session */
    ROOM_RESUME_MALFORMED,
};

/* Puts a session straight into the connected state; nobody is told of it. If the room knows this
 * opening of it already, what the room knows counts; what it knows of an earlier one is out of
 * date. *out is set with the first two results. */
enum room_resumed room_session_resume(struct room *room, const struct room_resume *resume,
                                      uint64_t now_ms, struct room_session **out);

/* A push that has been applied already is answered again, by what it did. */
struct room_again {
    struct value message;
    enum room_outcome outcome; /* NONE: what it did, if anything, the client has been told */
    struct value diff;         /* for REBASE */
    uint64_t clock;            /* server clock of the answer */
};
/* Sends the push_result; applies the push's presence, of which the log knows nothing. */
void room_answer_again(struct room *room, struct room_session *session,
                       const struct room_again *again, uint64_t now_ms);

/* This owner has brought the room to another schema: what states of the owners before say of theirs
 * is out of date. */
bool room_has_changed_schema(const struct room *room);

/* ---- catch-up events: each appends a data event with ROOM_CAUGHT_UP ----
 */

/* All documents that changed after `since`. Each is as `to` sees it; what cannot be migrated for it
 * is ROOM_CATCH_UP_FAILED, and it is to be sent away. */
enum room_catch_up { ROOM_CAUGHT_UP, ROOM_NOTHING_MISSED, ROOM_CATCH_UP_FAILED };
enum room_catch_up room_write_changes(const struct room *room, const struct room_session *to,
                                      uint64_t since, struct buf *event) NODISCARD;
/* Presence of others that somebody at presence clock `seen` may not have been shown. */
enum room_catch_up room_write_presences(const struct room *room, const struct room_session *to,
                                        uint64_t seen, struct buf *event) NODISCARD;
/* The session's own presence, which it has, for others who see that edition. */
enum room_catch_up room_write_presence(const struct room *room, const struct room_session *session,
                                       uint64_t edition, uint64_t server_clock,
                                       struct buf *event) NODISCARD;

/* ---- presence ---- */

/* Number of the session's opening; it grows, over owners too. */
uint64_t room_session_opened(const struct room_session *session);
uint64_t room_presence_clock(const struct room *room);
/* Whether somebody who has been brought to presence clock `seen` has been shown a presence of clock
 * `at`. Clocks of two epochs say nothing of each other: a session may have passed over an owner
 * that the other never met. */
bool room_presence_seen(uint64_t seen, uint64_t at);
/* A presence clock that was not made here. Where it looks as if it were, a store that lost the end
 * of what it had has given the number of this epoch twice, and it proves nothing: 0. */
uint64_t room_presence_clock_elsewhere(const struct room *room, uint64_t clock);
/* Presence clock of the session's last presence; 0 if it has none. */
uint64_t room_session_presence_at(const struct room_session *session);
/* Tells everyone else of its presence once more, whole, and as new: not all may have been told that
 * it is there, neither clients nor gateways. */
void room_session_renew_presence(struct room *room, struct room_session *session);
/* Appends the ids of all presence records as an array. */
void room_write_roster(const struct room *room, struct buf *out);
/* Tells everyone that the record is gone, unless a session has it. */
void room_drop_ghost(struct room *room, struct str presence_id);

/* ---- the clock ---- */

/* Brings the document clock to `clock`, above the one it has, as if all history before were
 * forgotten: clients that come back from before get everything (CLK, TOMB). Tombstones stay, for
 * sessions that are known to have missed nothing else. */
void room_jump_clock(struct room *room, uint64_t clock);

#endif
