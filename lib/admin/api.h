/* What the requests of the API ask for, read from path, query and body. Private to lib/admin. */
#ifndef ADMIN_API_H
#define ADMIN_API_H

#include "admin/call.h"
#include "admin/route.h"

/* Asks the source, or answers what is wrong with the request. `query` and `body` as they came. */
void api_handle(struct admin *admin, const struct route_match *match, struct str query,
                struct str body, struct admin_call *call);

#endif
