/* Rooms in which nothing will happen for a while are asleep: ticks do not look at them, so that
 * they cost memory and nothing else (P8). Whoever finds a room by its name, its number or one of
 * its connections wakes it, for then something may become due earlier than was thought. */
#include "shard/internal.h"

enum {
    SLOT_MS = 1024,
    SHORTEST_MS = 2 * SLOT_MS, /* a nap shorter than that is not worth it */
};

void sleep_begin(struct shard *shard)
{
    list_init(&shard->awake);
    for (int i = 0; i < SLEEP_SLOTS; i++) {
        list_init(&shard->asleep[i]);
    }
}

void sleep_wake(struct shard_room *room)
{
    if (room->sleeps) {
        room->sleeps = false;
        list_remove(&room->tick_link);
        list_append(&room->shard->awake, &room->tick_link);
    }
}

void sleep_wake_all(struct shard *shard)
{
    for (int i = 0; i < SLEEP_SLOTS; i++) {
        while (!list_empty(&shard->asleep[i])) {
            sleep_wake(list_entry(shard->asleep[i].next, struct shard_room, tick_link));
        }
    }
}

void sleep_wake_due(struct shard *shard, uint64_t now_ms)
{
    uint64_t now = now_ms / SLOT_MS;
    if (now - shard->sleep_slot >= SLEEP_SLOTS) {
        sleep_wake_all(shard);
        shard->sleep_slot = now;
    }
    while (shard->sleep_slot < now) {
        struct list *slot = &shard->asleep[++shard->sleep_slot % SLEEP_SLOTS];
        while (!list_empty(slot)) {
            sleep_wake(list_entry(slot->next, struct shard_room, tick_link));
        }
    }
}

/* There is nothing that a tick would do, or find done, before something in it is due. */
static bool is_quiet(const struct shard_room *room)
{
    const struct shard *shard = room->shard;
    if (room->state != SHARD_ROOM_SERVING || shard->draining || shard->stopping || room->move) {
        return false;
    }
    bool stored = room->durable == room->appended && !room->snapshot_running && !room->suspect &&
                  room->whole_number <= room->durable && room->retry_ms == 0 && room->shown;
    bool overdue = shard->config->durability == SHARD_SNAPSHOT && room->dirty;
    bool told = buf_len(&room->outbox) == 0 && !room->gate_asked && !room->ahead &&
                room->changed_clock == room_documents(room->room)->clock;
    return stored && !overdue && told && list_empty(&room->busy_link) &&
           list_empty(&room->unsent_link) && list_empty(&room->shares);
}

static uint64_t sooner(uint64_t due, bool is, uint64_t at)
{
    return is && at < due ? at : due;
}

static uint64_t due_of(const struct shard_room *room)
{
    bool empty = room_session_count(room->room) == 0 && list_empty(&room->conns);
    uint64_t due = room_deadline(room->room);
    due = sooner(due, empty, room->empty_at + room->shard->config->unload_after_ms);
    due = sooner(due, room->tail.entries, room->loaded_at + RESUME_WINDOW_MS);
    due = sooner(due, true, ghosts_due(room));
    if (!list_empty(&room->recent_gone)) {
        const struct recent *first = list_entry(room->recent_gone.next, struct recent, gone_link);
        due = sooner(due, true, first->gone_at + RESUME_WINDOW_MS);
    }
    return due;
}

void sleep_maybe(struct shard_room *room, uint64_t now_ms)
{
    struct shard *shard = room->shard;
    if (!is_quiet(room)) {
        return;
    }
    uint64_t due = due_of(room);
    if (due < now_ms + SHORTEST_MS) {
        return;
    }
    uint64_t slot = due / SLOT_MS;
    uint64_t last = shard->sleep_slot + SLEEP_SLOTS - 1; /* then it is looked at again */
    slot = slot < last ? slot : last;
    room->sleeps = true;
    list_remove(&room->tick_link);
    list_append(&shard->asleep[slot % SLEEP_SLOTS], &room->tick_link);
}
