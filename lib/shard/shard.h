/* A worker without its sockets: the rooms it owns, the connections that gateways opened to them,
 * and the output commit (P2). Pure: link frames, store answers and a time go in; link frames and
 * store requests come out through `struct shard_host`.
 *
 *      frames ──▶ shard_frame ──▶ room ──┬─▶ append ──▶ store ──▶ shard_appended ──┐
 *                                        └─▶ outbox (waits for the append) ◀───────┘──▶ link
 *
 * Each room has one outbox: whatever the room says after a change waits behind it until the store
 * has the change, so nobody learns of what could still be lost. */
#ifndef SHARD_SHARD_H
#define SHARD_SHARD_H

#include "base/err.h"
#include "cluster/entry.h"
#include "link/frame.h"
#include "room/room.h"

struct shard;
struct shard_link;

enum shard_durability { SHARD_LOG, SHARD_SNAPSHOT, SHARD_NONE };

struct shard_config {
    struct room_config room;
    enum shard_durability durability;
    uint64_t unload_after_ms;  /* how long an empty room stays loaded */
    uint64_t link_version_max; /* 0: all that this build speaks */
    size_t fold_bytes;  /* of a log, before a snapshot takes its place; 0: SHARD_FOLD_BYTES */
    size_t slice_bytes; /* of long work, before others have their turn (base/slice.h); 0:
                           SLICE_BYTES */
};

/* Bounds of what waits in here; reaching one costs only whom it concerns. */
enum {
    SHARD_DEFERRED_MAX = 64 << 20, /* bytes of frames for a room that is loading */
    SHARD_OUTBOX_MAX = 256 << 20,  /* bytes of frames that wait for one room's appends */
    SHARD_LINK_PAUSE = 32 << 20,   /* bytes a gateway has not read, before it is not listened to */
    SHARD_REQUESTS_MAX = 256,      /* of hosts, not answered yet */
    SHARD_ROOM_REQUESTS_MAX = 64,  /* of those, about one room */
    SHARD_REQUEST_MAX = 256 << 20, /* bytes of the operand of one, and of all of them */
    SHARD_READERS_MAX = 32,        /* snapshots handed out in pieces at a time */
    SHARD_ENTRY_MAX = 1 << 20,     /* bytes of a log entry; what is larger waits for a snapshot */
    SHARD_FOLD_BYTES = 256 << 10,  /* see shard_config */
    SHARD_PIECE_MAX = 256 << 10,   /* bytes of a snapshot that go to the store at once */
    SHARD_EVENTS_MS = 250,         /* between two events about changes of one room */
    SHARD_SETTLED_MS = 5000,       /* that a room is loaded, before its load says much */
};

/* What a room is, for Redis and for operators. */
struct shard_room_info {
    struct str name;
    uint64_t epoch;
    uint64_t appended; /* number of the last log entry of this epoch */
    uint64_t clock;
    uint64_t records;
    uint64_t bytes;
    uint64_t sessions;
    uint64_t load; /* points (cluster/load.h), as of the last shard_measure; at least `sessions` */
};

/* A snapshot to store: everything up to log entry `through` of this epoch is in it. */
struct shard_snapshot {
    struct str stored;     /* stored_snapshot form; empty: keep the one there is, unless it was */
    uint64_t staging;      /* brought there by pieces of this number (0: it was not), */
    uint64_t staged_bytes; /* so many in all */
    uint64_t clock;        /* document clock of it */
    uint64_t through;
    bool release; /* give the room up in the same step, its log included */
    bool erase;   /* with release: it is to look as if it had never been opened */
};

/* Some of the stored form of a large snapshot. */
struct shard_piece {
    uint64_t staging; /* which snapshot: a number that this shard never uses again */
    uint64_t offset;  /* bytes before it */
    struct str bytes;
};

/* What other services may want to know of a room. */
enum shard_event_kind {
    SHARD_EVENT_CHANGED, /* its documents, up to `clock`, durably */
    SHARD_EVENT_SESSION_REMOVED,
    SHARD_EVENT_EMPTY, /* the last session has left */
    SHARD_EVENT_ERASED,
};
struct shard_event {
    enum shard_event_kind kind;
    struct str room;
    struct str session; /* SESSION_REMOVED */
    uint32_t remaining; /* likewise: sessions that are left */
    uint64_t clock;     /* CHANGED */
};

/* A worker to give a room to. */
struct shard_target {
    struct str worker, node;
    struct str address; /* for gateways of its own node */
    struct str remote;  /* and for others; empty: they look the owner up */
};

