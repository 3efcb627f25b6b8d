/* A room as clients on an older schema see it. All sessions with the same way to the room's schema
 * (schema/path.h) share one edition: a change is migrated once for all of them, and records whose
 * migration runs code are kept, so that it runs once per state. Edition 0 is the room itself. */
#ifndef ROOM_EDITION_H
#define ROOM_EDITION_H

#include "base/arena.h"
#include "room/documents.h"
#include "schema/path.h"

struct room;

enum edition_trouble {
    EDITION_WELL,
    EDITION_FAILED, /* something cannot be migrated: its sessions are rejected (BCAST-3) */
    EDITION_BEHIND, /* so much is to be migrated, or the engine does not run just now, that its
                       sessions are sent to come back for it */
};

/* Records that code migrates in one go; more wait, so that other rooms get their turn. */
enum { EDITION_SLICE = 64 };

struct edition {
    struct list link; /* in room.editions */
    uint64_t number;  /* 1 and up, unique in its room */
    struct schema_path *path;
    uint32_t sessions;            /* that hold it */
    uint32_t connected;           /* of them */
    enum edition_trouble trouble; /* of the change that is being told */
    bool again;      /* the last record that could not be migrated may be, at another try */
    struct map kept; /* of struct kept_state by id; owned */
};

/* The edition of clients that come by `path`, a reference that is taken over. Held once more. */
struct edition *edition_hold(struct room *room, struct schema_path *path);
/* Gives it up; the last frees it. NULL is fine. */
void edition_release(struct edition *edition);

/* A record as the edition has it: a reference for the caller, of the record itself if nothing is
 * different. NULL: it cannot be migrated, and the session is to be rejected (HYD-6, BCAST-3). */
struct record *edition_record(struct edition *edition, struct record *record);
/* The same for many at once, for the engine's sake. False: one cannot be, and none is returned. */
bool edition_records(struct edition *edition, struct record *const *records, size_t count,
                     struct record **out);
/* How many of these records it cannot have without running code. */
size_t edition_missing(const struct edition *edition, struct record *const *records, size_t count);
/* The record is gone. */
void edition_forget(struct edition *edition, struct str id);

/* A change of one record: from `before` (NULL: it is new) to `after` (NULL: it is gone). */
struct edit {
    struct str id;
    struct record *before, *after;
};
/* Appends the edition's ops for these changes and counts them (MIG-4). False: one cannot be
 * migrated; `ops` may be half written. */
bool edition_write_ops(struct edition *edition, const struct edit *edits, size_t count,
                       bool legacy_append, struct arena *scratch, struct buf *ops,
                       uint32_t *op_count) NODISCARD;

#endif
