/* Clients that join one room together, round after round: their sockets are opened first, then all
 * ask at once to be connected, and when the last one has its whole reply they leave. */
#ifndef BENCH_JOINS_H
#define BENCH_JOINS_H

#include "client.h"

enum joins_state { JOINS_WAITING, JOINS_OPENING, JOINS_JOINING, JOINS_DONE };

struct joins {
    struct load *load;
    struct client *clients; /* borrowed */
    size_t count;
    uint64_t rounds_left;
    uint64_t gap_us;
    uint64_t due_us; /* of the next round */
    uint64_t begun_us;
    enum joins_state state;
};

/* The first round begins a gap after that. */
void joins_start(struct joins *joins, uint64_t now_us);
/* Looks what has come to pass, and does the next thing. */
void joins_step(struct joins *joins);

#endif
