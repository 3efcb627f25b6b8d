/* Room on the disk of the data directory. An embedded Redis that finds none ends itself, and cannot
 * even say so in its log, which is on that disk too. */
#ifndef NODE_DISK_H
#define NODE_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* Less than a big room may need at once counts as none. */
#define DISK_FULL_BYTES (1 << 20)

/* What we may still write below `path`; UINT64_MAX if nobody knows. */
uint64_t disk_free_bytes(const char *path);

static inline bool disk_is_full(uint64_t free_bytes)
{
    return free_bytes < DISK_FULL_BYTES;
}

#endif
