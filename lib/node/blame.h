/* Whether a worker died of its work on a room. Pure. */
#ifndef NODE_BLAME_H
#define NODE_BLAME_H

#include "base/mark.h"

#include <stdbool.h>

/* `status` is waitpid's, `view` what the process left behind, `hung`: it was killed for hanging.
 * True if it was at work on a room and the reason came from inside: a fault or an abort of its own,
 * an exit with another status than 0, or hanging. Whatever somebody sent it, and SIGKILL always, is
 * nobody's fault. */
bool blame_room(int status, const struct mark_view *view, bool hung);

#endif
