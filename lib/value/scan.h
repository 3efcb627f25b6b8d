/* Runs of characters that a JSON string literal holds as they are. Private to lib/value. */
#ifndef VALUE_SCAN_H
#define VALUE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The first quote, backslash or control character in `at`..`end`, or `end`. Bytes up to `limit`
 * (at or behind `end`) may be read. Sets *ascii to false if a byte of the run is not ASCII. */
static inline const uint8_t *scan_plain(const uint8_t *at, const uint8_t *end, const uint8_t *limit,
                                        bool *ascii)
{
#ifdef __SSE2__
    while (at < end && limit - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
        __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
        __m128i control =
            _mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8(0x1f)), _mm_set1_epi8(0x1f));
        __m128i special = _mm_or_si128(_mm_or_si128(quote, slash), control);
        unsigned stop = (unsigned)_mm_movemask_epi8(special);
        unsigned high = (unsigned)_mm_movemask_epi8(bytes);
        if (end - at < 16) {
            stop |= 1u << (end - at);
        }
        if (stop) {
            *ascii = *ascii && !(high & (stop ^ (stop - 1)) >> 1);
            return at + __builtin_ctz(stop);
        }
        *ascii = *ascii && !high;
        at += 16;
    }
#else
    const uint64_t ones = 0x0101010101010101u;
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        uint64_t quote = word ^ ones * '"';
        uint64_t slash = word ^ ones * '\\';
        /* A borrow can set bits behind a true one only, so none is missed: the loop below looks. */
        uint64_t found =
            ((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((word - ones * 0x20) & ~word);
        if (found & ones * 0x80) {
            break;
        }
        *ascii = *ascii && !(word & ones * 0x80);
        at += 8;
    }
    (void)limit;
#endif
    while (at < end && *at >= 0x20 && *at != '"' && *at != '\\') {
        *ascii = *ascii && *at < 0x80;
        at++;
    }
    return at;
}

#endif
