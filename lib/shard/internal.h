/* What the files of lib/shard share and nobody else sees. */
#ifndef SHARD_INTERNAL_H
#define SHARD_INTERNAL_H

#include "base/log.h"
#include "room/resume.h"
#include "shard/shard.h"

enum {
    RESUME_WINDOW_MS = 30000, /* after a load sessions may come from the owner before */
    GHOST_WAIT_MS = ROOM_REMOVAL_WAIT_MS,
    /* Who comes that long after a load may have stayed with the owner before until that one took
     * the others, who had come here, for gone; and was taken for gone here. */
    STRAGGLER_MS = GHOST_WAIT_MS / 2,
    CONN_NAME_MAX = 96,
    SLEEP_SLOTS = 64,
    SPARE_OUTBOXES = 64,
};

struct shard {
    const struct shard_config *config;
    const struct shard_host *host;
    void *ctx;
    struct str id, node;  /* borrowed */
    struct map rooms;     /* of struct shard_room by name; owned */
    struct map by_number; /* of struct shard_room by number */
    struct list unsent;   /* of struct shard_room.unsent_link: with entries to flush */
    struct list busy;     /* of struct shard_room.busy_link: with work that is done in slices */
    struct list waiting;  /* of the same: those that can only wait for the schema's engine */
    struct list awake;    /* of struct shard_room.tick_link */
    struct list asleep[SLEEP_SLOTS]; /* the same: those that a tick need not look at (sleep.c) */
    uint64_t sleep_slot;             /* the last that was woken */
    struct list measured;            /* of struct shard_room.measure_link (measure.c) */
    struct list sharing; /* of struct shard_share.work_link: whose members are not all sent */
    struct map conns;    /* of struct shard_conn by handle; owned */
    struct list links;   /* of struct shard_link.link; owned */
    uint64_t next_handle;
    uint64_t next_room;
    uint64_t next_staging;
    struct shard_counts counts;
    struct log_limit load_failures;
    struct log_limit snapshot_failures;
    struct log_limit schema_refusals;
    uint64_t now_ms;      /* of the call being handled */
    uint32_t moves;       /* rooms on their way to another worker */
    struct list ready;    /* of struct shard_request.room_link: long ones, before they begin */
    uint32_t requests;    /* of all links */
    size_t request_bytes; /* of their operands */
    uint32_t readers;     /* snapshots that are handed out in pieces */
    size_t shared_bytes;  /* of documents in shares */
    struct buf spare[SPARE_OUTBOXES]; /* of rooms in which nothing waits any more (outbox.c) */
    uint32_t spares;
    bool store_up;
    bool draining; /* gives its rooms to other workers */
    bool stopping; /* ends: with nowhere to give them to, it writes them and lets go */
    bool leaving;  /* ends when it has given all its rooms away */
    bool stopped;  /* and the host knows */
};

struct shard_link {
    struct list link; /* in shard.links */
    struct shard *shard;
    struct link_reader reader;
    struct buf output;
    size_t gated;         /* bytes of connect replies that wait at gates */
    size_t owed;          /* bytes of shares for single connections, not all sent */
    struct map conns;     /* of struct shard_conn by the gateway's number */
    struct list requests; /* of struct shard_request.link_link; owned */
    struct list shares;   /* of struct shard_share.link_link */
    uint64_t next_share;
    uint64_t version;    /* common to both ends; 0: it has not greeted */
    char peer[64];       /* the gateway's id, for logs */
    char peer_node[128]; /* and its node */
};

/* A connection whose session comes from another owner, until all its unanswered messages are here.
 */
struct resuming {
    uint64_t flags, clock, presence_clock, presence_at;
    uint64_t last;       /* number of the last message that belongs to it */
    struct buf state;    /* two values, one behind the other */
    size_t ops_at;       /* where in `state` the second begins */
    struct buf messages; /* frames */
    uint32_t session_len;
    char session[];
};

