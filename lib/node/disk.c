/* Room on the disk. */
#include "node/disk.h"

#include <sys/statvfs.h>

uint64_t disk_free_bytes(const char *path)
{
    struct statvfs disk;
    if (statvfs(path, &disk)) {
        return UINT64_MAX;
    }
    return (uint64_t)disk.f_bavail * disk.f_frsize;
}
