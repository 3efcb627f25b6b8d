/* A gateway without its sockets: client connections after their handshake, the rooms they want, and
 * the links to the workers that own those rooms. Pure: bytes, answers and a time go in; bytes and
 * requests come out through `struct edge_host`.
 *
 *      client bytes ─▶ edge_conn_input ─▶ frames ─▶ messages ─▶ inbox ─▶ edge_link_output
 *      client bytes ◀─ edge_conn_output ◀─ pacing ◀─ rendering ◀─ edge_link_input
 *
 * A room's owner is looked up once for all its connections. Messages of a connection whose room has
 * no owner wait in its inbox; when the inbox is full the connection is not read. When an owner is
 * lost, the next one is given what it must know of each session, and the clients notice nothing
 * (proto/ownership.md). */
#ifndef EDGE_EDGE_H
#define EDGE_EDGE_H

#include "base/err.h"
#include "edge/outq.h"
#include "edge/rendered.h"
#include "link/frame.h"

struct edge;
struct edge_conn;
struct edge_link;

struct edge_config {
    uint32_t max_message;      /* bytes of one message from a client, chunks together */
    uint64_t link_version_max; /* 0: all that this build speaks */
    size_t max_unsent;         /* bytes that wait for clients, all together; 0: EDGE_UNSENT_TOTAL */
    size_t outq_bytes;         /* rendered for a socket at a time; 0: EDGE_OUTQ_BYTES */
};

/* Bounds and waits, per connection. */
enum {
    EDGE_PACE_MS = 9,             /* between two frames of events, on average, where they are few;
                                     see deliver.c and pace.h */
    EDGE_INBOX_MESSAGES = 4096,   /* unanswered messages before it is not read */
    EDGE_INBOX_BYTES = 1 << 20,   /* unanswered bytes, likewise; one message may exceed it */
    EDGE_INBOX_TOTAL = 256 << 20, /* of all connections; beyond it each may have one message */
    EDGE_LINK_BEHIND_BYTES = 256 << 10, /* that an owner has not read; beyond it likewise */
    EDGE_UNSENT_BYTES = 8 << 20, /* waiting for a client that does not read, before it is closed:
                                    of events, and of all else; one message may exceed it */
    EDGE_HOLD_MS = 1000,         /* at most, for an answer, before more is read while we are late */
    EDGE_UNSENT_TOTAL = 256 << 20, /* see shed.c; beyond it the slowest are closed with 1013 */
    EDGE_OUTQ_BYTES = 256 << 10,   /* rendered for a socket at a time */
    EDGE_OWNER_WAIT_MS = 10000,    /* for an owner before it has joined, then 1013 */
    EDGE_RESUME_WAIT_MS = 60000,   /* for the next owner, likewise */
    EDGE_UNREACHABLE_MS = 6000,  /* for an owner that lives and cannot be reached, likewise; longer
                                    than a dead one takes to be known as dead */
    EDGE_ELSEWHERE_MS = 20000,   /* after that newcomers are better off with another gateway */
    EDGE_LINGER_MS = 5000,       /* a session whose socket is closed may be resumed as gone */
    EDGE_CLOSE_WAIT_MS = 2000,   /* for the client's close frame after ours */
    EDGE_STALL_MS = 30000,       /* for a socket that takes nothing */
    EDGE_DETACHED_MS = 30000,    /* a superseded connection stays open (CONN-1), this long */
    EDGE_OWNER_TRIES = 100,      /* owners that turn it away before it has joined, then 1013 */
    EDGE_RESUME_TRIES = 1000,    /* and after */
    EDGE_RETRY_MS = 50,          /* between two look-ups of an owner */
    EDGE_ROOM_KEEP_MS = 5000,    /* a room without connections remembers its owner */
    EDGE_LINK_BYTES = 512 << 20, /* for a worker that does not read, before its link is dropped */
};

struct edge_host {
    /* Find the room's owner in the store, or place it: answer with edge_owner_found. */
    void (*find_owner)(void *ctx, struct str room);
    /* Connect to the worker; answer with edge_link_up or edge_link_down. */
    void (*link_connect)(void *ctx, struct edge_link *link);
    /* Bytes were added to edge_link_output. */
    void (*link_ready)(void *ctx, struct edge_link *link);
    /* The link's peer does not read, or is taken for dead: close the stream, and hand in nothing
     * more from it; answer, after this call has returned, with edge_link_down. */
    void (*link_drop)(void *ctx, struct edge_link *link, enum err why);
    /* Bytes were added to the connection's output. */
    void (*conn_ready)(void *ctx, void *user);
    /* Stop or go on reading from the socket. */
    void (*conn_read)(void *ctx, void *user, bool on);
    /* Send what is still to be sent, then close the socket; `abort`: close now, sending nothing,
     * also if the other was asked for before. Answer, after this call has returned:
     * edge_conn_destroy. */
    void (*conn_end)(void *ctx, void *user, bool abort);
};

