/* What a client of the benchmark says, each appended as one message in its encoding. The records
 * are tldraw's (schema of 5.4.2), so that servers with and without a schema file take them, and a
 * move says what tldraw's own client says when a pointer moves. */
#ifndef BENCH_SAY_H
#define BENCH_SAY_H

#include "base/buf.h"
#include "scan.h"

/* `schema` is the serialized schema as JSON. */
void say_connect(enum encoding encoding, struct str schema, struct buf *out);
void say_ping(enum encoding encoding, struct buf *out);

/* Puts the client's presence. */
void say_presence(enum encoding encoding, uint64_t client_clock, struct buf *out);
/* Moves its cursor; `stamp` as in scan.h, without its base. Each move changes both x and y, so that
 * no server finds less to say than was pushed. */
void say_cursor(enum encoding encoding, uint64_t client_clock, uint64_t stamp, struct buf *out);

/* Puts `count` geo shapes (some 490 bytes of JSON each) with the ids `prefix`0, `prefix`1, ...,
 * beginning with `first`. */
void say_shapes(enum encoding encoding, uint64_t client_clock, const char *prefix, uint64_t first,
                uint64_t count, struct buf *out);
/* Moves the shape with the id `prefix``number`. */
void say_shape(enum encoding encoding, uint64_t client_clock, const char *prefix, uint64_t number,
               uint64_t stamp, struct buf *out);

#endif
