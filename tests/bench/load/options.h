/* The command line of bench_load. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "load.h"

/* False, with a line on stderr, if it is wrong; `--help` prints and exits. */
bool options_read(int argc, char **argv, struct options *out);

#endif
