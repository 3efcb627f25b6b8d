/* Redis Cluster's slots: which one a key belongs to, and which server has which. Pure.
 * (Redis Cluster specification, "Key distribution model" and "Hash tags".) */
#ifndef STORE_SLOTS_H
#define STORE_SLOTS_H

#include "base/address.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>

enum { SLOTS = 16384 };

/* CRC16 (XMODEM) of the key, or of what stands between its first { and the next }, if anything
 * does, modulo SLOTS. */
uint16_t slot_of(struct str key);

/* Slots that one master has. */
struct slot_range {
    uint16_t first, last;
    struct address master;
};

/* Reads the answer to CLUSTER SLOTS; `asked` is who gave it, for a server that does not know its
 * own name ("" or "?"). Returns the ranges, which the caller frees, and their number in *count;
 * NULL if it is not such an answer, or an empty one. */
struct slot_range *slots_read(const redisReply *reply, const struct address *asked, size_t *count);

#endif
