/* Which messages of which connections are in the room's log: so that one that comes again, from a
 * gateway that never heard the answer, is not applied again. */
#include "base/alloc.h"
#include "shard/internal.h"
#include "value/pack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct str conn_name(const struct shard_conn *conn, char out[CONN_NAME_MAX])
{
    int len = snprintf(out, CONN_NAME_MAX, "%s.%" PRIu64, conn->link->peer, conn->number);
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

void recent_note(struct shard_room *room, struct str by, uint64_t seq, bool gone)
{
    struct recent *recent = find(room, by);
    if (!recent) {
        recent = xcalloc(1, sizeof(*recent) + by.len);
        recent->by_len = (uint32_t)by.len;
        memcpy(recent->by, by.ptr, by.len);
        list_init(&recent->gone_link);
        map_put(&room->recent, recent);
    }
    recent->seq = seq > recent->seq ? seq : recent->seq;
    set_gone(room, recent, gone);
}

uint64_t recent_claim(struct shard_room *room, const struct shard_conn *conn)
{
    char name[CONN_NAME_MAX];
    struct recent *recent = find(room, conn_name(conn, name));
    if (!recent) {
        return 0;
    }
    set_gone(room, recent, false);
    return recent->seq;
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
    map_remove(&room->recent, (struct str){recent->by, recent->by_len});
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
        pack_array(out, 2);
        pack_str(out, (struct str){recent->by, recent->by_len});
        pack_u64(out, recent->seq);
    }
}

enum err recent_read(struct shard_room *room, struct value recent)
{
    struct value_walk walk = value_items(recent);
    struct value pair;
    while (value_next_item(&walk, &pair)) {
        struct str by;
        uint64_t seq;
        if (!value_string(value_item(pair, 0), &by) || !value_u64(value_item(pair, 1), &seq)) {
            return ERR_MALFORMED;
        }
        recent_note(room, by, seq, true);
    }
    return ERR_OK;
}