/* One client connection, as its gateway names it, in one room. */
struct shard_conn {
    struct list room_link; /* in shard_room.conns */
    uint64_t handle;       /* ours; what the room knows it by */
    uint64_t number;       /* the gateway's, unique on its link */
    struct shard_link *link;
    struct shard_room *room;
    struct room_session *session; /* NULL while the room loads or it is being resumed */
    struct resuming *resuming;    /* owned; NULL unless it is being resumed */
    uint64_t answered;            /* last message handled */
    uint64_t logged;              /* messages up to this are applied: from the room's log */
    uint64_t edition;             /* of the room that it is joined to, if it is */
    uint64_t brought_to;          /* document clock while it is brought up to date; else 0 */
    uint64_t presence_seen;       /* presence clock of what it saw at the owner before */
    uint64_t joined_at;           /* the last entry made when it joined: its reply waits for it */
    uint64_t joined_gate;         /* and the gate */
    uint64_t told_at;             /* the same of the last frame for it */
    uint64_t told_gate;
    struct shard_share *share; /* that the connect reply being made refers to; borrowed */
    uint32_t state_ops;        /* presence members answered since its last state frame */
    uint32_t state_bytes;
    bool resumed;     /* came from another owner */
    bool answer_sent; /* something that says what is answered is on its way */
    bool joined;      /* has its connect reply, so casts reach it */
    bool ahead;       /* others were told its presence ahead of what waits for the store */
};

enum shard_room_state {
    SHARD_ROOM_LOADING, /* the store reads it; frames are deferred */
    SHARD_ROOM_SERVING,
    SHARD_ROOM_HELD,      /* it does something long (held.c); frames are deferred */
    SHARD_ROOM_RELEASING, /* the last snapshot is under way; frames are deferred */
    SHARD_ROOM_MOVING,    /* being handed over; gateways send its frames to the next owner */
    SHARD_ROOM_FAILED,    /* cannot be read; refused until it may be tried again */
};

/* Casts go out once per link and edition of the room (room/edition.h): how many of a link's
 * connections are joined to that. */
struct shard_audience {
    struct shard_link *link;
    uint64_t edition;
    uint64_t channel; /* what gateways know it by */
    uint32_t joined;
};

/* The last message of a connection that is in the log, for as long as it may come again. */
struct recent {
    struct list gone_link; /* in shard_room.recent_gone unless the connection is here */
    uint64_t seq;
    uint64_t opened; /* of its session */
    uint64_t gone_at;
    uint32_t by_len, session_len;
    char text[]; /* by, session */
};

/* Log entries of the owners before, for sessions that come from there. */
struct tail {
    struct entry **entries; /* owned, each and all */
    size_t count;
    uint64_t from; /* document clock before the first */
};

