/* Serialized schemas: which sequences of migrations there are, and the version of each. Version 1
 * of the form is read as version 2 (spec schema-and-migrations 1). */
#ifndef SCHEMA_SERIALIZED_H
#define SCHEMA_SERIALIZED_H

#include "base/buf.h"
#include "schema/schema.h"

/* Appends `serialized` in version 2. SCHEMA_MALFORMED if it has not the form of a serialized
 * schema; SCHEMA_SERVER_TOO_OLD or SCHEMA_CLIENT_TOO_OLD if its schemaVersion is above or below
 * what there is; else SCHEMA_SERVED. Nothing is appended unless served. */
enum schema_match serialized_upgrade(struct value serialized, struct buf *out) NODISCARD;

/* Appends, for a log line, what `serialized` says about the sequences in which it differs from
 * `other`: "com.example.note=4 com.example.x=-" ("-": does not name it); at most a few hundred
 * bytes. */
void schema_describe(struct value serialized, struct value other, struct buf *out);

#endif
