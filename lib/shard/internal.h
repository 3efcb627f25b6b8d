/* What the files of lib/shard share and nobody else sees. */
#ifndef SHARD_INTERNAL_H
#define SHARD_INTERNAL_H

#include "base/log.h"
#include "shard/shard.h"

struct shard {
    const struct shard_config *config;
    const struct shard_host *host;
    void *ctx;
    struct str id, node;  /* borrowed */
    struct map rooms;     /* of struct shard_room by name; owned */
    struct map by_number; /* of struct shard_room by number */
    struct list unsent;   /* of struct shard_room.unsent_link: with entries to flush */
    struct map conns;     /* of struct shard_conn by handle; owned */
    struct list links;    /* of struct shard_link.link; owned */
    uint64_t next_handle;
    uint64_t next_room;
    struct shard_counts counts;
    struct log_limit load_failures;
    struct log_limit schema_refusals;
    uint64_t now_ms; /* of the call being handled */
    bool store_up;
    bool stopping;
    bool stopped; /* and the host knows */
};

struct shard_link {
    struct list link; /* in shard.links */
    struct shard *shard;
    struct link_reader reader;
    struct buf output;
    struct map conns; /* of struct shard_conn by the gateway's number */
    bool greeted;
    char peer[64]; /* the gateway's id, for logs */
};

/* One client connection, as its gateway names it, in one room. */
struct shard_conn {
    struct list room_link; /* in shard_room.conns */
    uint64_t handle;       /* ours; what the room knows it by */
    uint64_t number;       /* the gateway's, unique on its link */
    struct shard_link *link;
    struct shard_room *room;
    struct room_session *session; /* NULL while the room loads */
    uint64_t answered;            /* last message handled */
    bool answer_sent;             /* something that says so is on its way */
    uint64_t joined_at;           /* the last entry made when it joined: its reply waits for it */
    bool joined;                  /* has its connect reply, so casts reach it */
};

enum shard_room_state {
    SHARD_ROOM_LOADING, /* the store reads it; frames are deferred */
    SHARD_ROOM_SERVING,
    SHARD_ROOM_RELEASING, /* the last snapshot is under way; frames are deferred */
    SHARD_ROOM_FAILED,    /* cannot be read; refused until it may be tried again */
};

/* Casts go out once per link: how many of a link's connections are joined. */
struct shard_audience {
    struct shard_link *link;
    uint32_t joined;
};

struct shard_room {
    struct shard *shard;
    char *name; /* owned */
    enum shard_room_state state;
    struct room *room;       /* NULL unless serving or releasing */
    struct list unsent_link; /* in shard.unsent */
    uint64_t number; /* ours, never used again: for the store's answers, and as cast channel */
    uint64_t epoch;
    uint64_t appended;               /* number of the last entry made */
    uint64_t sent;                   /* number of the last one handed to the store */
    uint64_t durable;                /* number of the last one it has */
    struct list pending;             /* of struct entry.link: made, not yet durable; owned */
    struct buf outbox;               /* what waits for them, see outbox.c */
    struct buf deferred;             /* frames that wait for the room, see deferred.c */
    struct shard_audience *audience; /* owned */
    uint32_t audience_count, audience_cap;
    struct list conns;  /* of struct shard_conn.room_link, joined or not */
    uint64_t log_bytes; /* in the log since the snapshot */
    uint64_t snapshot_bytes;
    uint64_t snapshot_through; /* of the snapshot under way */
    bool snapshot_running;
    bool suspect;      /* an append failed: what the log holds is unknown, only a snapshot helps */
    bool dirty;        /* changed since the last snapshot was begun */
    bool shown;        /* figures are up to date in Redis */
    uint64_t dirty_at; /* when it became so */
    uint64_t empty_at; /* when the last session left; for unloading */
    uint64_t retry_at; /* FAILED: until when opens are refused without trying */
    enum err failure;
};

/* shard.c */
/* Tells the host whose work begins. */
void shard_turn_to(struct shard *shard, struct str room);
struct shard_room *shard_room_get(struct shard *shard, struct str name);
struct shard_room *shard_room_by_number(struct shard *shard, uint64_t number);
struct shard_room *shard_room_create(struct shard *shard, struct str name);
void shard_room_free(struct shard_room *room);
/* Ends the room here and now; its connections are closed with `code`. */
void shard_room_lose(struct shard_room *room, uint64_t code, struct str reason);
/* Closes all connections of the room and keeps the room. */
void shard_room_close_conns(struct shard_room *room, uint64_t code, struct str reason);
void shard_room_info(const struct shard_room *room, struct shard_room_info *info);
struct log_scope shard_room_scope(const struct shard_room *room);

/* host.c: what a room says, as frames and entries. */
extern const struct room_host shard_room_host;

/* persist.c */
void persist_request_load(struct shard_room *room);
/* Begins a snapshot if none is running; with `release` the room is given up by it. */
void persist_snapshot(struct shard_room *room, bool release);
/* Does what is due; may free the room. */
void persist_tick(struct shard_room *room, uint64_t now_ms);

/* frames.c: handles one frame of a greeted link; ERR_MALFORMED if it may not come here. */
enum err shard_frame(struct shard_link *link, const struct link_frame *frame, uint64_t now_ms);
/* One frame of a connection, or its open, in a room that serves. */
void conn_frame(struct shard_conn *conn, const struct link_frame *frame, uint64_t now_ms);
struct shard_conn *conn_find(struct shard_link *link, uint64_t number);
struct shard_conn *conn_by_handle(struct shard *shard, uint64_t handle);
/* Forgets the connection; its session, if any, must have been told or be gone. */
void conn_forget(struct shard_conn *conn);
void conn_refuse(struct shard_link *link, uint64_t number, enum link_refusal why, struct str text);

/* outbox.c: sends a frame to a link, or keeps it until the room's entries so far are durable. */
void outbox_send(struct shard_room *room, struct shard_link *link, const struct link_frame *frame);
void outbox_release(struct shard_room *room);
/* Whether a frame sent now would have to wait. */
bool outbox_holds(const struct shard_room *room);
/* Drops what waits. Connections that the room has let go of, but whose gateways do not know yet,
 * are closed with `code`. */
void outbox_abandon(struct shard_room *room, uint64_t code, struct str reason);
void outbox_forget_link(struct shard_room *room, const struct shard_link *link);
/* Joined connections per link. */
void audience_add(struct shard_room *room, struct shard_link *link);
void audience_remove(struct shard_room *room, struct shard_link *link);

/* deferred.c: frames for a room that cannot take them yet. */
bool deferred_add(struct shard_room *room, struct shard_link *link, const struct link_frame *frame);
/* Hands them to the room, which serves now, in order. */
void deferred_replay(struct shard_room *room, uint64_t now_ms);
void deferred_forget_link(struct shard_room *room, const struct shard_link *link);

/* Frames to a link at once. */
void link_send(struct shard_link *link, const struct link_frame *frame);

#endif
