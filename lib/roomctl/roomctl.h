/* roomctl: the operator's command line, on the admin API of a node (proto/admin.md). */
#ifndef ROOMCTL_ROOMCTL_H
#define ROOMCTL_ROOMCTL_H

/* How it exits, for scripts. */
enum ctl_exit {
    CTL_OK = 0,
    CTL_FAILED = 1,      /* refused, or failed */
    CTL_USAGE = 2,       /* wrong arguments */
    CTL_UNREACHABLE = 3, /* no node answers there */
    CTL_LATE = 4,        /* not done in time; it goes on */
};

enum ctl_exit roomctl_run(int argc, char *const *argv);

#endif
