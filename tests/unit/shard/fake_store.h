/* A store for rooms in memory that obeys the same rules as the scripts in proto/lua: claims raise
 * the epoch, writes of an old one are refused, a log has no gaps. It outlives the shards that use
 * it. */
#ifndef TEST_FAKE_STORE_H
#define TEST_FAKE_STORE_H

#include "shard/shard.h"

#include <stdbool.h>

enum { STORE_ROOMS = 8, STORE_LOG = 4096 };

struct stored_room {
    char name[32];
    int owner; /* 0: nobody */
    uint64_t epoch, appended;
    struct buf snapshot;
    struct buf staged;
    uint64_t staging;             /* which snapshot that is */
    struct entry *log[STORE_LOG]; /* owned */
    size_t log_count;
};

struct fake_store {
    struct stored_room rooms[STORE_ROOMS];
    size_t count;
};

void store_finish(struct fake_store *store);
/* Made if it is not there. */
struct stored_room *store_room(struct fake_store *store, struct str name);
/* Takes the room over from whoever has it. */
void store_claim(struct stored_room *room, int owner);

enum err store_append(struct stored_room *room, int owner, uint64_t epoch, uint64_t number,
                      struct entry *const *entries, size_t count);
enum err store_snapshot(struct stored_room *room, int owner, uint64_t epoch, struct str stored,
                        uint64_t through, bool release);

/* A large one comes in pieces, and the log keeps what is behind it. */
enum err store_stage(struct stored_room *room, int owner, uint64_t epoch, uint64_t staging,
                     uint64_t offset, struct str piece);
enum err store_snapshot_staged(struct stored_room *room, int owner, uint64_t epoch,
                               uint64_t staging, uint64_t through, bool release);

enum err store_hand_over(struct stored_room *room, int owner, uint64_t epoch, uint64_t through,
                         int to);

/* What a worker that loads the room now would find, read by itself: clock of the last change. */
uint64_t store_clock(const struct stored_room *room);

#endif
