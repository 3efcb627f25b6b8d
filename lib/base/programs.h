/* Where the programs are that a supervisor starts. */
#ifndef BASE_PROGRAMS_H
#define BASE_PROGRAMS_H

#include "base/err.h"

/* The path of roomd-worker or roomd-gateway (`role` is "worker" or "gateway"): beside our own
 * program, in the build tree's ../ROLE, or installed in ../libexec/roomd. NULL: nowhere. The caller
 * frees it. */
char *program_beside(const char *role);

/* The path of a program on PATH, or NULL; the caller frees it. */
char *program_on_path(const char *name);

#endif
