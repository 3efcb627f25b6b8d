/* Puts a list in the order of clocks, in slices; what has the same clock stays in its order.
 * Private to lib/room. */
#ifndef ROOM_CLOCK_ORDER_H
#define ROOM_CLOCK_ORDER_H

#include "base/list.h"
#include "base/slice.h"

typedef uint64_t (*clock_order_fn)(struct list *link);
struct clock_order;

/* `list` is borrowed, and neither changes nor is looked at until the steps are over. */
struct clock_order *clock_order_create(struct list *list, clock_order_fn clock_of);
/* True when it is in order. */
bool clock_order_step(struct clock_order *order, struct slice *slice);
void clock_order_destroy(struct clock_order *order); /* NULL is fine */

#endif
