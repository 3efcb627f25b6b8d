/* TLS towards Redis: whom to trust, and who we are. One for all connections of a store. */
#ifndef STORE_TLS_H
#define STORE_TLS_H

#include "base/buf.h"
#include "base/redis_url.h"

#include <openssl/ssl.h>

struct tls;

/* By the URL's files. NULL and what is wrong in `why` if one of them cannot be used. */
struct tls *tls_create(const struct redis_url *url, struct buf *why);
void tls_destroy(struct tls *tls);

/* For a connection to that host, whose certificate must bear its name or address (or the `sni` of
 * the URL). The caller, or the bufferevent that takes it, frees it. */
SSL *tls_session(const struct tls *tls, const struct address *address);

/* What went wrong with a handshake, a phrase for people: the certificate, else OpenSSL's `error`.
 */
const char *tls_trouble(const SSL *session, unsigned long error);

#endif
