/* Rooms in memory. */
#include "fake_store.h"

#include "cluster/stored_snapshot.h"
#include "value/pack.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static void drop_log(struct stored_room *room)
{
    for (size_t i = 0; i < room->log_count; i++) {
        free(room->log[i]);
    }
    room->log_count = 0;
}

void store_finish(struct fake_store *store)
{
    for (size_t i = 0; i < store->count; i++) {
        drop_log(&store->rooms[i]);
        buf_finish(&store->rooms[i].snapshot);
        buf_finish(&store->rooms[i].staged);
    }
}

struct stored_room *store_room(struct fake_store *store, struct str name)
{
    for (size_t i = 0; i < store->count; i++) {
        if (str_eq(str_of(store->rooms[i].name), name)) {
            return &store->rooms[i];
        }
    }
    cr_assert(store->count < STORE_ROOMS && name.len < sizeof(store->rooms[0].name));
    struct stored_room *room = &store->rooms[store->count++];
    memcpy(room->name, name.ptr, name.len);
    return room;
}

void store_claim(struct stored_room *room, int owner)
{
    room->owner = owner;
    room->epoch++;
    room->appended = 0;
}

enum err store_append(struct stored_room *room, int owner, uint64_t epoch, uint64_t number,
                      struct entry *const *entries, size_t count)
{
    if (room->owner != owner || room->epoch != epoch) {
        return ERR_FENCED;
    }
    if (room->appended != number - 1) {
        return ERR_REFUSED;
    }
    for (size_t i = 0; i < count; i++) {
        cr_assert(eq(u64, entries[i]->number, number + i), "numbered without gaps");
        cr_assert(lt(sz, room->log_count, STORE_LOG));
        room->log[room->log_count++] = entry_create(entries[i]);
    }
    room->appended += count;
    return ERR_OK;
}

enum err store_snapshot(struct stored_room *room, int owner, uint64_t epoch, struct str stored,
                        uint64_t through, bool release)
{
    if (room->owner != owner || room->epoch != epoch) {
        return ERR_FENCED;
    }
    cr_assert(ge(u64, through, room->appended), "a snapshot holds all that was appended");
    if (stored.len > 0) {
        drop_log(room);
        buf_finish(&room->snapshot);
        buf_append_str(&room->snapshot, stored);
    }
    room->appended = through;
    room->owner = release ? 0 : owner;
    return ERR_OK;
}

enum err store_stage(struct stored_room *room, int owner, uint64_t epoch, uint64_t staging,
                     uint64_t offset, struct str piece)
{
    if (room->owner != owner || room->epoch != epoch) {
        return ERR_FENCED;
    }
    if (room->staging != staging) {
        room->staging = staging;
        buf_finish(&room->staged);
    }
    if (buf_len(&room->staged) != offset) {
        return ERR_GAP;
    }
    buf_append_str(&room->staged, piece);
    return ERR_OK;
}

enum err store_snapshot_staged(struct stored_room *room, int owner, uint64_t epoch,
                               uint64_t staging, uint64_t through, bool release)
{
    if (room->owner != owner || room->epoch != epoch) {
        return ERR_FENCED;
    }
    cr_assert(eq(u64, room->staging, staging));
    size_t gone = 0;
    while (gone < room->log_count && room->log[gone]->number <= through) {
        free(room->log[gone++]);
    }
    room->log_count -= gone;
    memmove(room->log, room->log + gone, room->log_count * sizeof(room->log[0]));
    buf_finish(&room->snapshot);
    room->snapshot = room->staged;
    room->staged = (struct buf){0};
    room->appended = through > room->appended ? through : room->appended;
    room->owner = release ? 0 : owner;
    return ERR_OK;
}

enum err store_hand_over(struct stored_room *room, int owner, uint64_t epoch, uint64_t through,
                         int to)
{
    if (room->owner != owner || room->epoch != epoch) {
        return ERR_FENCED;
    }
    if (room->appended != through) {
        return ERR_GAP;
    }
    room->owner = to;
    room->epoch++;
    room->appended = 0;
    return ERR_OK;
}

uint64_t store_clock(const struct stored_room *room)
{
    uint64_t clock = 0;
    if (buf_len(&room->snapshot) > 0) {
        struct buf body = {0};
        struct buf recent = {0};
        cr_assert(zero(int, stored_snapshot_read(buf_str(&room->snapshot), &body, &recent)));
        buf_finish(&recent);
        value_u64(value_get(buf_value(&body), STR("documentClock")), &clock);
        buf_finish(&body);
    }
    return room->log_count > 0 ? room->log[room->log_count - 1]->clock : clock;
}
