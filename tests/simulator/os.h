/* The operating system of a simulated process, as far as its code sees one. */
#ifndef SIM_OS_H
#define SIM_OS_H

#include "simulator/world.h"

struct event_base;

/* What a process' code takes for its event loop. */
struct event_base *os_base(struct proc *proc);
/* Whose it is. */
struct proc *os_proc(struct event_base *base);

#endif
