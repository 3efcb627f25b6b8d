/* What has become of one member of a record, between apply.c and diff.c. Private to lib/value. */
#ifndef VALUE_CHANGE_H
#define VALUE_CHANGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "value/value.h"

struct change {
    struct str key;
    struct value before; /* absent: it is new */
    struct value after;  /* absent: it is deleted */
};

/* Appends the object diff of a record in which only these members, each named once, may differ, and
 * returns true; false, and nothing appended, if none does. */
bool diff_changes(const struct change *changes, uint32_t count, bool legacy_append,
                  struct arena *scratch, struct buf *out);

#endif
