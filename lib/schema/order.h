/* How migration ids compare where nothing else decides their order. Private to lib/schema. */
#ifndef SCHEMA_ORDER_H
#define SCHEMA_ORDER_H

#include "base/str.h"

/* As JavaScript's localeCompare (ICU's root collation) does: `_` before `/` before digits before
 * letters, which compare by case only if they are all that differs. Exact for ASCII, which ids are.
 * Below, at or above 0. */
int order_compare_ids(struct str a, struct str b);

#endif
