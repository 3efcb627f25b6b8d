/* Searching messages for numbers. Bytes are looked for that are rare there, with memchr, which is
 * the fastest thing a C library has: no word of the protocol or of the records that are pushed here
 * holds an `x` but the member of that name. */
#include "scan.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct str from(struct str text, const char *at)
{
    return (struct str){at, (size_t)(text.ptr + text.len - at)};
}

static bool is_stamp(uint64_t number)
{
    return number >= STAMP_BASE && number - STAMP_BASE < STAMP_SPAN;
}

/* The number that comes after a name: `":`, or `":["put",`. 0 if there is none. */
static uint64_t number_after(struct str text)
{
    enum { GAP = 12 };
    size_t i = 0;
    uint64_t number = 0;
    while (i < text.len && i < GAP && !is_digit(text.ptr[i])) {
        i++;
    }
    while (i < text.len && is_digit(text.ptr[i])) {
        number = number * 10 + (uint64_t)(text.ptr[i++] - '0');
    }
    return number;
}

static bool json_stamp(struct str *rest, uint64_t *us)
{
    const char *x;
    while (rest->len > 0 && (x = memchr(rest->ptr, 'x', rest->len))) {
        *rest = from(*rest, x + 1);
        uint64_t number = number_after(*rest);
        if (is_stamp(number)) {
            *us = number - STAMP_BASE;
            return true;
        }
    }
    return false;
}

static uint64_t big_endian(const char *bytes, size_t count)
{
    uint64_t number = 0;
    for (size_t i = 0; i < count; i++) {
        number = number << 8 | (uint8_t)bytes[i];
    }
    return number;
}

static bool msgpack_stamp(struct str *rest, uint64_t *us)
{
    enum { UINT64 = 0xcf };
    const char *at;
    while (rest->len > 8 && (at = memchr(rest->ptr, UINT64, rest->len - 8))) {
        uint64_t number = big_endian(at + 1, 8);
        *rest = from(*rest, at + 1);
        if (is_stamp(number)) {
            *rest = from(*rest, at + 9);
            *us = number - STAMP_BASE;
            return true;
        }
    }
    return false;
}

bool scan_stamp(enum encoding encoding, struct str *rest, uint64_t *us)
{
    return encoding == ENCODING_JSON ? json_stamp(rest, us) : msgpack_stamp(rest, us);
}

/* An unsigned integer of msgpack; UINT64_MAX for anything else. */
static uint64_t msgpack_number(struct str text)
{
    if (text.len > 0 && (uint8_t)text.ptr[0] < 0x80) {
        return (uint8_t)text.ptr[0];
    }
    if (text.len > 0 && ((uint8_t)text.ptr[0] & 0xfc) == 0xcc) { /* uint 8, 16, 32, 64 */
        size_t bytes = (size_t)1 << ((uint8_t)text.ptr[0] - 0xcc);
        return text.len > bytes ? big_endian(text.ptr + 1, bytes) : UINT64_MAX;
    }
    return UINT64_MAX;
}

bool scan_result(enum encoding encoding, struct str *rest, uint64_t *client_clock)
{
    static const char name[] = "clientClock";
    const char *at = rest->len > 0 ? memmem(rest->ptr, rest->len, name, sizeof(name) - 1) : NULL;
    if (!at) {
        return false;
    }
    *rest = from(*rest, at + sizeof(name) - 1);
    *client_clock = encoding == ENCODING_JSON ? number_after(*rest) : msgpack_number(*rest);
    return true;
}

static bool holds(struct str text, struct str part)
{
    return text.len > 0 && memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
}

bool scan_is_connect(enum encoding encoding, struct str message)
{
    enum { EDGE = 512 };
    struct str wanted = encoding == ENCODING_JSON ? STR("\"type\":\"connect\"")
                                                  : STR("\xa4type\xa7"
                                                        "connect");
    struct str tail = message;
    if (message.len > EDGE) {
        tail = from(message, message.ptr + message.len - EDGE);
        message.len = EDGE;
    }
    return holds(message, wanted) || holds(tail, wanted);
}
