/* Names of errors. */
#include "base/err.h"

const char *err_name(enum err err)
{
    switch (err) {
    case ERR_OK:
        return "ok";
    case ERR_IO:
        return "i/o error";
    case ERR_AGAIN:
        return "would block";
    case ERR_CLOSED:
        return "closed";
    case ERR_TIMEOUT:
        return "timed out";
    case ERR_MALFORMED:
        return "malformed";
    case ERR_TOO_DEEP:
        return "nested too deep";
    case ERR_TOO_LARGE:
        return "too large";
    case ERR_VERSION:
        return "unknown version";
    case ERR_CHECKSUM:
        return "checksum mismatch";
    case ERR_GAP:
        return "gap in the sequence";
    case ERR_NOT_FOUND:
        return "not found";
    case ERR_EXISTS:
        return "already exists";
    case ERR_FENCED:
        return "fenced by a newer owner";
    case ERR_REFUSED:
        return "refused";
    case ERR_UNAVAILABLE:
        return "unavailable";
    case ERR_QUARANTINED:
        return "quarantined";
    case ERR_USAGE:
        return "bad usage";
    }
    return "unknown error";
}
