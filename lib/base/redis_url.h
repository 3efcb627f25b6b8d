/* Where a Redis is, as people write it:
 *
 *      redis://[user:password@]host[:port][/db]     redis://:password@host has no user
 *      unix:///path/to/socket
 *
 * User and password may hold %XX (RFC 3986 2.1). TLS (rediss:) is not spoken. */
#ifndef BASE_REDIS_URL_H
#define BASE_REDIS_URL_H

#include "base/address.h"

#define REDIS_PORT 6379
#define REDIS_DB_MAX 65535

struct redis_url {
    struct address address; /* host "" for a Unix socket */
    char *socket_path;      /* owned; NULL for TCP */
    char *user;             /* owned; NULL if none */
    char *password;         /* owned; NULL if none */
    uint32_t db;
};

/* ERR_MALFORMED leaves `out` alone. */
enum err redis_url_parse(struct str text, struct redis_url *out) NODISCARD;
/* Whether it names a Redis at all: a zeroed one does not. */
bool redis_url_is_set(const struct redis_url *url);
/* The URL without user and password, for logs; the caller frees it. */
char *redis_url_public(const struct redis_url *url);
void redis_url_finish(struct redis_url *url);

#endif
