/* Validity of URLs. */
#include "schema/url.h"

#include <strings.h>

bool url_valid(struct str text, enum url_kind kind)
{
    static const char *const schemes[][5] = {[URL_LINK] = {"http:", "https:", "mailto:"},
                                             [URL_SRC] = {"http:", "https:", "data:", "asset:"},
                                             [URL_HTTP] = {"http:", "https:"}};
    for (size_t i = 0; schemes[kind][i]; i++) {
        size_t len = strlen(schemes[kind][i]);
        if (text.len >= len && strncasecmp(text.ptr, schemes[kind][i], len) == 0) {
            return true;
        }
    }
    return text.len == 0 || text.ptr[0] == '/';
}
