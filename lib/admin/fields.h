/* Writing JSON objects field by field, into a text that is built at its end. Pure.
 *
 *      fields_open(out, '{');
 *      fields_text(out, "name", "worker-1");
 *      fields_u64(out, "rooms", 3);
 *      fields_close(out, '}');
 */
#ifndef ADMIN_FIELDS_H
#define ADMIN_FIELDS_H

#include "base/buf.h"

/* '{' or '['; as an item of the array that is open, or as the whole text. */
void fields_open(struct buf *out, char bracket);
void fields_close(struct buf *out, char bracket);
/* A field whose value the caller opens or appends next. */
void fields_name(struct buf *out, const char *name);

/* Absent, or not valid text, is null. */
void fields_str(struct buf *out, const char *name, struct str value);
void fields_text(struct buf *out, const char *name, const char *value);
void fields_u64(struct buf *out, const char *name, uint64_t value);
void fields_bool(struct buf *out, const char *name, bool value);
void fields_null(struct buf *out, const char *name);
/* With three digits behind the point, for what is no whole number. */
void fields_decimal(struct buf *out, const char *name, double value);
/* "2026-01-31T12:00:00.000Z"; 0 is null. */
void fields_time(struct buf *out, const char *name, uint64_t unix_ms);

#endif
