/* What the files of lib/edge share and nobody else sees. */
#ifndef EDGE_INTERNAL_H
#define EDGE_INTERNAL_H

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "edge/chunk.h"
#include "edge/edge.h"
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
    struct list pacing;     /* of struct edge_conn.pace_link */
    struct list owner_wait; /* of struct edge_conn.wait_link */
    struct list close_wait; /* of struct edge_conn.wait_link */
    struct list detached;   /* of struct edge_conn.wait_link */
    struct list stalled;    /* of struct edge_conn.stall_link */
    struct list retrying;   /* of struct edge_room.retry_link */
    struct list empty;      /* of struct edge_room.empty_link */
    uint64_t next_number;
    size_t inbox_bytes; /* of all connections */
    struct edge_counts counts;
    uint64_t now_ms;    /* of the call being handled */
    struct buf scratch; /* for one message being transcoded */
};

enum edge_conn_state {
    EDGE_WAITING,  /* its room has no owner yet */
    EDGE_OPENED,   /* the owner has it */
    EDGE_DETACHED, /* another connection took its session over */
    EDGE_CLOSING,  /* our close frame is sent, the client's is awaited */
    EDGE_ENDED,    /* the host was told to close the socket */
};

/* An inbound message until its owner has answered it. */
struct inbox_message {
    struct list link; /* in edge_conn.inbox */
    uint64_t seq;
    bool broken, fatal; /* no message but a frame that could not be read */
    uint32_t len;
    uint8_t payload[];
};

struct edge_conn {
    struct edge *edge;
    void *user;
    uint64_t number;
    struct edge_room *room; /* NULL once closing */
    struct list room_link;  /* in edge_room.conns */
    struct list wait_link;  /* in the list that belongs to its state */
    struct list pace_link;  /* in edge.pacing while an interval runs */
    struct list stall_link; /* in edge.stalled while the socket takes nothing */
    uint64_t wait_due, pace_due, stall_due;
    enum edge_conn_state state;
    enum encoding encoding;
    bool readonly;
    uint8_t tries; /* owners that were found and did not serve it */
    bool joined; /* has its connect reply: casts are for it too */
    bool paused; /* not read, for its inbox is full */
    uint32_t inbox_count;
    size_t inbox_bytes;
    uint64_t last_seq;    /* of the last message received */
    struct list inbox;    /* of struct inbox_message.link; owned */
    struct blob **events; /* owned references: waiting for the interval to end */
    uint32_t event_count, event_cap;
    size_t event_bytes;
    struct outq out;
    struct ws_parser parser;
    struct chunk_assembler chunks;
    uint32_t session_len;
    char session[];
};

enum edge_room_state {
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
    uint64_t channel;  /* the worker's number for casts; 0 until a connect reply names it */
    struct list conns; /* of struct edge_conn.room_link */
};

struct edge_link {
    struct edge *edge;
    void *user;
    char *worker, *address; /* owned */
    bool greeted;
    struct link_reader reader;
    struct buf output;
    struct list rooms;   /* of struct edge_room.link_link */
    struct map channels; /* of struct edge_room by channel */
};

/* conn.c */
void conn_close(struct edge_conn *conn, uint16_t code, struct str reason);
void conn_abort(struct edge_conn *conn);
void conn_set_wait(struct edge_conn *conn, enum edge_conn_state state);

/* inbox.c */
void inbox_add(struct edge_conn *conn, struct str payload, bool broken, bool fatal);
/* Hands everything in the inbox to the owner, from the first message that is not answered. */
void inbox_send_all(struct edge_conn *conn);
void inbox_answered(struct edge_conn *conn, uint64_t seq);
void inbox_clear(struct edge_conn *conn);

/* deliver.c */
void deliver_event(struct edge_conn *conn, struct rendered *event);
/* At once; `after_events`: behind the events that wait. */
void deliver_message(struct edge_conn *conn, struct rendered *message, bool after_events);
void deliver_pong(struct edge_conn *conn, struct rendered *pong);
/* Sends the events that wait; false if the client does not read and was ended for it. */
bool deliver_flush(struct edge_conn *conn);
void deliver_drop_events(struct edge_conn *conn);
void deliver_pace_tick(struct edge *edge);
void deliver_stop_pacing(struct edge_conn *conn);
void conn_ready(struct edge_conn *conn);

/* route.c */
void route_join(struct edge_conn *conn, struct str room);
/* Takes the connection out of its room; tells the owner unless `owner_knows`. */
void route_leave(struct edge_conn *conn, bool owner_knows);
void route_retry_tick(struct edge *edge);
void route_empty_tick(struct edge *edge);
void route_destroy_room(struct edge_room *room);
void link_send(struct edge_link *link, const struct link_frame *frame);
void link_free(struct edge_link *link);

#endif
