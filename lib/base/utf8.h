/* UTF-8 and its superset WTF-8, in which a lone UTF-16 surrogate is the three bytes its code point
 * would take. JavaScript strings may hold lone surrogates and must survive us, so strings inside
 * are WTF-8; a pair is always one four-byte sequence, never two halves. All lengths that the
 * protocol names count UTF-16 code units. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/str.h"

#include <stdint.h>

/* Incremental strict UTF-8 check (RFC 3629), fail-fast: says no at the first byte that cannot be
 * part of any valid text, as RFC 6455 8.1 wants. Zeroed is the start. */
struct utf8_check {
    uint8_t need;      /* continuation bytes still to come */
    uint8_t low, high; /* bounds of the next one; 0,0 means 80..BF */
};

/* False once the text is invalid; do not go on then. */
bool utf8_check_feed(struct utf8_check *check, const uint8_t *data, size_t len);
/* Whether the text may end here. */
bool utf8_check_complete(const struct utf8_check *check);

/* Whether the whole of it is strict UTF-8. */
bool utf8_valid(const uint8_t *data, size_t len);
/* Whether the whole of it is WTF-8 as described above. */
bool wtf8_valid(const uint8_t *data, size_t len);

/* Number of UTF-16 code units of valid WTF-8. */
size_t wtf8_utf16_len(struct str text);

/* The surrogate (D800..DFFF) in the last or first three bytes, or 0 if there is none. */
uint32_t wtf8_last_surrogate(struct str text);
uint32_t wtf8_first_surrogate(struct str text);

/* Writes code point `cp` (surrogates included) to `out`, which has room for 4; returns the length.
 */
size_t wtf8_encode(uint32_t cp, uint8_t out[4]);

/* Byte length of the longest prefix of valid UTF-8 that fits in `max` bytes and cuts no character.
 */
size_t utf8_cut(struct str text, size_t max);

#endif
