/* Starting a process of the node. */
#include "node/launch.h"

#include "base/alloc.h"
#include "base/spawn.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a child of ours inherits beside our end of it. */
struct shared {
    int control[2];
    int mark_fd;
    struct mark_page *mark;
};

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

/* Only ours are told who they are. The caller frees it with free_strings. */
static char **make_argv(const struct child_spec *spec, const char *name, const char *id,
                        const struct shared *shared)
{
    enum { OWN = 10 };
    size_t extra = 0;
    while (spec->args && spec->args[extra]) {
        extra++;
    }
    char **argv = xcalloc(1 + OWN + extra + 1, sizeof(*argv));
    size_t used = 0;
    argv[used++] = xstrdup(spec->program);
    if (spec->node_id) {
        const char *const own[] = {"--process", name, "--id", id, "--node", spec->node_id};
        for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
            argv[used++] = xstrdup(own[i]);
        }
        argv[used++] = xstrdup("--control-fd");
        argv[used++] = xasprintf("%d", shared->control[1]);
    }
    if (shared->mark) {
        argv[used++] = xstrdup("--mark-fd");
        argv[used++] = xasprintf("%d", shared->mark_fd);
    }
    for (size_t i = 0; i < extra; i++) {
        argv[used++] = xstrdup(spec->args[i]);
    }
    return argv;
}

static enum err share(const struct child_spec *spec, struct shared *shared)
{
    if (spec->node_id && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, shared->control)) {
        return ERR_IO;
    }
    return spec->marked ? mark_page_create(&shared->mark, &shared->mark_fd) : ERR_OK;
}

enum err launch(const struct child_spec *spec, const char *name, const char *id,
                struct launched *out, struct buf *why)
{
    struct shared shared = {.control = {-1, -1}, .mark_fd = -1};
    struct launched launched = {0};
    enum err err = share(spec, &shared);
    if (err) {
        buf_printf(why, "%s", strerror(errno));
    } else {
        char **argv = make_argv(spec, name, id, &shared);
        struct spawn spawn = {
            .program = spec->program,
            .argv = argv,
            .env = spec->env,
            .keep_fds = {spec->node_id ? shared.control[1] : spec->keep_fd, shared.mark_fd}};
        err = spawn_process(&spawn, &launched.pid, why);
        free_strings(argv);
    }
    close_fd(shared.control[1]);
    close_fd(shared.mark_fd);
    if (err) {
        close_fd(shared.control[0]);
        mark_page_destroy(shared.mark);
        return err;
    }
    launched.control_fd = shared.control[0];
    launched.mark = shared.mark;
    *out = launched;
    return ERR_OK;
}
