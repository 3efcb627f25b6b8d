/* Network diffs are written op by op, their number known only at the end: keys and values go into
 * a buf, the map header in front when the message is put together. */
#ifndef ROOM_OPS_H
#define ROOM_OPS_H

#include "base/buf.h"
#include "value/value.h"

/* id: ["put", record] */
void ops_put(struct buf *ops, struct str id, struct value record);
/* id: ["patch", object diff] */
void ops_patch(struct buf *ops, struct str id, struct value object_diff);
/* id: ["remove"] */
void ops_remove(struct buf *ops, struct str id);

/* Appends the whole diff: header and `count` ops. */
void ops_diff(struct buf *out, uint32_t count, const struct buf *ops);

/* Appends the data event {"type":"patch","diff":..,"serverClock":..} (protocol 5.2). */
void event_patch(struct buf *out, uint32_t count, const struct buf *ops, uint64_t server_clock);

#endif
