/* Randomness of the kernel. */
#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>
#include <sys/types.h>

void random_bytes(void *out, size_t len)
{
    uint8_t *at = out;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        assert(got > 0 || errno == EINTR);
        if (got > 0) {
            at += got;
            len -= (size_t)got;
        }
    }
}

uint64_t random_u64(void)
{
    uint64_t number;
    random_bytes(&number, sizeof(number));
    return number;
}

void random_id(char out[RANDOM_ID_LEN + 1])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    uint8_t bytes[RANDOM_ID_LEN];
    random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < RANDOM_ID_LEN; i++) {
        out[i] = alphabet[bytes[i] & 63];
    }
    out[RANDOM_ID_LEN] = '\0';
}

void random_name(char *out, size_t len)
{
    /* No i, l, o and 1: the eye takes them for each other. Letters first. */
    static const char alphabet[] = "abcdefghjkmnpqrstuvwxyz023456789";
    enum { LETTERS = 23 };
    for (size_t i = 0; i < len; i++) {
        uint8_t byte;
        do {
            random_bytes(&byte, 1);
            byte &= 31;
        } while (i == 0 && byte >= LETTERS);
        out[i] = alphabet[byte];
    }
    out[len] = '\0';
}