struct shard_room {
    struct shard *shard;
    char *name; /* owned */
    enum shard_room_state state;
    bool sleeps;
    bool shown;               /* figures are up to date in Redis */
    bool newer;               /* FAILED: for it was stored under a newer schema */
    struct room *room;        /* NULL unless serving or releasing */
    struct list unsent_link;  /* in shard.unsent */
    struct list busy_link;    /* in shard.busy, or shard.waiting */
    struct list tick_link;    /* in shard.awake, or one of shard.asleep */
    struct list measure_link; /* in shard.measured, while something is heard of it */
    uint64_t counted_sessions, counted_bytes; /* in shard.counts */
    uint64_t number; /* ours, never used again: for the store's answers, and as channel of casts to
                        sessions on the room's own schema */
    uint64_t epoch;
    uint64_t appended;               /* number of the last entry made */
    uint64_t sent;                   /* number of the last one handed to the store */
    uint64_t durable;                /* number of the last one it has */
    uint64_t told_clock;             /* document clock that the frames sent bring clients to */
    struct list pending;             /* of struct entry.link: made, not yet durable; owned */
    struct buf outbox;               /* what waits for them, see outbox.c */
    uint64_t held_since;             /* of the first in it */
    struct buf deferred;             /* frames that wait for the room, see deferred.c */
    struct shard_audience *audience; /* owned */
    uint32_t audience_count, audience_cap;
    struct list conns;  /* of struct shard_conn.room_link, joined or not */
    uint64_t log_bytes; /* in the log since the snapshot */
    uint64_t snapshot_bytes;
    uint64_t snapshot_through; /* of the snapshot under way */
    struct pieces *pieces;     /* owned; of a snapshot that goes to the store in pieces */
    struct held *held;         /* owned; if it is held */
    struct opening *opening;   /* owned; while it loads, once the store has answered */
    struct list requests;      /* of struct shard_request.room_link: they wait for it */
    uint32_t request_count;
    bool snapshot_running;
    bool snapshot_first; /* it has entries that were not appended: nothing is before it is there */
    bool snapshot_releases; /* it gives the room up */
    bool erased;            /* all that was in it is gone, once that is stored */
    struct list shares;     /* of struct shard_share.room_link; owned */
    uint64_t durable_clock; /* document clock of the last entry that the store has */
    uint64_t changed_clock; /* the last that was told of as an event, */
    uint64_t changed_at;    /* and when */
    uint64_t loaded_at;
    struct map recent;       /* of struct recent by name; owned */
    struct map newest;       /* of the same by session: of its latest opening that is in there */
    struct list recent_gone; /* of struct recent.gone_link, in order of time */
    struct tail tail;
    struct ghosts *ghosts; /* owned; NULL: there are none */
    uint64_t gate;         /* the last one wanted, */
    uint64_t gate_asked;   /* asked for (0: no question is under way), */
    uint64_t gate_checked; /* answered for, */
    uint64_t gate_passed;  /* and passed */
    struct move *move;     /* owned; if moving */
    uint64_t whole_number; /* the last entry that only a snapshot makes durable; 0: none */
    uint64_t before_jump; /* document clock of before the clock jumped, and where history started */
    uint64_t history_before_jump;
    bool jumped;
    bool maybe_behind; /* what its clients have seen, when it was read */
    bool fresh;        /* it was just read from the store: no need to ask whose it is */
    bool suspect;      /* an append failed: what the log holds is unknown, only a snapshot helps */
    bool dirty;        /* changed since the last snapshot was begun */
    bool ahead;        /* some connection is ahead of the store (ahead.c), */
    bool ahead_left;   /* or was, and has left; its session may be here still */
    uint64_t ahead_of; /* since then frames claim no later presence than this to be seen */
    double rate;       /* messages handled between two readings, smoothed (measure.c) */
    uint32_t messages; /* since the last one */
    enum err failure;  /* FAILED: why */
    uint64_t load;     /* points, as of the last one, */
    uint64_t load_shown; /* and as they are in Redis */
    uint64_t dirty_at;   /* when it became so */
    uint64_t empty_at;   /* when the last session left; for unloading */
    uint64_t retry_at; /* FAILED: until when opens are refused without trying; else when a snapshot
                          that failed is tried again */
    uint64_t retry_ms; /* after the next failure in a row */
};

/* shard.c */
/* Tells the host whose work begins. */
void shard_turn_to(struct shard *shard, struct str room);
/* Some of its work may have to be done in slices from now on. */
void shard_room_worked(struct shard_room *room);
struct shard_room *shard_room_get(struct shard *shard, struct str name);
struct shard_room *shard_room_by_number(struct shard *shard, uint64_t number);
struct shard_room *shard_room_create(struct shard *shard, struct str name);
void shard_room_free(struct shard_room *room);
/* Ends the room here and now; its connections are closed with `code`. */
void shard_room_lose(struct shard_room *room, uint64_t code, struct str reason);
/* Tells all gateways that the room is another worker's; NULL: they must look whose. */
void shard_room_announce_move(struct shard_room *room, const struct shard_target *to);
/* The same, and ends it here: nobody is closed, its sessions go where it goes. */
void shard_room_moved(struct shard_room *room, const struct shard_target *to);
/* How a room that failed is refused. */
enum link_refusal shard_room_refusal(const struct shard_room *room);
/* Closes all connections of the room and keeps the room. */
void shard_room_close_conns(struct shard_room *room, uint64_t code, struct str reason);
void shard_room_info(const struct shard_room *room, struct shard_room_info *info);
struct log_scope shard_room_scope(const struct shard_room *room);

/* held.c: a room that does something long. */
struct shard_request;
/* Loads what the request gives into the room, and answers it. If that takes more than a slice the
 * room is held until then. */
void held_load(struct shard_room *room, struct shard_request *request, uint64_t now_ms);
/* The same with a room that was just read, which is brought to the server's schema: ends with
 * persist_settled. */
void held_settle(struct shard_room *room, uint64_t now_ms);
/* Whoever asked for it is gone. */
void held_forget_request(struct shard_room *room, const struct shard_request *request);
/* Does the next slice. False: that was the last, and the room is not held, or not there, any more.
 */
