/* Applying steps and matches to records. Private to lib/schema. */
#ifndef SCHEMA_STEPS_H
#define SCHEMA_STEPS_H

#include "schema/content.h"

/* Whether the record's members equal those of `match`; absent matches everything. */
bool steps_match(struct value match, struct value record);

/* Appends what the steps make of the record. False if one fails; `out` is then as it was. */
bool steps_apply(const struct steps *steps, struct value record, struct buf *out);

#endif
