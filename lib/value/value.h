/* JSON's data model in msgpack: reading.
 *
 * A value is a run of bytes that value_check (check.h) has accepted; nothing here re-checks. It is
 * *canonical*: of equal scalars there is one spelling, so scalars are equal when their bytes are.
 *
 *      nil, false, true          absent members are not there; null is nil
 *      numbers                   a double; whole and up to 2^53 in size: shortest msgpack integer,
 *                                else float 64. Never -0, never NaN; infinity is possible (a JSON
 *                                number too large for a double) and is written as null in JSON
 *      strings                   shortest str header, WTF-8 (base/utf8.h)
 *      arrays, maps              shortest header; keys are strings, no key twice, order free
 *
 * The bytes belong to somebody else (a message, a record's blob, an arena). */
#ifndef VALUE_VALUE_H
#define VALUE_VALUE_H

#include "base/str.h"

#include <stdint.h>

struct value {
    const uint8_t *data; /* NULL: absent (JavaScript's undefined) */
    size_t len;
};

enum value_type {
    VALUE_ABSENT,
    VALUE_NIL,
    VALUE_BOOL,
    VALUE_NUMBER,
    VALUE_STRING,
    VALUE_ARRAY,
    VALUE_MAP,
};

/* Deepest nesting of arrays and maps that is accepted from clients (sync protocol, traps 10), and
 * what may come of it inside: a diff takes two levels for each of the record's, messages wrap it. */
enum { VALUE_MAX_DEPTH = 1000, VALUE_MAX_DEPTH_INSIDE = 2 * VALUE_MAX_DEPTH + 64 };

#define VALUE_NONE ((struct value){0})

static inline bool value_present(struct value value)
{
    return value.data != NULL;
}

enum value_type value_type(struct value value);

/* Each returns false, and leaves *out alone, if the value is of another type. */
bool value_bool(struct value value, bool *out);
bool value_number(struct value value, double *out);
bool value_string(struct value value, struct str *out);
/* A number that is a whole one in 0..2^53. */
bool value_u64(struct value value, uint64_t *out);

/* The value that starts at `at`; scans it to find its end. */
struct value value_at(const uint8_t *at);

/* Walks an array or a map. `left` counts what is still to come. A value of another type walks as
 * empty. */
struct value_walk {
    const uint8_t *at;
    uint32_t left;
};

struct value_walk value_items(struct value array);
bool value_next_item(struct value_walk *walk, struct value *item);
struct value_walk value_members(struct value map);
bool value_next_member(struct value_walk *walk, struct str *key, struct value *member);
/* The same for a member that is too large to be looked at: `member` is where it starts, with no
 * length, good for value_type, value_bool to value_u64, value_count, value_items and value_members.
 * Whoever is through with it sets walk->at to its end. */
bool value_next_key(struct value_walk *walk, struct str *key, struct value *member);

/* Number of items or members; 0 for other types. */
uint32_t value_count(struct value value);
/* The member of that name, or absent; scans the map. */
struct value value_get(struct value map, struct str key);
struct value value_item(struct value array, uint32_t index);

/* Deep equality (rules EQ-1..4). Two absent values are equal; absent and nil are not. */
bool value_equal(struct value a, struct value b);

/* Length in UTF-16 code units of a string, in items of an array; 0 for others. */
size_t value_length(struct value value);

#endif
