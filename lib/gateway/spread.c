/* Closing connections evenly over a time. */
#include "gateway/spread.h"

uint64_t spread_due(struct spread *spread, uint64_t open, uint64_t now_ms)
{
    if (now_ms >= spread->end_ms) {
        return open;
    }
    if (now_ms <= spread->last_ms) {
        return 0;
    }
    double passed = (double)(now_ms - spread->last_ms);
    double left = (double)(spread->end_ms - spread->last_ms);
    double due = (double)open * passed / left + spread->owed;
    uint64_t whole = (uint64_t)due;
    spread->last_ms = now_ms;
    spread->owed = due - (double)whole;
    return whole < open ? whole : open;
}
