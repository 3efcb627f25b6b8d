/* One state of one record: immutable, counted, with the clock of the change that made it. A room
 * links its current documents by that clock, oldest first; who still holds an older state keeps a
 * reference, and it is in no list then. */
#ifndef ROOM_RECORD_H
#define ROOM_RECORD_H

#include "base/list.h"
#include "value/value.h"

struct record {
    struct list link; /* in room.by_clock while current */
    uint64_t clock;   /* lastChangedClock (CLK-3); 0 and unused for presence */
    uint32_t refs;
    uint32_t len;
    uint32_t id_at, type_at; /* where in `data` the strings id and typeName stand */
    uint8_t data[];          /* a map that has these two members */
};

/* Whether it has what every record has, the string members id and typeName; if so, they are set. */
bool record_identity(struct value value, struct str *id, struct str *type);

/* Copies `value`, which has string members id and typeName, and is under 4 GiB. */
struct record *record_create(struct value value, uint64_t clock);
struct record *record_ref(struct record *record);
void record_unref(struct record *record); /* NULL is fine */

struct str record_id(const struct record *record);
struct str record_type(const struct record *record);

static inline struct value record_value(const struct record *record)
{
    return (struct value){record->data, record->len};
}

/* Key function for a map of records by id. */
struct str record_key(const void *record);

#endif
