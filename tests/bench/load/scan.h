/* Finds in a server's message what a benchmark needs of it, without parsing it: the stamps of
 * others' updates and the answers to one's own pushes.
 *
 * A stamp is a time in microseconds since the generator's start, plus STAMP_BASE, which makes it a
 * number of 14 digits that nothing else in the messages looks like: in msgpack a uint64 that begins
 * with cf 00 00 26. It travels as the member `x` of a cursor or a shape, as a double that holds it
 * exactly. Where it stands in a message, and in which order members come, does not matter. */
#ifndef BENCH_SCAN_H
#define BENCH_SCAN_H

#include "base/str.h"

#include <stdint.h>

#define STAMP_BASE UINT64_C(42420000000000)
#define STAMP_SPAN UINT64_C(10000000000) /* 2.7 hours */

enum encoding { ENCODING_JSON, ENCODING_MSGPACK };

/* Takes the next stamp from *rest, which begins as the whole message. False: there is none left. */
bool scan_stamp(enum encoding encoding, struct str *rest, uint64_t *us);

/* The same for the clientClock of a push_result. */
bool scan_result(enum encoding encoding, struct str *rest, uint64_t *client_clock);

/* Whether the message is a connect reply; looks at no more than its first few hundred bytes and its
 * last. */
bool scan_is_connect(enum encoding encoding, struct str message);

#endif
