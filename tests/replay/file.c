#include "file.h"

#include <stdio.h>

bool file_read(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        return false;
    }
    size_t got;
    do {
        enum { STEP = 65536 };
        got = fread(buf_reserve(out, STEP), 1, STEP, file);
        buf_commit(out, got);
    } while (got > 0);
    bool ok = !ferror(file);
    fclose(file);
    return ok;
}
