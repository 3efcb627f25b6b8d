/* Documents as they are to become: puts and removes over what a room has, which stays as it is
 * until all of it is found right. Ids are unique; the last word about one counts. */
#ifndef ROOM_DRAFT_H
#define ROOM_DRAFT_H

#include "base/slice.h"
#include "room/documents.h"
#include "room/edition.h"

struct draft {
    struct documents *documents; /* borrowed; must not change meanwhile */
    struct map by_id;            /* of struct draft_item; owned */
    struct list items;           /* of struct draft_item.link, in the order they were set */
    size_t bytes;                /* that the documents would have */
};

void draft_init(struct draft *draft, struct documents *documents);
void draft_finish(struct draft *draft);

/* `take` is a reference, or NULL for a removal. */
void draft_set(struct draft *draft, struct str id, struct record *take);
/* Back to what the room has. */
void draft_drop(struct draft *draft, struct str id);
/* Whether something is said about it. */
bool draft_has(const struct draft *draft, struct str id);
/* What it would be; NULL: nothing. */
struct record *draft_get(const struct draft *draft, struct str id);

/* ERR_TOO_LARGE: the draft would make the room larger than it may be, or has been. */
enum err draft_weigh(const struct draft *draft, struct buf *why) NODISCARD;

/* Every record there would be, one by one: first those put, then the untouched rest (UPD-1). Starts
 * zeroed; the draft does not change meanwhile. False behind the last; *record may be NULL in
 * between, for what was only stepped over. */
struct draft_walk {
    struct list *at; /* NULL: at the beginning */
    bool untouched;  /* what was put is through */
};
bool draft_next(const struct draft *draft, struct draft_walk *walk, struct record **record);

/* The edits that lead there, in *edits, which the caller frees; what they point to is the draft's.
 */
uint32_t draft_edits(const struct draft *draft, struct edit **edits);

/* The same in slices. Starts zeroed; the draft does not change meanwhile. */
struct draft_edits {
    struct edit *list; /* owned by the caller, once it is over */
    uint32_t count;
    struct list *at; /* the item looked at next */
    bool removes;    /* puts are through */
};
/* True when it is over. */
bool draft_collect(const struct draft *draft, struct draft_edits *edits, struct slice *slice);
/* Frees what is in it in slices, ahead of draft_finish. True when nothing is left; after the first
 * step the draft is good for nothing else. */
bool draft_empty(struct draft *draft, struct slice *slice);

#endif