struct edge_counts {
    uint64_t messages, frames_sent;
    uint64_t superseded; /* of the messages: pushes of presence that are not told to the owner */
    uint64_t events;     /* to clients; several to a frame */
    uint64_t condensed;  /* of the events: not sent, as newer ones tell the same (condense.h) */
    uint64_t closes_fatal, closes_retry, closes_protocol;
    uint64_t closes_slow; /* of closes_retry: they did not read what they were sent */
    size_t unsent_bytes;  /* now: see shed.c */
    uint64_t conns, links;
    uint64_t resumes; /* sessions given to another owner */
    uint64_t pace_ms; /* now (pace.h) */
};

struct edge *edge_create(const struct edge_config *config, const struct edge_host *host, void *ctx,
                         struct str gateway_id, struct str node);
void edge_destroy(struct edge *edge);
const struct edge_counts *edge_count(const struct edge *edge);

/* ---- clients ---- */

struct edge_conn_config {
    struct str room, session; /* at most 256 bytes each */
    bool readonly;
    bool object_readonly; /* may not write object types (OBJ-1) */
    void *user;           /* the host's */
};

/* Whether the room's owner lives and could not be reached from here lately: another gateway may
 * reach it. To be asked before a handshake is answered, when a load balancer can still try that
 * one. */
bool edge_is_elsewhere(const struct edge *edge, struct str room, uint64_t now_ms);

/* A WebSocket whose handshake is answered. Connections live until edge_conn_destroy. */
struct edge_conn *edge_conn_create(struct edge *edge, const struct edge_conn_config *config,
                                   uint64_t now_ms);
/* Bytes from the socket; changed in place. */
void edge_conn_input(struct edge_conn *conn, uint8_t *data, size_t len, uint64_t now_ms);
/* What to write; call edge_conn_wrote with what the socket took. */
struct outq *edge_conn_output(struct edge_conn *conn);
void edge_conn_wrote(struct edge_conn *conn, size_t len, uint64_t now_ms);
/* The socket is closed. NULL is fine. */
void edge_conn_destroy(struct edge_conn *conn, uint64_t now_ms);

/* ---- owners and links ---- */

struct edge_owner {
    struct str worker, address;
    bool lives; /* it was among the living when they were read last */
};

/* ERR_OK: `owner` says who; ERR_QUARANTINED: nobody may have it; any other error: there is none
 * now, ask again later. */
void edge_owner_found(struct edge *edge, struct str room, enum err err,
                      const struct edge_owner *owner, uint64_t now_ms);

/* How to reach the link's worker, e.g. unix:PATH. */
struct str edge_link_address(const struct edge_link *link);
struct str edge_link_worker(const struct edge_link *link);
/* The host's pointer for a link. */
void edge_link_set_user(struct edge_link *link, void *user);
void *edge_link_user(const struct edge_link *link);
void edge_link_up(struct edge_link *link, uint64_t now_ms);
/* Whether the link's worker is among the living, each time that they are read. If it is not twice
 * on end, it is stopped, or cut off from the store, though its link may stand: the link is dropped,
 * so its rooms get other owners. Once may be a store that has forgotten everything; the worker then
 * says so again, and gives it its rooms. `sure`: the store was not away just now, for then its keys
 * ran out for no other reason. */
void edge_worker_listed(struct edge_link *link, bool listed, bool sure, uint64_t now_ms);
/* Each link's worker, in no order; start with *pos = 0, NULL ends. */
struct edge_link *edge_next_link(const struct edge *edge, uint32_t *pos);
/* Could not connect, or ended. The link is freed. */
void edge_link_down(struct edge_link *link, uint64_t now_ms);
/* As shard_link_input. */
enum err edge_link_input(struct edge_link *link, const uint8_t *data, size_t len, size_t *used,
                         uint64_t now_ms) NODISCARD;
struct buf *edge_link_output(struct edge_link *link);

/* ---- time ---- */

/* Whether there is work that is done in slices: then call edge_work in the loop's next turn. */
bool edge_is_busy(const struct edge *edge);
void edge_work(struct edge *edge, uint64_t now_ms);

/* Acts on what is due; the next deadline is edge_deadline (UINT64_MAX: none). */
void edge_tick(struct edge *edge, uint64_t now_ms);
uint64_t edge_deadline(const struct edge *edge);
/* Closes every connection with 1012. */
void edge_stop(struct edge *edge, uint64_t now_ms);
/* Closes up to so many of those that are open in the same way; returns how many it has. */
uint64_t edge_stop_some(struct edge *edge, uint64_t count, uint64_t now_ms);
/* Connections that are not closed, or being closed. */
uint64_t edge_open_count(const struct edge *edge);

#endif
