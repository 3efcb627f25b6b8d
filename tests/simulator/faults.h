/* What goes wrong, and is mended again. */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

/* One fault of some kind, now; it mends by itself after a while. */
void fault_happen(void);
/* Waits for all to be mended: in how many microseconds at the most. */
uint64_t faults_mended_in(void);
void faults_begin(char (*rooms)[16], int room_count);

#endif
