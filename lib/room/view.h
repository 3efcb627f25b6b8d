/* All documents of a room as they were at one clock, for whoever joins to be told. The room goes on
 * meanwhile: it costs a reference to each record, and what is replaced stays in memory as long. */
#ifndef ROOM_VIEW_H
#define ROOM_VIEW_H

#include "room/room.h"

struct room_view;

/* *members: how many there will be. */
struct room_view *room_view_create(const struct room *room, uint32_t *members);
/* Appends the next members of a network diff that puts them all, as one map: of about `bytes`, but
 * one at least. False, and nothing is appended: that were all. */
bool room_view_next(struct room_view *view, size_t bytes, struct buf *diff);
void room_view_destroy(struct room_view *view); /* NULL is fine */

#endif
