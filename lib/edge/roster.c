/* The presence records that a room's clients here have been shown. If their people leave while the
 * room has no owner, nobody else knows that they are to be taken away again. Without a client
 * nobody has been shown anything; nor do we hear then who leaves, and the worker lists all to the
 * next. One that is still on its way in counts as a client: for the worker the one before may not
 * have left yet, and then nothing is listed anew. */
#include "base/alloc.h"
#include "edge/internal.h"
#include "value/pack.h"

#include <stdlib.h>

struct roster_id {
    uint32_t len;
    char text[];
};

static struct str id_key(const void *entry)
{
    const struct roster_id *id = entry;
    return (struct str){id->text, id->len};
}

void roster_add(struct edge_room *room, struct str text)
{
    room->roster.key = id_key;
    if (map_get(&room->roster, text)) {
        return;
    }
    struct roster_id *id = xmalloc(sizeof(*id) + text.len);
    id->len = (uint32_t)text.len;
    memcpy(id->text, text.ptr, text.len);
    map_put(&room->roster, id);
}

void roster_add_all(struct edge_room *room, struct value ids)
{
    struct value_walk walk = value_items(ids);
    struct value item;
    struct str id;
    while (value_next_item(&walk, &item)) {
        if (value_string(item, &id)) {
            roster_add(room, id);
        }
    }
}

void roster_remove(struct edge_room *room, struct str text)
{
    if (room->roster.count > 0) {
        free(map_remove(&room->roster, text));
    }
}

void roster_send(struct edge_room *room)
{
    if (room->roster.count == 0) {
        return;
    }
    struct buf ids = {0};
    pack_array(&ids, room->roster.count);
    const struct roster_id *id;
    for (uint32_t pos = 0; (id = map_next(&room->roster, &pos));) {
        pack_str(&ids, id_key(id));
    }
    struct link_frame frame = {
        .type = LINK_ROSTER, .room = str_of(room->name), .payload = buf_value(&ids)};
    edge_link_send(room->link, &frame);
    buf_finish(&ids);
}

void roster_finish(struct edge_room *room)
{
    struct roster_id *id;
    for (uint32_t pos = 0; (id = map_next(&room->roster, &pos));) {
        free(id);
    }
    map_finish(&room->roster);
}