bool held_work(struct shard_room *room, struct slice *slice, uint64_t now_ms);
/* It can only wait for the engine now. */
bool held_waits(const struct shard_room *room);
/* The worker stops: does all that is left, or nothing of it. False: the room is gone. */
bool held_stop(struct shard_room *room, uint64_t now_ms);
/* The room ends. */
void held_drop(struct shard_room *room);
/* What may be done of anything in one turn. */
struct slice shard_slice(const struct shard *shard);

/* measure.c: a message of one of its connections is handled. */
void measure_message(struct shard_room *room);

/* sleep.c: rooms that ticks need not look at. */
void sleep_begin(struct shard *shard);
void sleep_wake(struct shard_room *room);
void sleep_wake_all(struct shard *shard);
/* Those in which something is due soon. */
void sleep_wake_due(struct shard *shard, uint64_t now_ms);
/* At the end of its tick. */
void sleep_maybe(struct shard_room *room, uint64_t now_ms);

/* host.c: what a room says, as frames and entries. */
extern const struct room_host shard_room_host;

/* persist.c */
void persist_request_load(struct shard_room *room);
/* Begins a snapshot if none is running; with `release` the room is given up by it. */
void persist_snapshot(struct shard_room *room, bool release);
/* No session can come from the owner before any more. */
void persist_drop_tail(struct shard_room *room);
/* Another worker has it. */
void persist_lost(struct shard_room *room);
/* Does what is due; may free the room. */
void persist_tick(struct shard_room *room, uint64_t now_ms);

/* Everything that was loaded is read, or cannot be; only the figures in `loaded` are looked at. May
 * free the room. */
void persist_opened(struct shard_room *room, const struct shard_loaded *loaded, enum err err,
                    uint64_t now_ms);
/* It is of the server's schema now, or cannot be (room_settle_step). */
void persist_settled(struct shard_room *room, enum err err, struct str why, uint64_t now_ms);
/* The snapshot in pieces is there, or will not be. */
void persist_staged(struct shard_room *room, const struct shard_snapshot *snapshot);
void persist_not_stored(struct shard_room *room, enum err err);

/* opening.c: what was loaded becomes the room. Takes the entries. */
void opening_begin(struct shard_room *room, const struct shard_loaded *loaded);
/* Ends with persist_opened. */
void opening_work(struct shard_room *room, struct slice *slice, uint64_t now_ms);
void opening_drop(struct shard_room *room);

/* pieces.c: a snapshot that is too large to be made and sent at once. */
bool pieces_are_due(const struct shard_room *room);
/* Of the room as it is now; the room goes on meanwhile. Ends with persist_staged or
 * persist_not_stored. */
void pieces_begin(struct shard_room *room, const struct shard_snapshot *snapshot);
/* There is something to do but to wait for the store. */
bool pieces_have_work(const struct shard_room *room);
void pieces_work(struct shard_room *room, struct slice *slice);
/* The store is away. */
void pieces_fail(struct shard_room *room);
void pieces_drop(struct shard_room *room);

/* shares.c: long diffs, given to a gateway for messages to refer to. */
/* All documents, for a connect reply to the connection; NULL: the reply is to have all in it.
 * Borrowed, until the next call of any of these. */
struct shard_share *share_for(struct shard_conn *conn);
/* `diff`, which lies in `holder`, for one message. */
struct shard_share *share_of(struct shard_room *room, struct shard_link *link, struct blob *holder,
                             struct value diff);
/* Whoever refers to it must come behind all of it: shuts a gate until it is sent. */
void share_shut_gate(struct shard_share *share);
/* A single connection is told, so it counts as what its gateway has not read. */
void share_owe(struct shard_share *share);
uint64_t share_number(const struct shard_share *share);
/* A message that refers to it was just put into the outbox. */
void share_used(struct shard_share *share);
/* The first gate of the room that is shut; 0: none is. */
uint64_t shares_gate(const struct shard_room *room);
/* Bytes of those whose messages wait in the outbox. */
size_t shares_waiting(const struct shard_room *room);
/* Those messages will not be sent. */
void shares_abandon(struct shard_room *room);
/* Some have members that their links would take now. */
bool shares_have_work(const struct shard *shard);
void shares_work(struct shard *shard);
/* Forgets what nobody joins by any more. */
void shares_tick(struct shard_room *room, uint64_t now_ms);
/* The room ends here. */
void shares_end(struct shard_room *room);
void shares_forget_link(struct shard_link *link);

