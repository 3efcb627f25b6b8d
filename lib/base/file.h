/* Whole files into memory. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"

/* Appends what is in the file. ERR_NOT_FOUND, ERR_IO (errno says more), or ERR_TOO_LARGE beyond
 * `max` bytes; `out` may then have some of it. */
enum err file_read(const char *path, size_t max, struct buf *out) NODISCARD;

#endif
