/* Compares what was recorded with what was found. Presence ids are random; a recording names them
 * "$presence:SESSION", or "$presence:SESSION#2" for a later one of the same session. A name is
 * bound to the id in whose place it is first seen and stands for it from then on. */
#ifndef REPLAY_MATCH_H
#define REPLAY_MATCH_H

#include "base/buf.h"
#include "value/value.h"

#include <stdint.h>

enum { PRESENCE_TOKEN_LEN = 21 };

struct presence_id {
    char token[PRESENCE_TOKEN_LEN]; /* the random part */
    char *session;                  /* owned; whose it is */
    char *name;                     /* owned; what it is bound to, NULL: not yet */
};

struct presence_ids {          /* zeroed is empty */
    struct presence_id *items; /* owned */
    unsigned count;
    char *type; /* owned; what ids start with, NULL: anything */
};

/* Makes the next random part, for `session`. */
void presence_ids_add(struct presence_ids *ids, struct str session, char token[PRESENCE_TOKEN_LEN]);
void presence_ids_finish(struct presence_ids *ids);

/* Appends `value` with each name replaced by the id that it is bound to, if it is. */
void presence_ids_resolve(const struct presence_ids *ids, struct value value, struct buf *out);

/* Whether `found` is what `wanted` says; binds names on the way. */
bool match(struct presence_ids *ids, struct value wanted, struct value found);

#endif
