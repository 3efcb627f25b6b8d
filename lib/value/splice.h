/* Late changes to a value that is being written: headers whose count is known at the container's
 * end, members whose name came again. They are noted when a container ends and applied all at once,
 * so that no byte moves more than once however deep the containers nest. Private to lib/value.
 *
 * All positions count from buf_head of the buf being written. */
#ifndef VALUE_SPLICE_H
#define VALUE_SPLICE_H

#include "base/buf.h"
#include "value/keys.h"

struct splice {
    size_t at, end;        /* replaced */
    size_t from, from_end; /* by these bytes, themselves spliced; unless it is a header */
    uint32_t count;        /* of a header */
    enum { SPLICE_ARRAY, SPLICE_MAP, SPLICE_BYTES } kind;
};

/* Zeroed is empty. */
struct splices {
    struct splice *items; /* owned; those of a container behind those of what it holds */
    size_t count, cap;
    bool repeats; /* there are others than headers */
};

/* The header at `at`..`end` becomes one for `count` items or members; at once if that is as long.
 */
void splices_header(struct splices *splices, struct buf *out, size_t at, size_t end, bool map,
                    uint32_t count);

/* The map at the end of `out`, whose header is `at`..`end`, holds some name more than once; `keys`
 * from `first` on are its names. The last member of a name is put in the first one's place, and the
 * header is corrected. */
void splices_repeats(struct splices *splices, struct buf *out, struct keys *keys, size_t first,
                     size_t at, size_t end);

/* Applies them to the value that starts at `start` and ends with `out`. */
void splices_apply(struct splices *splices, struct buf *out, size_t start);

void splices_finish(struct splices *splices);

#endif
