/* Rooms in Redis, as their owner reads and writes them (proto/redis.md). Every write carries owner
 * and epoch and is refused with ERR_FENCED when a newer claim exists. */
#ifndef STORE_ROOMS_H
#define STORE_ROOMS_H

#include "cluster/entry.h"
#include "store/store.h"

/* What the room's hash shows, besides who owns it. */
struct store_room {
    struct str name;
    struct str owner; /* worker id */
    uint64_t epoch;
    uint64_t clock, records, bytes, sessions;
    uint64_t load; /* points (cluster/load.h); shown by store_show only */
};

struct store_loaded {
    enum err err; /* ERR_FENCED: the room is not `owner`'s; ERR_UNAVAILABLE; ERR_MALFORMED */
    uint64_t epoch;
    uint64_t appended;
    struct str snapshot; /* empty if there is none */
    struct entry **entries;
    size_t entry_count;
    uint64_t log_bytes;
    bool taken;      /* the owner before was dead; until the first snapshot stored in this epoch */
    bool maybe_lost; /* Redis was restarted or failed over since the room's last write, and does not
                      * promise to keep what it has accepted */
};

typedef void (*store_loaded_fn)(void *ctx, uint64_t room, const struct store_loaded *loaded);
/* `number`: of the last entry the request was about. ERR_FENCED: a newer claim exists. ERR_GAP: the
 * log is not what the owner thinks, only a snapshot can help. ERR_UNAVAILABLE: nobody knows what
 * became of it. ERR_REFUSED: nothing was written. */
typedef void (*store_written_fn)(void *ctx, uint64_t room, uint64_t number, enum err err);

/* Each is answered by `fn` exactly once; `room` is the caller's number, handed back. */
void store_load(struct store *store, uint64_t room, struct str name, struct str owner,
                store_loaded_fn fn, void *ctx);
/* Appends the entries from `first` to the end of its list, numbered from `number` to `last`. With
 * `first` NULL and `last` = `number` - 1 it asks whether the log still ends with `last`. */
void store_append(struct store *store, uint64_t room, const struct store_room *info,
                  const struct list *entries, struct entry *first, uint64_t number, uint64_t last,
                  store_written_fn fn, void *ctx);
/* Stores a snapshot that holds all entries up to `through`; empty: keeps what is stored. After
 * RELEASE the room has no owner; ERASE is the same of a room without documents, which is to look as
 * if it had never been opened. */
enum store_after { STORE_KEEP, STORE_RELEASE, STORE_ERASE };
void store_snapshot(struct store *store, uint64_t room, const struct store_room *info,
                    struct str snapshot, uint64_t through, enum store_after after,
                    store_written_fn fn, void *ctx);
/* The same of a large one, which was brought there in pieces, each behind the one before. `staging`
 * is a number that this owner never uses again; what was staged and not stored is gone by itself a
 * minute later. The log keeps what it has behind `through`. */
struct store_staged {
    uint64_t staging;
    uint64_t bytes; /* of all its pieces */
    uint64_t clock; /* of the snapshot */
};
void store_stage(struct store *store, uint64_t room, const struct store_room *info,
                 uint64_t staging, uint64_t offset, struct str piece, store_written_fn fn,
                 void *ctx); /* answers with `staging` as the number */
void store_snapshot_staged(struct store *store, uint64_t room, const struct store_room *info,
                           const struct store_staged *staged, uint64_t through,
                           enum store_after after, store_written_fn fn, void *ctx);
/* Gives the room, whose log ends with entry `through`, to another worker. On success the `number`
 * answered is the new epoch. */
void store_hand_over(struct store *store, uint64_t room, const struct store_room *info,
                     uint64_t through, struct str to_worker, struct str to_node,
                     store_written_fn fn, void *ctx);
/* Reads whether the room is still `owner`'s of that epoch, and writes nothing: ERR_OK, ERR_FENCED,
 * ERR_UNAVAILABLE, or ERR_GAP: Redis is older than that (fence.lua). `number` is 0. */
void store_check(struct store *store, uint64_t room, struct str name, struct str owner,
                 uint64_t epoch, store_written_fn fn, void *ctx);
/* Shows the figures. No answer. */
void store_show(struct store *store, const struct store_room *info);

#endif