/* How giving a room away has ended. */
enum shard_move_end {
    SHARD_MOVE_DONE,  /* it is the target's */
    SHARD_MOVE_STAYS, /* the store did not take it in time, or nobody knows */
    SHARD_MOVE_LOST,  /* it went elsewhere, or was closed */
};

struct shard_counts {
    uint64_t rooms, sessions, room_bytes;
    uint64_t messages, pushes, broadcasts;
    uint64_t entries; /* of logs, handed to the store */
    uint64_t resumes; /* sessions taken over from another owner */
};

/* A run of new log entries of one room, numbered without gaps. */
struct shard_batch {
    const struct list *entries; /* of struct entry.link; the batch starts at the one below */
    struct entry *first;        /* NULL: empty, and the last number is the one before the first */
    uint64_t first_number, last_number;
};

/* Requests about rooms name them by `room`, a number that is never used again, and are answered by
 * the shard_* call named with them, at most once: later, or, if the store is just going away, from
 * inside the request with ERR_UNAVAILABLE. An answer about a room that is gone meanwhile is
 * ignored. All pointers are views for the call. */
struct shard_host {
    /* Bytes were added to shard_link_output. */
    void (*link_ready)(void *ctx, struct shard_link *link);
    /* The link's peer does not read, or broke the protocol: end it. Answer: shard_link_destroy. */
    void (*link_drop)(void *ctx, struct shard_link *link, enum err why);

    /* Read the room that a gateway claimed for this worker. Answer: shard_loaded. */
    void (*load)(void *ctx, uint64_t room, struct str name);
    /* Append under the room's epoch; an empty batch asks whether the log still ends where the shard
     * thinks. Answer: shard_appended. */
    void (*append)(void *ctx, uint64_t room, const struct shard_room_info *info,
                   const struct shard_batch *batch);
    /* Store a snapshot under the room's epoch. Answer: shard_snapshot_stored. */
    void (*snapshot)(void *ctx, uint64_t room, const struct shard_room_info *info,
                     const struct shard_snapshot *snapshot);
    /* Bring a piece of a large snapshot to the store, where it waits to be stored. The next follows
     * the answer: shard_staged. */
    void (*stage)(void *ctx, uint64_t room, const struct shard_room_info *info,
                  const struct shard_piece *piece);
    /* Ask whether the room is still this worker's. Answer: shard_checked. */
    void (*check)(void *ctx, uint64_t room, const struct shard_room_info *info);
    /* Make another worker the owner, if everything up to `info->appended` is stored and nothing
     * more. Answer: shard_handed. */
    void (*hand_over)(void *ctx, uint64_t room, const struct shard_room_info *info,
                      const struct shard_target *to);
    /* While draining: where is the room to go? False: nowhere now. */
    bool (*place)(void *ctx, struct str room, struct shard_target *to);
    /* The handover of a room has ended, whoever wanted it; `epoch` is the new one if it is done.
     * NULL: nobody asks. */
    void (*move_ended)(void *ctx, struct str room, enum shard_move_end end, uint64_t epoch);
    /* Show the room's figures to operators, if it is still ours. No answer. */
    void (*show)(void *ctx, const struct shard_room_info *info);
    /* Tell who listens, if that can be done without waiting. No answer. NULL: nobody does. */
    void (*event)(void *ctx, const struct shard_event *event);
    /* The next shard_work may take some seconds: whoever waits for signs of life is to be told.
     * NULL: nobody does. */
    void (*long_step)(void *ctx);
    void (*random_id)(void *ctx, char out[21]);
    /* From here on the shard works on this room, until it turns to another one or the call into the
     * shard returns: if that ends the process, it was this room's work. NULL: nobody asks. */
    void (*executing)(void *ctx, struct str room);
    /* After shard_stop, once: every room is written and given up, or handed over. */
    void (*stopped)(void *ctx);
};

struct shard *shard_create(const struct shard_config *config, const struct shard_host *host,
                           void *ctx, struct str worker_id, struct str node);
void shard_destroy(struct shard *shard);

/* ---- links ---- */

struct shard_link *shard_link_create(struct shard *shard);
/* The stream ended: its connections are gone. NULL is fine. */
void shard_link_destroy(struct shard_link *link, uint64_t now_ms);
/* Takes complete frames off the front of `data`; *used says how many bytes. It takes none while
 * SHARD_LINK_PAUSE bytes or more are unread: hand it the same bytes again when fewer are.
 * An error means that the link is to be dropped. */
enum err shard_link_input(struct shard_link *link, const uint8_t *data, size_t len, size_t *used,
                          uint64_t now_ms) NODISCARD;
