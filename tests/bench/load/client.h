/* One connection of the load generator: connects, says what it is told to say, and counts what it
 * hears (in load.h's stats). The caller decides when it moves. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include "base/buf.h"
#include "wire.h"

struct load;
struct room;

enum client_state {
    CLIENT_IDLE,      /* no socket: not begun, or to be tried again */
    CLIENT_UPGRADING, /* the WebSocket's handshake is under way */
    CLIENT_OPEN,      /* a joiner that waits to be told client_join */
    CLIENT_JOINING,   /* the connect reply is awaited */
    CLIENT_PREPARING, /* its presence, its shape, the room's shapes are being pushed */
    CLIENT_READY,
    CLIENT_CLOSED,
    CLIENT_STATES,
};

enum client_kind {
    CLIENT_MOVER,
    CLIENT_READER,
    CLIENT_SLOW,    /* a reader that client_read_some makes read, once it is ready */
    CLIENT_JOINER,  /* stops at OPEN, and is ready with the connect reply */
    CLIENT_AUDITOR, /* holds the connect reply against what was acknowledged, and leaves */
};

struct client {
    struct load *load;
    struct room *room;
    int fd; /* -1: none */
    uint8_t state, kind;
    bool moves_shape; /* not a cursor */
    bool recovered;   /* had an answer since load.outage_us */
    bool wants_write; /* epoll is to say when the socket takes more */
    unsigned number;  /* in its room */
    unsigned tries;
    struct wire wire;
    struct buf in, out;  /* owned: the begin of a frame; what the socket did not take */
    uint64_t prefill;    /* shapes that it has to push before it is ready */
    uint64_t prefilled;  /* of them */
    uint64_t said;       /* pushes, so the next one's clientClock */
    uint64_t heard;      /* results, so the clientClock of the one awaited */
    uint64_t *said_at;   /* owned: times of pushes that are not answered, a ring */
    uint32_t said_cap;   /* 0 or a power of two */
    uint64_t kept_us;    /* stamp of the newest push that was acknowledged; 0: none */
    uint64_t join_begun; /* when it asked to be connected */
};

/* Opens a socket and asks for a WebSocket. */
void client_begin(struct client *client);
/* OPEN: asks to be connected. */
void client_join(struct client *client);
/* READY: moves its cursor or its shape. */
void client_move(struct client *client);
/* READY: says that it is alive. */
void client_ping(struct client *client);
/* SLOW and READY: takes at most that many bytes off its socket. */
void client_read_some(struct client *client, size_t most);
/* Closes the socket, and leaves it in the state. */
void client_drop(struct client *client, enum client_state state);

/* Of epoll. */
void client_on_events(struct client *client, uint32_t events);

#endif
