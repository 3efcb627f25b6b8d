/* What the kernel knows of a process, from /proc. */
#ifndef BASE_PROCFS_H
#define BASE_PROCFS_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

struct process_usage {
    uint64_t resident_bytes;
    double cpu_seconds; /* user and system */
    uint32_t open_fds;  /* 0 where we may not look */
    double start_time;  /* seconds since 1970 */
};

/* ERR_NOT_FOUND when there is no such process. */
enum err process_usage_read(pid_t pid, struct process_usage *out) NODISCARD;

/* CPU time so far, cheaply; 0 when there is no such process. */
uint64_t process_cpu_ms(pid_t pid);

/* Of this process, cheaply; 0 if /proc is not there. */
uint64_t process_resident_bytes(void);

#endif