/* Bytes that its gateway is still to read. */
size_t shard_link_unread(const struct shard_link *link);
/* Bytes for the stream; consume what was written. */
struct buf *shard_link_output(struct shard_link *link);

/* ---- answers of the store ---- */

struct shard_loaded {
    enum err err; /* ERR_FENCED: another worker owns it; ERR_UNAVAILABLE; else unreadable */
    uint64_t epoch;
    uint64_t appended;      /* number of this epoch's last entry; 0 if it has none yet */
    struct str snapshot;    /* stored form; empty if there is none */
    struct entry **entries; /* the log since the snapshot, in order; the shard takes those whose
                               pointer it sets to NULL */
    size_t entry_count;
    uint64_t log_bytes;
    bool taken;      /* from an owner that did not let go of it: dead, or thought so */
    bool maybe_lost; /* Redis may have lost the end of what it was given */
};
void shard_loaded(struct shard *shard, uint64_t room, const struct shard_loaded *loaded,
                  uint64_t now_ms);
/* ERR_OK: everything up to entry `number` is durable. ERR_FENCED: the room is another's now. Any
 * other: it is not known to be stored; the shard tries again with a snapshot. */
void shard_appended(struct shard *shard, uint64_t room, uint64_t number, enum err err,
                    uint64_t now_ms);
void shard_staged(struct shard *shard, uint64_t room, uint64_t staging, enum err err,
                  uint64_t now_ms);
void shard_snapshot_stored(struct shard *shard, uint64_t room, enum err err, uint64_t now_ms);
/* ERR_OK: the room is this worker's. ERR_FENCED: it is not. ERR_GAP: it is, but the store has lost
 * that, and is given the room whole. Any other: not known. */
void shard_checked(struct shard *shard, uint64_t room, enum err err, uint64_t now_ms);
/* As shard_appended: ERR_OK, the room is the target's; ERR_FENCED, another's; else not known. */
void shard_handed(struct shard *shard, uint64_t room, enum err err, uint64_t now_ms);
/* Whether requests have a chance now. While they have not, none is made. Starts as false. */
void shard_store_changed(struct shard *shard, bool up, uint64_t now_ms);

/* The engine of the schema has ended something (schema_engine.ended), or can begin something: rooms
 * that have waited for it are busy again. shard_tick tries that too. */
void shard_engine_ended(struct shard *shard);
/* While it is up: other servers than before answer for a part of the rooms, or those that were away
 * are back. What was stored of these rooms may have lost its end. */
typedef bool (*shard_has_fn)(const void *part, struct str room);
void shard_store_part(struct shard *shard, shard_has_fn has, const void *part, uint64_t now_ms);

/* ---- time and ending ---- */

/* Call at the end of each loop turn: hands the turn's log entries to the store, a batch a room. */
void shard_flush(struct shard *shard);
/* Whether there is work that is done in slices: then call shard_work in the loop's next turn. */
bool shard_is_busy(const struct shard *shard);
void shard_work(struct shard *shard, uint64_t now_ms);
/* Call about twice a second: session timeouts, unloading, snapshots that are due. */
void shard_tick(struct shard *shard, uint64_t now_ms);
/* Gives a room to another worker, with its sessions (proto/ownership.md, "Handover"); the end is
 * told by host.move_ended. ERR_NOT_FOUND: it is not here; ERR_AGAIN: it loads, unloads or moves
 * just now, and host.move_ended is not about this wish. */
enum err shard_move(struct shard *shard, struct str room, const struct shard_target *to,
                    uint64_t now_ms) NODISCARD;
/* Call about once a second: tells what the process uses, in thousandths of a core, and so what each
 * room costs. */
void shard_measure(struct shard *shard, uint64_t cpu);
/* One after the other, those that could be moved and whose load is known; begins with *pos 0. */
bool shard_next_movable(struct shard *shard, uint32_t *pos, struct shard_room_info *info);
/* False: it is not here, or not loaded. */
bool shard_find(struct shard *shard, struct str name, struct shard_room_info *info);
/* On: gives all rooms to where host.place says, those that come as well, a few at a time. Call
 * shard_tick more often meanwhile. */
void shard_drain(struct shard *shard, bool on);
/* This worker did not run for a while: makes sure of every room before anybody hears of it. */
void shard_verify(struct shard *shard);
/* Ends: with `hand_over` all rooms go to other workers as by shard_drain; else connections are
 * closed, rooms written and given up. Then calls host.stopped. Again without: hurries. */
void shard_stop(struct shard *shard, bool hand_over, uint64_t now_ms);

const struct shard_counts *shard_count(struct shard *shard);

#endif
