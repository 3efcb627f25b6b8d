/* Files as a whole. */
#ifndef REPLAY_FILE_H
#define REPLAY_FILE_H

#include "base/buf.h"

/* Appends the file's bytes; false if it cannot be read. */
bool file_read(const char *path, struct buf *out);

#endif
