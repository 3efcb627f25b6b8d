/* Reading the secret. */
#include "peer/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A secret that is mounted into a container usually belongs to root and is readable by the group
 * that the process is in; so a group may read it. */
#define FORBIDDEN_MODE (S_IWGRP | S_IRWXO)

static const char *trouble_of(const struct stat *info)
{
    return !S_ISREG(info->st_mode)           ? "it is not a regular file"
           : info->st_mode & FORBIDDEN_MODE  ? "others can read or change it; chmod 600 it"
           : info->st_size > SECRET_FILE_MAX ? "it is too large for a secret"
                                             : NULL;
}

static enum err read_all(int fd, struct secrets *out, struct buf *why)
{
    char text[SECRET_FILE_MAX];
    size_t len = 0;
    ssize_t n = 0;
    while (len < sizeof(text) && (n = read(fd, text + len, sizeof(text) - len)) > 0) {
        len += (size_t)n;
    }
    enum err err = ERR_USAGE;
    if (n < 0) {
        buf_printf(why, "%s", strerror(errno));
    } else if (!secrets_parse((struct str){text, len}, out, why)) {
        err = ERR_OK;
    }
    secret_wipe(text, sizeof(text));
    return err;
}

static enum err check_and_read(int fd, struct secrets *out, struct buf *why)
{
    struct stat info;
    if (fd < 0 || fstat(fd, &info)) {
        buf_printf(why, "%s", strerror(errno));
        return ERR_USAGE;
    }
    const char *trouble = trouble_of(&info);
    if (trouble) {
        buf_printf(why, "%s", trouble);
        return ERR_USAGE;
    }
    return read_all(fd, out, why);
}

enum err secret_file_read(const char *path, struct secrets *out, struct buf *why)
{
    struct buf trouble = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not keep us */
    enum err err = check_and_read(fd, out, &trouble);
    if (err) {
        buf_printf(why, "cluster secret file %s: ", path);
        buf_append_str(why, buf_str(&trouble));
    }
    buf_finish(&trouble);
    if (fd >= 0) {
        close(fd);
    }
    return err;
}
