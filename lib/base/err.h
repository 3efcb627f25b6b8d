/* Trouble with the world, as opposed to bugs (assert) and expected outcomes (each module's own
 * enum). Whoever decides what happens next logs it, once. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define NODISCARD __attribute__((warn_unused_result))

enum err {
    ERR_OK = 0,
    ERR_IO,          /* a system call failed; errno was logged or is still set */
    ERR_AGAIN,       /* would block; try when ready */
    ERR_CLOSED,      /* the peer is gone */
    ERR_TIMEOUT,     /* no answer within the limit */
    ERR_MALFORMED,   /* bytes that do not parse */
    ERR_TOO_DEEP,    /* nesting beyond VALUE_MAX_DEPTH */
    ERR_TOO_LARGE,   /* a named limit was exceeded */
    ERR_VERSION,     /* written by a version we do not know */
    ERR_CHECKSUM,    /* the bytes are not what was written */
    ERR_GAP,         /* a sequence misses a member */
    ERR_NOT_FOUND,   /* no such thing */
    ERR_EXISTS,      /* already there, or in use */
    ERR_FENCED,      /* a newer epoch exists: this owner has lost the room */
    ERR_REFUSED,     /* the other side said no */
    ERR_UNAVAILABLE, /* the other side cannot be reached now */
    ERR_QUARANTINED, /* kept from being served for a while: it has brought its owners down */
    ERR_USAGE,       /* bad option or configuration; was explained */
};

/* A short phrase for people, such as "malformed". Never NULL. */
const char *err_name(enum err err);

#endif
