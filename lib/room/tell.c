/* Telling a change: once to everyone on the room's own schema, and once per edition, migrated, to
 * those on an older one (BCAST, MIG-4). */
#include "room/internal.h"
#include "value/pack.h"

static void broadcast(struct room *room, const struct news *news, uint64_t edition,
                      struct value event)
{
    struct room_broadcast broadcast = {
        .edition = edition,
        .except = news->source,
        .event = event,
        .holder = edition ? NULL : news->holder,
        .documents = news->edit_count > 0,
        .effect = news->effect,
        .presence = news->presence.id,
    };
    room->host->broadcast(room->ctx, &broadcast);
}

static bool hears(const struct edition *edition, const struct room_session *source)
{
    bool own = source && source->edition == edition && source->state == ROOM_CONNECTED;
    return edition->connected > own;
}

/* BCAST-5: what is there now, and what is gone. */
static bool write_whole(struct edition *edition, const struct news *news, struct arena *scratch,
                        struct buf *ops, uint32_t *count)
{
    for (uint32_t i = 0; i < news->edit_count; i++) {
        struct edit edit = news->edits[i];
        edit.before = NULL;
        if (!edition_write_ops(edition, &edit, 1, false, scratch, ops, count)) {
            return false;
        }
    }
    return true;
}

/* A change that code has to migrate more of than others should wait for. */
static bool is_too_much(const struct edition *edition, const struct news *news)
{
    size_t missing = 0;
    for (uint32_t i = 0; news->whole && i < news->edit_count; i++) {
        struct record *after = news->edits[i].after;
        missing += after ? edition_missing(edition, &after, 1) : 0;
    }
    return missing > EDITION_SLICE;
}

static bool write_ops(struct room *room, struct edition *edition, const struct news *news,
                      struct arena *scratch, struct buf *ops, uint32_t *count)
{
    bool legacy = room->legacy_append_sessions > 0;
    bool ok = news->whole ? write_whole(edition, news, scratch, ops, count)
                          : edition_write_ops(edition, news->edits, news->edit_count, legacy,
                                              scratch, ops, count);
    struct edit presence = news->presence;
    presence.before = news->presence_appeared ? NULL : presence.before;
    return ok && (!presence.id.ptr ||
                  edition_write_ops(edition, &presence, 1, legacy, scratch, ops, count));
}

static void tell_edition(struct room *room, struct edition *edition, const struct news *news)
{
    struct buf ops = {0};
    struct buf event = {0};
    struct arena scratch = {0};
    uint32_t count = 0;
    if (is_too_much(edition, news)) {
        edition->trouble = EDITION_BEHIND;
    } else if (write_ops(room, edition, news, &scratch, &ops, &count)) {
        event_patch(&event, count, &ops, room->documents.clock); /* may be empty (BCAST-2) */
        broadcast(room, news, edition->number, buf_value(&event));
    } else {
        edition->trouble = edition->again ? EDITION_BEHIND : EDITION_FAILED;
    }
    arena_finish(&scratch);
    buf_finish(&event);
    buf_finish(&ops);
}

static struct room_session *find_troubled(struct room *room, const struct room_session *source)
{
    struct room_session *session;
    list_each(session, &room->sessions, link, struct room_session)
    {
        if (session != source && session->edition && session->edition->trouble &&
            session->state == ROOM_CONNECTED) {
            return session;
        }
    }
    return NULL;
}

/* BCAST-3. Each rejection tells the others that somebody has left, which nothing has to be migrated
 * for. */
static void end_troubled(struct room *room, const struct news *news)
{
    struct room_session *session;
    while ((session = find_troubled(room, news->source))) {
        if (session->edition->trouble == EDITION_FAILED) {
            session_reject(room, session, reject_reason(REJECT_CLIENT_TOO_OLD));
        } else {
            /* As BCAST-6: it comes back. What changes presence alone may not know the time. */
            session_cancel(room, session, news->now_ms ? news->now_ms : session->since);
        }
    }
    struct edition *edition;
    list_each(edition, &room->editions, link, struct edition)
    {
        edition->trouble = EDITION_WELL;
    }
}

void room_tell(struct room *room, const struct news *news)
{
    broadcast(room, news, 0, news->event);
    bool troubled = false;
    struct edition *edition;
    list_each(edition, &room->editions, link, struct edition)
    {
        if (hears(edition, news->source)) {
            tell_edition(room, edition, news);
            troubled |= edition->trouble != EDITION_WELL;
        }
    }
    if (troubled) {
        end_troubled(room, news);
    }
}
