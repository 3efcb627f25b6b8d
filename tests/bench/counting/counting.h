/* bench_counts: the parts of the server that are pure, each done a given number of times, so that
 * somebody else can count the instructions (tests/bench/counts). Nothing here depends on time,
 * addresses or chance. */
#ifndef BENCH_COUNTING_H
#define BENCH_COUNTING_H

#include "base/buf.h"
#include "schema/schema.h"
#include "value/value.h"

/* Prepares what the part needs, which must not depend on `count`, and does it `count` times. */
typedef void (*part_fn)(uint64_t count);

struct part {
    const char *name;
    uint64_t count; /* a good number of times; others are multiples of it */
    part_fn run;
    const char *about;
};

/* One group for each file; each ends with a part without name. */
extern const struct part codec_parts[], room_parts[], edge_parts[];

/* The schema of the file that the program was given; the caller holds a reference. */
struct schema *counting_schema(void);

/* Ends the program if `right` is not true: then something else was counted. */
void must(bool right, const char *what);

/* Appends what the JSON says. */
void from_json(struct str text, struct buf *out);

/* Appends a geo shape with that id, as JSON. */
void shape_json(unsigned number, struct buf *out);
/* Appends a room snapshot of so many shapes, "shape:0" and on, as a value; `schema` may be absent.
 */
void snapshot_of(unsigned count, struct value schema, struct buf *out);

/* A cursor's move as a client pushes it, and as others are told, JSON. */
extern const char cursor_push[], cursor_event[];

#endif
