/* Values between msgpack and a Duktape heap. Strings are WTF-8 here and CESU-8 there. */
#ifndef SCRIPT_CONVERT_H
#define SCRIPT_CONVERT_H

#include "base/buf.h"
#include "value/value.h"

#include <duktape.h>

/* What conversions write into. Duktape's errors jump over C frames, so nothing in them owns memory.
 */
struct convert {
    struct buf text;    /* of one string */
    struct buf **parts; /* of the objects being read, by depth; owned, each and all */
    size_t depth, cap;  /* depth: set it to 0 after an error */
};

void convert_finish(struct convert *convert);

/* Pushes a value; an absent one as undefined. Throws when memory is out. */
void convert_push(struct convert *convert, duk_context *ctx, struct value value);
void convert_push_str(struct convert *convert, duk_context *ctx, struct str text);

/* Appends what is at `index` as JSON would have it: members that are undefined or functions are
 * left out, such items null. False, and nothing appended: it is undefined or a function itself.
 * Throws if it nests too deep, or in circles. */
bool convert_read(struct convert *convert, duk_context *ctx, duk_idx_t index, struct buf *out);

#endif
