/* JSON text to canonical msgpack and back (value.h). Pure; used at the edge only. */
#ifndef VALUE_JSON_H
#define VALUE_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "value/value.h"

/* Longest text that json_parse looks at, in bytes. */
#define JSON_MAX_TEXT INT32_MAX

/* Parses one JSON text (exactly what JavaScript's JSON.parse accepts: RFC 8259, blanks around it
 * allowed, no BOM) and appends the value to `out`. The text is strict UTF-8; the value's strings
 * are WTF-8: lone surrogates from \u escapes are kept, an escaped pair becomes one character. Of
 * members with one name the last wins, at the first one's place. Numbers become doubles; too large
 * becomes infinity. ERR_MALFORMED, also for invalid UTF-8; ERR_TOO_DEEP beyond VALUE_MAX_DEPTH;
 * ERR_TOO_LARGE beyond JSON_MAX_TEXT or VALUE_MAX_WORK (check.h). `out` is then as it was. Time and
 * memory are linear in the text. */
enum err json_parse(struct str text, struct buf *out) NODISCARD;
/* The same; on failure *where is about how far the text could be read, for people. */
enum err json_parse_where(struct str text, struct buf *out, size_t *where) NODISCARD;

/* Appends the value as JSON text, absent as null. The value may be deeper than VALUE_MAX_DEPTH:
 * what we write wraps what was read. No blanks, numbers as JavaScript prints them (shortest form),
 * infinity as null, lone surrogates as \udXXX in lower case, control characters escaped, all else
 * plain UTF-8. */
void json_write(struct value value, struct buf *out);

/* Appends a JSON string literal with its quotes; `text` is WTF-8. */
void json_write_string(struct str text, struct buf *out);

#endif
