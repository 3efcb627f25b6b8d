/* The states of a replacement. */
#include "node/replacement.h"

enum replacement replacement_next(enum replacement state, const struct replacement_view *view)
{
    switch (state) {
    case REPLACEMENT_NONE:
        break; /* somebody has to begin */
    case REPLACEMENT_STARTING:
        return view->failed ? REPLACEMENT_FAILING : view->next_known ? REPLACEMENT_DRAINING : state;
    case REPLACEMENT_DRAINING:
        return view->former_gone ? REPLACEMENT_NONE : state;
    case REPLACEMENT_FAILING:
        return view->next_gone ? REPLACEMENT_NONE : state;
    }
    return state;
}
