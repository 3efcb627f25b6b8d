/* From what the store has of a room to the room, in slices: its snapshot is unpacked and read, and
 * its log applied. The room loads meanwhile, and nobody has met it yet. */
#include "base/alloc.h"
#include "cluster/stored_snapshot.h"
#include "shard/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum opening_state { OPENING_UNPACK, OPENING_READ, OPENING_REPLAY };

struct opening {
    struct shard_loaded loaded; /* with copies of all that it points to */
    struct buf stored;          /* the snapshot */
    struct room *room;          /* owned; half of it */
    enum opening_state state;
    struct snapshot_unpacking *unpacking; /* owned */
    struct room_reading *reading;         /* owned */
    size_t at;                            /* entry */
};

static void end_reading(struct opening *opening)
{
    room_read_end(opening->reading);
    snapshot_unpacking_destroy(opening->unpacking);
    opening->reading = NULL;
    opening->unpacking = NULL;
}

void opening_drop(struct shard_room *room)
{
    struct opening *opening = room->opening;
    if (opening) {
        end_reading(opening);
        room_destroy(opening->room);
        for (size_t i = 0; i < opening->loaded.entry_count; i++) {
            free(opening->loaded.entries[i]);
        }
        free(opening->loaded.entries);
        buf_finish(&opening->stored);
        free(opening);
        room->opening = NULL;
    }
}

void opening_begin(struct shard_room *room, const struct shard_loaded *loaded)
{
    struct opening *opening = xcalloc(1, sizeof(*opening));
    room->opening = opening;
    opening->loaded = *loaded;
    buf_append_str(&opening->stored, loaded->snapshot);
    opening->loaded.snapshot = buf_str(&opening->stored);
    opening->loaded.entries = xcalloc(loaded->entry_count + 1, sizeof(struct entry *));
    for (size_t i = 0; i < loaded->entry_count; i++) {
        opening->loaded.entries[i] = loaded->entries[i];
        loaded->entries[i] = NULL;
    }
    opening->room = room_create(&room->shard->config->room, &shard_room_host, room);
    char tenure[ROOM_TENURE_MAX + 1];
    snprintf(tenure, sizeof(tenure), "%.*s.%" PRIu64, STR_ARG(room->shard->id), room->number);
    room_begin_epoch(opening->room, loaded->epoch, str_of(tenure));
    room->tail.entries = xcalloc(loaded->entry_count + 1, sizeof(struct entry *));
    opening->unpacking = snapshot_unpacking_create(opening->loaded.snapshot);
    if (loaded->snapshot.len == 0) {
        opening->state = OPENING_REPLAY;
        room->tail.from = 0;
    }
}

/* ---- the snapshot ---- */

static enum err unpack(struct opening *opening, struct slice *slice)
{
    enum err err = snapshot_unpacking_step(opening->unpacking, slice);
    if (!err) {
        struct value body = snapshot_unpacking_body(opening->unpacking);
        opening->reading = room_read_begin(opening->room, body);
        opening->state = OPENING_READ;
    }
    return err;
}

static enum err read_snapshot(struct shard_room *room, struct opening *opening, struct slice *slice)
{
    enum err err = room_read_step(opening->reading, slice);
    if (!err) {
        err = recent_read(room, snapshot_unpacking_recent(opening->unpacking));
    }
    if (!err) {
        room->snapshot_bytes = snapshot_unpacking_body(opening->unpacking).len;
        room->tail.from = room_documents(opening->room)->clock;
        end_reading(opening);
        opening->state = OPENING_REPLAY;
    }
    return err;
}

/* ---- the log ---- */

/* Sessions that come from the owner before are told what they missed as it happened. */
static void keep_for_tail(struct shard_room *room, struct entry **entry)
{
    struct tail *tail = &room->tail;
    tail->entries[tail->count++] = *entry;
    *entry = NULL;
}

static enum err replay(struct shard_room *owner, struct opening *opening, struct entry **at)
{
    const struct entry *entry = *at;
    uint64_t clock = owner->tail.from; /* of the snapshot */
    if (entry->by.len > 0) {
        recent_note(owner, entry, true);
    }
    bool sets_schema = value_present(entry->schema);
    bool documents = value_count(entry->diff) > 0;
    if (entry->clock < clock || (entry->clock == clock && !sets_schema)) {
        return ERR_OK; /* already in the snapshot */
    }
    if (sets_schema && entry->clock == clock && documents && room_schema(opening->room)) {
        return ERR_OK; /* the room's first, and its documents may have changed since */
    }
    struct room_entry replayed = {
        .clock = entry->clock, .diff = entry->diff, .schema = entry->schema};
    enum err err = room_replay(opening->room, &replayed);
    if (!err && !sets_schema) {
        keep_for_tail(owner, at);
    }
    return err;
}

static enum err replay_some(struct shard_room *room, struct opening *opening, struct slice *slice)
{
    enum err err = ERR_OK;
    while (!err && opening->at < opening->loaded.entry_count) {
        if (!slice_left(slice)) {
            return ERR_AGAIN;
        }
        struct entry **at = &opening->loaded.entries[opening->at++];
        slice_spend(slice, entry_bytes(*at));
        err = replay(room, opening, at);
    }
    return err;
}

/* ERR_OK: the room is there. */
static enum err step(struct shard_room *room, struct opening *opening, struct slice *slice)
{
    enum err err = ERR_OK;
    if (opening->state == OPENING_UNPACK) {
        err = unpack(opening, slice);
    }
    if (!err && opening->state == OPENING_READ) {
        err = read_snapshot(room, opening, slice);
    }
    if (!err && opening->state == OPENING_REPLAY) {
        err = replay_some(room, opening, slice);
    }
    return err;
}

void opening_work(struct shard_room *room, struct slice *slice, uint64_t now_ms)
{
    struct opening *opening = room->opening;
    enum err err = step(room, opening, slice);
    if (err == ERR_AGAIN) {
        room->fresh = false; /* that was a while ago by then */
        shard_room_worked(room);
        return;
    }
    struct shard_loaded loaded = opening->loaded; /* its figures */
    room->room = opening->room;
    opening->room = NULL;
    opening_drop(room);
    persist_opened(room, &loaded, err, now_ms);
}
