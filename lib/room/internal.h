/* What the files of lib/room share and nobody else sees. */
#ifndef ROOM_INTERNAL_H
#define ROOM_INTERNAL_H

#include "base/arena.h"
#include "room/ops.h"
#include "room/resume.h"
#include "room/room.h"

struct room {
    const struct room_config *config;
    const struct room_host *host;
    void *ctx;
    struct documents documents;
    struct schema *schema; /* NULL until adopted */
    struct map by_id;      /* of struct room_session */
    struct list sessions;  /* of struct room_session.link, in the order of first registration */
    uint32_t legacy_append_sessions; /* connected ones without string append (APP-1) */
    uint64_t presence_clock;         /* of the last change of any presence record */
    uint64_t arrivals;               /* counts openings of sessions, over all owners of the room */
    uint64_t prune_at;               /* when tombstones may be pruned; UINT64_MAX: nothing to do */
    uint64_t last_prune;
    uint64_t deadline; /* not after the earliest thing due */
    uint64_t epoch;
    char tenure[ROOM_TENURE_MAX + 1]; /* this ownership's name */
};

enum { PRESENCE_TOKEN_LEN = 21 };

struct room_session {
    struct list link; /* in room.sessions */
    enum room_session_state state;
    bool readonly;
    bool object_write;
    bool legacy_rejection; /* protocol 5 and 6 (NEG-2) */
    bool string_append;    /* not for protocol 5, 6, 7 */
    bool presence_unsure;  /* some may have seen more of it: the next event holds all of it */
    uint64_t conn;
    uint64_t place;          /* among room.sessions: the arrival that first registered it */
    uint64_t opened;         /* the arrival that last opened it */
    uint64_t presence_at;    /* presence clock of its last change */
    uint64_t since;          /* when it was opened, last interacted, or was cancelled: by state */
    struct record *presence; /* owned reference, or NULL */
    char presence_token[PRESENCE_TOKEN_LEN]; /* the random part of its presence id */
    uint32_t id_len;
    char id[];
};

/* Why a session is turned away for good (protocol section 8). */
enum reject {
    REJECT_NONE,
    REJECT_CLIENT_TOO_OLD,
    REJECT_SERVER_TOO_OLD,
    REJECT_INVALID_RECORD,
    REJECT_ROOM_FULL,
    REJECT_UNKNOWN_ERROR,
};
struct str reject_reason(enum reject reject);

/* life.c */
void session_cancel(struct room *room, struct room_session *session, uint64_t now_ms);
void session_reject(struct room *room, struct room_session *session, struct str reason);
void session_set_state(struct room *room, struct room_session *session,
                       enum room_session_state state, uint64_t now_ms);

/* connect.c */
void handle_connect(struct room *room, struct room_session *session, struct value message,
                    uint64_t now_ms);
/* push.c */
void handle_push(struct room *room, struct room_session *session, struct value message,
                 uint64_t seq, uint64_t now_ms);

/* life.c: a new session at its place in the order, in no state yet. */
struct room_session *session_create(struct room *room, struct str id, uint64_t place);

/* presence.c: makes `next` (a reference, taken over) the session's record. */
void presence_set(struct room *room, struct room_session *session, struct record *next);
/* Tells everyone but its session of a presence record, whole. */
void presence_broadcast(struct room *room, struct room_session *session,
                        enum room_presence_effect effect);
/* Tells everyone that a presence record is gone. */
void presence_broadcast_removal(struct room *room, struct str id);
/* Works out what a push does to the session's presence. On REJECT_NONE, *next is the
 * new record (a reference for the caller) or NULL for no change, and then one op is in `ops`. */
enum reject presence_change(struct room *room, struct room_session *session, struct value field,
                            struct arena *scratch, struct record **next, struct buf *ops);

/* push.c: PUSH-7, the answer to `message`: what it changed (absent: nothing) and its outcome. */
void write_push_result(struct value message, enum room_outcome outcome, struct value effective,
                       uint64_t server_clock, struct buf *out);

/* Stores one network diff, from a push or a log entry, as the transaction that brings the documents
 * to `clock`. */
struct change {
    struct record *record; /* the new state, reference moves in; NULL for a removal */
    struct str removed_id;
};
void commit_changes(struct room *room, struct change *changes, uint32_t count, uint64_t clock);

#endif
