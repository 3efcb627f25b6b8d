/* Differences between records, and applying them: spec rules DF-1..11 and AP-1..11. */
#ifndef VALUE_DIFF_H
#define VALUE_DIFF_H

#include "base/arena.h"
#include "base/buf.h"
#include "value/value.h"

/* Appends the object diff prev -> next (both maps) to `out` and returns true; false, and nothing
 * appended, if there is no difference (DF-1). With `legacy_append` strings are never appended to
 * (DF-5.3, DF-9). `scratch` is used and not reset. */
bool diff_record(struct value prev, struct value next, bool legacy_append, struct arena *scratch,
                 struct buf *out);

enum apply_result {
    APPLY_UNCHANGED, /* "the very same object came back": no op wrote anything (AP-2) */
    APPLY_CHANGED,
    APPLY_MALFORMED, /* an op is null, or a patch of something existing has no object */
    APPLY_TOO_LARGE, /* a gap of more than APPLY_MAX_GAP in an array, or over 4 GiB */
};

/* Array items that one apply may leave out between the old end and a written index (AP-8). They
 * read as null. */
enum { APPLY_MAX_GAP = 1024 };

/* Applies an object diff to `object`. On APPLY_CHANGED, *result is the new value, in `scratch`;
 * on APPLY_UNCHANGED it is `object`. *holes says whether an array got an item that is "nothing"
 * (AP-8: a gap, or a deleted item), which validated records refuse. */
enum apply_result apply_diff(struct value object, struct value diff, struct arena *scratch,
                             struct value *result, bool *holes);

/* apply_diff to a record. On APPLY_CHANGED it also appends to `effective` what diff_record(record,
 * *result, legacy_append) would, or nothing if there is no difference, and looks only at members
 * that the diff names: what a push costs does not depend on how much else is in the record. */
enum apply_result apply_to_record(struct value record, struct value diff, bool legacy_append,
                                  struct arena *scratch, struct value *result, bool *holes,
                                  struct buf *effective);
/* Appends the object diff that leaves any object as `first` and then `second` would, and returns
 * true; false, and nothing appended, if that cannot be said without knowing the object, or if one
 * of them is not as diffs are. What the first does and the second undoes is not in it, so nobody
 * finds out whether that was right. `scratch` is used and not reset. */
bool diff_merge(struct value first, struct value second, struct arena *scratch, struct buf *out);

#endif
