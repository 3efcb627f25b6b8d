/* Presence records that clients have been shown by an owner before, and that belong to nobody who
 * came back: their people left meanwhile, or their gateway died with the owner. */
#include "base/alloc.h"
#include "shard/internal.h"

#include <stdlib.h>

/* Clients in one room are hundreds; more names than that are nobody's. */
enum { GHOSTS_MAX = 100000 };

struct ghost {
    uint32_t id_len;
    char id[];
};

struct ghosts {
    struct map map; /* of struct ghost; owned */
    uint64_t due;
};

static struct str ghost_id(const struct ghost *ghost)
{
    return (struct str){ghost->id, ghost->id_len};
}

static struct str ghost_key(const void *entry)
{
    return ghost_id(entry);
}

static struct ghosts *ghosts_create(void)
{
    struct ghosts *ghosts = xcalloc(1, sizeof(*ghosts));
    map_init(&ghosts->map, ghost_key);
    return ghosts;
}

void ghosts_add(struct shard_room *room, struct value roster, uint64_t now_ms)
{
    struct value_walk walk = value_items(roster);
    struct value item;
    struct str id;
    struct ghosts *ghosts = room->ghosts ? room->ghosts : ghosts_create();
    while (value_next_item(&walk, &item) && ghosts->map.count < GHOSTS_MAX) {
        if (value_string(item, &id) && !map_get(&ghosts->map, id)) {
            struct ghost *ghost = xcalloc(1, sizeof(*ghost) + id.len);
            ghost->id_len = (uint32_t)id.len;
            memcpy(ghost->id, id.ptr, id.len);
            map_put(&ghosts->map, ghost);
        }
    }
    ghosts->due = now_ms + GHOST_WAIT_MS;
    room->ghosts = ghosts;
}

void ghosts_finish(struct shard_room *room)
{
    struct ghosts *ghosts = room->ghosts;
    if (!ghosts) {
        return;
    }
    struct ghost *ghost;
    for (uint32_t pos = 0; (ghost = map_next(&ghosts->map, &pos));) {
        free(ghost);
    }
    map_finish(&ghosts->map);
    free(ghosts);
    room->ghosts = NULL;
}

uint64_t ghosts_due(const struct shard_room *room)
{
    return room->ghosts ? room->ghosts->due : UINT64_MAX;
}

void ghosts_tick(struct shard_room *room, uint64_t now_ms)
{
    if (now_ms < ghosts_due(room)) {
        return;
    }
    const struct ghost *ghost;
    for (uint32_t pos = 0; (ghost = map_next(&room->ghosts->map, &pos));) {
        room_drop_ghost(room->room, ghost_id(ghost));
    }
    ghosts_finish(room);
}
