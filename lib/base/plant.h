/* Bugs that are built in on purpose, to see that the simulator finds them (tests/sim --help). A build
 * has at most one of them, by its option `plant`; an ordinary one has none, and PLANTED() is 0. */
#ifndef BASE_PLANT_H
#define BASE_PLANT_H

#define PLANT_FENCING 1   /* Redis takes the writes of a worker that has lost the room */
#define PLANT_EARLY_ACK 2 /* what a change leads to is told before the change is in the log */
#define PLANT_SEQUENCE 3  /* a session's next owner does not know which of its messages are applied */

#ifdef PLANT
#define PLANTED(bug) (PLANT == PLANT_##bug)
#else
#define PLANTED(bug) 0
#endif

#endif
