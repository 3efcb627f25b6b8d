/* Brings a draft to the room's schema by a path, in slices: the draft is what the migrations of the
 * path read and write, so that nothing has happened if one of them fails. Private to lib/room. */
#ifndef ROOM_DRAFT_MIGRATION_H
#define ROOM_DRAFT_MIGRATION_H

#include "room/draft.h"
#include "schema/storage.h"

struct draft_migration;

/* The draft is borrowed, and nobody else touches it before this is destroyed. */
struct draft_migration *draft_migration_create(struct draft *draft, struct schema_path *path);
/* ERR_AGAIN: there is more to do; else final. ERR_REFUSED, ERR_TOO_LARGE: it cannot be, as `why`
 * says for people. */
enum err draft_migration_step(struct draft_migration *migration, struct slice *slice,
                              struct buf *why) NODISCARD;
/* As storage_migration_waits. */
bool draft_migration_waits(const struct draft_migration *migration);
void draft_migration_destroy(struct draft_migration *migration); /* NULL is fine */

#endif