/* long.c: messages whose diff is too long for one frame. */
struct long_message {
    struct blob *holder; /* a reference that is borrowed or, if `copied`, owned; or NULL */
    bool copied;
    struct value diff; /* in the holder; absent until it is looked for */
    struct buf rest;   /* the message without the members of its diff */
};
/* As outbox_send, for a send or a cast. The same `message`, which may know what the payload lies
 * in, serves all frames that carry that payload; zeroed is fine. */
void long_send(struct shard_room *room, struct shard_link *link, const struct link_frame *frame,
               struct long_message *message);
void long_finish(struct long_message *message);

/* recent.c: the room's memory of whose messages are applied. */
/* Reads by, seq, session and opened. */
void recent_note(struct shard_room *room, const struct entry *entry, bool gone);
/* The latest opening of a session that has changed something; 0 if none is known. */
uint64_t recent_opening(const struct shard_room *room, struct str session);
/* The connection is here (again); returns its last message in the log, or 0. */
uint64_t recent_claim(struct shard_room *room, const struct shard_conn *conn);
void recent_leave(struct shard_room *room, const struct shard_conn *conn);
void recent_tick(struct shard_room *room, uint64_t now_ms);
/* To and from a snapshot. */
void recent_write(const struct shard_room *room, struct buf *out);
enum err recent_read(struct shard_room *room, struct value recent) NODISCARD;
void recent_finish(struct shard_room *room);
/* The connection's name in the log; unique over all gateways and times. */
struct str conn_name(const struct shard_conn *conn, char out[CONN_NAME_MAX]);

/* resume.c: sessions that come from another owner. */
void resume_begin(struct shard_conn *conn, const struct link_frame *frame, uint64_t now_ms);
/* A frame of a connection that is being resumed. */
void resume_frame(struct shard_conn *conn, const struct link_frame *frame, uint64_t now_ms);
void resume_cancel(struct shard_conn *conn);
/* The clock goes far above `seen`, the highest that any client is known to have seen, before
 * anybody hears anything more. */
void resume_jump(struct shard_room *room, uint64_t seen);

/* ghosts.c */
void ghosts_add(struct shard_room *room, struct value roster, uint64_t now_ms);
/* When they are taken for gone; UINT64_MAX: there are none. */
uint64_t ghosts_due(const struct shard_room *room);
void ghosts_tick(struct shard_room *room, uint64_t now_ms);
void ghosts_finish(struct shard_room *room);

/* gate.c: is the room still ours? What is sent after gate_want waits for the answer. */
void gate_want(struct shard_room *room);
/* What is sent from here on waits until shares_gate does not name this gate any more, and
 * gate_opened is called then. Returns its number. */
uint64_t gate_shut(struct shard_room *room);
/* Finds out how far they are passed now. */
void gate_find_passed(struct shard_room *room);
/* The same, and goes on. */
/* May end the room here. */
void gate_opened(struct shard_room *room);

/* move.c: a room on its way to another worker. */
/* Does the next step that can be done. */
void move_step(struct shard_room *room, uint64_t now_ms);
/* Begins to hand the room over to where the host says; false if that cannot be now. */
bool move_away(struct shard_room *room, uint64_t now_ms);
/* Forgets the move, if there is one, and tells the host. */
void move_end(struct shard_room *room, enum shard_move_end end);
/* The store may have done it already. */
bool move_asked(const struct shard_room *room);

