/* A reply of the simulated Redis before it is bytes, or a value of Lua. */
#ifndef SIM_REDIS_REPLY_H
#define SIM_REDIS_REPLY_H

#include "base/arena.h"
#include "base/buf.h"

enum reply_kind { REPLY_NIL, REPLY_INTEGER, REPLY_BULK, REPLY_STATUS, REPLY_ERROR, REPLY_ARRAY };

struct reply {
    enum reply_kind kind;
    int64_t integer;
    struct str text;     /* not owned */
    struct reply *items; /* in an arena */
    uint32_t count;
};

static inline struct reply reply_integer(int64_t integer)
{
    return (struct reply){.kind = REPLY_INTEGER, .integer = integer};
}

static inline struct reply reply_bulk(struct str text)
{
    return (struct reply){.kind = text.ptr ? REPLY_BULK : REPLY_NIL, .text = text};
}

static inline struct reply reply_status(const char *text)
{
    return (struct reply){.kind = REPLY_STATUS, .text = str_of(text)};
}

static inline struct reply reply_error(const char *text)
{
    return (struct reply){.kind = REPLY_ERROR, .text = str_of(text)};
}

static inline struct reply reply_array(struct arena *arena, uint32_t count)
{
    struct reply *items = arena_alloc(arena, (count + 1) * sizeof(*items));
    memset(items, 0, (count + 1) * sizeof(*items));
    return (struct reply){.kind = REPLY_ARRAY, .items = items, .count = count};
}

/* As RESP2. */
void reply_write(const struct reply *reply, struct buf *out);

#endif
