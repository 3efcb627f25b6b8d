/* Channels: what a worker calls the connections of a room that it tells the same. They come with
 * connect replies, and go when nobody listens; but the last one of a room stays, for what is cast
 * on it tells of presence also while the next client is still on its way in. */
#include "base/alloc.h"
#include "edge/internal.h"

#include <stdlib.h>

static struct str number_str(const uint64_t *number)
{
    return (struct str){(const char *)number, sizeof(*number)};
}

struct str channel_key(const void *entry)
{
    return number_str(&((const struct edge_channel *)entry)->number);
}

struct edge_channel *channel_find(const struct edge_link *link, uint64_t number)
{
    return map_get(&link->channels, number_str(&number));
}

static void channel_free(struct edge_channel *channel)
{
    list_remove(&channel->room_link);
    map_remove(&channel->room->link->channels, channel_key(channel));
    free(channel);
}

/* Those without listeners, but for `last` if no other has any. */
static void prune(struct edge_room *room, const struct edge_channel *last)
{
    bool heard = false;
    struct edge_channel *channel;
    list_each(channel, &room->channels, room_link, struct edge_channel)
    {
        heard |= channel->listeners > 0;
    }
    list_each(channel, &room->channels, room_link, struct edge_channel)
    {
        if (channel->listeners == 0 && (heard || channel != last)) {
            channel_free(channel);
        }
    }
}

void channel_leave(struct edge_conn *conn)
{
    struct edge_channel *channel = conn->channel;
    conn->channel = NULL;
    if (channel && --channel->listeners == 0) {
        prune(conn->room, channel);
    }
}

void channel_join(struct edge_conn *conn, uint64_t number)
{
    struct edge_room *room = conn->room;
    struct edge_channel *channel = channel_find(room->link, number);
    if (!channel || channel->room != room) {
        if (channel) {
            return; /* the worker's mistake */
        }
        channel = xcalloc(1, sizeof(*channel));
        channel->number = number;
        channel->room = room;
        list_append(&room->channels, &channel->room_link);
        map_put(&room->link->channels, channel);
    }
    channel->listeners++;
    channel_leave(conn);
    conn->channel = channel;
    prune(room, channel);
}

void channels_drop(struct edge_room *room)
{
    struct edge_conn *conn;
    list_each(conn, &room->conns, room_link, struct edge_conn)
    {
        conn->channel = NULL;
    }
    struct edge_channel *channel;
    list_each(channel, &room->channels, room_link, struct edge_channel)
    {
        channel_free(channel);
    }
}
