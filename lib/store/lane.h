/* The commands about one slot of a Redis Cluster, in their order. Pure.
 *
 * As long as nothing is redirected they are sent as they come, any number at a time. When one is
 * refused with a redirection, those that were sent behind it are refused too, or executed, as the
 * server sees fit; none that comes later is sent before all those have been answered. Then the
 * refused ones are sent again, in the order of their first sending, each when the one before it has
 * been answered; as soon as one was executed where the map says, all others follow at once.
 *
 *      FLOWING --refused--> DRAINING --nothing under way--> STEPPING --done, by the map--> FLOWING
 *
 * The same command may be refused any number of times; the pauses between grow, and after
 * LANE_PATIENCE_MS it is given up. */
#ifndef STORE_LANE_H
#define STORE_LANE_H

#include "base/list.h"
#include "store/redirect.h"

enum { LANE_PATIENCE_MS = 5000, LANE_PAUSE_MIN_MS = 20, LANE_PAUSE_MAX_MS = 500 };

enum lane_state { LANE_FLOWING, LANE_DRAINING, LANE_STEPPING };

struct lane {
    enum lane_state state;
    uint32_t under_way;  /* sent and not answered */
    uint64_t numbers;    /* given to commands so far */
    struct list waiting; /* of struct lane_item.link, by number */
    uint64_t until_ms;   /* nothing is sent before; 0: no pause */
};

/* Embedded in a command. */
struct lane_item {
    struct list link;
    uint64_t number;
    uint64_t refused_ms; /* the first time; 0: never */
    uint32_t refusals;
    struct redirect last; /* how it was refused last */
};

void lane_init(struct lane *lane);

/* A new command. True: send it now. Else it waits here; lane_next hands it out. */
bool lane_add(struct lane *lane, struct lane_item *item);
/* It was executed, or failed for good, or is given up. */
void lane_done(struct lane *lane, struct lane_item *item);
/* It was not executed; it waits here to be sent again. */
void lane_refuse(struct lane *lane, struct lane_item *item, const struct redirect *how,
                 uint64_t now_ms);
/* The next command to send, to where its `last` points; NULL: none now. To be asked until it says
 * NULL, after each of the above and at the deadline. */
struct lane_item *lane_next(struct lane *lane, uint64_t now_ms);
/* When to ask lane_next although nothing has happened; UINT64_MAX: never. */
uint64_t lane_deadline(const struct lane *lane);
/* Whether it has been refused for too long, and should be given up rather than sent. */
bool lane_is_late(const struct lane_item *item, uint64_t now_ms);

#endif
