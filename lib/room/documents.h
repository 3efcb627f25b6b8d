/* What a room persists: documents, tombstones and the document clock. Knows nothing of sessions,
 * presence or schemas. Rules CLK, HYD (which changes), TOMB, SNAP. */
#ifndef ROOM_DOCUMENTS_H
#define ROOM_DOCUMENTS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/map.h"
#include "base/slice.h"
#include "room/record.h"

struct tombstone {
    struct list link; /* in documents.buried */
    uint64_t clock;   /* of the deletion */
    uint32_t id_len;
    char id[];
};

struct documents {
    struct map records;     /* of struct record by id; holds a reference to each */
    struct map tombstones;  /* of struct tombstone by id; owns them */
    struct list by_clock;   /* of struct record.link, oldest change first */
    struct list buried;     /* of struct tombstone.link, oldest first */
    uint64_t clock;         /* documentClock (CLK-1) */
    uint64_t history_start; /* tombstoneHistoryStartsAtClock */
    uint64_t bytes;         /* of all records */
};

void documents_init(struct documents *documents);
void documents_finish(struct documents *documents);
/* Frees records in slices, ahead of documents_finish. True when none is left. */
bool documents_empty(struct documents *documents, struct slice *slice);

struct record *documents_get(const struct documents *documents, struct str id);

/* Stores a record, whose clock the caller has set; takes the reference; clears a tombstone of the
 * same id (CLK-3). Does not touch documents.clock. */
void documents_put(struct documents *documents, struct record *take);
/* Deletes an existing record and leaves a tombstone with `clock` (TOMB-1). */
void documents_remove(struct documents *documents, struct str id, uint64_t clock);

/* Takes a record out without a trace; the reference goes to the caller. */
struct record *documents_take(struct documents *documents, struct record *record);

/* Adds a tombstone, not older than those there are; for reading snapshots and vectors. */
void documents_bury(struct documents *documents, struct str id, uint64_t clock);
void documents_forget_tombstones(struct documents *documents);

/* Limits of TOMB-3; the room's are the defaults, the golden vectors bring their own. */
struct prune_limits {
    uint32_t max_tombstones, buffer;
};
#define PRUNE_DEFAULTS ((struct prune_limits){5000, 1000})
/* Prunes tombstones by TOMB-3; returns how many went. */
uint32_t documents_prune(struct documents *documents, struct prune_limits limits);

/* What changed after `since`, or with `all` every document and no tombstone (HYD-3, HYD-4): how
 * many network ops that is, and about how many bytes. */
struct documents_delta {
    bool all;
    uint64_t since;
    uint32_t count;
    size_t bytes;
};
void documents_delta(const struct documents *documents, bool all, uint64_t since,
                     struct documents_delta *delta);
/* Calls `visit` for each: with the record, or NULL and the id of one that was removed. */
typedef void (*documents_visit_fn)(void *ctx, struct record *record, struct str id);
void documents_each_changed(const struct documents *documents, const struct documents_delta *delta,
                            documents_visit_fn visit, void *ctx);
/* Appends these ops as keys and values, without map header. */
void documents_write_delta(const struct documents *documents, const struct documents_delta *delta,
                           struct buf *ops);

/* Appends the members documentClock, tombstoneHistoryStartsAtClock, documents and tombstones of a
 * room snapshot (SNAP-1): four keys and values, without map header. */
void documents_write(const struct documents *documents, struct buf *out);
/* Fills empty documents from a room snapshot by SNAP-2..6 (a store snapshot too). ERR_MALFORMED if
 * it has not the form of one; `documents` may then be partly filled and must be finished. */
enum err documents_read(struct documents *documents, struct value snapshot) NODISCARD;

#endif
