/* Whether a text is a URL, as the validators linkUrl, srcUrl and httpUrl ask: what `new URL` of the
 * WHATWG URL standard accepts. Nothing is written out; only the verdict and the scheme count.
 * Private to lib/schema. */
#ifndef SCHEMA_URL_H
#define SCHEMA_URL_H

#include "base/str.h"

enum url_kind { URL_LINK, URL_SRC, URL_HTTP };

/* "", or a URL with a scheme that the kind allows (spec schema-and-migrations 7). `text` is WTF-8.
 */
bool url_valid(struct str text, enum url_kind kind);

#endif
