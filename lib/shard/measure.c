/* What each room costs its worker. CPU time is measured of the whole process only; rooms share it
 * by how many messages of theirs were handled lately, which costs nothing to know. All of it is
 * shared, however few messages there were: a room of which too little were said would be given away
 * although it is all that its worker does, and by the next one again. Of one of which too much is
 * said nothing worse comes than that it stays. */
#include "cluster/load.h"
#include "shard/internal.h"

/* Messages a second. */
#define SILENT_RATE 0.05

enum {
    /* Redis shows another figure when it is off by so many points and a quarter. */
    SHOWN_WITHIN = 20,
};

/* Follows the messages as the CPU share that it divides does (cluster/load.h), at a reading a
 * second. */
static double step_rate(struct shard_room *room)
{
    room->rate += ((double)room->messages - room->rate) / (1 + LOAD_SMOOTH_BEATS);
    room->messages = 0;
    return room->rate;
}

static bool is_shown(const struct shard_room *room)
{
    uint64_t more = room->load > room->load_shown ? room->load : room->load_shown;
    uint64_t less = room->load > room->load_shown ? room->load_shown : room->load;
    return more - less <= SHOWN_WITHIN || (more - less) * 4 <= more;
}

/* Nothing is heard of it any more: it costs what its sessions do, and is not looked at. */
static bool is_silent(const struct shard_room *room)
{
    return room->rate < SILENT_RATE;
}

void measure_message(struct shard_room *room)
{
    room->messages++;
    if (list_empty(&room->measure_link)) {
        list_append(&room->shard->measured, &room->measure_link);
    }
}

void shard_measure(struct shard *shard, uint64_t cpu)
{
    double total = 0;
    struct shard_room *room;
    list_each(room, &shard->measured, measure_link, struct shard_room)
    {
        total += step_rate(room);
    }
    list_each(room, &shard->measured, measure_link, struct shard_room)
    {
        uint64_t sessions = room->room ? room_session_count(room->room) : 0;
        double used = total > 0 ? LOAD_CPU_POINTS * (double)cpu * room->rate / total : 0;
        room->load = sessions + (uint64_t)(used + 0.5);
        if (is_silent(room)) {
            room->rate = 0;
            room->load = 0;
            list_remove(&room->measure_link);
        }
        if (!is_shown(room)) {
            room->shown = false;
            sleep_wake(room);
        }
    }
}

bool shard_next_movable(struct shard *shard, uint32_t *pos, struct shard_room_info *info)
{
    struct shard_room *room;
    while ((room = map_next(&shard->rooms, pos))) {
        if (room->state == SHARD_ROOM_SERVING &&
            shard->now_ms - room->loaded_at >= SHARD_SETTLED_MS) {
            shard_room_info(room, info);
            return true;
        }
    }
    return false;
}

bool shard_find(struct shard *shard, struct str name, struct shard_room_info *info)
{
    struct shard_room *room = shard_room_get(shard, name);
    if (!room || !room->room) {
        return false;
    }
    shard_room_info(room, info);
    return true;
}
