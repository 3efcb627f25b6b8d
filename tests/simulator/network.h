/* The network between nodes. Where two are cut off from each other packets wait: TCP sends them
 * again, and an end that is not answered for so long gives the connection up (proto/cluster.md,
 * "When a link breaks"). */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "simulator/world.h"

enum {
    NETWORK_PLACES = 3,
    NETWORK_CONNECT_US = 3000000, /* who connects waits for so long, */
    NETWORK_SILENCE_US = 5000000, /* and an end of a connection for so long, */
    NETWORK_JITTER_US = 300000,   /* or somewhat longer */
};

void network_begin(void);
/* Nothing passes between them for a while. */
void network_cut(int a, int b, uint64_t us);
/* When they reach each other again; 0: they do. */
uint64_t network_cut_until(int a, int b);
/* For how long they have not; 0: they do. */
uint64_t network_cut_for(int a, int b);
/* The last cut, or loss of a node, is so long over that whoever suffered has been told. */
bool network_is_calm(void);
/* A node is gone, or something like it. */
void network_trouble(uint64_t us);

#endif
