/* Domain to ASCII, by ICU: the same rules and tables as browsers have. */
#include "schema/url_host.h"

#include <unicode/uidna.h>

/* A domain has 253 characters at most. Nobody needs longer ones, and Punycode takes quadratic time.
 */
enum { DOMAIN_MAX = 4096 };

/* What UTS 46 checks with CheckHyphens and VerifyDnsLength only. */
#define NOT_CHECKED                                                                                \
    (UIDNA_ERROR_EMPTY_LABEL | UIDNA_ERROR_LABEL_TOO_LONG | UIDNA_ERROR_DOMAIN_NAME_TOO_LONG |     \
     UIDNA_ERROR_LEADING_HYPHEN | UIDNA_ERROR_TRAILING_HYPHEN | UIDNA_ERROR_HYPHEN_3_4)

bool url_domain_to_ascii(struct str domain, struct buf *out)
{
    UErrorCode status = U_ZERO_ERROR;
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    if (domain.len > DOMAIN_MAX) {
        return false;
    }
    UIDNA *idna = uidna_openUTS46(
        UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_NONTRANSITIONAL_TO_ASCII, &status);
    if (U_FAILURE(status)) {
        return false;
    }
    int32_t room = 16 * DOMAIN_MAX; /* a character becomes few, also where one maps to many */
    char *text = (char *)buf_reserve(out, (size_t)room);
    int32_t len =
        uidna_nameToASCII_UTF8(idna, domain.ptr, (int32_t)domain.len, text, room, &info, &status);
    uidna_close(idna);
    if (U_FAILURE(status) || (info.errors & ~(uint32_t)NOT_CHECKED) != 0) {
        return false;
    }
    buf_commit(out, (size_t)len);
    return true;
}
