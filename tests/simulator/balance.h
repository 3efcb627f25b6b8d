/* Rooms that go where there is less to do, in runs with much to do: each message costs its worker
 * CPU time there, and workers give rooms away by themselves (lib/worker/giver.h). Here is the other
 * way, `roomctl rebalance`, by the figures that Redis shows; and what must hold of both. */
#ifndef SIM_BALANCE_H
#define SIM_BALANCE_H

void balance_begin(char (*rooms)[16], int room_count);
/* Somebody begins a rebalance by hand; one that runs ends (proto/placement.md). Fit for faults. */
void balance_by_hand(void);
/* Everybody draws at an even pace for a while, nothing goes wrong, and nobody moves rooms by hand:
 * workers may give rooms away until the load is even, none goes back and forth, and
 * there is an end of it. */
void balance_watch(void);

#endif
