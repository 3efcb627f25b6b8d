/* Reading the content of a schema file: where in it we are, and what is wrong there. Private to
 * lib/schema. */
#ifndef SCHEMA_READER_H
#define SCHEMA_READER_H

#include "base/buf.h"
#include "value/value.h"

/* A member of, or an item in, the one that encloses it. On the stack of who reads it. */
struct place {
    const struct place *in; /* NULL: the whole content */
    struct str name;        /* ptr NULL: an item */
    uint32_t index;
};

#define PLACE_MEMBER(in_, name_) (&(struct place){(in_), (name_), 0})
#define PLACE_ITEM(in_, index_) (&(struct place){(in_), {NULL, 0}, (index_)})

/* Writes "PLACE: WHAT" to `why`, which is empty; always returns false. */
bool reader_fail(struct buf *why, const struct place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Texts of a file in messages: STR_ARG(reader_cut(text)). */
struct str reader_cut(struct str text);

/* Each fails if the value is of another type. */
bool read_map(struct buf *why, const struct place *place, struct value value);
bool read_array(struct buf *why, const struct place *place, struct value value);
bool read_string(struct buf *why, const struct place *place, struct value value, struct str *out);
/* Absent is false. */
bool read_flag(struct buf *why, const struct place *place, struct value value, bool *out);

/* A map with no other members than `known` (NULL-terminated). */
bool read_members(struct buf *why, const struct place *place, struct value value,
                  const char *const *known);

#endif
