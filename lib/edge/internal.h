/* What the files of lib/edge share and nobody else sees. */
#ifndef EDGE_INTERNAL_H
#define EDGE_INTERNAL_H

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "edge/chunk.h"
#include "edge/edge.h"
#include "edge/frame_cache.h"
#include "edge/pace.h"
#include "edge/piece_cache.h"
#include "edge/share.h"
#include "ws/parser.h"

struct edge {
    const struct edge_config *config;
    const struct edge_host *host;
    void *ctx;
    struct str id, node; /* borrowed */
    struct map conns;    /* of struct edge_conn by number; owned by the host */
    struct map rooms;    /* of struct edge_room by name; owned */
    struct map links;    /* of struct edge_link by worker; owned */
    /* Each list holds one kind of wait, all of the same length, so it is in order of time. */
    struct list pacing;      /* of struct edge_conn.pace_link, for as long as `pace` says */
    struct list owner_wait;  /* of struct edge_conn.wait_link, not joined yet */
    struct list resume_wait; /* of struct edge_conn.wait_link, joined */
    struct list lingering;   /* of struct edge_linger.time_link */
    struct list close_wait;  /* of struct edge_conn.wait_link */
    struct list detached;    /* of struct edge_conn.wait_link */
    struct list stalled;     /* of struct edge_conn.stall_link */
    struct list held;        /* of struct edge_conn.hold_link */
    struct list retrying;    /* of struct edge_room.retry_link */
    struct list trying;      /* of struct edge_link.try_link */
    struct list empty;       /* of struct edge_room.empty_link */
    struct list rendering;   /* of struct edge_share.work_link */
    uint64_t next_number;
    size_t inbox_bytes; /* of all connections */
    struct edge_counts counts;
    uint64_t now_ms;    /* of the call being handled */
    struct buf scratch; /* for what is being transcoded */
    struct frame_cache made;
    struct piece_cache pieces;
    struct pace pace;
    struct log_limit shed_limit;
    struct blob *comma; /* owned reference: what stands between parts of a share in JSON */
};

enum edge_conn_state {
    EDGE_WAITING,  /* its room has no owner */
    EDGE_OPENED,   /* the owner has it */
    EDGE_DETACHED, /* another connection took its session over */
    EDGE_CLOSING,  /* our close frame is sent, the client's is awaited */
    EDGE_ENDED,    /* the host was told to close the socket */
};

/* An inbound message until its owner has answered it. */
struct inbox_message {
    struct list link; /* in edge_conn.inbox */
    uint64_t seq;
    bool broken, fatal;  /* no message but a frame that could not be read */
    uint32_t superseded; /* pushes just before it that it stands for too: they are not in the inbox,
                            and are answered with it */
    uint32_t len;
    uint8_t payload[];
};

struct inbox {
    struct list messages; /* of struct inbox_message.link; owned */
    uint32_t count;       /* of them, and of the superseded */
    uint32_t superseded;
    size_t bytes;
};

/* What the next owner of the room must be told of a session, see kept.c. */
struct kept {
    uint64_t answered;       /* the last message with an answer */
    uint64_t clock;          /* document clock that the client has been brought to */
    uint64_t presence_clock; /* likewise, of the presence of others */
    uint64_t presence_at;    /* presence clock of its own last presence that was answered */
    struct buf state;        /* the worker's words, told before the connect reply */
    uint64_t state_at;       /* messages up to this are in it */
    struct buf ops; /* presence members of messages answered since: struct kept_op, bytes */
    uint32_t ops_count;
};

/* A session whose socket is closed: the owner knows, but may die before that is history. */
struct edge_linger {
    struct list room_link; /* in edge_room.lingers */
    struct list time_link; /* in edge.lingering */
    struct edge_room *room;
    uint64_t due;
    uint64_t wire; /* as of a connection */
    bool readonly, object_readonly;
    struct inbox inbox;
    struct kept kept;
    uint32_t session_len;
    char session[];
};

