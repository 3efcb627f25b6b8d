/* What the files of lib/room share and nobody else sees. */
#ifndef ROOM_INTERNAL_H
#define ROOM_INTERNAL_H

#include "base/arena.h"
#include "base/blob.h"
#include "room/edition.h"
#include "room/ops.h"
#include "room/resume.h"
#include "room/room.h"
#include "value/diff.h"

struct room {
    const struct room_config *config;
    const struct room_host *host;
    void *ctx;
    struct documents documents;
    struct schema *schema; /* NULL until adopted */
    /* The serialized schema that is kept with the documents, where it is not that of `schema`. */
    struct buf stored_schema;
    /* What it was before this owner brought the room to `schema`; empty: the same. Sessions that
     * come from an owner before are on it. */
    struct buf former_schema;
    struct list editions; /* of struct edition.link; owned by their sessions together */
    uint64_t edition_numbers;
    uint32_t parked;      /* sessions that are */
    struct map by_id;     /* of struct room_session */
    struct list sessions; /* of struct room_session.link, in the order of first registration */
    uint32_t legacy_append_sessions; /* connected ones without string append (APP-1) */
    uint64_t presence_clock;         /* of the last change of any presence record */
    uint64_t arrivals;               /* counts openings of sessions, over all owners of the room */
    uint64_t prune_at;               /* when tombstones may be pruned; UINT64_MAX: nothing to do */
    uint64_t last_prune;
    uint64_t deadline; /* not after the earliest thing due */
    uint64_t epoch;
    char *tenure; /* this ownership's name, owned; NULL: it has none */
};

enum { PRESENCE_TOKEN_LEN = 21 };

struct room_session {
    struct list link; /* in room.sessions */
    enum room_session_state state;
    bool readonly;
    bool object_write;
    bool legacy_rejection;      /* protocol 5 and 6 (NEG-2) */
    bool string_append;         /* not for protocol 5, 6, 7 */
    bool presence_unsure;       /* some may have seen more of it: the next event holds all of it */
    struct edition *edition;    /* held; NULL: the client is on the room's own schema */
    struct blob *parked;        /* its connect message, while what it is to be sent is migrated */
    struct blob *client_schema; /* serialized, as the client gave it; NULL: equal to the room's */
    uint64_t snapshot_at;       /* when its snapshot is due (RES-4); 0: it is not */
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
    REJECT_FOR_NOW, /* not for good: the session is cancelled, and its client comes back */
};
/* Something could not be migrated for the edition. */
static inline enum reject reject_edition(const struct edition *edition)
{
    return edition->again ? REJECT_FOR_NOW : REJECT_CLIENT_TOO_OLD;
}
/* Who is turned away because code does not run just now is to come back. */
static inline enum reject reject_invalid(enum schema_valid valid)
{
    return valid == SCHEMA_VALID     ? REJECT_NONE
           : valid == SCHEMA_INVALID ? REJECT_INVALID_RECORD
                                     : REJECT_FOR_NOW;
}
/* What becomes of a push whose patch was applied like that. */
static inline enum reject reject_applied(enum apply_result applied, bool holes)
{
    switch (applied) {
    case APPLY_UNCHANGED:
    case APPLY_CHANGED:
        return holes ? REJECT_INVALID_RECORD : REJECT_NONE;
    case APPLY_MALFORMED:
        break;
    case APPLY_TOO_LARGE:
        return REJECT_INVALID_RECORD;
    }
    return REJECT_UNKNOWN_ERROR;
}
struct str reject_reason(enum reject reject);

/* room.c: the serialized schema that is kept with the documents; the room has one. */
struct value stored_schema(const struct room *room);
/* Keeps that one, or nothing where it is the room's own. */
void room_keep_schema(struct room *room, struct value serialized);

/* life.c */
void session_free(struct room_session *session);
/* RES-4: its snapshot is due a while after its last message. */
void session_delay_snapshot(const struct room *room, struct room_session *session, uint64_t now_ms);
void session_cancel(struct room *room, struct room_session *session, uint64_t now_ms);
void session_reject(struct room *room, struct room_session *session, struct str reason);
/* Rejects it for a reason of the room's own, or cancels it if that is for now. */
void session_turn_away(struct room *room, struct room_session *session, enum reject reject,
                       uint64_t now_ms);
void session_set_state(struct room *room, struct room_session *session,
                       enum room_session_state state, uint64_t now_ms);

/* connect.c */
void handle_connect(struct room *room, struct room_session *session, struct value message,
                    uint64_t now_ms);
/* push.c */
void handle_push(struct room *room, struct room_session *session, struct value message,
                 uint64_t seq, uint64_t now_ms);

/* connect.c: the session does not wait for its connect reply any more. */
void session_unpark(struct room *room, struct room_session *session);
/* A room without schema takes the configuration's, or adopts `theirs`; false: that
 * cannot be, and *match says why. */
bool room_begin_schema(struct room *room, struct value theirs, enum schema_match *match);
/* SCH. Puts the session on a client's schema, whatever it was on before. */
enum reject session_take_schema(struct room *room, struct room_session *session,
                                struct value theirs);
/* Forgets it. */
void session_drop_schema(struct room_session *session);

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
void commit_edits(struct room *room, const struct edit *edits, uint32_t count, uint64_t clock);
/* One of them; the documents' clock stays. */
void commit_edit(struct room *room, const struct edit *edit, uint64_t clock);

/* push.c: something was removed (TOMB-2). */
void schedule_prune(struct room *room, uint64_t now_ms);

/* transaction.c: a change that no session pushed. `schema`: the serialized schema that the room is
 * kept with from now on, or absent: as before. */
void room_transact(struct room *room, const struct edit *edits, uint32_t count, struct value schema,
                   uint64_t now_ms);
/* The same in a room that nobody has heard of yet: no session and no host is told. */
void room_store(struct room *room, const struct edit *edits, uint32_t count, struct value schema);

/* tell.c: one change, told to everyone it concerns. */
struct news {
    struct room_session *source; /* is not told; NULL: all are */
    const struct edit *edits;    /* of documents */
    uint32_t edit_count;
    bool whole;             /* in full puts (BCAST-5), however many */
    uint64_t now_ms;        /* if edits */
    struct edit presence;   /* of one presence record; no id: none */
    bool presence_appeared; /* others may not know that it is there: it goes out whole */
    enum room_presence_effect effect;
    struct value event;  /* for those on the room's own schema */
    struct blob *holder; /* what it lies in; NULL: nothing that outlives the call */
};
void room_tell(struct room *room, const struct news *news);

#endif
