/* What the host does to a room, where the original has methods: edits, snapshots, sessions. Every
 * change of the documents is one transaction, told as one `room_entry` and then to all sessions
 * (BCAST-5), before the call returns. */
#ifndef ROOM_HOST_H
#define ROOM_HOST_H

#include "base/slice.h"
#include "room/room.h"

enum room_edited {
    ROOM_EDITED,
    ROOM_UNCHANGED,      /* nothing to change; all is well */
    ROOM_EDIT_INVALID,   /* a record that may not be stored, or an operand of the wrong form */
    ROOM_EDIT_CLOCK,     /* the document clock is another one */
    ROOM_EDIT_TOO_LARGE, /* a record, or the room, would be beyond its limit */
    ROOM_EDIT_NO_SCHEMA, /* neither the room nor what is given has a schema */
    ROOM_EDIT_MIGRATION, /* the snapshot cannot be brought to the room's schema (LOAD-4) */
};

/* ---- an update context (UPD-1..5) ----
 * The room must not change while there is one. */
struct room_context;

struct room_context *room_context_create(struct room *room);
/* Throws away what was not committed. NULL is fine. */
void room_context_destroy(struct room_context *context);
/* ROOM_EDITED, or what is wrong, and then the whole update is to be given up (UPD-2). */
enum room_edited room_context_put(struct room_context *context, struct value record,
                                  struct buf *why) NODISCARD;
void room_context_delete(struct room_context *context, struct str id);
/* Absent if there is none; valid until the next call. */
struct value room_context_get(const struct room_context *context, struct str id);
void room_context_each(const struct room_context *context,
                       void (*visit)(void *ctx, struct value record), void *ctx);
/* Stores all of it in one transaction (UPD-4), or nothing. The context is empty afterwards. */
enum room_edited room_context_commit(struct room_context *context, uint64_t now_ms,
                                     struct buf *why) NODISCARD;

/* One update context with all that is done in it: first the puts in order, then the deletes. */
struct room_update {
    struct value puts;    /* array of records, or absent */
    struct value deletes; /* array of ids, or absent */
    bool check_clock;     /* only if the document clock is `clock` */
    uint64_t clock;
};

/* Whatever is not EDITED or UNCHANGED changed nothing; `why` says what was wrong, for people. */
enum room_edited room_update(struct room *room, const struct room_update *update, uint64_t now_ms,
                             struct buf *why) NODISCARD;

/* Loads a room snapshot or a store snapshot into the room (LOAD); a room without schema takes the
 * snapshot's. */
enum room_edited room_load(struct room *room, struct value snapshot, uint64_t now_ms,
                           struct buf *why) NODISCARD;

/* The same in slices: between room_load_begin and the last step nothing may be done to the room but
 * what closes sockets, and what it says of its documents means nothing. */
struct room_loading;

/* `snapshot` is borrowed. */
struct room_loading *room_load_begin(struct room *room, struct value snapshot);
/* True when it is over. What there is to tell is told in the step that stores it. */
bool room_load_step(struct room_loading *loading, struct slice *slice, uint64_t now_ms) NODISCARD;
/* As room_settle_waits; nothing has been done to the room by then. */
bool room_load_waits(const struct room_loading *loading);
/* Then: what came of it; `why` is a view. */
enum room_edited room_load_edited(const struct room_loading *loading, struct str *why);
/* At any time; if it was neither over nor waits, the room is good for nothing but to be destroyed.
 * NULL is fine. */
void room_load_end(struct room_loading *loading);

/* Puts a session straight into the connected state, on a socket that is open, from its snapshot
 * (RES-2). False: it has not the form of one, or its schema cannot be served (RES-3); then the
 * session is rejected, if there is one. */
bool room_session_restore(struct room *room, const struct room_session_config *config,
                          struct value snapshot, uint64_t now_ms) NODISCARD;

/* Takes effect with the session's next message. */
void room_session_set_readonly(struct room_session *session, bool readonly);

/* Appends the session's snapshot (RES-1). False, and nothing appended, if it is not connected. */
bool room_session_write_snapshot(const struct room *room, const struct room_session *session,
                                 struct buf *out);

/* Appends the room snapshot without objects (OBJ-2), or the entries of the objects alone, as an
 * array of the form of `documents`. Both in one piece: for small rooms and tests. */
void room_write_host_snapshot(const struct room *room, struct buf *out);
void room_write_objects(const struct room *room, struct buf *out);

/* ---- a snapshot in pieces ----
 * The room as it is when the reader is created; what changes later is not in it. Costs the room a
 * reference per record, and keeps them alive. */
struct room_reader;

struct room_reader *room_reader_create(const struct room *room);
void room_reader_destroy(struct room_reader *reader); /* NULL is fine */

/* Which part of the snapshot a piece belongs to; they come in this order, and each but END may come
 * several times or not at all. */
enum room_piece {
    ROOM_PIECE_HEAD,       /* map: documentClock, tombstoneHistoryStartsAtClock, schema; once */
    ROOM_PIECE_DOCUMENTS,  /* array of {state, lastChangedClock} */
    ROOM_PIECE_TOMBSTONES, /* map id: clock */
    ROOM_PIECE_END,        /* nothing; for ever after */
};
/* ---- the same for the store ----
 * All of it, objects too, as the bytes that room_write_snapshot would write but for the order of
 * its members. */

/* *bytes: how many that are. */
struct room_reader *room_reader_create_whole(const struct room *room, size_t *bytes);
/* Appends some more, as below; false: that was all. */
bool room_reader_read(struct room_reader *reader, size_t bytes, struct buf *out);

/* Appends the next piece, of about `bytes` or one record, whichever is more. */
enum room_piece room_reader_next(struct room_reader *reader, size_t bytes, struct buf *out);

#endif
