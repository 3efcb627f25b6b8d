/* The cluster's secrets: what nodes prove to each other that they know (proto/cluster.md, "Who may
 * connect"). Pure; SHA-256 is libcrypto's. */
#ifndef LINK_SECRET_H
#define LINK_SECRET_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

enum {
    SECRET_MIN = 32, /* bytes of one in its file */
    SECRETS_MAX = 2, /* the one of now, and the one before or after it */
    SECRET_FILE_MAX = 4096,
    SECRET_KEY_LEN = 32, /* of whatever is derived from one */
};

/* One secret, in the form from which keys are derived. */
struct secret {
    uint8_t prk[SECRET_KEY_LEN];
};

/* The first is what we prove ourselves by, all are accepted. Zeroed holds none. */
struct secrets {
    unsigned count;
    struct secret of[SECRETS_MAX];
};

/* Reads the content of a secret file. ERR_MALFORMED: `why` gets a phrase for people, which never
 * holds any of the content; `out` is left alone. */
enum err secrets_parse(struct str text, struct secrets *out, struct buf *why) NODISCARD;

/* HKDF-Expand (RFC 5869 2.3) to SECRET_KEY_LEN bytes; info is `label` and `context`. */
void secret_expand(const struct secret *secret, struct str label, struct str context,
                   uint8_t out[SECRET_KEY_LEN]);
/* HKDF-Extract (RFC 5869 2.2). */
void secret_extract(struct str salt, struct str input, struct secret *out);
/* HMAC-SHA-256. */
void secret_tag(const uint8_t key[SECRET_KEY_LEN], struct str message, uint8_t out[SECRET_KEY_LEN]);
/* Whether two tags are the same, in a time that does not depend on where they differ. */
bool secret_tag_eq(const uint8_t a[SECRET_KEY_LEN], const uint8_t b[SECRET_KEY_LEN]);
/* Leaves nothing of it in memory. */
void secret_wipe(void *data, size_t len);

#endif
