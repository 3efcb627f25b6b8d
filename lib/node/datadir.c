/* The data directory. */
#include "node/datadir.h"

#include "base/alloc.h"
#include "base/random.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define DIR_MODE 0700
#define NODE_ID_LEN 10
/* What is left of a killed roomd needs milliseconds to die, or as long as one write to disk takes.
 */
#define LOCK_PATIENCE_MS 5000
#define LOCK_POLL_MS 20

static const char longest_socket[] = "/worker-256b.sock";

static enum err fail(struct buf *why, const char *doing, const char *path)
{
    int number = errno;
    buf_printf(why, "cannot %s %s: %s", doing, path, strerror(number));
    return ERR_IO;
}

char *datadir_path(const struct datadir *dir, const char *name)
{
    return xasprintf("%s/%s", dir->path, name);
}

char *datadir_socket(const struct datadir *dir, const char *name)
{
    return xasprintf("%s/%s", dir->sockets, name);
}

/* mkdir -p */
static enum err make_directories(const char *path, struct buf *why)
{
    char *copy = xstrdup(path);
    enum err err = ERR_OK;
    for (char *slash = copy + 1; !err; slash++) {
        bool last = *slash == '\0';
        if (*slash != '/' && !last) {
            continue;
        }
        *slash = '\0';
        if (mkdir(copy, DIR_MODE) && errno != EEXIST) {
            err = fail(why, "make the data directory", copy);
        }
        if (last) {
            break;
        }
        *slash = '/';
    }
    free(copy);
    return err;
}

/* ---- lock ---- */

static pid_t read_holder(int fd)
{
    char text[24] = "";
    ssize_t got = pread(fd, text, sizeof(text) - 1, 0);
    return got > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

static void sleep_ms(long ms)
{
    struct timespec pause = {.tv_nsec = ms * 1000000};
    nanosleep(&pause, NULL);
}

static enum err lock(struct datadir *dir, struct buf *why)
{
    char *path = datadir_path(dir, "lock");
    dir->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    enum err err = dir->lock_fd < 0 ? fail(why, "write to the data directory", dir->path) : ERR_OK;
    free(path);
    for (int waited_ms = 0; !err && flock(dir->lock_fd, LOCK_EX | LOCK_NB);
         waited_ms += LOCK_POLL_MS) {
        pid_t holder = read_holder(dir->lock_fd);
        bool dead = holder > 0 && kill(holder, 0) && errno == ESRCH;
        if (!dead || waited_ms >= LOCK_PATIENCE_MS) {
            buf_printf(why, "the data directory %s is in use by another roomd", dir->path);
            if (!dead && holder > 0) {
                buf_printf(why, " (process %d)", (int)holder);
            }
            err = ERR_EXISTS;
        } else {
            sleep_ms(LOCK_POLL_MS);
        }
    }
    char pid[24];
    int len = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    if (!err && (ftruncate(dir->lock_fd, 0) || pwrite(dir->lock_fd, pid, (size_t)len, 0) != len)) {
        err = fail(why, "write to the data directory", dir->path);
    }
    return err;
}

/* ---- node id ---- */

static bool node_id_is_fine(const char *id)
{
    for (const char *c = id; *c; c++) {
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_' && *c != '.') {
            return false;
        }
    }
    return id[0] != '\0';
}

static enum err write_node_id(const struct datadir *dir, const char *path, struct buf *why)
{
    char *fresh = datadir_path(dir, "node-id.new");
    FILE *file = fopen(fresh, "we");
    bool fine = file && fprintf(file, "%s\n", dir->node_id) > 0 && fflush(file) == 0 &&
                fsync(fileno(file)) == 0;
    if (file) {
        fine = fclose(file) == 0 && fine;
    }
    enum err err = fine && rename(fresh, path) == 0 ? ERR_OK : fail(why, "write", path);
    free(fresh);
    return err;
}

