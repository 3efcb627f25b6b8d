/* A list of texts, which it copies: ids of records that outlive changes of who has the records.
 * Private to lib/schema. */
#ifndef SCHEMA_IDS_H
#define SCHEMA_IDS_H

#include "base/buf.h"

/* Starts zeroed. */
struct ids {
    struct buf text;
    size_t *ends; /* owned; of each id in `text` */
    size_t count, cap;
};

void ids_add(struct ids *ids, struct str id);
/* As long as none is added. */
struct str ids_at(const struct ids *ids, size_t at);
/* Leaves it empty. */
void ids_finish(struct ids *ids);

#endif
