/* Order under redirection. */
#include "store/lane.h"

#include <assert.h>

void lane_init(struct lane *lane)
{
    *lane = (struct lane){.state = LANE_FLOWING};
    list_init(&lane->waiting);
}

bool lane_add(struct lane *lane, struct lane_item *item)
{
    *item = (struct lane_item){.number = ++lane->numbers};
    list_init(&item->link);
    /* Also while flowing some may wait: they are just being handed out. */
    if (lane->state == LANE_FLOWING && list_empty(&lane->waiting)) {
        lane->under_way++;
        return true;
    }
    list_append(&lane->waiting, &item->link);
    return false;
}

void lane_done(struct lane *lane, struct lane_item *item)
{
    assert(lane->under_way > 0);
    lane->under_way--;
    if (lane->state == LANE_STEPPING && item->last.kind != REDIRECT_ASK) {
        lane->state = LANE_FLOWING;
    }
}

/* Behind all that were sent before it. */
static void put_back(struct lane *lane, struct lane_item *item)
{
    struct list *behind = lane->waiting.next;
    while (behind != &lane->waiting &&
           list_entry(behind, struct lane_item, link)->number < item->number) {
        behind = behind->next;
    }
    list_insert_before(behind, &item->link);
}

/* The first redirections lead to where the command belongs. Who is sent around for longer, or told
 * to wait, must not ask all the time. */
static uint64_t pause_ms(const struct lane_item *item, enum redirect_kind how)
{
    enum { AT_ONCE = 3, DOUBLINGS = 6 };
    if (how != REDIRECT_WAIT && item->refusals <= AT_ONCE) {
        return 0;
    }
    uint32_t doublings = item->refusals < DOUBLINGS ? item->refusals : DOUBLINGS;
    uint64_t pause = (uint64_t)LANE_PAUSE_MIN_MS << doublings >> 1;
    return pause < LANE_PAUSE_MAX_MS ? pause : LANE_PAUSE_MAX_MS;
}

void lane_refuse(struct lane *lane, struct lane_item *item, const struct redirect *how,
                 uint64_t now_ms)
{
    assert(lane->under_way > 0);
    lane->under_way--;
    /* Told to wait by who was asked for once: that is whom to ask again. */
    if (how->kind != REDIRECT_WAIT || item->last.kind != REDIRECT_ASK) {
        item->last = *how;
    }
    item->refusals++;
    item->refused_ms = item->refused_ms ? item->refused_ms : now_ms;
    put_back(lane, item);
    if (lane->state == LANE_FLOWING) {
        lane->state = LANE_DRAINING;
    }
    uint64_t until = now_ms + pause_ms(item, how->kind);
    if (until > now_ms && until > lane->until_ms) {
        lane->until_ms = until;
    }
}

struct lane_item *lane_next(struct lane *lane, uint64_t now_ms)
{
    if (lane->state == LANE_DRAINING && lane->under_way == 0) {
        lane->state = LANE_STEPPING;
    }
    if (lane->state == LANE_STEPPING && list_empty(&lane->waiting) && lane->under_way == 0) {
        lane->state = LANE_FLOWING;
    }
    if (lane->until_ms > now_ms || list_empty(&lane->waiting)) {
        return NULL;
    }
    if (lane->state != LANE_FLOWING && lane->under_way > 0) {
        return NULL;
    }
    struct lane_item *item = list_entry(lane->waiting.next, struct lane_item, link);
    list_remove(&item->link);
    lane->until_ms = 0;
    lane->under_way++;
    return item;
}

uint64_t lane_deadline(const struct lane *lane)
{
    return list_empty(&lane->waiting) || lane->until_ms == 0 ? UINT64_MAX : lane->until_ms;
}

bool lane_is_late(const struct lane_item *item, uint64_t now_ms)
{
    return item->refused_ms > 0 && now_ms - item->refused_ms >= LANE_PATIENCE_MS;
}
