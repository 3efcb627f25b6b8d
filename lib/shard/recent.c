/* Which messages of which connections are in the room's log: so that one that comes again, from a
 * gateway that never heard the answer, is not applied again. */
#include "base/alloc.h"
#include "base/plant.h"
#include "shard/internal.h"
#include "value/pack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct str conn_name(const struct shard_conn *conn, char out[CONN_NAME_MAX])
{
    int len = snprintf(out, CONN_NAME_MAX, "%s.%" PRIu64, conn->link->peer,
                       LINK_CONN_NUMBER(conn->number));
    return (struct str){out, (size_t)len};
}

static struct recent *find(const struct shard_room *room, struct str by)
{
    return map_get(&room->recent, by);
}

static void set_gone(struct shard_room *room, struct recent *recent, bool gone)
{
    list_remove(&recent->gone_link);
    if (gone) {
        recent->gone_at = room->shard->now_ms;
        list_append(&room->recent_gone, &recent->gone_link);
    }
}

static struct str session_of(const struct recent *recent)
{
    return (struct str){recent->text + recent->by_len, recent->session_len};
}

static struct recent *recent_create(struct shard_room *room, const struct entry *entry)
{
    struct recent *recent = xcalloc(1, sizeof(*recent) + entry->by.len + entry->session.len);
    recent->opened = entry->opened;
    recent->by_len = (uint32_t)entry->by.len;
    recent->session_len = (uint32_t)entry->session.len;
    memcpy(recent->text, entry->by.ptr, entry->by.len);
    if (entry->session.len > 0) {
        memcpy(recent->text + entry->by.len, entry->session.ptr, entry->session.len);
    }
    list_init(&recent->gone_link);
    map_put(&room->recent, recent);
    const struct recent *newest = map_get(&room->newest, entry->session);
    if (!newest || newest->opened < entry->opened) {
        map_remove(&room->newest, entry->session);
        map_put(&room->newest, recent);
    }
    return recent;
}

void recent_note(struct shard_room *room, const struct entry *entry, bool gone)
{
    struct recent *recent = find(room, entry->by);
    recent = recent ? recent : recent_create(room, entry);
    recent->seq = entry->seq > recent->seq ? entry->seq : recent->seq;
    set_gone(room, recent, gone);
}

uint64_t recent_opening(const struct shard_room *room, struct str session)
{
    const struct recent *newest = map_get(&room->newest, session);
    return newest ? newest->opened : 0;
}

uint64_t recent_claim(struct shard_room *room, const struct shard_conn *conn)
{
    char name[CONN_NAME_MAX];
    struct recent *recent = find(room, conn_name(conn, name));
    if (!recent) {
        return 0;
    }
    set_gone(room, recent, false);
    return PLANTED(SEQUENCE) ? 0 : recent->seq;
}

void recent_leave(struct shard_room *room, const struct shard_conn *conn)
{
    char name[CONN_NAME_MAX];
    struct recent *recent = find(room, conn_name(conn, name));
    if (recent) {
        set_gone(room, recent, true);
    }
}

static void forget(struct shard_room *room, struct recent *recent)
{
    list_remove(&recent->gone_link);
    map_remove(&room->recent, (struct str){recent->text, recent->by_len});
    if (map_get(&room->newest, session_of(recent)) == recent) {
        map_remove(&room->newest, session_of(recent));
    }
    free(recent);
}

void recent_tick(struct shard_room *room, uint64_t now_ms)
{
    struct recent *recent;
    list_each(recent, &room->recent_gone, gone_link, struct recent)
    {
        if (now_ms - recent->gone_at < RESUME_WINDOW_MS) {
            return;
        }
        forget(room, recent);
    }
}

void recent_finish(struct shard_room *room)
{
    struct recent *recent;
    map_finish(&room->newest);
    for (uint32_t pos = 0; (recent = map_next(&room->recent, &pos));) {
        free(recent);
    }
    map_finish(&room->recent);
    list_init(&room->recent_gone);
}

void recent_write(const struct shard_room *room, struct buf *out)
{
    pack_array(out, room->recent.count);
    const struct recent *recent;
    for (uint32_t pos = 0; (recent = map_next(&room->recent, &pos));) {
        pack_array(out, 4);
        pack_str(out, (struct str){recent->text, recent->by_len});
        pack_u64(out, recent->seq);
        pack_str(out, session_of(recent));
        pack_u64(out, recent->opened);
    }
}

enum err recent_read(struct shard_room *room, struct value recent)
{
    struct value_walk walk = value_items(recent);
    struct value item;
    while (value_next_item(&walk, &item)) {
        struct entry entry = {0};
        if (!value_string(value_item(item, 0), &entry.by) ||
            !value_u64(value_item(item, 1), &entry.seq)) {
            return ERR_MALFORMED;
        }
        /* Absent in the first ones that were written. */
        if (value_string(value_item(item, 2), &entry.session) &&
            !value_u64(value_item(item, 3), &entry.opened)) {
            return ERR_MALFORMED;
        }
        recent_note(room, &entry, true);
    }
    return ERR_OK;
}
