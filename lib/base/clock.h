/* The clocks: the monotonic one for intervals and deadlines, the other for what a person reads. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_us(void);
uint64_t clock_ms(void);
/* Since 1970; it can be set, and go back. */
uint64_t clock_unix_ms(void);
/* CPU time of this process, all its threads together, since it started. */
uint64_t clock_cpu_us(void);

#endif
