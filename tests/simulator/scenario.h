/* One run: a node, rooms, people, and what befalls them, all from a seed. */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

struct scenario_counts {
    uint64_t faults, acked, entries, resumes, closes;
    uint64_t longest_wait_us;
};

/* Runs it to its end; violation() says what was wrong. Adds to `counts`. */
void scenario_run(uint64_t seed, struct scenario_counts *counts);

#endif
