/* Puts a client's chunked messages together again (protocol 7.2). Pure. */
#ifndef EDGE_CHUNK_H
#define EDGE_CHUNK_H

#include "base/buf.h"

#include <stdint.h>

enum chunk_result {
    CHUNK_MORE,    /* in the middle of a sequence */
    CHUNK_WHOLE,   /* the frame is a message by itself; text that does not parse is fatal */
    CHUNK_JOINED,  /* the last chunk came; text that does not parse is a chunk error (bad-json) */
    CHUNK_INVALID, /* the errors; the assembler is idle again */
    CHUNK_WRONG_ORDER,
    CHUNK_UNEXPECTED_JSON,
    CHUNK_TOO_LARGE, /* over `max` bytes: close with 1009 */
};

/* Zeroed is idle and holds no memory. */
struct chunk_assembler {
    struct buf joined;  /* owned; bodies so far */
    uint64_t remaining; /* chunks still to come; 0: idle */
};

/* One text frame. With CHUNK_WHOLE or CHUNK_JOINED, *text is the message: a view into `frame` or
 * into the assembler, until the next call. `max` bounds one assembled message, in bytes. */
enum chunk_result chunk_feed(struct chunk_assembler *assembler, struct str frame, size_t max,
                             struct str *text);
void chunk_finish(struct chunk_assembler *assembler);

#endif
