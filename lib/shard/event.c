/* What happens in rooms, for services beside this one (proto/redis.md, "Events"). Best effort: what
 * the room is does not depend on it. */
#include "shard/internal.h"

static void tell(const struct shard_room *room, struct shard_event event)
{
    struct shard *shard = room->shard;
    if (shard->host->event) {
        event.room = str_of(room->name);
        shard->host->event(shard->ctx, &event);
    }
}

void event_session_removed(struct shard_room *room, const struct room_session *session)
{
    tell(room, (struct shard_event){.kind = SHARD_EVENT_SESSION_REMOVED,
                                    .session = room_session_id(session),
                                    .remaining = room_session_count(room->room)});
}

void event_became_empty(struct shard_room *room)
{
    tell(room, (struct shard_event){.kind = SHARD_EVENT_EMPTY});
}

void event_erased(struct shard_room *room)
{
    tell(room, (struct shard_event){.kind = SHARD_EVENT_ERASED});
}

void event_changed(struct shard_room *room, bool last)
{
    uint64_t now_ms = room->shard->now_ms;
    uint64_t clock =
        room->durable == room->appended ? room_documents(room->room)->clock : room->durable_clock;
    if (clock > room->changed_clock && (last || now_ms - room->changed_at >= SHARD_EVENTS_MS)) {
        room->changed_clock = clock;
        room->changed_at = now_ms;
        tell(room, (struct shard_event){.kind = SHARD_EVENT_CHANGED, .clock = clock});
    }
}
