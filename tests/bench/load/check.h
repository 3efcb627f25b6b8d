/* Strict reading of what a server sends, for runs that are about being right and not about speed.
 */
#ifndef BENCH_CHECK_H
#define BENCH_CHECK_H

#include "base/str.h"
#include "scan.h"

#include <stdint.h>

/* NULL if the message is one of the protocol's whose parts are as they should be, and if searching
 * it (scan.h) finds what parsing it finds; else what is wrong, for people. Each push_result that
 * says "commit" is counted in *commits; any other is wrong, as a benchmark's pushes do not meet. */
const char *check_message(enum encoding encoding, struct str message, uint64_t *commits);

#endif
