/* The host of a URL: a domain, an IPv4 address in any of its spellings, an IPv6 address, or with
 * schemes that are not special anything without delimiters. Private to lib/schema. */
#ifndef SCHEMA_URL_HOST_H
#define SCHEMA_URL_HOST_H

#include "base/buf.h"

/* Whether the host parser of the WHATWG URL standard accepts the text, which is not empty. */
bool url_host_valid(struct str text, bool special);

/* Domain to ASCII of the same standard: Unicode's UTS 46, not transitional, without the checks of
 * hyphens and lengths. Appends what it is in ASCII; false if it cannot be. `domain` need not be
 * valid UTF-8: it is then refused. */
bool url_domain_to_ascii(struct str domain, struct buf *out);

#endif
