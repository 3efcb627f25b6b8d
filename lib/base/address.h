/* Where to listen or to connect, as people write it: "127.0.0.1:8080", "[::1]:8080",
 * "localhost:8080". The host is not looked up here. */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define ADDRESS_HOST_MAX 253
/* Brackets, colon, port and NUL on top of the host. */
#define ADDRESS_TEXT_MAX (ADDRESS_HOST_MAX + 9)

struct address {
    char host[ADDRESS_HOST_MAX + 1]; /* without brackets; "" is no address */
    uint16_t port;                   /* 0: the system chooses */
};

/* ERR_MALFORMED unless it is HOST:PORT with a non-empty host and a port of 0 to 65535; a host with
 * a colon in it must be in brackets. */
enum err address_parse(struct str text, struct address *out) NODISCARD;
/* As parsed, with brackets where they are needed; returns `out`. */
const char *address_format(const struct address *address, char out[ADDRESS_TEXT_MAX]);

#endif
