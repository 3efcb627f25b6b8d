/* fork and exec, with all that must be right between the two. */
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void keep_open(int fd)
{
    if (fd >= 0) {
        fcntl(fd, F_SETFD, fcntl(fd, F_GETFD) & ~FD_CLOEXEC);
    }
}

/* Between fork and exec: only what is async-signal-safe. Returns only on failure, with errno. */
static void become(const struct spawn *spawn, pid_t parent)
{
    /* The loop's handlers would write to a socket that we share with the parent. */
    for (int number = 1; number < NSIG; number++) {
        signal(number, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL)) {
        return;
    }
    if (getppid() != parent) {
        _exit(1); /* it died before the line above could have told the kernel */
    }
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        return;
    }
    if (null > STDERR_FILENO) {
        close(null);
    }
    for (int i = 0; i < SPAWN_FDS; i++) {
        keep_open(spawn->keep_fds[i]);
    }
    execve(spawn->program, spawn->argv, spawn->env);
}

/* Reads the errno that a child wrote because it could not exec; 0 if it could. */
static int read_exec_errno(int fd)
{
    int number = 0;
    ssize_t got;
    do {
        got = read(fd, &number, sizeof(number));
    } while (got < 0 && errno == EINTR);
    return got == sizeof(number) ? number : 0;
}

enum err spawn_process(const struct spawn *spawn, pid_t *out, struct buf *why)
{
    int tell[2];
    if (pipe2(tell, O_CLOEXEC)) {
        buf_printf(why, "%s", strerror(errno));
        return ERR_IO;
    }
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t pid = fork();
    int number = errno;
    if (pid == 0) {
        become(spawn, parent);
        number = errno;
        ssize_t ignored = write(tell[1], &number, sizeof(number));
        (void)ignored;
        _exit(127);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(tell[1]);
    if (pid > 0) {
        number = read_exec_errno(tell[0]);
    }
    close(tell[0]);
    if (number && pid > 0) {
        waitpid(pid, NULL, 0);
    }
    if (number || pid < 0) {
        buf_printf(why, "%s", strerror(number));
        return ERR_IO;
    }
    *out = pid;
    return ERR_OK;
}

void spawn_describe_end(int status, struct buf *out)
{
    if (WIFSIGNALED(status)) {
        buf_printf(out, "was killed by signal %d (%s)", WTERMSIG(status),
                   strsignal(WTERMSIG(status)));
    } else {
        buf_printf(out, "exited with status %d", WEXITSTATUS(status));
    }
}