/* frames.c: handles one frame of a greeted link; ERR_MALFORMED if it may not come here. */
enum err shard_frame(struct shard_link *link, const struct link_frame *frame, uint64_t now_ms);
/* One frame of a connection, or its open, in a room that serves. */
void conn_frame(struct shard_conn *conn, const struct link_frame *frame, uint64_t now_ms);
struct shard_conn *conn_find(struct shard_link *link, uint64_t number);
struct shard_conn *conn_by_handle(struct shard *shard, uint64_t handle);
/* Forgets the connection; its session, if any, must have been told or be gone. */
void conn_forget(struct shard_conn *conn);
void conn_refuse(struct shard_link *link, uint64_t number, enum link_refusal why, struct str text);
/* Handles a message that has not been handled here. */
void conn_message(struct shard_conn *conn, const struct link_frame *frame, uint64_t now_ms);
/* Its socket is closed; forgets it. */
void conn_gone(struct shard_conn *conn, uint64_t now_ms);
/* Another connection took its session over. */
void conn_detach(struct shard_conn *conn);
/* It has joined, and what brings it to where the room is has gone out. */
bool conn_is_listening(const struct shard_conn *conn);
/* Sends what the next owner must know of its session. */
void conn_send_state(struct shard_conn *conn);

/* ahead.c: presence that does not wait for a store that is away. */
/* The store lets this room wait for longer than people should notice. */
bool ahead_is_due(const struct shard_room *room);
/* Nothing that was told to the connection waits: it may be answered at once. */
bool ahead_may_answer(const struct shard_conn *conn);
/* Tells what an event does to presence, if anything, at once; false: the event itself must follow
 * the others. */
bool ahead_broadcast(struct shard_room *room, const struct room_broadcast *broadcast);
/* The presence clock that whoever gets a frame made now has been brought to. */
uint64_t ahead_presence_seen(const struct shard_room *room);
/* Some of what waited has gone out. */
void ahead_settle(struct shard_room *room);

/* outbox.c: sends a frame to a link, or keeps it until the room's entries so far are durable. */
void outbox_send(struct shard_room *room, struct shard_link *link, const struct link_frame *frame);
void outbox_release(struct shard_room *room);
/* Whether a frame sent now would have to wait. */
bool outbox_holds(const struct shard_room *room);
/* Some have been told of the change that told_clock stands for, and others wait for it: it is long.
 */
bool outbox_is_amid_change(const struct shard_room *room);
/* Drops what waits. Connections that the room has let go of, but whose gateways do not know yet,
 * are closed with `code`. */
void outbox_abandon(struct shard_room *room, uint64_t code, struct str reason);
void outbox_drop(struct shard_room *room);
void outbox_drop_spares(struct shard *shard);
void outbox_forget_link(struct shard_room *room, const struct shard_link *link);
/* Joins the connection to what its session sees, returns the channel of it. A link's first is told
 * which presence records there are. */
uint64_t audience_join(struct shard_conn *conn);
void audience_leave(struct shard_conn *conn);
/* Tells all of them of a presence record that is not new, only here. */
void audience_show(struct shard_room *room, const struct record *presence);

/* request.c: what a host wants of a room. */
enum err request_frame(struct shard_link *link, const struct link_frame *frame,
                       uint64_t now_ms) NODISCARD;
/* Gets on with the first of those that are ready. */
void requests_work(struct shard *shard, uint64_t now_ms);
/* The room serves now: those that wait for that. */
void requests_replay(struct shard_room *room, uint64_t now_ms);
/* Answers those whose changes are durable. */
void requests_settle(struct shard_room *room);
/* The room cannot be served: those that wait for it are told so. */
void requests_refuse(struct shard_room *room, enum link_refusal why, struct str text);
/* The room is no more here. */
void requests_end(struct shard_room *room);
/* Its host is gone. */
void requests_forget_link(struct shard_link *link);

/* erase.c: ends the sessions of a room and takes all documents out of it, for good once the next
 * snapshot is stored, which gives the room up. */
void erase_room(struct shard_room *room, uint64_t now_ms);

/* event.c: what other services are told of. */
void event_session_removed(struct shard_room *room, const struct room_session *session);
void event_became_empty(struct shard_room *room);
/* Tells of the latest clock that is durable, a few times a second at most; `last`: now. */
void event_changed(struct shard_room *room, bool last);
void event_erased(struct shard_room *room);

/* deferred.c: frames for a room that cannot take them yet. */
bool deferred_add(struct shard_room *room, struct shard_link *link, const struct link_frame *frame);
/* Hands them to the room, which serves now, in order. */
void deferred_replay(struct shard_room *room, uint64_t now_ms);
void deferred_forget_link(struct shard_room *room, const struct shard_link *link);

/* Frames to a link at once. */
void link_send(struct shard_link *link, const struct link_frame *frame);

#endif