static enum err load_node_id(struct datadir *dir, struct buf *why)
{
    char *path = datadir_path(dir, "node-id");
    FILE *file = fopen(path, "re");
    enum err err = ERR_OK;
    if (file) {
        char line[NODE_ID_MAX + 2] = "";
        char *got = fgets(line, sizeof(line), file);
        fclose(file);
        line[strcspn(line, "\r\n")] = '\0';
        snprintf(dir->node_id, sizeof(dir->node_id), "%s", line);
        if (!got || strlen(line) > NODE_ID_MAX || !node_id_is_fine(line)) {
            buf_printf(why, "%s does not hold a node's name: up to %d of A-Z a-z 0-9 - _ .", path,
                       NODE_ID_MAX);
            err = ERR_MALFORMED;
        }
    } else if (errno == ENOENT) {
        random_name(dir->node_id, NODE_ID_LEN);
        err = write_node_id(dir, path, why);
    } else {
        err = fail(why, "read", path);
    }
    free(path);
    return err;
}

/* ---- sockets ---- */

static void remove_sockets(const char *path)
{
    DIR *list = opendir(path);
    struct dirent *entry;
    while (list && (entry = readdir(list))) {
        size_t len = strlen(entry->d_name);
        if (len > 5 && strcmp(entry->d_name + len - 5, ".sock") == 0) {
            unlinkat(dirfd(list), entry->d_name, 0);
        }
    }
    if (list) {
        closedir(list);
    }
}

/* A temporary directory, ours or of a roomd that was killed, and the link to it. */
static void remove_elsewhere(const struct datadir *dir)
{
    char *link = datadir_path(dir, "sockets");
    char target[PATH_MAX];
    ssize_t len = readlink(link, target, sizeof(target) - 1);
    if (len > 0) {
        target[len] = '\0';
        remove_sockets(target);
        rmdir(target);
        unlink(link);
    }
    free(link);
}

static bool sockets_fit(const char *path)
{
    return strlen(path) + sizeof(longest_socket) <= sizeof(((struct sockaddr_un *)0)->sun_path);
}

/* The address of a Unix socket holds 107 bytes: a path longer than that goes elsewhere. */
static enum err place_sockets(struct datadir *dir, struct buf *why)
{
    remove_elsewhere(dir);
    if (sockets_fit(dir->path)) {
        dir->sockets = xstrdup(dir->path);
        remove_sockets(dir->sockets);
        return ERR_OK;
    }
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char *elsewhere = xasprintf("%s/roomd-XXXXXX", runtime && runtime[0] == '/' ? runtime : "/tmp");
    if (!sockets_fit(elsewhere)) {
        free(elsewhere);
        elsewhere = xstrdup("/tmp/roomd-XXXXXX");
    }
    if (!mkdtemp(elsewhere)) {
        enum err err = fail(why, "make a directory for sockets,", elsewhere);
        free(elsewhere);
        return err;
    }
    dir->sockets = elsewhere;
    char *link = datadir_path(dir, "sockets");
    enum err err = symlink(elsewhere, link) ? fail(why, "write", link) : ERR_OK;
    free(link);
    return err;
}

/* ---- all of it ---- */

enum err datadir_open(const char *path, struct datadir *out, struct buf *why)
{
    struct datadir dir = {.lock_fd = -1};
    enum err err = make_directories(path, why);
    if (err) {
        return err;
    }
    dir.path = realpath(path, NULL);
    if (!dir.path) {
        return fail(why, "use the data directory", path);
    }
    err = lock(&dir, why);
    if (!err) {
        err = load_node_id(&dir, why);
    }
    if (!err) {
        err = place_sockets(&dir, why);
    }
    if (err) {
        if (dir.lock_fd >= 0) {
            close(dir.lock_fd);
        }
        free(dir.path);
        free(dir.sockets);
        return err;
    }
    *out = dir;
    return ERR_OK;
}

void datadir_close(struct datadir *dir)
{
    if (!dir->path) {
        return;
    }
    if (dir->sockets) {
        remove_sockets(dir->sockets);
    }
    remove_elsewhere(dir);
    close(dir->lock_fd);
    free(dir->sockets);
    free(dir->path);
    *dir = (struct datadir){.lock_fd = -1};
}
