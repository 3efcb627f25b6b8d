/* HOST:PORT, both ways. */
#include "base/address.h"

#include "base/number_text.h"

#include <stdio.h>

static bool host_is_sane(struct str host)
{
    for (size_t i = 0; i < host.len; i++) {
        unsigned char c = (unsigned char)host.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == '/' || c == '@' || c == '[' || c == ']') {
            return false;
        }
    }
    return host.len > 0 && host.len <= ADDRESS_HOST_MAX;
}

enum err address_parse(struct str text, struct address *out)
{
    const char *colon = text.len ? memrchr(text.ptr, ':', text.len) : NULL;
    if (!colon) {
        return ERR_MALFORMED;
    }
    struct str host = {text.ptr, (size_t)(colon - text.ptr)};
    struct str port_text = {colon + 1, text.len - host.len - 1};
    bool bracketed = host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    if (bracketed) {
        host = (struct str){host.ptr + 1, host.len - 2};
    }
    bool has_colon = host.len > 0 && memchr(host.ptr, ':', host.len);
    uint64_t port;
    if (!host_is_sane(host) || has_colon != bracketed || number_parse(port_text, 65535, &port)) {
        return ERR_MALFORMED;
    }
    *out = (struct address){.port = (uint16_t)port};
    memcpy(out->host, host.ptr, host.len);
    return ERR_OK;
}

const char *address_format(const struct address *address, char out[ADDRESS_TEXT_MAX])
{
    bool brackets = strchr(address->host, ':');
    snprintf(out, ADDRESS_TEXT_MAX, brackets ? "[%s]:%u" : "%s:%u", address->host, address->port);
    return out;
}
