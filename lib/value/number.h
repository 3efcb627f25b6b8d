/* Number text as in ECMAScript; a few lines of C++ around libdouble-conversion. */
#ifndef VALUE_NUMBER_H
#define VALUE_NUMBER_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Longest text that number_to_text writes, e.g. -1.7976931348623157e+308. */
enum { NUMBER_TEXT_MAX = 32 };

/* Shortest text that reads back as the same finite double, spelled as ECMAScript's
 * Number::toString does; -0 is "0". Returns the length; not NUL-terminated. */
size_t number_to_text(double number, char out[NUMBER_TEXT_MAX]);

/* The nearest double of a valid JSON number text; infinity if too large. */
double number_from_text(const char *text, size_t len);

#ifdef __cplusplus
}
#endif

#endif
