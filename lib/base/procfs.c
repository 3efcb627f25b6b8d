/* Process figures from /proc (proc(5)). */
#include "base/procfs.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint32_t count_fds(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    uint32_t count = 0;
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        count += entry->d_name[0] != '.';
    }
    if (dir) {
        closedir(dir);
    }
    return count;
}

/* When the machine booted, on today's idea of the wall clock. */
static double boot_time(void)
{
    struct timespec wall, up;
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_BOOTTIME, &up);
    return (double)(wall.tv_sec - up.tv_sec) + (double)(wall.tv_nsec - up.tv_nsec) / 1e9;
}

enum err process_usage_read(pid_t pid, struct process_usage *out)
{
    char path[64], line[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file) {
        return ERR_NOT_FOUND;
    }
    char *got = fgets(line, sizeof(line), file);
    fclose(file);
    /* The second field is the program's name in parentheses and may hold anything. */
    const char *rest = got ? strrchr(line, ')') : NULL;
    uint64_t user, system, start;
    int64_t pages;
    /* Fields 14 utime, 15 stime, 22 starttime (all in ticks), 24 rss (in pages). */
    if (!rest || sscanf(rest + 1,
                        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
                        " %*d %*d %*d %*d %*d %*d %" SCNu64 " %*u %" SCNd64,
                        &user, &system, &start, &pages) != 4) {
        return ERR_NOT_FOUND;
    }
    double ticks = (double)sysconf(_SC_CLK_TCK);
    *out = (struct process_usage){
        .resident_bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE),
        .cpu_seconds = (double)(user + system) / ticks,
        .open_fds = count_fds(pid),
        .start_time = boot_time() + (double)start / ticks,
    };
    return ERR_OK;
}

uint64_t process_cpu_ms(pid_t pid)
{
    clockid_t clock;
    struct timespec used = {0};
    if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &used)) {
        return 0;
    }
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

uint64_t process_resident_bytes(void)
{
    uint64_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file) {
        if (fscanf(file, "%*u %" SCNu64, &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
