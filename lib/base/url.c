/* Percent-encoded names. */
#include "base/url.h"

#include "base/utf8.h"

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

int url_decode_byte(struct str from, size_t at)
{
    int high = at + 2 < from.len ? hex(from.ptr[at + 1]) : -1;
    int low = at + 2 < from.len ? hex(from.ptr[at + 2]) : -1;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

const char *url_decode_name(struct str from, bool form, char out[URL_NAME_MAX + 1],
                            struct str *decoded)
{
    size_t len = 0;
    for (size_t i = 0; i < from.len; i++) {
        int c = (unsigned char)from.ptr[i];
        if (c == '%') {
            c = url_decode_byte(from, i);
            if (c < 0) {
                return "has a malformed %XX";
            }
            i += 2;
        } else if (c == '+' && form) {
            c = ' ';
        }
        if (c < 0x20 || c == 0x7f) {
            return "has a control character";
        }
        if (len == URL_NAME_MAX) {
            return "is longer than 256 bytes";
        }
        out[len++] = (char)c;
    }
    if (!utf8_valid((const uint8_t *)out, len)) {
        return "is not UTF-8";
    }
    *decoded = (struct str){out, len};
    return NULL;
}

void url_encode_name(struct str name, struct buf *out)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        if (plain) {
            buf_append_byte(out, c);
        } else {
            buf_printf(out, "%%%02X", c);
        }
    }
}

struct str url_query_get(struct str query, struct str name)
{
    while (query.len > 0) {
        const char *end = memchr(query.ptr, '&', query.len);
        struct str pair = {query.ptr, end ? (size_t)(end - query.ptr) : query.len};
        query.ptr += pair.len + (end ? 1 : 0);
        query.len -= pair.len + (end ? 1 : 0);
        if (str_starts(pair, name) && pair.len > name.len && pair.ptr[name.len] == '=') {
            return (struct str){pair.ptr + name.len + 1, pair.len - name.len - 1};
        }
    }
    return (struct str){0};
}
