/* How a room snapshot is stored: one msgpack array in the key of the room, proto/snapshot.md.
 *
 *      ["roomd-snapshot", version, clock, coding, size, checksum, body, recent]
 *
 * The body is the room snapshot (a map, room-rules SNAP-1) in msgpack, compressed when that pays.
 * `recent` says which pushes are in it (proto/ownership.md, "Applied once"): an array that has, for
 * each connection, its name, the number of its last message that changed something, and its
 * session. */
#ifndef CLUSTER_STORED_SNAPSHOT_H
#define CLUSTER_STORED_SNAPSHOT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "value/value.h"

enum { STORED_SNAPSHOT_VERSION = 1 };

/* Largest room snapshot that is read; more is taken for damage. */
#define STORED_SNAPSHOT_MAX (1024u * 1024 * 1024)

/* Appends the stored form of `body` and `recent`. */
void stored_snapshot_write(struct value body, struct value recent, uint64_t clock, struct buf *out);

/* ---- a large one, bit by bit ----
 * The same form, always compressed. */
struct snapshot_packing;

/* Of a body of that many bytes, which then comes as by stored_snapshot_feed. */
struct snapshot_packing *snapshot_packing_create(size_t body_bytes);
void snapshot_packing_feed(struct snapshot_packing *packing, struct str bytes);
/* All of it was fed. Appends the stored form to an empty buf, which is taken over. */
void snapshot_packing_end(struct snapshot_packing *packing, struct value recent, uint64_t clock,
                          struct buf *out);
void snapshot_packing_destroy(struct snapshot_packing *packing); /* NULL is fine */

/* And back. `stored` is borrowed. */
struct snapshot_unpacking;
struct snapshot_unpacking *snapshot_unpacking_create(struct str stored);
/* ERR_AGAIN: there is more to do. ERR_OK: `body` and `recent` (absent if there is none) are there,
 * until the unpacking is destroyed. Else as stored_snapshot_read. */
enum err snapshot_unpacking_step(struct snapshot_unpacking *unpacking,
                                 struct slice *slice) NODISCARD;
struct value snapshot_unpacking_body(const struct snapshot_unpacking *unpacking);
struct value snapshot_unpacking_recent(const struct snapshot_unpacking *unpacking);
void snapshot_unpacking_destroy(struct snapshot_unpacking *unpacking); /* NULL is fine */

/* Checks and unpacks a stored form; the body is appended to `out`, as one value, and so is `recent`
 * to its buf, unless the snapshot has none. ERR_MALFORMED, ERR_VERSION, ERR_CHECKSUM or
 * ERR_TOO_LARGE: nothing is appended. */
enum err stored_snapshot_read(struct str stored, struct buf *out, struct buf *recent) NODISCARD;

#endif
