/* Where a Redis is, as people write it:
 *
 *      redis://[user:password@]host[:port][/db]             redis://:password@host has no user
 *      unix:///path/to/socket
 *      sentinel://[user:password@]host[:port],.../master[/db]
 *      redis-cluster://[user:password@]host[:port],...
 *
 * rediss://, rediss-sentinel:// and rediss-cluster:// are the same under TLS (redis-sentinel:// is
 * sentinel://). The hosts of the last two are the sentinels, and some servers of the cluster: those
 * that are asked first for the others. User and password are for the servers with the data.
 *
 * A query may follow: ?cacert=FILE, cert=FILE and key=FILE are PEM files, sni=NAME the name that
 * all certificates must bear, where they do not bear the hosts (servers name each other by
 * address); sentinel_user= and sentinel_password= are for the sentinels. User, password and values
 * may hold %XX (RFC 3986 2.1); a value writes @ as %40. */
#ifndef BASE_REDIS_URL_H
#define BASE_REDIS_URL_H

#include "base/address.h"
#include "base/buf.h"

#define REDIS_PORT 6379
#define REDIS_SENTINEL_PORT 26379
#define REDIS_DB_MAX 65535
#define REDIS_HOSTS_MAX 32

enum redis_kind { REDIS_SERVER, REDIS_SENTINEL, REDIS_CLUSTER };

struct redis_url {
    enum redis_kind kind;
    struct address *hosts; /* owned; NULL for a Unix socket */
    size_t host_count;
    char *socket_path; /* owned; NULL for TCP */
    char *user;        /* owned; NULL if none */
    char *password;    /* owned; NULL if none */
    char *master;      /* owned; what the sentinels call it */
    uint32_t db;
    char *sentinel_user, *sentinel_password; /* owned; NULL if none */
    bool tls;
    char *cacert, *cert, *key,
        *sni; /* owned; NULL: the system's authorities, none, none, the host */
};

/* ERR_MALFORMED leaves `out` alone; `why`, if it is not NULL, is told what is wrong, without user
 * and password. */
enum err redis_url_parse(struct str text, struct redis_url *out, struct buf *why) NODISCARD;
/* Whether it names a Redis at all: a zeroed one does not. */
bool redis_url_is_set(const struct redis_url *url);
/* The URL without user, password and query, for logs; the caller frees it. */
char *redis_url_public(const struct redis_url *url);
void redis_url_finish(struct redis_url *url);

#endif
