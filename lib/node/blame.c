/* Whether a worker died of its work on a room. */
#include "node/blame.h"

#include <sys/wait.h>

bool blame_room(int status, const struct mark_view *view, bool hung)
{
    if (view->room_len == 0) {
        return false;
    }
    if (hung) {
        return true;
    }
    if (WIFSIGNALED(status)) {
        return view->inside && WTERMSIG(status) == view->signal;
    }
    /* A sanitizer makes an exit of a signal. */
    return WEXITSTATUS(status) != 0 && (view->signal == 0 || view->inside);
}
