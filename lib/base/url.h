/* Names of rooms, sessions and workers as they stand in URLs, and what these are made of. Pure. */
#ifndef BASE_URL_H
#define BASE_URL_H

#include "base/buf.h"

/* Longest name, in bytes. */
enum { URL_NAME_MAX = 256 };

/* The byte that the %XX at `at` stands for; -1 if two hex digits do not follow the %. */
int url_decode_byte(struct str from, size_t at);
/* Decodes %XX, and with `form` also + as a blank. Returns NULL and a view into `out`, or what is
 * wrong with the name, for people: "has a control character". An empty name is fine here. */
const char *url_decode_name(struct str from, bool form, char out[URL_NAME_MAX + 1],
                            struct str *decoded);
/* Appends it with all but A-Z a-z 0-9 - _ . ~ as %XX: good as a segment of a path and as a value in
 * a query. */
void url_encode_name(struct str name, struct buf *out);

/* The value of the first parameter of that name, still encoded; absent if there is none. */
struct str url_query_get(struct str query, struct str name);

#endif
