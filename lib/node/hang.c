/* Whether a worker hangs inside a room. */
#include "node/hang.h"

bool hang_look(struct hang *hang, const struct mark_view *view, uint64_t cpu_ms, uint64_t limit_ms)
{
    bool same = hang->marked && view->room_len > 0 && view->steps == hang->steps;
    if (!same) {
        *hang = (struct hang){view->room_len > 0, view->steps, cpu_ms};
    }
    return same && limit_ms && cpu_ms - hang->cpu_ms >= limit_ms;
}
