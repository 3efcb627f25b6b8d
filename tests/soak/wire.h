/* The client's end of a WebSocket, as far as a crowd of well-behaved clients needs it: text out,
 * whole messages in, no fragments. Bytes only; the caller has the socket. */
#ifndef SOAK_WIRE_H
#define SOAK_WIRE_H

#include "base/buf.h"
#include "ws/frame.h"

enum wire_event {
    WIRE_NEED_MORE,
    WIRE_ACCEPTED, /* the handshake is answered with 101 */
    WIRE_REFUSED,  /* or with something else */
    WIRE_TEXT,
    WIRE_CLOSE,
    WIRE_OTHER, /* pings and such: nothing that a client here waits for */
    WIRE_BROKEN,
};

struct wire_message {
    struct str text; /* of TEXT; borrowed until `used` bytes of the input are consumed */
    unsigned code;   /* of CLOSE; 0 for none. Of REFUSED: the status */
    size_t used;
};

/* Appends the request for a WebSocket at `path`. */
void wire_write_request(struct buf *out, const char *path);
/* Appends a masked frame. */
void wire_write(struct buf *out, enum ws_opcode opcode, struct str payload);

/* The first thing in `input`: the answer to the request, and after that a frame. */
enum wire_event wire_read_answer(const struct buf *input, struct wire_message *message);
enum wire_event wire_read_frame(const struct buf *input, struct wire_message *message);

#endif
