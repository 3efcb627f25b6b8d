/* Whole files into memory. */
#include "base/file.h"

#include <errno.h>
#include <stdio.h>

enum err file_read(const char *path, size_t max, struct buf *out)
{
    enum { STEP = 64 << 10 };
    FILE *file = fopen(path, "rb");
    if (!file) {
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    }
    size_t got;
    size_t total = 0;
    do {
        got = fread(buf_reserve(out, STEP), 1, STEP, file);
        buf_commit(out, got);
        total += got;
    } while (got > 0 && total <= max);
    enum err err = ferror(file) ? ERR_IO : total > max ? ERR_TOO_LARGE : ERR_OK;
    fclose(file);
    return err;
}
