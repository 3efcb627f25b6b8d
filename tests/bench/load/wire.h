/* The client's end of a WebSocket (RFC 6455): bytes only; the caller has the socket. Frames of any
 * size in pieces of any size, fragmented messages too; compression is never offered. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include "base/buf.h"
#include "ws/frame.h"

/* Appends the request for a WebSocket at `path`. */
void wire_write_request(struct buf *out, const char *path);

/* The end of a server's answer in `input`: its length once all of it is there, else 0. *status is
 * then the answer's. */
size_t wire_read_answer(struct str input, unsigned *status);

/* Appends a frame masked with a fixed key: what a mask costs is paid, what it protects from is not
 * here. */
void wire_write(struct buf *out, enum ws_opcode opcode, struct str payload);

enum wire_event {
    WIRE_NEED_MORE, /* `used` bytes are dealt with; the rest comes again, with more behind it */
    WIRE_MESSAGE,   /* text or binary, whole */
    WIRE_PING,
    WIRE_CLOSE,
    WIRE_OTHER, /* a pong */
    WIRE_BROKEN,
};

struct wire_message {
    struct str payload; /* borrowed until the next call, and while the input lives */
    unsigned code;      /* of CLOSE; 0 for none */
    size_t used;        /* bytes of the input */
    size_t wanted;      /* of NEED_MORE: how many there will be of the frame, if that is known */
};

/* Embedded in its connection, starts zeroed. */
struct wire {
    struct buf parts; /* owned: fragments of the message under way */
    bool ended;       /* the message in `parts` has been handed out */
};

/* The first thing in `input`. */
enum wire_event wire_next(struct wire *wire, struct str input, struct wire_message *message);
void wire_finish(struct wire *wire);

#endif
