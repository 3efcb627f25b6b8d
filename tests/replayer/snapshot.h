/* Room snapshots for comparing: documents in the order of their ids. */
#ifndef REPLAY_SNAPSHOT_H
#define REPLAY_SNAPSHOT_H

#include "base/buf.h"
#include "room/room.h"

/* Appends a copy of a room snapshot with its documents sorted. */
void snapshot_sort(struct value snapshot, struct buf *out);
/* Appends the room's snapshot, sorted. */
void snapshot_of(const struct room *room, struct buf *out);
/* Appends clocks and counts of the room only. */
void snapshot_summary(const struct room *room, struct buf *out);
/* Whether both have the same documents and clock and, if neither has pruned alone, tombstones:
 * pruning is no change and not in the log. */
bool snapshot_same(const struct room *a, const struct room *b);

/* Appends an array of records, or of entries of a snapshot, sorted by id. */
void snapshot_sort_records(struct value records, struct buf *out);

#endif