struct edge_conn {
    struct edge *edge;
    void *user;
    uint64_t number;
    uint64_t wire;          /* what its owner calls it: the number, and which opening this is */
    struct edge_room *room; /* NULL once closing */
    struct list room_link;  /* in edge_room.conns */
    struct list wait_link;  /* in the list that belongs to its state */
    struct list pace_link;  /* in edge.pacing while events wait */
    struct list stall_link; /* in edge.stalled while the socket takes nothing */
    struct list hold_link;  /* in edge.held while it is not read for that we are behind */
    uint64_t wait_due, stall_due, hold_due;
    uint64_t behind_since; /* its socket has not taken all since then; 0: it has */
    uint64_t pace_since;   /* events have waited since then, if they do */
    uint64_t pace_free; /* when a connection sending evenly would send its next frame of events */
    enum edge_conn_state state;
    enum encoding encoding;
    bool readonly, object_readonly;
    uint16_t tries;    /* owners that were found and did not serve it, one after the other */
    bool joined;       /* has a connect reply: it can be resumed */
    struct list waits; /* of struct share_wait.conn_link: messages that wait for shares */
    struct edge_channel
        *channel;      /* of the owner there is now: casts on it are for it too; or NULL */
    bool paused;       /* not read, for its inbox is full */
    bool untold;       /* its owner has not been sent the last message: see inbox_flush */
    uint64_t last_seq; /* of the last message received */
    struct inbox inbox;
    struct kept kept;
    struct blob **events; /* owned references: waiting for the interval to end */
    uint32_t event_count, event_cap;
    uint32_t condense_at; /* bytes of events, see deliver.c */
    size_t event_bytes;
    struct outq out;
    struct ws_parser parser;
    struct chunk_assembler chunks;
    uint32_t session_len;
    char session[];
};

enum edge_room_state {
    EDGE_ROOM_IDLE,     /* has no owner, and nobody who needs one */
    EDGE_ROOM_FINDING,  /* the host looks for the owner */
    EDGE_ROOM_RETRYING, /* and will again soon */
    EDGE_ROOM_LINKED,
};

struct edge_room {
    struct edge *edge;
    char *name; /* owned */
    enum edge_room_state state;
    struct edge_link *link; /* if linked */
    struct list link_link;  /* in edge_link.rooms if linked */
    struct list retry_link; /* in edge.retrying if retrying */
    struct list empty_link; /* in edge.empty while it has no connection */
    uint64_t retry_due, empty_due;
    char *unreachable;       /* owned: an owner that lives, says the store, and that no try has */
    uint64_t unreachable_at; /* reached since then; NULL: there is none */
    uint64_t elsewhere_due;  /* until then newcomers had better go to other gateways */
    struct list channels;    /* of struct edge_channel.room_link; owned */
    struct list conns;       /* of struct edge_conn.room_link */
    struct list lingers;     /* of struct edge_linger.room_link; owned */
    struct map roster; /* of struct roster_id: presence records that clients were shown; owned */
    uint32_t heat;     /* messages, the older the less they count */
    uint64_t heat_at;
};

/* What a worker calls some connections of a room that it tells the same: those of one edition. */
struct edge_channel {
    struct list room_link; /* in edge_room.channels */
    uint64_t number;
    struct edge_room *room;
    uint32_t listeners;
};

struct edge_link {
    struct edge *edge;
    void *user;
    char *worker, *address; /* owned */
    uint64_t version;       /* common to both ends; 0: it has not greeted */
    bool lives;             /* its worker was among the living when they were read last */
    bool missed;            /* it was not, and that means something */
    struct list try_link;   /* in edge.trying: it has not greeted, and a room gives it up */
    uint64_t give_up_due;   /* then */
    struct link_reader reader;
    struct buf output;
    struct list rooms;   /* of struct edge_room.link_link */
    struct map channels; /* of struct edge_channel by number; owned by their rooms */
    struct map shares;   /* of struct edge_share by number; owned */
};

/* conn.c */
void conn_close(struct edge_conn *conn, uint16_t code, struct str reason);
void conn_abort(struct edge_conn *conn);
void conn_set_wait(struct edge_conn *conn, enum edge_conn_state state);

/* inbox.c */
/* The owner is sent it by the next one that does not supersede it, or by inbox_flush. */
void inbox_add(struct edge_conn *conn, struct str payload, bool broken, bool fatal);
/* Who has been held back for long is read on. */
void inbox_hold_tick(struct edge *edge);
/* There is nothing more to be read of the client just now. */
void inbox_flush(struct edge_conn *conn);
/* Answers pushes that the one of this answer, a result, stands for. */
void inbox_answer_superseded(struct edge_conn *conn, const struct link_frame *frame);
/* Messages up to `seq` are dealt with; what they said of presence is kept. */
void inbox_answered(struct edge_conn *conn, uint64_t seq);
void inbox_clear(struct edge_conn *conn);
/* The number of the last message in it, of which `answered` went before. */
uint64_t inbox_last(struct inbox *inbox, uint64_t answered);
void inbox_send(struct edge_link *link, uint64_t wire, const struct inbox *inbox);
void inbox_free(struct edge *edge, struct inbox *inbox);
/* The owner is lost: pings need none, and are answered here. */
void inbox_answer_pings(struct edge_conn *conn);

