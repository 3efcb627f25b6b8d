/* What a sentinel says of a master. Pure. */
#ifndef STORE_SENTINELS_H
#define STORE_SENTINELS_H

#include "base/address.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>

struct sentinel_word {
    struct address master;
    uint64_t config_epoch; /* one more with each failover: of two that differ the higher is right */
};

/* Reads the answer to SENTINEL MASTER; false if it names nobody. */
bool sentinel_read(const redisReply *reply, struct sentinel_word *out);

#endif
