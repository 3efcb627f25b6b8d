/* The embedded Redis' arguments and files. */
#include "node/redis_child.h"

#include "base/alloc.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A log longer than this starts anew, and one older is kept. */
#define LOG_MAX (4 * 1024 * 1024)

char *redis_child_log_path(const struct datadir *dir)
{
    return datadir_path(dir, "redis/redis.log");
}

char *redis_child_socket(const struct datadir *dir)
{
    return datadir_socket(dir, "redis.sock");
}

static void rotate_log(const char *path)
{
    struct stat info;
    if (stat(path, &info) == 0 && info.st_size > LOG_MAX) {
        char *old = xasprintf("%s.1", path);
        (void)!rename(path, old);
        free(old);
    }
}

/* What a Redis that was killed amid a rewrite left half-written; it never reads them again. */
static void remove_leftovers(const char *home)
{
    DIR *list = opendir(home);
    struct dirent *entry;
    while (list && (entry = readdir(list))) {
        if (strncmp(entry->d_name, "temp-", 5) == 0) {
            unlinkat(dirfd(list), entry->d_name, 0);
        }
    }
    if (list) {
        closedir(list);
    }
}

enum err redis_child_args(const struct datadir *dir, enum log_level level, char ***out,
                          struct buf *why)
{
    char *home = datadir_path(dir, "redis");
    if (mkdir(home, 0700) && errno != EEXIST) {
        buf_printf(why, "cannot make %s: %s", home, strerror(errno));
        free(home);
        return ERR_IO;
    }
    char *log = redis_child_log_path(dir);
    char *socket = redis_child_socket(dir);
    rotate_log(log);
    remove_leftovers(home);
    const char *const args[] = {
        /* where */
        "--port", "0", "--unixsocket", socket, "--unixsocketperm", "600", "--dir", home,
        /* what it keeps: every change, before it answers; no other copy beside that */
        "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy",
        "noeviction", "--databases", "1",
        /* how it runs: our child, in the foreground */
        "--daemonize", "no", "--supervised", "no", "--pidfile", "", "--loglevel", "notice",
        "--logfile", level == LOG_DEBUG ? "" : log, NULL};
    enum { COUNT = sizeof(args) / sizeof(args[0]) };
    char **copy = xcalloc(COUNT, sizeof(*copy));
    for (size_t i = 0; args[i]; i++) {
        copy[i] = xstrdup(args[i]);
    }
    free(home);
    free(log);
    free(socket);
    *out = copy;
    return ERR_OK;
}
