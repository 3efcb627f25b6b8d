/* Whole numbers as people write them in options. */
#ifndef BASE_NUMBER_TEXT_H
#define BASE_NUMBER_TEXT_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

/* Decimal digits only: ERR_MALFORMED for anything else (also a sign or space), ERR_TOO_LARGE above
 * `max`. */
enum err number_parse(struct str text, uint64_t max, uint64_t *out) NODISCARD;

/* The same with an optional suffix k or m (either case) for 1024 and 1024 * 1024 bytes. */
enum err size_parse(struct str text, uint64_t max, uint64_t *out) NODISCARD;

#endif
