/* The data directory: made, locked, named. */
#include "base/alloc.h"
#include "node/datadir.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void check_text(const char *got, const char *want)
{
    cr_assert(zero(int, strcmp(got, want)), "got \"%s\", want \"%s\"", got, want);
}

/* A fresh directory and, below it, the path to open; both are the caller's to free. */
static char *fresh_path(const char *below)
{
    char *base = xstrdup("/tmp/roomd-test-XXXXXX");
    cr_assert(mkdtemp(base) != NULL);
    char *path = xasprintf("%s/%s", base, below);
    free(base);
    return path;
}

static void remove_tree(const char *path)
{
    char *command = xasprintf("rm -rf '%s'", path);
    cr_assert(eq(int, system(command), 0));
    free(command);
}

Test(datadir, is_made_private_and_keeps_its_node_id)
{
    char *path = fresh_path("with space/deeper");
    struct buf why = {0};
    struct datadir first, second;
    cr_assert(eq(int, datadir_open(path, &first, &why), ERR_OK));
    struct stat info;
    cr_assert(eq(int, stat(path, &info), 0));
    cr_assert(eq(uint, info.st_mode & 0777, 0700));
    cr_assert(gt(sz, strlen(first.node_id), 0));
    char *id = xstrdup(first.node_id);
    datadir_close(&first);
    cr_assert(eq(int, datadir_open(path, &second, &why), ERR_OK));
    check_text(second.node_id, id);
    datadir_close(&second);
    free(id);
    remove_tree(path);
    free(path);
}

Test(datadir, is_refused_to_a_second_one_and_names_the_first)
{
    char *path = fresh_path("d");
    struct buf why = {0};
    struct datadir first, second;
    cr_assert(eq(int, datadir_open(path, &first, &why), ERR_OK));
    cr_assert(eq(int, datadir_open(path, &second, &why), ERR_EXISTS));
    buf_append_byte(&why, '\0');
    cr_assert(strstr((char *)buf_head(&why), "in use by another roomd (process ") != NULL);
    buf_finish(&why);
    datadir_close(&first);
    remove_tree(path);
    free(path);
}

/* As when a killed supervisor's Redis still has the inherited lock. */
Test(datadir, waits_for_what_a_dead_one_left_running)
{
    char *path = fresh_path("d");
    struct buf why = {0};
    struct datadir first, second;
    cr_assert(eq(int, datadir_open(path, &first, &why), ERR_OK));
    pid_t dead = fork();
    if (dead == 0) {
        _exit(0);
    }
    waitpid(dead, NULL, 0);
    char text[24];
    int len = snprintf(text, sizeof(text), "%d\n", (int)dead);
    cr_assert(eq(int, ftruncate(first.lock_fd, 0), 0));
    cr_assert(eq(int, (int)pwrite(first.lock_fd, text, (size_t)len, 0), len));
    pid_t holder = fork();
    if (holder == 0) {
        usleep(60000); /* so that the open below has to wait; nothing depends on how long */
        _exit(0);
    }
    close(first.lock_fd); /* now only the holder has it */
    cr_assert(eq(int, datadir_open(path, &second, &why), ERR_OK));
    waitpid(holder, NULL, 0);
    datadir_close(&second);
    free(first.path);
    free(first.sockets);
    buf_finish(&why);
    remove_tree(path);
    free(path);
}

Test(datadir, puts_sockets_elsewhere_when_its_path_is_too_long)
{
    char deep[121];
    memset(deep, 'x', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    char *path = fresh_path(deep);
    struct buf why = {0};
    struct datadir dir;
    cr_assert(eq(int, datadir_open(path, &dir, &why), ERR_OK));
    char *socket = datadir_socket(&dir, "worker-256b.sock");
    cr_assert(le(sz, strlen(socket), 107));
    int fd = open(socket, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    cr_assert(ge(int, fd, 0));
    close(fd);
    char *elsewhere = xstrdup(dir.sockets);
    datadir_close(&dir);
    cr_assert(ne(int, access(elsewhere, F_OK), 0));
    free(elsewhere);
    free(socket);
    remove_tree(path);
    free(path);
}

Test(datadir, says_what_is_wrong_with_a_node_id)
{
    char *path = fresh_path("d");
    struct buf why = {0};
    struct datadir dir;
    cr_assert(eq(int, datadir_open(path, &dir, &why), ERR_OK));
    char *file = datadir_path(&dir, "node-id");
    datadir_close(&dir);
    FILE *out = fopen(file, "w");
    fputs("no good\n", out);
    fclose(out);
    cr_assert(eq(int, datadir_open(path, &dir, &why), ERR_MALFORMED));
    buf_finish(&why);
    free(file);
    remove_tree(path);
    free(path);
}
