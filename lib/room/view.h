/* The members of a long network diff, handed out in parts: of the one that tells all documents of a
 * room as they were at one clock, or of one that was made whole. */
#ifndef ROOM_VIEW_H
#define ROOM_VIEW_H

#include "base/blob.h"
#include "room/room.h"

struct room_view;

/* Puts of all documents, for whoever joins. The room goes on meanwhile: it costs a reference to
 * each record, and what is replaced stays in memory as long. *members: how many there will be. */
struct room_view *room_view_create(const struct room *room, uint32_t *members);
/* The same, but for parts of an earlier view of the room that hold for it still: `kept` gets an
 * array with their numbers, which are counted from 0 in the order in which they were handed out.
 * They are the first parts of this view, and the other members come in parts of about `bytes`. What
 * is much less than that is handed out again with others. */
struct room_view *room_view_renew(const struct room *room, const struct room_view *before,
                                  size_t bytes, struct buf *kept, uint32_t *members);
/* Of `diff`, a map that lies in `holder`, which is referred to. */
struct room_view *room_view_of(struct blob *holder, struct value diff, uint32_t *members);
/* Appends the next members as one map: of about `bytes`, but one at least. False, and nothing is
 * appended: that were all. */
bool room_view_next(struct room_view *view, size_t bytes, struct buf *diff);
void room_view_destroy(struct room_view *view); /* NULL is fine */

#endif
