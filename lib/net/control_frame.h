/* What a supervisor and its children say to each other, as bytes: a length of four bytes, big
 * endian, then one msgpack array (proto/control.md). Pure. */
#ifndef NET_CONTROL_FRAME_H
#define NET_CONTROL_FRAME_H

#include "base/buf.h"
#include "base/metrics.h"

#define CONTROL_FRAME_MAX (64 * 1024)
#define CONTROL_WHY_MAX 255
#define CONTROL_VERSION_MAX 31
#define CONTROL_ROOM_MAX 256
#define CONTROL_ID_MAX 127
#define CONTROL_ADDRESS_MAX 255

/* How a child is. */
enum control_state {
    CONTROL_STARTING,
    CONTROL_READY,    /* serves */
    CONTROL_DRAINING, /* finishes what it has and takes nothing new */
    CONTROL_FAILED,   /* cannot go on and is about to exit */
};

/* What became of a move that the supervisor asked for. */
enum control_outcome {
    CONTROL_MOVED,  /* the room is the other worker's */
    CONTROL_STAYS,  /* it could not be given away in time */
    CONTROL_LOST,   /* it went elsewhere meanwhile */
    CONTROL_BUSY,   /* it is being loaded, unloaded or moved; ask again */
    CONTROL_ABSENT, /* it is not loaded */
};

/* Which room is to go to which worker. */
struct control_move {
    char room[CONTROL_ROOM_MAX + 1];
    char worker[CONTROL_ID_MAX + 1], node[CONTROL_ID_MAX + 1];
    char address[CONTROL_ADDRESS_MAX + 1]; /* of its link, for its own node */
    char remote[CONTROL_ADDRESS_MAX + 1];  /* and for others; may be empty: they look it up */
};

enum control_kind {
    CONTROL_REPORT,       /* child: state, store_ok, why, version */
    CONTROL_METRICS,      /* child: request, metrics; the answer to CONTROL_STATS */
    CONTROL_STATS,        /* supervisor: request */
    CONTROL_STOP,         /* supervisor: deadline_ms, spread_ms; the node ends */
    CONTROL_DRAIN,        /* supervisor: deadline_ms, away; others go on */
    CONTROL_SET_DRAINING, /* supervisor: on, away */
    CONTROL_MOVE,         /* supervisor: request, move */
    CONTROL_RELOAD,       /* supervisor: nothing */
    CONTROL_OUTCOME,      /* worker: request, outcome, epoch; the answer to CONTROL_MOVE */
};

struct control_message {
    enum control_kind kind;
    enum control_state state;
    bool store_ok;                         /* whether it can make changes durable now */
    char why[CONTROL_WHY_MAX + 1];         /* for people; may be empty */
    char version[CONTROL_VERSION_MAX + 1]; /* of its program; empty if it does not say */
    uint64_t request;                      /* chosen by the supervisor, repeated in the answer */
    uint64_t deadline_ms;                  /* time left for stopping or draining, from now */
    uint64_t spread_ms; /* how much of it to take for closing connections, one after the other */
    bool away;          /* drain to workers of other nodes only: this one ends, or is to be empty */
    bool on;            /* whether it is to give its rooms away, and take no new ones, but stay */
    struct control_move move;
    enum control_outcome outcome;
    uint64_t epoch;         /* of the new ownership; 0 unless it moved */
    struct metrics metrics; /* those of the names both sides know; others are 0 */
};

/* Appends one frame. Only the fields of its kind are read. */
void control_frame_write(const struct control_message *message, struct buf *out);

enum control_parse {
    CONTROL_NEED_MORE,
    CONTROL_MESSAGE, /* `message` is filled */
    CONTROL_BROKEN,  /* not ours to understand; the channel is of no more use */
};

/* Takes the next frame off the front of `in`. Messages of unknown kinds are skipped, and so is
 * what a newer version appends to one: the two ends may be of different versions. */
enum control_parse control_frame_read(struct buf *in, struct control_message *message);

const char *control_state_name(enum control_state state);

#endif
