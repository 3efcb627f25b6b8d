/* Answers over plain HTTP: the built-in demo, /readyz for load balancers, and what is not to be
 * had. Every one of them closes the connection. */
#ifndef GATEWAY_PAGES_H
#define GATEWAY_PAGES_H

#include "gateway/request.h"

/* Appends the whole response to a request that is not for /connect/. `trouble`: why no client is to
 * be sent here, or NULL. */
void pages_answer(struct buf *out, const struct request *request, const char *trouble);

/* Appends a response of plain text, e.g. (404, "Not Found", "no such page"). `extra` holds further
 * header lines, each with its CR LF, or is "". */
void pages_write_error(struct buf *out, int status, const char *phrase, const char *extra,
                       const char *text);

#endif
