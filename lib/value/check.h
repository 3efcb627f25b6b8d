/* Outside bytes to values: the only way in besides json_parse. */
#ifndef VALUE_CHECK_H
#define VALUE_CHECK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "value/value.h"

/* Checks that `data` is exactly one canonical value (value.h): complete, nothing behind it, keys
 * that are strings and not twice in a map, no deeper than VALUE_MAX_DEPTH_INSIDE. For what our own
 * processes and our own Redis keys hand us. ERR_MALFORMED or ERR_TOO_DEEP. */
enum err value_check(const void *data, size_t len, struct value *out) NODISCARD;

/* The same, but for members of one name: what walks a value is safe after it, and what compares or
 * changes one is not right if there are two. For what one of our processes has checked, or made,
 * and hands to another. */
enum err value_check_form(const void *data, size_t len, struct value *out) NODISCARD;

/* The same in slices. */
struct value_checking;

struct value_checking *value_checking_create(const void *data, size_t len); /* borrowed */
/* ERR_AGAIN: there is more to do; else as value_check, and final. */
enum err value_checking_step(struct value_checking *checking, struct slice *slice) NODISCARD;
void value_checking_destroy(struct value_checking *checking); /* NULL is fine */

/* Rewrites one msgpack value from a client to canonical form, appended to `out`: any integer or
 * float spelling becomes ours (NaN nil, integers beyond 2^53 the nearest double, as JavaScript
 * would read them), longer headers become the shortest, of members with one name the last wins at
 * the first one's place. Refused as ERR_MALFORMED: bin, ext, keys that are no strings, strings that
 * are not WTF-8, trailing bytes. ERR_TOO_DEEP beyond VALUE_MAX_DEPTH, ERR_TOO_LARGE beyond
 * VALUE_MAX_WORK. */
enum err value_normalize(const void *data, size_t len, struct buf *out) NODISCARD;

/* Bound on the sum over all items and members of their nesting depth: what walking a value by
 * levels can cost. Ordinary data of 16 MiB stays far below; a deep and wide bomb does not. */
#define VALUE_MAX_WORK (512u * 1024 * 1024)

/* Whether `value` keeps that bound. Messages from clients do; a record may outgrow it bit by bit.
 */
bool value_walkable(struct value value);

#endif
