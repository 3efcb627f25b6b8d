/* Presence records that clients have been shown by an owner before, and that belong to nobody who
 * came back: their people left meanwhile, or their gateway died with the owner. */
#include "base/alloc.h"
#include "shard/internal.h"

#include <stdlib.h>

/* Clients in one room are hundreds; more names than that are nobody's. */
enum { GHOSTS_MAX = 100000 };

static struct str ghost_id(const struct ghost *ghost)
{
    return (struct str){ghost->id, ghost->id_len};
}

void ghosts_add(struct shard_room *room, struct value roster, uint64_t now_ms)
{
    struct value_walk walk = value_items(roster);
    struct value item;
    struct str id;
    while (value_next_item(&walk, &item) && room->ghosts.count < GHOSTS_MAX) {
        if (value_string(item, &id) && !map_get(&room->ghosts, id)) {
            struct ghost *ghost = xcalloc(1, sizeof(*ghost) + id.len);
            ghost->id_len = (uint32_t)id.len;
            memcpy(ghost->id, id.ptr, id.len);
            map_put(&room->ghosts, ghost);
        }
    }
    room->ghosts_due = now_ms + GHOST_WAIT_MS;
}

void ghosts_finish(struct shard_room *room)
{
    struct ghost *ghost;
    for (uint32_t pos = 0; (ghost = map_next(&room->ghosts, &pos));) {
        free(ghost);
    }
    map_finish(&room->ghosts);
}

void ghosts_tick(struct shard_room *room, uint64_t now_ms)
{
    if (room->ghosts.count == 0 || now_ms < room->ghosts_due) {
        return;
    }
    const struct ghost *ghost;
    for (uint32_t pos = 0; (ghost = map_next(&room->ghosts, &pos));) {
        room_drop_ghost(room->room, ghost_id(ghost));
    }
    ghosts_finish(room);
}
