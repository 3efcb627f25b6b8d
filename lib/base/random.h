/* Randomness of the kernel: unpredictable, fit for ids and secrets. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills `out`; aborts in the one case the kernel cannot (never after boot). */
void random_bytes(void *out, size_t len);
uint64_t random_u64(void);

/* An id nobody can guess: 21 characters of A-Za-z0-9_- (126 bits) and a NUL. */
#define RANDOM_ID_LEN 21
void random_id(char out[RANDOM_ID_LEN + 1]);

/* A name for people to read and type: `len` of 32 lower-case letters and digits that are hard to
 * confuse (5 bits each), the first a letter, and a NUL. */
void random_name(char *out, size_t len);

#endif