/* kept.c */
/* A message was answered. */
void kept_message(struct kept *kept, const struct inbox_message *message);
void kept_state(struct kept *kept, const struct link_frame *frame);
/* The frame's clocks are brought to the client. */
void kept_brought(struct kept *kept, const struct link_frame *frame);
/* Writes the session into a frame for the next owner; `ops` holds what the frame points to. */
void kept_write(const struct kept *kept, struct link_frame *frame, struct buf *ops);
/* The owner is lost, and the client has had no reply from it. */
void kept_restart(struct kept *kept);
void kept_finish(struct kept *kept);

/* linger.c: sessions whose sockets are closed. */
/* Takes what there is to keep out of a connection that leaves its room. */
void linger_add(struct edge_conn *conn);
void linger_resume(struct edge_linger *linger);
/* What an owner says to one: detach, close, or refuse. It has been opened again since, or is not
 * known any more; or the next owner must be found. Others are not known here. */
void linger_frame(struct edge_link *link, const struct link_frame *frame);
void linger_tick(struct edge *edge);
void linger_free(struct edge_linger *linger);

/* roster.c */
void roster_add(struct edge_room *room, struct str id);
void roster_add_all(struct edge_room *room, struct value ids);
void roster_remove(struct edge_room *room, struct str id);
/* Tells the next owner. */
void roster_send(struct edge_room *room);
void roster_finish(struct edge_room *room);

/* owner.c: the life of a room's owner, as a gateway sees it. */
void room_find_owner(struct edge_room *room);
void room_unlink(struct edge_room *room);
/* Its owner is within reach, or another one, or there is none. */
void room_in_reach(struct edge_room *room);
/* The owner is no more; the next one is looked for, at once or a little later. */
void room_lost(struct edge_room *room, bool at_once);
/* All rooms of a link. */
void link_lost(struct edge_link *link);
/* Its worker is there. */
void link_greeted(struct edge_link *link);
void room_moved(struct edge_link *link, const struct link_frame *frame);
/* Link flags that say what a session may write. */
uint64_t owner_access(bool readonly, bool object_readonly);
/* Gives the session to the owner: opens it, or resumes it. */
void owner_take(struct edge_conn *conn);

/* channel.c */
struct str channel_key(const void *entry);
struct edge_channel *channel_find(const struct edge_link *link, uint64_t number);
/* Casts on that channel of its room's owner are for the connection from here on. */
void channel_join(struct edge_conn *conn, uint64_t number);
void channel_leave(struct edge_conn *conn);
/* The room's owner is gone, and its numbers with it. */
void channels_drop(struct edge_room *room);

/* deliver.c */
void deliver_event(struct edge_conn *conn, struct rendered *event);
/* Not before the next one, which the caller has. */
void deliver_with_next(struct edge_conn *conn, struct rendered *event);
/* At once; `after_events`: behind the events that wait. */
void deliver_message(struct edge_conn *conn, struct rendered *message, bool after_events);
void deliver_pong(struct edge_conn *conn, struct rendered *pong);
/* An event that refers to a share. */
void deliver_long_event(struct edge_conn *conn, const struct link_frame *frame);
/* Those of its messages that waited for shares and do not any more, and what waits behind them. */
void deliver_waited(struct edge_conn *conn);
/* Sends the events that wait; false if the client does not read and was ended for it. */
bool deliver_flush(struct edge_conn *conn);
void deliver_drop_events(struct edge_conn *conn);
void deliver_pace_tick(struct edge *edge);
/* When the next of those that wait is due; UINT64_MAX: nobody waits. */
uint64_t deliver_pace_due(const struct edge *edge);
void deliver_stop_pacing(struct edge_conn *conn);
void conn_ready(struct edge_conn *conn);

/* shed.c */
/* While more waits for clients than may, those that are slowest are sent away. */
void shed_slow(struct edge *edge);

/* route.c */
void route_join(struct edge_conn *conn, struct str room);
/* Takes the connection out of its room; tells the owner unless `owner_knows`. */
void route_leave(struct edge_conn *conn, bool owner_knows);
void route_retry_tick(struct edge *edge);
/* Tries to reach a worker that a room has no more time for are ended; when the first is due. */
void owner_try_tick(struct edge *edge);
uint64_t owner_try_due(const struct edge *edge);
void route_empty_tick(struct edge *edge);
void route_destroy_room(struct edge_room *room);
void edge_link_send(struct edge_link *link, const struct link_frame *frame);
/* The table must not name it any more. */
void link_free(struct edge_link *link);

#endif
